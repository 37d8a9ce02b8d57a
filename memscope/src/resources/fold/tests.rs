//! Rows of made-up snapshots with known answers.

use super::super::snapshot::{Details, Figure, Memory, Thread, ThreadName};
use super::*;

const MS: u64 = 1_000_000;
const GAP: Gap = Gap::because("/proc/nothing", "not on this machine");

/// A snapshot in which everything is missing.
fn missing(at_ns: u64) -> Snapshot<'static> {
    Snapshot {
        at_ns,
        cores: Cores { available: Err(GAP), machine: Err(GAP) },
        usage: Err(GAP),
        memory: Memory::missing(GAP),
        thread_count: Err(GAP),
        io: Err(GAP),
        cgroup_limit_bytes: Err(GAP),
        cgroup_usage_bytes: Err(GAP),
        threads: Err(GAP),
        details: Details::missing(GAP),
        allocator: Err(GAP),
        sampling: Sampling { cpu_ns: Err(GAP), operations: 0 },
    }
}

/// A snapshot in which everything is there, on 2 cores with 4 threads.
fn full(at_ns: u64, user_ns: u64, rss_bytes: u64, operations: u64, threads: &[Thread]) -> Snapshot<'_> {
    let usage = Usage {
        user_ns,
        system_ns: user_ns / 4,
        minor_faults: operations * 2,
        major_faults: operations,
        voluntary_switches: operations * 3,
        involuntary_switches: operations * 5,
    };
    Snapshot {
        at_ns,
        cores: Cores { available: Ok(2), machine: Ok(2) },
        usage: Ok(usage),
        memory: Memory {
            rss_bytes: Ok(rss_bytes),
            high_water_bytes: Ok(1 << 40),
            anonymous_bytes: Ok(rss_bytes / 2),
            file_bytes: Ok(rss_bytes / 4),
            shared_memory_bytes: Ok(0),
            swap_bytes: Ok(11),
        },
        thread_count: Ok(4),
        io: Ok(Io {
            read_operations: operations,
            write_operations: operations * 10,
            character_read_bytes: operations * 100,
            character_written_bytes: operations * 1000,
            storage_read_bytes: operations * 4096,
            storage_written_bytes: operations * 8192,
        }),
        cgroup_limit_bytes: Ok(1 << 33),
        cgroup_usage_bytes: Ok(rss_bytes * 2),
        threads: Ok(threads),
        details: Details {
            proportional_bytes: Ok(rss_bytes / 3),
            open_files: Ok(operations),
            pressure: Ok(Pressure { some_us: operations * 10, full_us: operations }),
            throttling: Ok(Throttling {
                periods: operations,
                throttled_periods: 0,
                throttled_us: operations,
            }),
        },
        allocator: Ok(crate::resources::allocator::AllocatorFigures {
            kind: memscope_trace::AllocatorKind::Glibc,
            allocated_bytes: Ok(rss_bytes / 2),
            active_bytes: Ok(1),
            metadata_bytes: Ok(1),
            free_bytes: Ok(1),
            mapped_bytes: Ok(1),
            resident_bytes: Ok(1),
            retained_bytes: Ok(1),
        }),
        sampling: Sampling { cpu_ns: Ok(at_ns / 1000), operations },
    }
}

fn thread(cpu_ns: u64, wait_ns: u64) -> [Thread; 1] {
    [Thread { tid: 9, sequence: 0, name: ThreadName::new(b"main"), cpu_ns, wait_ns: Ok(wait_ns) }]
}

