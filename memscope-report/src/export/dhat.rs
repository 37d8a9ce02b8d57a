//! DHAT's format, version 2, for valgrind's `dh_view.html`.
//!
//! DHAT counts every allocation; here the counts are estimates, rounded so that their totals stay. It wants three things that
//! sampling does not see: the most that a site ever had live (`mb`, `mbk`), and reads and writes. `mb` and `mbk` are set to the larger of
//! what the site had live at the process's peak and at the end: a lower bound. Reads and writes are left out (`bkacc` is false).
//!
//! | field | here |
//! | --- | --- |
//! | `tb`, `tbk` | allocated bytes, allocations |
//! | `tl` | lifetimes, microseconds |
//! | `gb`, `gbk` | live at the process's peak (*t-gmax*) |
//! | `eb`, `ebk` | live at the end |
//! | `tu`, `Mtu`, `tuth` | time in microseconds; up to 1,000 of them an allocation is short-lived |

use super::round::Rounder;
use super::source::ExportSource;
use super::stacks::{Grouped, Stacks};
use super::totals::{Measure, StackTotals, totals};
use super::{ExportError, ExportOptions, Exporter};
use crate::analysis::Frame;
use serde_json::json;
use std::collections::HashMap;
use std::io::Write;

pub(super) const EXPORTER: Exporter = Exporter {
    name: "dhat",
    about: "DHAT's JSON, version 2: valgrind's dh_view.html",
    extension: "json",
    file: Some(write),
    tables: None,
};

/// A lifetime up to this is called short, microseconds: what the report calls temporary.
const SHORT_US: u64 = 1_000;

fn write(source: &ExportSource, _: &ExportOptions, out: &mut dyn Write) -> Result<(), ExportError> {
    let profile = source.profile();
    let stacks = Stacks::new(profile, source.symbols());
    // The viewer refuses two stacks that read the same.
    let grouped = stacks.by(frame_text);
    let rows = merged(totals(source, &stacks), &grouped);
    let command = if profile.session.executable.is_empty() {
        source.title()
    } else {
        profile.session.executable.clone()
    };
    let head = json!({
        "dhatFileVersion": 2,
        "mode": "memscope-heap",
        "verb": "Allocated",
        "bklt": true,
        "bkacc": false,
        "tu": "\u{b5}s",
        "Mtu": "s",
        "tuth": SHORT_US,
        "cmd": command,
        "pid": profile.session.process_id,
        "tg": profile.totals.peak_us,
        "te": profile.duration_us.max(1),
    })
    .to_string();
    // The object goes on with the sites.
    write!(out, "{},\n\"pps\":[", head.strip_suffix('}').unwrap_or(&head))?;
    write_sites(&rows, &grouped, out)?;
    out.write_all(b"],\n\"ftbl\":[\"[root]\"")?;
    for text in &grouped.keys {
        write!(out, ",\n{}", json!(text))?;
    }
    out.write_all(b"]}\n")?;
    Ok(())
}

fn write_sites(
    rows: &[StackTotals],
    grouped: &Grouped<String>,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let mut rounders = [Rounder::default(); Measure::ALL.len()];
    let mut lifetimes = Rounder::default();
    for (at, row) in rows.iter().enumerate() {
        let mut whole = [0; Measure::ALL.len()];
        for measure in Measure::ALL {
            whole[measure as usize] = rounders[measure as usize].round(row.get(measure));
        }
        let of = |measure: Measure| whole[measure as usize];
        let most = |one: Measure, other: Measure| of(one).max(of(other));
        // Row 0 of the table is the root.
        let frames: Vec<u32> = grouped.keys_of(row.stack).map(|key| key + 1).collect();
        let site = json!({
            "tb": of(Measure::AllocatedBytes),
            "tbk": of(Measure::Allocations),
            "tl": lifetimes.round(row.lifetime_us),
            "mb": most(Measure::PeakBytes, Measure::LiveBytes),
            "mbk": most(Measure::PeakAllocations, Measure::LiveAllocations),
            "gb": of(Measure::PeakBytes),
            "gbk": of(Measure::PeakAllocations),
            "eb": of(Measure::LiveBytes),
            "ebk": of(Measure::LiveAllocations),
            "fs": frames,
        });
        write!(out, "{}\n{site}", if at > 0 { "," } else { "" })?;
    }
    Ok(())
}

/// The totals of stacks that read the same together, their stacks those of `grouped`.
fn merged(rows: Vec<StackTotals>, grouped: &Grouped<String>) -> Vec<StackTotals> {
    let mut places: HashMap<u32, usize> = HashMap::new();
    let mut merged: Vec<StackTotals> = Vec::with_capacity(rows.len());
    for mut row in rows {
        row.stack = grouped.of(row.stack);
        let place = *places.entry(row.stack).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(known) => known.merge(&row),
            None => merged.push(row),
        }
    }
    merged
}

/// A frame as DHAT writes it: address, function, file and line. The frame stands for all addresses that read the same.
fn frame_text(frame: &Frame) -> String {
    let inlined = if frame.inlined { " [inlined]" } else { "" };
    match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{} ({file}:{line}){inlined}", frame.function),
        (Some(file), None) => format!("{} ({file}){inlined}", frame.function),
        (None, _) => format!("{}{inlined}", frame.function),
    }
}
