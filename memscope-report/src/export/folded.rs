//! Folded stacks: a line for each stack, its frames outermost first with `;` between them, a space, and a whole number.
//!
//! `inferno-flamegraph` and `flamegraph.pl` draw them. One measure fills a file.

use super::round::Rounder;
use super::source::ExportSource;
use super::stacks::Stacks;
use super::text::printable;
use super::totals::totals;
use super::{ExportError, ExportOptions, Exporter};
use std::io::Write;

pub(super) const EXPORTER: Exporter = Exporter {
    name: "folded",
    about: "folded stacks of one measure: inferno-flamegraph, flamegraph.pl",
    extension: "folded",
    file: Some(write),
    tables: None,
};

fn write(source: &ExportSource, options: &ExportOptions, out: &mut dyn Write) -> Result<(), ExportError> {
    let stacks = Stacks::new(source.profile(), source.symbols());
    // A `;` ends a frame.
    let grouped = stacks.by(|frame| printable(&frame.function).replace(';', ":"));
    let mut rounder = Rounder::default();
    let mut names = Vec::new();
    for row in totals(source, &stacks) {
        let number = rounder.round(row.get(options.measure));
        if number == 0 {
            continue;
        }
        names.clear();
        names.extend(grouped.keys_of(grouped.of(row.stack)));
        for (at, &name) in names.iter().rev().enumerate() {
            if at > 0 {
                out.write_all(b";")?;
            }
            out.write_all(grouped.keys[name as usize].as_bytes())?;
        }
        writeln!(out, " {number}")?;
    }
    Ok(())
}
