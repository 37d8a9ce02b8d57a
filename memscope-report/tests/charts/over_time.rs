//! What the small analyses of `fixture` have over time, and by size and lifetime.

use crate::fixture::estimate;
use memscope_report::analysis::{
    LifetimeBucket, ResourcePoint, SizeBucket, SizeLifetime, SliceCell, Slices, ThreadCell, ThreadFigures,
    ThreadSeries,
};
use memscope_report::statistics::{Losses, Sum};

/// Bins of everything here.
const BINS: u32 = 16;

/// `sites` call sites that each take more until the middle and then give back all but a part; every second one later.
pub(crate) fn slices(sites: u32, bin_us: u64) -> Slices {
    let sum = |samples: u32| Sum::of(u64::from(samples), 65_536, 0.125, Losses::default());
    let cell = move |site: u32, bin: u32| {
        let first = site % 2 * 4;
        let grows = bin >= first && bin < first + 6;
        let shrinks = bin >= first + 6 && bin < first + 10;
        SliceCell {
            site: if site == sites { Slices::FURTHER } else { site },
            thread: site % 3 + 1,
            bin,
            allocated: sum(if grows { 4 + site % 5 } else { 0 }),
            freed: sum(if shrinks { 2 + site % 3 } else { 0 }),
            ..SliceCell::default()
        }
    };
    let cells = (0..=sites).flat_map(|site| (0..BINS).map(move |bin| cell(site, bin)));
    Slices { bin_us, bins: BINS, sites: (0..sites).collect(), known: 0.0, cells: cells.collect() }
}

/// Each thread works in turns, in every fourth bin.
pub(crate) fn thread_series(threads: &[ThreadFigures], bin_us: u64) -> ThreadSeries {
    let mut ids: Vec<u32> = threads.iter().map(|thread| thread.id).collect();
    ids.sort_unstable();
    let cell = |thread: u32, bin: u32| ThreadCell {
        thread,
        bin,
        allocations: 100,
        allocated_bytes: u64::from(thread % 7 + 1) << (16 + bin % 5),
        ..ThreadCell::default()
    };
    let cells = ids
        .iter()
        .flat_map(|&id| (0..BINS).filter(move |bin| bin % 4 == id % 4).map(move |bin| cell(id, bin)));
    ThreadSeries { bin_us, bins: BINS, cells: cells.collect() }
}

/// Twenty looks at the process; the system tells nothing of its context switches.
pub(crate) fn resources() -> Vec<ResourcePoint> {
    let point = |step: u64| ResourcePoint {
        time_us: step * 100_000,
        rss_bytes: Some((20 << 20) + step * (300 << 10)),
        cpu_user_us: Some(7_000_000 + step * 60_000),
        cpu_system_us: Some(900_000 + step * step * 500),
        threads: Some(4 + step % 3),
        minor_faults: Some(1_000 + step * 40),
        major_faults: Some(3),
        read_bytes: Some(step * 10_000),
        written_bytes: Some(step * step * 4_000),
        cgroup_usage_bytes: Some((64 << 20) + step * (500 << 10)),
        ..ResourcePoint::default()
    };
    (1..=20).map(point).collect()
}

/// Small ones are freed young, large ones live long, and some of each are live at the end.
pub(crate) fn lifetimes_by_size(sizes: &[SizeBucket], lifetimes: &[LifetimeBucket]) -> Vec<SizeLifetime> {
    let mut cells = Vec::new();
    for (row, size) in (0_u32..).zip(sizes).filter(|(row, _)| *row >= 3) {
        for (column, lifetime) in (0_u32..).zip(lifetimes) {
            let (freed, live) = (row.abs_diff(column) < 3, column >= 18 && row % 4 == 0);
            let bytes = |used: bool| estimate(if used { f64::from(1 << row) * 5_000.0 } else { 0.0 }, 9);
            let allocations = |used: bool| estimate(if used { 5_000.0 } else { 0.0 }, 9);
            if freed || live {
                cells.push(SizeLifetime {
                    up_to_bytes: size.up_to_bytes,
                    up_to_us: lifetime.up_to_us,
                    freed_allocations: allocations(freed),
                    freed_bytes: bytes(freed),
                    live_allocations: allocations(live),
                    live_bytes: bytes(live),
                });
            }
        }
    }
    cells
}

/// A spike that the allocator keeps, under a limit.
pub(crate) fn reconciliation() -> memscope_report::analysis::Reconciliation {
    const MIB: u64 = 1 << 20;
    let point = |step: u64| {
        let live = if step < 30 { 20 + 4 * step } else { 30 };
        let kept = if step < 30 { 2 } else { 90 };
        memscope_report::analysis::ReconciliationPoint {
            time_us: step * 33_000,
            rss_bytes: (live + kept + 12 + 9 + 6 + 3) * MIB,
            live_bytes: live * MIB,
            kept_bytes: kept * MIB,
            overhead_bytes: 12 * MIB,
            file_bytes: 9 * MIB,
            unexplained_bytes: 6 * MIB,
            stack_bytes: 3 * MIB,
            not_resident_bytes: 5 * MIB,
            cgroup_usage_bytes: Some((live + kept + 40) * MIB),
            cgroup_limit_bytes: Some(256 * MIB),
            ..Default::default()
        }
    };
    let points: Vec<_> = (0..60).map(point).collect();
    memscope_report::analysis::Reconciliation {
        allocator: "glibc",
        allocator_told_us: points.last().map(|point| point.time_us),
        points,
    }
}
