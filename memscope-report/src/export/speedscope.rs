//! speedscope's own format: the frames once, then a profile for each measure.
//!
//! The profiles are of the type `sampled`: a list of frames for each stack, outermost first, and its weight. There is no
//! order in time among call sites; speedscope's *left heavy* and *sandwich* views are the ones to look at.
//! The schema: <https://www.speedscope.app/file-format-schema.json>.

use super::round::Rounder;
use super::source::ExportSource;
use super::stacks::Stacks;
use super::totals::{Measure, StackTotals, totals};
use super::{ExportError, ExportOptions, Exporter};
use serde_json::json;
use std::io::Write;

pub(super) const EXPORTER: Exporter = Exporter {
    name: "speedscope",
    about: "a profile for each measure: speedscope.app",
    extension: "json",
    file: Some(write),
    tables: None,
};

fn write(source: &ExportSource, _: &ExportOptions, out: &mut dyn Write) -> Result<(), ExportError> {
    let stacks = Stacks::new(source.profile(), source.symbols());
    let rows = totals(source, &stacks);
    out.write_all(
        b"{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"shared\":{\"frames\":[",
    )?;
    for (at, frame) in stacks.frames().iter().enumerate() {
        let mut known = json!({ "name": frame.function });
        if let Some(file) = &frame.file {
            known["file"] = json!(file);
        }
        if let Some(line) = frame.line {
            known["line"] = json!(line);
        }
        write!(out, "{}{known}", if at > 0 { "," } else { "" })?;
    }
    out.write_all(b"]},\"profiles\":[")?;
    for (at, measure) in Measure::ALL.into_iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        write_profile(&stacks, &rows, measure, out)?;
    }
    let exporter = concat!("memscope-report ", env!("CARGO_PKG_VERSION"));
    write!(
        out,
        "],\"name\":{},\"activeProfileIndex\":0,\"exporter\":\"{exporter}\"}}",
        json!(source.title())
    )?;
    Ok(())
}

fn write_profile(
    stacks: &Stacks,
    rows: &[StackTotals],
    measure: Measure,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let mut rounder = Rounder::default();
    let weights: Vec<u64> = rows.iter().map(|row| rounder.round(row.get(measure))).collect();
    let total: u64 = weights.iter().sum();
    let unit = if measure.is_bytes() { "bytes" } else { "none" };
    write!(
        out,
        "{{\"type\":\"sampled\",\"name\":\"{}\",\"unit\":\"{unit}\",\"startValue\":0,\"endValue\":{total},\"samples\":[",
        measure.title()
    )?;
    let mut frames = Vec::new();
    let mut separator = "";
    for (row, _) in rows.iter().zip(&weights).filter(|(_, weight)| **weight > 0) {
        frames.clear();
        frames.extend(stacks.path(row.stack).map(|node| stacks.nodes()[node as usize].frame));
        frames.reverse();
        write!(out, "{separator}{}", json!(frames))?;
        separator = ",";
    }
    let weights: Vec<u64> = weights.into_iter().filter(|&weight| weight > 0).collect();
    write!(out, "],\"weights\":{}}}", json!(weights))?;
    Ok(())
}
