//! The allocator may be what threads wait for. **A suspicion**, and told as one.
//!
//! A lock that is held is waited for in the kernel: the thread gives up its core (a voluntary context switch) and the kernel works for both. No trace of a heap
//! sees the lock. What it sees is whether that happens *when and as far as the program allocates*. The kernel tells switches and system time of the process,
//! memscope the allocations of process and threads; all are exact. Over stretches of a second (at least 24 of them):
//!
//! 1. At least two threads allocate a twentieth of all allocations or more each: one alone waits for nobody.
//! 2. The rate of voluntary switches goes with the rate of allocations, **beyond what the bytes read and written explain**: the partial rank correlation
//!    ([`super::correlation`]) is at least 0.6, at a nominal 0.1%. (Input and output is what else makes a thread give up its core.)
//! 3. So does the processor time in the kernel.
//! 4. It is much: in the half of the stretches with most allocations there are at least 2,000 switches a second, and a fifth of the processor time or more
//!    is the kernel's.
//!
//! What else may look so: a channel or mutex of the program's own that is used as often as it allocates, and memory that is mapped and unmapped for each large
//! allocation (the kernel's own lock; the advice helps there too). Medium where 40% of the processor time is the kernel's, else low. The threads named are those
//! that allocated most; the kernel's switches of each are not in the trace.

use super::correlation::{Correlation, correlation};
use super::rates::{Rates, rates};
use super::{Analysis, Bottleneck, BottleneckKind, severity, share, units};
use crate::statistics::Estimate;

const STRETCH_US: u64 = 1_000_000;
const STRETCHES_MIN: usize = 24;
const THREAD_SHARE_MIN: f64 = 0.05;
const THREADS_MAX: usize = 4;
const R_MIN: f64 = 0.6;
const CHANCE_MAX: f64 = 0.001;
const SWITCHES_PER_SECOND_MIN: f64 = 2_000.0;
const SYSTEM_SHARE_MIN: f64 = 0.2;
const SYSTEM_SHARE_MEDIUM: f64 = 0.4;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    judge(analysis).into_iter().collect()
}

fn judge(analysis: &Analysis) -> Option<Bottleneck> {
    let all = analysis.threads.iter().map(|thread| thread.allocations as f64).sum::<f64>();
    let mut threads: Vec<_> = analysis
        .threads
        .iter()
        .filter(|thread| share(thread.allocations as f64, all) >= THREAD_SHARE_MIN)
        .collect();
    threads.sort_by_key(|thread| (std::cmp::Reverse(thread.allocations), thread.id));
    let rates = rates(analysis, STRETCH_US);
    if threads.len() < 2 || rates.len() < STRETCHES_MIN {
        return None;
    }
    let column = |figure: fn(&Rates) -> f64| rates.iter().map(figure).collect::<Vec<f64>>();
    let (allocations, io) =
        (column(|rates| rates.allocations), column(|rates| rates.io_bytes.unwrap_or(0.0)));
    let with = |figure| correlation(&allocations, &column(figure), &io).filter(goes_together);
    let (switching, kernel) = (with(|rates| rates.voluntary)?, with(|rates| rates.system)?);
    let busy = busy_half(&rates);
    let mean = |figure: fn(&Rates) -> f64| busy.iter().map(figure).sum::<f64>() / busy.len() as f64;
    let (switches, system) = (mean(|rates| rates.voluntary), mean(|rates| rates.system));
    let of_all = share(system, mean(Rates::processors));
    if switches < SWITCHES_PER_SECOND_MIN || of_all < SYSTEM_SHARE_MIN {
        return None;
    }
    let bytes = threads.iter().map(|thread| thread.allocated_bytes as f64).sum();
    let known =
        if rates.iter().any(|rates| rates.io_bytes.is_some()) { "" } else { ", which are not known here" };
    Some(Bottleneck {
        severity: severity(of_all, SYSTEM_SHARE_MEDIUM, f64::INFINITY),
        bytes: Estimate::exact(bytes),
        evidence: format!(
            "A suspicion: while {} threads allocated {} times a second, the process gave up its processors {} times a second and the \
             kernel took {} of its processor time, and both go with the rate of allocations beyond what the bytes read and written \
             explain{known} (partial rank correlations {:.2} and {:.2} over {} stretches of a second).",
            threads.len(),
            units::count(mean(|rates| rates.allocations)),
            units::count(switches),
            units::percent(of_all),
            switching.r,
            kernel.r,
            rates.len()
        ),
        advice: "Look where threads wait (`perf trace -s`, or `perf record -e sched:sched_switch -g`). If it is in malloc and free: \
                 allocate less in the hot loop, or use an allocator with caches per thread (mimalloc, jemalloc)."
            .to_owned(),
        threads: threads.iter().take(THREADS_MAX).map(|thread| thread.id).collect(),
        span_us: rates.first().zip(rates.last()).map(|(first, last)| [first.from_us, last.to_us]),
        ..Bottleneck::of(BottleneckKind::AllocatorContention, "the allocator")
    })
}

