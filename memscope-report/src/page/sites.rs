//! The table of call sites, and their stacks.
//!
//! Stacks share most of their frames, and a page that wrote each of them out would be ten times as long. So
//! the page carries them as data (strings, frames, and stacks as lists of frames), and its script writes the
//! one that is opened.

use super::html::{escape, json_string};
use super::tables::{write_cut, write_foot, write_head};
use crate::analysis::{Analysis, Frame, SiteFigures};
use crate::chart::origin::{Origin, is_of_rustc};
use crate::chart::text::{certainty, shorten_symbol};
use crate::statistics::Estimate;
use crate::units::{bytes, count, range};
use std::collections::HashMap;
use std::hash::Hash;
use std::io::{self, Write};

/// Most sites with a row.
const MOST_SITES: usize = 300;
/// Columns of a function's name: beyond that are generic arguments of generic arguments.
const NAME_COLUMNS: usize = 240;

fn shown(analysis: &Analysis) -> &[SiteFigures] {
    &analysis.sites[..analysis.sites.len().min(MOST_SITES)]
}

/// The call sites, most estimated bytes first, each to be opened to its stack.
pub(super) fn write_table(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    writeln!(out, r#"<section id="sites"><h2>Call sites</h2>"#)?;
    let sites = shown(analysis);
    if sites.is_empty() {
        return writeln!(
            out,
            "<p class=\"muted\">No allocation was sampled, so no call site is known. Run for longer, raise \
             <code>sample_rate</code>, or lower <code>min_allocation_size</code>.</p></section>"
        );
    }
    let certainty = certainty(analysis, sites.iter().map(|site| &site.allocated_bytes));
    writeln!(out, r#"<p class="caption">{certainty} Open a site to see its stack.</p>"#)?;
    write_cut(out, sites.len(), analysis.sites.len(), "call sites, most bytes first")?;
    write_head(
        out,
        &["Call site", "Samples", "Allocations", "Allocated", "Live at the peak", "Live at the end"],
        3,
    )?;
    for (index, site) in sites.iter().enumerate() {
        write_row(out, index, site)?;
    }
    write_foot(out)
}

fn write_row(out: &mut dyn Write, index: usize, site: &SiteFigures) -> io::Result<()> {
    let label = if site.label.is_empty() { "(unknown)" } else { &site.label };
    // A path may be broken between its parts.
    let label = escape(&shorten_symbol(label, NAME_COLUMNS)).replace("::", "::<wbr>");
    write!(out, r#"<tr><td class="name">"#)?;
    if site.frames.is_empty() {
        write!(out, "<code>{label}</code>")?;
    } else {
        write!(out, r#"<details data-stack="{index}"><summary><code>{label}</code></summary></details>"#)?;
    }
    write!(out, r#"</td><td class="n" data-value="{}">{}</td>"#, site.samples, count(site.samples as f64))?;
    write_estimate(out, &site.allocations, count, "")?;
    write_estimate(out, &site.allocated_bytes, bytes, "")?;
    write_estimate(out, &site.peak_bytes, bytes, "")?;
    write_estimate(out, &site.live_bytes, bytes, "")?;
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

/// The stacks of the sites in the table, as JSON: `strings`; `frames`, each `[name, place or -1, inlined,
/// library]`; `stacks`, each a list of frames, innermost first.
pub(super) fn write_stacks(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    let mut strings = Table::default();
    let mut frames = Table::default();
    let mut stacks = Vec::new();
    for site in shown(analysis) {
        let indices = site.frames.iter().map(|frame| {
            let name = strings.index(shorten_symbol(&frame.function, NAME_COLUMNS));
            let place = place(frame).map_or(-1, |place| strings.index(place) as i64);
            let flags = (u8::from(frame.inlined), u8::from(Origin::of(frame) == Origin::Library));
            frames.index((name, place, flags.0, flags.1)).to_string()
        });
        stacks.push(format!("[{}]", indices.collect::<Vec<_>>().join(",")));
    }
    let strings: Vec<String> = strings.items.iter().map(|text| json_string(text)).collect();
    let frame = |(name, place, inlined, library): &(usize, i64, u8, u8)| {
        format!("[{name},{place},{inlined},{library}]")
    };
    let frames: Vec<String> = frames.items.iter().map(frame).collect();
    write!(out, r#"<script type="application/json" id="stacks">"#)?;
    let [strings, frames, stacks] = [strings, frames, stacks].map(|items| items.join(","));
    write!(out, r#"{{"strings":[{strings}],"frames":[{frames}],"stacks":[{stacks}]}}"#)?;
    writeln!(out, "</script>")
}

/// Each item once, in the order in which it was first asked for.
struct Table<T> {
    items: Vec<T>,
    indices: HashMap<T, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { items: Vec::new(), indices: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    fn index(&mut self, item: T) -> usize {
        if let Some(index) = self.indices.get(&item) {
            return *index;
        }
        self.items.push(item.clone());
        self.indices.insert(item, self.items.len() - 1);
        self.items.len() - 1
    }
}

/// File and line, the part of the path left off that is the same on every machine but this one.
fn place(frame: &Frame) -> Option<String> {
    let file = short_path(frame.file.as_deref().filter(|file| !file.is_empty())?);
    Some(frame.line.filter(|line| *line > 0).map_or_else(|| file.to_owned(), |line| format!("{file}:{line}")))
}

/// A path from its crate or, in the standard library, from `library`.
fn short_path(path: &str) -> &str {
    if let Some((_, in_registry)) = path.split_once("/registry/src/") {
        return in_registry.split_once('/').map_or(in_registry, |(_, in_crate)| in_crate);
    }
    match path.find("/library/") {
        Some(at) if is_of_rustc(path) => &path[at + 1..],
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, file: &str, line: u32) -> Frame {
        Frame { function: function.to_owned(), file: Some(file.to_owned()), line: Some(line), inlined: false }
    }

    #[test]
    fn paths_begin_at_their_crate() {
        for (path, short) in [
            (
                "/build/cargo/registry/src/index.crates.io-1949cf8c6b5b557f/hashbrown-0.15.2/src/raw.rs",
                "hashbrown-0.15.2/src/raw.rs",
            ),
            ("/rustc/59807616e1fa/library/alloc/src/vec/mod.rs", "library/alloc/src/vec/mod.rs"),
            ("/build/app/library/src/main.rs", "/build/app/library/src/main.rs"),
            ("src/main.rs", "src/main.rs"),
        ] {
            assert_eq!(short_path(path), short);
        }
    }

    #[test]
    fn stacks_share_their_strings_and_frames() {
        let site = |functions: &[&str]| SiteFigures {
            frames: functions.iter().map(|function| frame(function, "src/main.rs", 7)).collect(),
            ..SiteFigures::default()
        };
        let sites = vec![site(&["core::a", "</script>", "main"]), site(&["main"])];
        let mut out = Vec::new();
        write_stacks(&mut out, &Analysis { sites, ..Analysis::default() }).expect("written");
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            "<script type=\"application/json\" id=\"stacks\">\
             {\"strings\":[\"core::a\",\"src/main.rs:7\",\"\\u003c/script\\u003e\",\"main\"],\
             \"frames\":[[0,1,0,1],[2,1,0,0],[3,1,0,0]],\"stacks\":[[0,1,2],[2]]}</script>\n"
        );
    }
}
