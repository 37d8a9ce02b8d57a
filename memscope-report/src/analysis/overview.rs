//! Where the figures come from, and the exact totals.

use super::types::{IntervalStart, SessionInfo, Totals};
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
        intervals: intervals(profile),
        process_cpu_us: process_cpu_us(profile),
        min_allocation_size_bytes: session.min_allocation_size_bytes,
        unwinder: session.unwinder.clone(),
        cpus: session.cpus,
        symbols: symbols.source().to_owned(),
    }
}

/// The intervals where they change, their times in order; what a damaged trace says that is no number of bytes is left out.
fn intervals(profile: &Profile) -> Vec<IntervalStart> {
    let mut starts: Vec<IntervalStart> = Vec::new();
    for interval in &profile.intervals {
        let last = starts.last().copied();
        let is_sane = interval.interval_bytes.is_finite() && interval.interval_bytes >= 0.0;
        if is_sane && last.is_none_or(|last| last.interval_bytes != interval.interval_bytes) {
            let time_us = interval.start_us.max(last.map_or(0, |last| last.time_us));
            starts.push(IntervalStart { time_us, interval_bytes: interval.interval_bytes });
        }
    }
    starts
}

/// From the first to the last record that has it; the first is of the session's beginning.
fn process_cpu_us(profile: &Profile) -> Option<u64> {
    let mut cpu = profile
        .resources
        .iter()
        .filter_map(|resources| Some(resources.cpu_user_us?.saturating_add(resources.cpu_system_us?)));
    let first = cpu.next()?;
    cpu.next_back()?.checked_sub(first)
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

#[cfg(test)]
mod tests {
    use super::*;
    use memscope_trace::{Interval, Resources};

    fn interval(id: u32, start_us: u64, interval_bytes: f64) -> Interval {
        Interval { id, start_us, interval_bytes, credit_bytes: 1.0 }
    }

    #[test]
    fn intervals_are_told_where_they_change() {
        let rows = [(0, 4096.0), (10, 8192.0), (20, 8192.0), (15, f64::NAN), (5, f64::INFINITY), (7, 4096.0)];
        let intervals =
            (0..).zip(rows).map(|(id, (start_us, bytes))| interval(id, start_us, bytes)).collect();
        let profile = Profile { intervals, ..Profile::default() };
        let info = SessionInfo { intervals: super::intervals(&profile), ..SessionInfo::default() };
        let told: Vec<_> = info.intervals.iter().map(|start| (start.time_us, start.interval_bytes)).collect();
        assert_eq!(told, [(0, 4096.0), (10, 8192.0), (10, 4096.0)]);
        assert_eq!(info.interval_range(), Some((4096.0, 8192.0)));
        let once = SessionInfo { intervals: info.intervals[..1].to_vec(), ..SessionInfo::default() };
        assert_eq!((once.interval_range(), SessionInfo::default().interval_range()), (None, None));
    }

    #[test]
    fn overhead_is_a_share_of_the_cpu_time_in_the_session() {
        let row = |cpu: Option<(u64, u64)>| Resources {
            cpu_user_us: cpu.map(|cpu| cpu.0),
            cpu_system_us: cpu.map(|cpu| cpu.1),
            ..Resources::default()
        };
        let share = |rows: &[Option<(u64, u64)>]| {
            let resources = rows.iter().map(|&cpu| row(cpu)).collect();
            let process_cpu_us = process_cpu_us(&Profile { resources, ..Profile::default() });
            SessionInfo { process_cpu_us, ..SessionInfo::default() }.overhead_share(50)
        };
        assert_eq!(
            share(&[None, Some((500, 500)), Some((5_000, 6_000)), Some((9_000, 2_000)), None]),
            Some(0.005)
        );
        assert_eq!(share(&[Some((0, 10)), Some((0, 20))]), Some(1.0), "never above one");
        for unknown in [&[][..], &[Some((5, 5))], &[None, None], &[Some((9, 9)), Some((1, 1))]] {
            assert_eq!(share(unknown), None);
        }
    }
}