fn goes_together(found: &Correlation) -> bool {
    found.r >= R_MIN && found.chance < CHANCE_MAX
}

/// The half of the stretches with most allocations.
fn busy_half(rates: &[Rates]) -> Vec<Rates> {
    let mut sorted = rates.to_vec();
    sorted.sort_by(|one, other| other.allocations.total_cmp(&one.allocations));
    sorted.truncate(rates.len().div_ceil(2));
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{ResourcePoint, ThreadFigures, TimelinePoint};

    /// A minute in which the seconds are busy by turns; a busy one has `allocations`, `switches` and so much of its second in the kernel.
    fn process(threads: u32, switches: u64, system_us: u64, io_follows: bool) -> Analysis {
        let mut analysis = Analysis::default();
        let (mut heap, mut point) = (TimelinePoint::default(), ResourcePoint::default());
        (point.cpu_user_us, point.cpu_system_us, point.voluntary_switches) = (Some(0), Some(0), Some(0));
        (point.read_bytes, point.written_bytes) = (Some(0), Some(0));
        let add = |figure: &mut Option<u64>, more: u64| *figure = figure.map(|figure| figure + more);
        for second in 0..=60_u64 {
            analysis.timeline.push(heap);
            analysis.resources.push(point);
            let busy = second * 7 % 13;
            (heap.time_us, point.time_us) = ((second + 1) * STRETCH_US, (second + 1) * STRETCH_US);
            heap.allocations += 100_000 * busy;
            add(&mut point.cpu_user_us, 500_000);
            add(&mut point.cpu_system_us, system_us * busy / 12);
            add(&mut point.voluntary_switches, switches * busy / 12);
            add(&mut point.read_bytes, if io_follows { busy << 20 } else { (second * 5 % 11) << 20 });
        }
        let thread = |id| ThreadFigures {
            id,
            allocations: 1_000,
            allocated_bytes: 64_000,
            ..ThreadFigures::default()
        };
        analysis.threads = (1..=threads).map(thread).collect();
        analysis
    }

    #[test]
    fn planted_waiting_is_suspected() {
        let found = detect(&process(4, 50_000, 800_000, false));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].kind, BottleneckKind::AllocatorContention);
        assert!(found[0].evidence.starts_with("A suspicion"), "{}", found[0].evidence);
        assert_eq!((found[0].threads.len(), found[0].sites.len()), (4, 0));
    }

    #[test]
    fn one_thread_or_little_or_what_io_explains_is_silent() {
        for silent in [
            process(1, 50_000, 800_000, false),
            process(4, 1_000, 800_000, false),
            process(4, 50_000, 50_000, false),
            process(4, 50_000, 800_000, true),
            Analysis::default(),
        ] {
            assert!(detect(&silent).is_empty());
        }
    }
}
