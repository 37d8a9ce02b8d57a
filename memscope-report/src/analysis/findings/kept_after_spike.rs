//! What a spike of the heap has left in the allocator.
//!
//! The live heap goes up and comes down, and the resident set stays where it was: the allocator keeps what was freed, whole pages of it or gaps between
//! what is still live. It is meant to, for a while: jemalloc lets pages go over ten seconds. Rule, of the series from the heap to the resident set
//! (live heap exact, the rest as the allocator and the kernel tell it; all within the resident set):
//!
//! 1. The *spike* is the highest live heap. It has *fallen* when the live heap is at half of it or less and stays so to the end, over at least
//!    10 seconds and 8 points.
//! 2. *Free* is what the allocator holds beside the live heap (`kept_bytes` and `overhead_bytes`). What counts is its lowest value in the second half of
//!    the time since the fall, less its median before the live heap first rose above half of the spike: a floor, so that no single point decides.
//!    It has to be at least 32 MiB, a quarter of what the live heap fell by, and a third of the resident set at the end.
//! 3. It does not go away by itself: the median of its last quarter is at least half of that of its first.
//!
//! High from three quarters of the resident set on, medium from a half.

use super::{Analysis, Bottleneck, BottleneckKind, severity, share, units};
use crate::analysis::ReconciliationPoint;
use crate::statistics::Estimate;

const FALLEN: f64 = 0.5;
const SINCE_MIN_US: u64 = 10_000_000;
const POINTS_MIN: usize = 8;
const WORTH_A_WORD_BYTES: f64 = (32 << 20) as f64;
const FALL_SHARE_MIN: f64 = 0.25;
const RESIDENT_SHARE_MIN: f64 = 1.0 / 3.0;
const STAYS_MIN: f64 = 0.5;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    judge(analysis).into_iter().collect()
}

fn judge(analysis: &Analysis) -> Option<Bottleneck> {
    let points = &analysis.reconciliation.points;
    let spike = points.iter().max_by_key(|point| point.live_bytes)?;
    let last = points.last()?;
    let half = spike.live_bytes as f64 * FALLEN;
    let is_above = |point: &ReconciliationPoint| point.live_bytes as f64 > half;
    let before = &points[..points.iter().position(is_above)?];
    let since = &points[points.iter().rposition(is_above)? + 1..];
    let from_us = since.first()?.time_us;
    if since.len() < POINTS_MIN || last.time_us.saturating_sub(from_us) < SINCE_MIN_US {
        return None;
    }
    let floor = since[since.len() / 2..].iter().map(free).fold(f64::INFINITY, f64::min);
    let left = floor - median(before);
    let fallen = (spike.live_bytes - last.live_bytes) as f64;
    let of_all = share(left, last.rss_bytes as f64);
    let quarter = since.len() / 4;
    let stays = median(&since[since.len() - quarter..]) >= STAYS_MIN * median(&since[..quarter]);
    let much = left >= WORTH_A_WORD_BYTES && left >= FALL_SHARE_MIN * fallen && of_all >= RESIDENT_SHARE_MIN;
    if !much || !stays {
        return None;
    }
    Some(Bottleneck {
        severity: severity(of_all, 0.5, 0.75),
        bytes: Estimate::exact(left),
        evidence: format!(
            "The live heap was {} after {} and fell by {}; {} later the allocator still held {} more of free memory than before \
             ({} whole, {} between live allocations), {} of the resident set of {}.",
            units::bytes(spike.live_bytes as f64),
            units::duration_us(spike.time_us),
            units::bytes(fallen),
            units::duration_us(last.time_us - from_us),
            units::bytes(left),
            units::bytes(last.kept_bytes as f64),
            units::bytes(last.overhead_bytes as f64),
            units::percent(of_all),
            units::bytes(last.rss_bytes as f64)
        ),
        advice: advice(analysis.reconciliation.allocator),
        span_us: Some([from_us, last.time_us]),
        ..Bottleneck::of(BottleneckKind::KeptAfterSpike, "the allocator")
    })
}

/// What the allocator holds beside the live heap, bytes.
fn free(point: &ReconciliationPoint) -> f64 {
    point.kept_bytes as f64 + point.overhead_bytes as f64
}

/// The median of [`free`]; 0 of no points.
fn median(points: &[ReconciliationPoint]) -> f64 {
    let mut values: Vec<f64> = points.iter().map(free).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn advice(allocator: &str) -> String {
    let give_back = match allocator {
        "glibc" => "call `malloc_trim` after it, or set `MALLOC_ARENA_MAX` and `MALLOC_TRIM_THRESHOLD_`",
        "jemalloc" => "set shorter `dirty_decay_ms` and `muzzy_decay_ms`, and `background_thread:true`",
        "mimalloc" => "set a shorter `MIMALLOC_PURGE_DELAY`",
        _ => "have the allocator give memory back",
    };
    format!(
        "Make the spike lower (stream, or work in smaller pieces); else {give_back}; what long-lived allocations made during the \
         spike hold in place, make before it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Reconciliation, Severity};

    /// Live heap and free memory in MiB, a second apart.
    fn process(points: &[(u64, u64)]) -> Analysis {
        let point = |(at, &(live, free)): (u64, &(u64, u64))| ReconciliationPoint {
            time_us: at * 1_000_000,
            rss_bytes: (live + free + 10) << 20,
            live_bytes: live << 20,
            kept_bytes: free << 20,
            ..ReconciliationPoint::default()
        };
        let points: Vec<_> = (0..).zip(points).map(point).collect();
        Analysis {
            reconciliation: Reconciliation {
                allocator: "glibc",
                allocator_told_us: points.last().map(|point| point.time_us),
                points,
            },
            ..Analysis::default()
        }
    }

    /// A spike of 200 MiB, and what is free in each second after it.
    fn spike(free: &[u64]) -> Analysis {
        let start = [(20, 5), (20, 5), (200, 10), (180, 30)];
        let points: Vec<_> = start.into_iter().chain(free.iter().map(|&free| (20, free))).collect();
        process(&points)
    }

    #[test]
    fn what_a_spike_left_is_found() {
        let found = detect(&spike(&[185; 20]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, found[0].severity), (BottleneckKind::KeptAfterSpike, Severity::High));
        assert_eq!(found[0].bytes, Estimate::exact(f64::from(180 << 20)));
        assert_eq!(found[0].span_us, Some([4_000_000, 23_000_000]));
        assert!(found[0].evidence.contains("fell by 180 MiB; 19 s later"), "{}", found[0].evidence);
        assert!(found[0].advice.contains("malloc_trim"));
    }

    #[test]
    fn what_goes_or_is_little_or_was_there_before_is_silent() {
        let falling: Vec<u64> = (0..20).map(|at| 185 - 9 * at).collect();
        for silent in [&[185; 5][..], &[20; 20], &falling] {
            assert!(detect(&spike(silent)).is_empty(), "{silent:?}");
        }
        let mut mostly = vec![185; 20];
        mostly[15] = 12;
        assert!(detect(&spike(&mostly)).is_empty(), "one low point says that it can be given back");
        let before: Vec<_> = [(20, 185); 5].into_iter().chain([(200, 5)]).chain([(20, 185); 20]).collect();
        assert!(detect(&process(&before)).is_empty());
        assert!(detect(&process(&[(50, 90); 30])).is_empty(), "no spike");
        assert!(detect(&process(&[])).is_empty());
    }
}