fn fold(snapshots: &[Snapshot<'_>]) -> ResourceMetrics {
    let mut fold = Fold::default();
    for snapshot in snapshots {
        fold.push(snapshot);
    }
    fold.finish()
}

#[test]
fn every_figure_has_the_value_that_the_snapshots_say() {
    const GIB: u64 = 1 << 30;
    let (before, after) = (thread(50 * MS, 10 * MS), thread(130 * MS, 30 * MS));
    let metrics = fold(&[
        full(1000 * MS, 400 * MS, GIB, 1, &before),
        full(1100 * MS, 480 * MS, 3 * GIB, 2, &before),
        full(1200 * MS, 520 * MS, 2 * GIB, 4, &after),
    ]);
    assert_eq!(metrics.unavailable, []);
    assert_eq!((metrics.samples, metrics.duration_seconds), (3, 0.2));
    assert_eq!((metrics.sampling_cpu_seconds, metrics.sampling_operations), (Some(0.0002), 3));

    let cpu = &metrics.cpu_metrics;
    assert_eq!(
        (cpu.user_seconds, cpu.system_seconds, cpu.total_seconds),
        (Some(0.12), Some(0.03), Some(0.15))
    );
    assert_eq!((cpu.peak_usage_percent, cpu.mean_usage_percent), (100.0, Some(75.0)));
    assert_eq!((cpu.available_cores, cpu.machine_cores), (Some(2), Some(2)));

    let memory = &metrics.memory_metrics;
    assert_eq!((memory.peak_usage_gb, memory.peak_rss_bytes), (3.0, Some(3 * GIB)));
    assert!(!memory.peak_is_exact, "the high-water mark is from before");
    assert_eq!(memory.mean_rss_bytes, Some(GIB * 9 / 4));
    assert_eq!((memory.start_rss_bytes, memory.current_rss_bytes), (Some(GIB), Some(2 * GIB)));
    assert_eq!((memory.anonymous_bytes, memory.file_bytes), (Some(GIB), Some(GIB / 2)));
    assert_eq!((memory.shared_memory_bytes, memory.swap_bytes), (Some(0), Some(11)));
    assert_eq!((memory.minor_faults, memory.major_faults), (Some(6), Some(3)));
    assert_eq!((memory.cgroup_limit_bytes, memory.cgroup_usage_bytes), (Some(1 << 33), Some(4 * GIB)));
    assert_eq!(memory.cgroup_peak_usage_bytes, Some(6 * GIB));

    let io = &metrics.io_metrics;
    assert_eq!((io.total_operations, io.read_operations, io.write_operations), (33, Some(3), Some(30)));
    assert_eq!((io.character_read_bytes, io.character_written_bytes), (Some(300), Some(3000)));
    assert_eq!((io.storage_read_bytes, io.storage_written_bytes), (Some(3 * 4096), Some(3 * 8192)));

    let threads = &metrics.thread_metrics;
    assert_eq!(threads.efficiency_percent, 80.0, "80 ms on a core, 20 ms waiting for one");
    assert_eq!(threads.run_queue_wait_seconds, Some(0.02));
    assert_eq!(threads.utilization_percent, Some(37.5), "0.15 s of 2 cores x 0.2 s");
    assert_eq!(
        (threads.current_threads, threads.peak_threads, threads.seen_threads),
        (Some(4), Some(4), Some(1))
    );
    assert_eq!(
        (threads.voluntary_context_switches, threads.involuntary_context_switches),
        (Some(9), Some(15))
    );
    assert_eq!((threads.threads.len(), threads.threads[0].cpu_seconds), (1, 0.08));
    assert_eq!((threads.threads[0].name.as_str(), threads.threads[0].tid), ("main", 9));
}

/// Paths of all figures in the metrics that are null (`NaN` is null in JSON too), with list indexes left out.
fn nulls(metrics: &ResourceMetrics) -> Vec<String> {
    fn walk(value: &serde_json::Value, path: &str, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Null => found.push(path.to_owned()),
            serde_json::Value::Array(items) => items.iter().for_each(|item| walk(item, path, found)),
            serde_json::Value::Object(fields) => {
                let join =
                    |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                fields.iter().for_each(|(name, value)| walk(value, &join(name), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(&serde_json::to_value(metrics).unwrap(), "", &mut found);
    found.sort();
    found.dedup();
    found
}

#[test]
fn what_is_missing_is_absent_with_its_reason_and_never_zero() {
    let metrics = fold(&[missing(0), missing(100 * MS)]);
    assert!(metrics.cpu_metrics.peak_usage_percent.is_nan());
    assert!(metrics.memory_metrics.peak_usage_gb.is_nan());
    assert!(metrics.thread_metrics.efficiency_percent.is_nan());
    assert_eq!(metrics.io_metrics.total_operations, 0);
    let said: Vec<_> = metrics.unavailable.iter().map(|u| (u.figure.as_str(), u.reason.as_str())).collect();
    assert!(said.iter().all(|(_, reason)| *reason == "/proc/nothing: not on this machine"), "{said:?}");
    let mut figures: Vec<_> = said.iter().map(|(figure, _)| (*figure).to_owned()).collect();
    figures.sort();
    let mut expected = nulls(&metrics);
    // No null stands for these two: a number by contract, and a list that is empty.
    expected.extend(["io_metrics.total_operations".to_owned(), "thread_metrics.threads".to_owned()]);
    expected.sort();
    assert_eq!(figures, expected);
    assert_eq!(metrics.reason("memory_metrics.swap_bytes"), Some("/proc/nothing: not on this machine"));
    assert_eq!(metrics.reason("samples"), None);
}

#[test]
fn without_a_snapshot_every_figure_says_that_there_was_none() {
    let metrics = fold(&[]);
    assert_eq!(metrics.samples, 0);
    assert!(metrics.unavailable.iter().all(|u| u.reason == "sampling: no sample was taken"));
    assert_eq!(metrics.unavailable.len(), nulls(&metrics).len() + 2);
}

#[test]
fn one_snapshot_has_gauges_and_no_rates() {
    let threads = thread(5, 5);
    let metrics = fold(&[full(7, 100, 1 << 20, 1, &threads)]);
    assert_eq!(metrics.memory_metrics.current_rss_bytes, Some(1 << 20));
    assert_eq!(metrics.memory_metrics.mean_rss_bytes, Some(1 << 20));
    assert_eq!(metrics.cpu_metrics.total_seconds, Some(0.0));
    assert!(metrics.cpu_metrics.peak_usage_percent.is_nan());
    assert!(metrics.thread_metrics.efficiency_percent.is_nan());
    assert_eq!(
        metrics.reason("cpu_metrics.mean_usage_percent"),
        Some("sampling: no time passed between the first sample and the last")
    );
}

#[test]
fn percentages_stay_in_their_range_when_the_kernels_ticks_overshoot() {
    let threads = thread(5, 5);
    let metrics = fold(&[full(0, 0, 1, 0, &threads), full(100 * MS, 200 * MS, 1, 0, &threads)]);
    assert_eq!(metrics.cpu_metrics.peak_usage_percent, 200.0);
    assert_eq!(metrics.cpu_metrics.mean_usage_percent, Some(200.0));
    assert_eq!(metrics.thread_metrics.utilization_percent, Some(100.0));
}

#[test]
fn more_waiting_always_lowers_the_efficiency() {
    let efficiency = |waited: u64| {
        let (before, after) = (thread(0, 0), thread(100, waited));
        fold(&[full(0, 0, 1, 0, &before), full(100, 10, 1, 0, &after)]).thread_metrics.efficiency_percent
    };
    let row: Vec<f64> = [0, 1, 50, 100, 900, 1_000_000].map(efficiency).to_vec();
    assert_eq!((row[0], row[3], row[4]), (100.0, 50.0, 10.0));
    assert!(row.is_sorted_by(|a, b| a > b), "{row:?}");
    assert!(row.iter().all(|percent| (0.0..=100.0).contains(percent)));
}

/// Over all pairs of a grid from nothing to 2^60: more running never lowers it, more waiting never raises it, and both times
/// as long leave it where it is.
#[test]
fn efficiency_is_monotone_in_running_and_in_waiting() {
    let efficiency = |ran: u64, waited: u64| {
        let (before, after) = (thread(0, 0), thread(ran, waited));
        fold(&[full(0, 0, 1, 0, &before), full(100, 10, 1, 0, &after)]).thread_metrics.efficiency_percent
    };
    let grid: Vec<u64> = std::iter::once(0).chain((0..62).step_by(4).map(|power| 1 << power)).collect();
    for &ran in &grid[1..] {
        for pair in grid.windows(2) {
            let (less, more) = (efficiency(ran, pair[0]), efficiency(ran, pair[1]));
            assert!((0.0..=100.0).contains(&more) && more <= less, "{ran} {pair:?}: {less} {more}");
            let (less, more) = (efficiency(pair[0], ran), efficiency(pair[1], ran));
            assert!(less <= more, "{ran} {pair:?}: {less} {more}");
            if pair[1] < 1 << 40 && ran < 1 << 40 {
                assert_eq!(efficiency(3 * ran, 3 * pair[1]), efficiency(ran, pair[1]), "{ran} {pair:?}");
            }
        }
    }
}

#[test]
fn a_figure_that_was_there_once_is_kept() {
    let once: Figure<u64> = Ok(77);
    let metrics = fold(&[missing(0), Snapshot { cgroup_usage_bytes: once, ..missing(1) }, missing(2)]);
    assert_eq!(metrics.memory_metrics.cgroup_usage_bytes, Some(77));
    assert_eq!(metrics.memory_metrics.cgroup_peak_usage_bytes, Some(77));
}
