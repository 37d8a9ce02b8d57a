//! Memory that the process has and the heap does not.
//!
//! Rule (all figures exact): since the first time that the resident set size is known it has grown by more than the live heap
//! has, by at least 64 MiB and at least half of what it is at the end. Medium from two thirds on. Freed memory that an
//! allocator keeps (in free lists, in pages of which a part is still live) is most of that as a rule; mapped files and
//! stacks are in it too, so it is never high.

use super::{Analysis, Bottleneck, BottleneckKind, severity, share, units};
use crate::statistics::Estimate;

const WORTH_A_WORD_BYTES: i128 = 64 << 20;
const SHARE_MIN: f64 = 0.5;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let known = || {
        let point = |point: &crate::analysis::TimelinePoint| {
            Some((i128::from(point.rss_bytes?), i128::from(point.live_bytes)))
        };
        analysis.timeline.iter().filter_map(point)
    };
    let (Some((rss_before, live_before)), Some((rss, live))) = (known().next(), known().next_back()) else {
        return Vec::new();
    };
    let (grown, needed) = (rss - rss_before, (live - live_before).max(0));
    let kept = grown - needed;
    let of_all = share(kept as f64, rss as f64);
    if kept < WORTH_A_WORD_BYTES || of_all < SHARE_MIN {
        return Vec::new();
    }
    vec![Bottleneck {
        severity: severity(of_all, 2.0 / 3.0, f64::INFINITY),
        bytes: Estimate::exact(kept as f64),
        evidence: format!(
            "The resident set size grew by {}, the live heap by {}: {} of the {} at the end is no live heap, but what the \
             allocator keeps of freed memory, mapped files and stacks.",
            units::bytes(grown as f64),
            units::bytes(needed as f64),
            units::bytes(kept as f64),
            units::bytes(rss as f64)
        ),
        advice: "Lower the peak that it is left over from; or have the allocator give memory back: fewer arenas and \
                 `malloc_trim` for glibc, shorter decay times for jemalloc and mimalloc."
            .to_owned(),
        ..Bottleneck::of(BottleneckKind::Unreturned, "the allocator")
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Severity, TimelinePoint};

    /// Live heap and resident set size in MiB over time.
    fn process(points: &[(i64, Option<u64>)]) -> Analysis {
        let point = |&(live, rss): &(i64, Option<u64>)| TimelinePoint {
            live_bytes: live << 20,
            rss_bytes: rss.map(|rss| rss << 20),
            ..TimelinePoint::default()
        };
        Analysis { timeline: points.iter().map(point).collect(), ..Analysis::default() }
    }

    #[test]
    fn planted_leftovers_are_found() {
        let found =
            detect(&process(&[(0, None), (0, Some(10)), (400, Some(450)), (20, Some(210)), (20, None)]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, found[0].severity), (BottleneckKind::Unreturned, Severity::Medium));
        assert_eq!(found[0].bytes, Estimate::exact(f64::from(180 << 20)));
        assert!(
            found[0].evidence.contains("grew by 200 MiB, the live heap by 20 MiB"),
            "{}",
            found[0].evidence
        );
    }

    #[test]
    fn little_or_needed_or_unknown_is_silent() {
        assert!(detect(&process(&[])).is_empty());
        assert!(detect(&process(&[(0, None), (400, None)])).is_empty());
        assert!(detect(&process(&[(0, Some(10)), (150, Some(220))])).is_empty());
        assert!(detect(&process(&[(0, Some(10)), (0, Some(60))])).is_empty());
        // What was there before the session is nobody's fault.
        assert!(detect(&process(&[(0, Some(500)), (0, Some(500))])).is_empty());
        // A heap below zero is memory from before the session.
        assert!(detect(&process(&[(0, Some(500)), (-400, Some(510))])).is_empty());
    }
}
