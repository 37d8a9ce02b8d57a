//! Many threads that live for a moment only.
//!
//! A thread costs the kernel a stack's mapping and a start, and the allocator a cache that is filled and thrown away. Threads are taken together by name,
//! digits left out (`worker-17` and `worker-18` are both `worker-`). Rule, of the threads of a name that allocated, by exact figures:
//!
//! 1. At least 100 were told to have ended, and at least 5 for each second from the first one's start to the last one's end.
//! 2. The median of their lives is at most a second. A life is known from above only: from the thread's first allocation to when its end was told,
//!    which is up to 500 ms later. So what is told is never too short.
//! 3. At least nine tenths of those that began have ended: no pool that is still there.
//!
//! Medium from 50 a second on, else low: it costs time rather than memory. Threads that never allocate are not seen.

use super::{Analysis, Bottleneck, BottleneckKind, severity, units};
use crate::analysis::ThreadFigures;
use crate::statistics::Estimate;
use std::collections::BTreeMap;

const ENDED_MIN: usize = 100;
const PER_SECOND_MIN: f64 = 5.0;
const PER_SECOND_MEDIUM: f64 = 50.0;
const LIFE_MAX_US: u64 = 1_000_000;
const ENDED_SHARE_MIN: f64 = 0.9;
/// Threads that a finding names.
const THREADS_MAX: usize = 4;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let mut by_name: BTreeMap<String, Vec<&ThreadFigures>> = BTreeMap::new();
    for thread in &analysis.threads {
        let name = thread.name.chars().filter(|c| !c.is_ascii_digit()).collect();
        by_name.entry(name).or_default().push(thread);
    }
    by_name.into_iter().filter_map(|(name, threads)| judge(&name, &threads)).collect()
}

fn judge(name: &str, threads: &[&ThreadFigures]) -> Option<Bottleneck> {
    let lives = threads.iter().filter_map(|thread| Some((thread.start_us, thread.ended_us?)));
    let mut lengths_us: Vec<u64> = lives.clone().map(|(start, end)| end.saturating_sub(start)).collect();
    lengths_us.sort_unstable();
    let ended = lengths_us.len();
    let median_us = *lengths_us.get(ended / 2)?;
    let from_us = lives.clone().map(|life| life.0).min()?;
    let to_us = lives.map(|life| life.1).max()?;
    let per_second = ended as f64 / (to_us.saturating_sub(from_us).max(1) as f64 / 1e6);
    let is_pool = (ended as f64) < ENDED_SHARE_MIN * threads.len() as f64;
    if ended < ENDED_MIN || per_second < PER_SECOND_MIN || median_us > LIFE_MAX_US || is_pool {
        return None;
    }
    let bytes = threads.iter().map(|thread| thread.allocated_bytes as f64).sum();
    let culprit =
        if name.is_empty() { "threads without a name".to_owned() } else { format!("threads {name}") };
    Some(Bottleneck {
        severity: severity(per_second, PER_SECOND_MEDIUM, f64::INFINITY),
        bytes: Estimate::exact(bytes),
        evidence: format!(
            "{} threads of this name began and ended, {per_second:.0} a second; half of them lived for {} at most, and together \
             they allocated {}.",
            units::digits(ended as i64),
            units::duration_us(median_us),
            units::bytes(bytes)
        ),
        advice: "Keep a pool of threads (rayon, a runtime's `spawn_blocking`, `std::thread::scope` around the whole loop) and hand \
                 it the work, instead of starting a thread for each piece."
            .to_owned(),
        threads: threads.iter().take(THREADS_MAX).map(|thread| thread.id).collect(),
        span_us: Some([from_us, to_us]).filter(|[from_us, to_us]| from_us < to_us),
        ..Bottleneck::of(BottleneckKind::ShortLivedThreads, culprit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Severity;

    /// `number` threads, `every_us` apart, that live for `life_us` or to the end.
    fn threads(number: u32, every_us: u64, life_us: Option<u64>) -> Analysis {
        let thread = |at: u32| ThreadFigures {
            id: at + 1,
            name: format!("worker-{at}"),
            allocated_bytes: 1_000,
            start_us: u64::from(at) * every_us,
            ended_us: life_us.map(|us| u64::from(at) * every_us + us),
            ..ThreadFigures::default()
        };
        Analysis { threads: (0..number).map(thread).collect(), ..Analysis::default() }
    }

    #[test]
    fn a_thread_for_each_piece_of_work_is_found() {
        let found = detect(&threads(500, 10_000, Some(300_000)));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].culprit.as_str(), found[0].severity), ("threads worker-", Severity::Medium));
        assert_eq!((found[0].threads.len(), found[0].bytes), (4, Estimate::exact(500_000.0)));
        assert!(found[0].evidence.contains("lived for 300 ms at most"), "{}", found[0].evidence);
    }

    #[test]
    fn few_or_long_lived_threads_and_pools_are_silent() {
        for silent in [
            threads(99, 10_000, Some(300_000)),
            threads(500, 300_000, Some(300_000)),
            threads(500, 10_000, Some(2_000_000)),
            threads(500, 10_000, None),
            threads(0, 0, None),
        ] {
            assert!(detect(&silent).is_empty());
        }
        let mut pool = threads(500, 10_000, Some(300_000));
        pool.threads[..60].iter_mut().for_each(|thread| thread.ended_us = None);
        assert!(detect(&pool).is_empty());
    }
}
