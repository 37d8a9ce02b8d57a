//! The summary for machines.

use super::json;
use crate::analysis::{Analysis, SiteFigures};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Call sites in the summary; `top` has all.
const SITES: usize = 20;

/// Writes session, exact totals, the twenty call sites with most bytes, the findings and the warnings as JSON.
///
/// # Errors
/// What `out` gives.
pub fn write_summary_json(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    let value = json!({
        "session": session(analysis),
        "totals": totals(analysis),
        "sites": analysis.sites.iter().take(SITES).map(site).collect::<Vec<_>>(),
        "reconciliation": analysis.reconciliation.points.iter().max_by_key(|point| point.rss_bytes).map(|highest| json!({
            "allocator": analysis.reconciliation.allocator,
            "at_highest_rss": highest,
            "at_end": analysis.reconciliation.points.last(),
        })),
        "findings": analysis.findings.iter().map(|finding| json!({
            "kind": finding.kind,
            "severity": finding.severity,
            "culprit": finding.culprit,
            "bytes": json::estimate(&finding.bytes),
            "evidence": finding.evidence,
            "advice": finding.advice,
        })).collect::<Vec<_>>(),
        "warnings": analysis.warnings,
    });
    json::write(out, &value)
}

pub(super) fn session(analysis: &Analysis) -> Value {
    let session = &analysis.session;
    json!({
        "name": session.name,
        "executable": session.executable,
        "process_id": session.process_id,
        "started_unix_ns": session.started_unix_ns,
        "duration_us": session.duration_us,
        "complete": session.complete,
        "memscope_version": session.memscope_version,
        "sample_rate": session.sample_rate,
        "interval_bytes": session.interval_bytes,
        "min_allocation_size_bytes": session.min_allocation_size_bytes,
        "unwinder": session.unwinder,
        "symbols": session.symbols,
    })
}

pub(super) fn totals(analysis: &Analysis) -> Value {
    let totals = &analysis.totals;
    json!({
        "allocations": totals.allocations,
        "allocated_bytes": totals.allocated_bytes,
        "frees": totals.frees,
        "freed_bytes": totals.freed_bytes,
        "peak_bytes": totals.peak_bytes,
        "peak_us": totals.peak_us,
        "live_bytes": totals.live_bytes,
        "threads": totals.threads,
        "samples": totals.samples,
        "lost_samples": totals.lost_samples,
        "overhead_us": totals.overhead_us,
    })
}

fn site(site: &SiteFigures) -> Value {
    json!({
        "name": site.label,
        "samples": site.samples,
        "allocations": json::estimate(&site.allocations),
        "allocated_bytes": json::estimate(&site.allocated_bytes),
        "live_bytes": json::estimate(&site.live_bytes),
        "peak_bytes": json::estimate(&site.peak_bytes),
        "temporary_bytes": json::estimate(&site.temporary_bytes),
    })
}
