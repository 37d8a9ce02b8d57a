//! The table of call sites.
//!
//! The rows written here are what a reader without script sees. The script writes them anew from the data (`data.rs`): all that the
//! page knows, filtered, sorted, and each to be opened to its stack and to what it does by thread, scope and time.

use super::data::{NAME_COLUMNS, known_sites};
use super::html::escape;
use super::tables::{write_cut, write_foot};
use crate::analysis::{Analysis, SiteFigures, site_label};
use crate::chart::text::{certainty, shorten_symbol};
use crate::statistics::Estimate;
use crate::units::{bytes, count, range};
use std::io::{self, Write};

/// Most sites with a row that needs no script.
const MOST_ROWS: usize = 100;

/// The columns behind the name, as the script knows them and as the reader does.
const COLUMNS: [(&str, &str); 7] = [
    ("samples", "Samples"),
    ("allocations", "Allocations"),
    ("allocated", "Allocated"),
    ("peak", "Live at the peak"),
    ("live", "Live at the end"),
    ("temporary", "Temporary"),
    ("crossed", "Freed elsewhere"),
];

/// The call sites, most estimated bytes first, each to be opened to its stack.
pub(super) fn write_table(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    writeln!(out, r#"<section id="sites"><h2>Call sites</h2>"#)?;
    let sites = known_sites(analysis);
    if sites.is_empty() {
        return writeln!(
            out,
            "<p class=\"muted\">No allocation was sampled, so no call site is known. Run for longer, raise \
             <code>sample_rate</code>, or lower <code>min_allocation_size</code>.</p></section>"
        );
    }
    let certainty = certainty(analysis, sites.iter().map(|site| &site.allocated_bytes));
    writeln!(
        out,
        r#"<p class="caption">{certainty} Open a site to see its stack, and what it does by time, thread, scope and age. Temporary: freed within a millisecond by the same thread. Freed elsewhere: by another thread.</p>"#
    )?;
    write_cut(out, sites.len(), analysis.sites.len(), "call sites, most bytes first")?;
    writeln!(out, r#"<div id="filters"></div>"#)?;
    write_site_head(out)?;
    for (index, site) in sites.iter().take(MOST_ROWS).enumerate() {
        write_row(out, index, site)?;
    }
    write_foot(out)
}

fn write_site_head(out: &mut dyn Write) -> io::Result<()> {
    write!(out, r#"<div class="table sites"><table><thead><tr>"#)?;
    write!(out, r#"<th scope="col"><button type="button">Call site</button></th>"#)?;
    for (name, heading) in COLUMNS {
        let order = if name == "allocated" { r#" aria-sort="descending""# } else { "" };
        write!(
            out,
            r#"<th scope="col" class="n c-{name}"{order}><button type="button">{heading}</button></th>"#
        )?;
    }
    writeln!(out, "</tr></thead><tbody>")
}

/// The caller that tells the site from others of the same label.
pub(super) fn caller(site: &SiteFigures) -> String {
    let Some(caller) = &site.caller else { return String::new() };
    let name = escape(&shorten_symbol(&site_label(caller), NAME_COLUMNS)).replace("::", "::<wbr>");
    format!(r#" <small class="muted">called by {name}</small>"#)
}

fn write_row(out: &mut dyn Write, index: usize, site: &SiteFigures) -> io::Result<()> {
    let label = if site.label.is_empty() { "(unknown)" } else { &site.label };
    // A path may be broken between its parts.
    let label = escape(&shorten_symbol(label, NAME_COLUMNS)).replace("::", "::<wbr>");
    write!(out, r#"<tr id="site-{index}"><td class="name"><code>{label}</code>{}</td>"#, caller(site))?;
    let samples = count(site.samples as f64);
    write!(out, r#"<td class="n c-samples" data-value="{}">{samples}</td>"#, site.samples)?;
    write_estimate(out, &site.allocations, count, " c-allocations")?;
    write_estimate(out, &site.allocated_bytes, bytes, " c-allocated")?;
    write_estimate(out, &site.peak_bytes, bytes, " c-peak")?;
    write_estimate(out, &site.live_bytes, bytes, " c-live")?;
    write_estimate(out, &site.temporary_bytes, bytes, " c-temporary")?;
    write_estimate(out, &site.cross_thread_bytes, bytes, " c-crossed")?;
    writeln!(out, "</tr>")
}

/// An estimate's cell: how it reads, its interval, and what it is sorted by. `classes` are added to the cell's.
pub(super) fn write_estimate(
    out: &mut dyn Write,
    estimate: &Estimate,
    unit: fn(f64) -> String,
    classes: &str,
) -> io::Result<()> {
    write!(out, r#"<td class="n{classes}" data-value="{:.0}">{}"#, estimate.value, unit(estimate.value))?;
    if estimate.high > estimate.low {
        write!(out, r#"<span class="interval">{}</span>"#, range(estimate.low, estimate.high, unit))?;
    }
    write!(out, "</td>")
}
