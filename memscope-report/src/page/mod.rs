//! The page: everything that was found, in one HTML file that needs nothing else.
//!
//! `skeleton.html` is the page with a mark, `<!--memscope:NAME-->`, where something goes in; `SECTIONS`
//! says who writes it. Style and script are static files; the script's hash stands in the page's content
//! security policy, so that no other script runs, whatever a trace may hold. Nothing is loaded from anywhere.
//!
//! Text from the trace enters through `html::escape` or, in the data that the script reads,
//! `json::string`.
//!
//! The script is written in small files, each one idea; `SCRIPT` puts them together in the order in which they need each other.

mod cells;
mod charts;
mod data;
mod html;
mod json;
mod module;
mod ownership;
mod places;
mod scopes;
mod sites;
mod tables;
mod tasks;
mod verdict;

pub(crate) use data::MOST_SITES;
#[cfg(feature = "cli")]
pub(crate) use html::utc;

use crate::analysis::Analysis;
use crate::chart::{Drawing, theme};
use std::io::{self, Write};

const SKELETON: &str = include_str!("skeleton.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = concat!(
    "\"use strict\";\n(() => {\n",
    include_str!("script/units.js"),
    include_str!("script/statistics.js"),
    include_str!("script/dom.js"),
    include_str!("script/data.js"),
    include_str!("script/slices.js"),
    include_str!("script/theme.js"),
    include_str!("script/tables.js"),
    include_str!("script/tabs.js"),
    include_str!("script/plots.js"),
    include_str!("script/site.js"),
    include_str!("script/filters.js"),
    include_str!("script/flame.js"),
    include_str!("script/selection.js"),
    include_str!("script/explore.js"),
    include_str!("script/start.js"),
    "})();\n"
);
/// SHA-256 of the script in base64, as a content security policy wants it: `BLESS=1 cargo test -p memscope-report --test page`
/// writes it when the script has changed.
const SCRIPT_HASH: &str = include_str!("script/sha256");

/// What the sections are written from.
struct Content<'a> {
    analysis: &'a Analysis,
    drawings: &'a [Drawing],
}

type Section = fn(&mut dyn Write, &Content<'_>) -> io::Result<()>;

/// Who writes what stands at a mark of the skeleton.
const SECTIONS: &[(&str, Section)] = &[
    ("script-hash", |out, _| write!(out, "sha256-{}", SCRIPT_HASH.trim())),
    ("name", |out, content| out.write_all(html::escape(&verdict::name(content.analysis)).as_bytes())),
    ("theme", |out, _| write!(out, "{}{}", theme::variables(), theme::rules())),
    ("style", |out, _| out.write_all(STYLE.as_bytes())),
    ("verdict", |out, content| verdict::write_verdict(out, content.analysis)),
    ("findings", |out, content| verdict::write_findings(out, content.analysis)),
    ("warnings", |out, content| verdict::write_warnings(out, content.analysis)),
    ("charts", |out, content| charts::write(out, content.drawings)),
    ("sites", |out, content| sites::write_table(out, content.analysis)),
    ("threads", |out, content| tables::write_threads(out, content.analysis)),
    ("ownership", |out, content| ownership::write_flows(out, content.analysis)),
    ("growth", |out, content| ownership::write_growth(out, content.analysis)),
    ("scopes", |out, content| scopes::write(out, content.analysis)),
    ("tasks", |out, content| tasks::write(out, content.analysis)),
    ("data", |out, content| data::write(out, content.analysis)),
    ("version", |out, _| out.write_all(env!("CARGO_PKG_VERSION").as_bytes())),
    ("script", |out, _| out.write_all(SCRIPT.as_bytes())),
];

const MARK_START: &str = "<!--memscope:";
const MARK_END: &str = "-->";

/// Writes the page: one self-contained HTML document in UTF-8, with `drawings` (of
/// [`draw_all`](crate::chart::draw_all)) in it, in their order.
///
/// ```
/// use memscope_report::{Analysis, chart, page};
///
/// let analysis = Analysis::default();
/// let mut html = Vec::new();
/// page::write(&mut html, &analysis, &chart::draw_all(&analysis)?)?;
/// assert!(html.starts_with(b"<!DOCTYPE html>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// What `out` reports.
pub fn write(out: &mut dyn Write, analysis: &Analysis, drawings: &[Drawing]) -> io::Result<()> {
    let content = Content { analysis, drawings };
    let mut pieces = SKELETON.split(MARK_START);
    out.write_all(pieces.next().unwrap_or_default().as_bytes())?;
    for piece in pieces {
        let (name, rest) = piece.split_once(MARK_END).unwrap_or((piece, ""));
        if let Some((_, section)) = SECTIONS.iter().find(|(section, _)| *section == name) {
            section(out, &content)?;
        }
        out.write_all(rest.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_has_its_section_and_every_section_its_mark() {
        let mark = |name: &str| format!("{MARK_START}{name}{MARK_END}");
        for (name, _) in SECTIONS {
            assert_eq!(SKELETON.matches(&mark(name)).count(), 1, "{name}");
        }
        assert_eq!(SKELETON.matches(MARK_START).count(), SECTIONS.len());
    }

    #[test]
    fn style_and_script_cannot_end_their_elements() {
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</"));
        assert!(!SCRIPT.contains("<!--"));
    }
}
