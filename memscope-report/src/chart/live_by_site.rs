//! Live bytes over time, stacked by the call sites that held most. `live_layers` says how to read it.

use super::live_layers::{self, Name, layers};
use super::{Chart, DrawError, call_sites};
use crate::analysis::{Analysis, SiteFigures};

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "live_by_site", title: "Live bytes by call site", draw };

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    // What is not told apart has a number beyond all sites.
    let layers = layers(&analysis.slices, |cell| cell.site, |site| (site as usize) < analysis.sites.len());
    let sites: Vec<&SiteFigures> =
        layers.iter().filter_map(|layer| analysis.sites.get(layer.key? as usize)).collect();
    let shown = call_sites::names(&sites);
    let name = |(shown, site): (String, &&SiteFigures)| Name { shown, full: site.label.clone() };
    let names: Vec<Name> = shown.into_iter().zip(&sites).map(name).collect();
    live_layers::draw(analysis, title, &layers, &names, "all other call sites")
}
