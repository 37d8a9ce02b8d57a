//! Where the figures come from, and the exact totals.

use super::types::{SessionInfo, Totals};
use crate::load::{Profile, live_bytes};
use crate::symbolize::Symbols;

/// The session.
pub(super) fn session(profile: &Profile, symbols: &Symbols) -> SessionInfo {
    let session = &profile.session;
    SessionInfo {
        name: session.name.clone(),
        executable: session.executable.clone(),
        process_id: session.process_id,
        started_unix_ns: session.started_unix_ns,
        duration_us: profile.duration_us,
        complete: profile.end.is_some(),
        memscope_version: session.memscope_version.clone(),
        sample_rate: session.sample_rate,
        interval_bytes: profile.intervals.last().map_or(0.0, |interval| interval.interval_bytes),
        min_allocation_size_bytes: session.min_allocation_size_bytes,
        unwinder: session.unwinder.clone(),
        symbols: symbols.source().to_owned(),
    }
}

/// The totals.
pub(super) fn totals(profile: &Profile) -> Totals {
    let counters = &profile.totals;
    let lost = profile.loss.buffer_full.saturating_add(profile.loss.table_full);
    Totals {
        allocations: counters.allocations,
        allocated_bytes: counters.allocated_bytes,
        frees: counters.frees,
        freed_bytes: counters.freed_bytes,
        peak_bytes: counters.peak_bytes,
        peak_us: counters.peak_us,
        live_bytes: live_bytes(counters),
        threads: profile.end.map_or(0, |end| end.threads).max(profile.threads.len() as u64),
        samples: profile.samples,
        lost_samples: lost.saturating_add(profile.irregular.missing_samples),
        overhead_us: profile.end.map_or(0, |end| end.drain_cpu_us.saturating_add(end.sampling_us)),
    }
}
