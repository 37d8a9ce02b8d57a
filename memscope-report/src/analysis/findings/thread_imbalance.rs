//! A thread that allocates far more than its share.
//!
//! Rule (all figures exact): of the threads that allocated at least a hundredth of what the busiest did there are at
//! least four, all threads together allocated at least 16 MiB, and one of them at least half of that and at least four
//! times the mean of the others. High from 90% on, medium from 75%.

use super::{Analysis, Bottleneck, BottleneckKind, severity, share, units};
use crate::statistics::Estimate;

const WORTH_A_WORD_BYTES: u64 = 16 << 20;
const BUSY_SHARE: u64 = 100;
const BUSY_THREADS_MIN: usize = 4;
const SHARE_MIN: f64 = 0.5;
const TIMES_THE_OTHERS_MIN: f64 = 4.0;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let Some(busiest) = analysis.threads.iter().max_by_key(|thread| thread.allocated_bytes) else {
        return Vec::new();
    };
    let all: u64 = analysis.threads.iter().fold(0, |sum, thread| sum.saturating_add(thread.allocated_bytes));
    let busy = analysis
        .threads
        .iter()
        .filter(|thread| thread.allocated_bytes >= busiest.allocated_bytes / BUSY_SHARE);
    let (threads, busy_bytes) =
        busy.fold((0, 0_u64), |(n, sum), thread| (n + 1, sum.saturating_add(thread.allocated_bytes)));
    let own_share = share(busiest.allocated_bytes as f64, all as f64);
    if threads < BUSY_THREADS_MIN || all < WORTH_A_WORD_BYTES || own_share < SHARE_MIN {
        return Vec::new();
    }
    let mean_of_others = (busy_bytes - busiest.allocated_bytes) as f64 / (threads - 1) as f64;
    if (busiest.allocated_bytes as f64) < TIMES_THE_OTHERS_MIN * mean_of_others {
        return Vec::new();
    }
    let name = match busiest.name.as_str() {
        "" => format!("thread {}", busiest.id),
        name => format!("thread {name}"),
    };
    vec![Bottleneck {
        severity: severity(own_share, 0.75, 0.9),
        bytes: Estimate::exact(busiest.allocated_bytes as f64),
        evidence: format!(
            "It allocated {}, {} of all bytes; the other {} busy threads allocated {} each in the mean.",
            units::bytes(busiest.allocated_bytes as f64),
            units::percent(own_share),
            threads - 1,
            units::bytes(mean_of_others)
        ),
        advice:
            "If the others wait for it, give them a part of its work; if it only prepares theirs, let them \
                 allocate what they use."
                .to_owned(),
        threads: vec![busiest.id],
        ..Bottleneck::of(BottleneckKind::ThreadImbalance, name)
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Severity, ThreadFigures};

    fn threads(mib: &[u64]) -> Analysis {
        let threads = mib.iter().enumerate().map(|(at, &mib)| ThreadFigures {
            id: at as u32 + 1,
            allocated_bytes: mib << 20,
            ..ThreadFigures::default()
        });
        Analysis { threads: threads.collect(), ..Analysis::default() }
    }

    #[test]
    fn a_planted_hog_is_found() {
        let found = detect(&threads(&[10, 10, 160, 10, 10]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].culprit.as_str(), found[0].severity), ("thread 3", Severity::Medium));
        assert_eq!(found[0].bytes, Estimate::exact((160 << 20) as f64));
        assert!(found[0].evidence.contains("80% of all bytes"), "{}", found[0].evidence);
    }

    #[test]
    fn a_fair_or_small_or_lonely_thread_is_silent() {
        assert!(detect(&threads(&[])).is_empty());
        assert!(detect(&threads(&[35, 10, 10, 15])).is_empty());
        assert!(detect(&threads(&[60, 30, 20, 10])).is_empty());
        assert!(detect(&threads(&[100, 1, 1])).is_empty());
        // Idle helpers do not count as others.
        assert!(detect(&threads(&[1000, 5, 5, 5, 5, 5])).is_empty());
        assert!(detect(&threads(&[8, 1, 1, 1, 1])).is_empty());
    }
}
