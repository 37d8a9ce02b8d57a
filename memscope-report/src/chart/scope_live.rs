//! Live bytes over time, stacked by the scopes that own most: what a scope allocated is its own until it is freed, whoever frees it. `live_layers` says
//! how to read it.

use super::live_layers::{self, Name, layers};
use super::text::shorten_symbol;
use super::{Chart, DrawError, canvas, scopes};
use crate::analysis::Analysis;
use std::collections::HashMap;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "scope_live", title: "Live bytes by scope", draw };

/// Columns that a name may take.
const NAME_COLUMNS: usize = 64;

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    if analysis.scopes.is_empty() {
        return canvas::draw_empty(title, scopes::NONE, scopes::ADVICE);
    }
    let scopes: HashMap<u32, &str> =
        analysis.scopes.iter().map(|scope| (scope.id, scope.name.as_str())).collect();
    let layers = layers(&analysis.slices, |cell| cell.scope, |_| true);
    let name = |id: u32| match (id, scopes.get(&id)) {
        (0, _) => "outside any scope".to_owned(),
        (_, Some(name)) => (*name).to_owned(),
        _ => format!("(scope {id})"),
    };
    let names: Vec<Name> = layers
        .iter()
        .filter_map(|layer| layer.key.map(name))
        .map(|full| Name { shown: shorten_symbol(&full, NAME_COLUMNS), full })
        .collect();
    live_layers::draw(analysis, title, &layers, &names, "all other scopes")
}
