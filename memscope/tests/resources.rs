//! The platform resource collector on a live process, through the public API. Other tests run at the same
//! time in this process, so each holds however busy it is; figures that need the process for themselves are
//! in `resources_alone.rs`.
#![cfg(target_os = "linux")]

use memscope::{PlatformResourceCollector, ResourceError, ResourceMetrics};
use std::fs;
use std::hint::black_box;
use std::sync::mpsc;
use std::thread::Builder;
use std::time::Duration;

const MIB: usize = 1024 * 1024;

fn monitored(work: impl FnOnce()) -> ResourceMetrics {
    let mut collector = PlatformResourceCollector::new().unwrap();
    collector.start_monitoring().unwrap();
    work();
    collector.stop_monitoring().unwrap()
}

/// CPU time of the process by `getrusage`, seconds: user and system.
fn cpu_seconds() -> (f64, f64) {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a local rusage; all zeroes is a valid one, so it may be read whatever is
    // returned.
    let usage = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    (seconds(usage.ru_utime), seconds(usage.ru_stime))
}

fn total(cpu: (f64, f64)) -> f64 {
    cpu.0 + cpu.1
}

/// Keeps a core busy until the process has used `seconds` more CPU time.
fn spin(seconds: f64) {
    let end = total(cpu_seconds()) + seconds;
    let mut value = 1_u64;
    while total(cpu_seconds()) < end {
        for _ in 0..10_000 {
            value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
}

/// A line of `/proc/self/...`, for example `VmRSS`.
fn proc_line(path: &str, label: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(label)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

#[test]
fn cpu_time_lies_between_what_getrusage_says_inside_and_outside() {
    let mut collector = PlatformResourceCollector::new().unwrap();
    let outer_begin = cpu_seconds();
    collector.start_monitoring().unwrap();
    let inner_begin = cpu_seconds();
    spin(0.2);
    let inner_end = cpu_seconds();
    let metrics = collector.stop_monitoring().unwrap();
    let outer_end = cpu_seconds();

    // Microseconds are rounded down on both sides.
    const ROUNDING: f64 = 4e-6;
    let cpu = &metrics.cpu_metrics;
    let between = |figure: Option<f64>, of: fn((f64, f64)) -> f64| {
        let figure = figure.unwrap();
        let (least, most) = (of(inner_end) - of(inner_begin), of(outer_end) - of(outer_begin));
        assert!((least - ROUNDING..=most + ROUNDING).contains(&figure), "{least} <= {figure} <= {most}");
    };
    between(cpu.total_seconds, total);
    between(cpu.user_seconds, |cpu| cpu.0);
    between(cpu.system_seconds, |cpu| cpu.1);

    let mean = cpu.mean_usage_percent.unwrap();
    let expected = 100.0 * cpu.total_seconds.unwrap() / metrics.duration_seconds;
    assert!((mean - expected).abs() < 0.01, "{mean} = {expected}");
    assert!(
        cpu.peak_usage_percent >= mean - 0.01,
        "a peak of {} is below the mean {mean}",
        cpu.peak_usage_percent
    );
    assert!(cpu.peak_usage_percent <= 100.0 * cpu.machine_cores.unwrap() as f64);
}

#[test]
fn a_burst_much_shorter_than_the_interval_has_its_peak() {
    let mut collector = PlatformResourceCollector::with_interval(Duration::from_secs(3600)).unwrap();
    collector.start_monitoring().unwrap();
    spin(0.03);
    let metrics = collector.stop_monitoring().unwrap();
    assert_eq!(metrics.samples, 2);
    let at_least = 100.0 * 0.03 / metrics.duration_seconds;
    let peak = metrics.cpu_metrics.peak_usage_percent;
    assert!(peak >= at_least - 0.1, "{peak} >= {at_least}");
}

#[test]
fn touched_memory_raises_the_peak() {
    let before: usize = {
        let line = proc_line("/proc/self/status", "VmRSS").unwrap();
        line.strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    };
    let mut touched = Vec::new();
    let metrics = monitored(|| touched = black_box(vec![1_u8; 64 * MIB]));
    drop(black_box(touched));
    let memory = &metrics.memory_metrics;
    let peak = usize::try_from(memory.peak_rss_bytes.unwrap()).unwrap();
    assert!(peak >= before + 60 * MIB, "peak {peak}, before {before}");
    let gib = memory.peak_rss_bytes.unwrap() as f64 / (1024.0 * 1024.0 * 1024.0);
    assert!((memory.peak_usage_gb - gib).abs() < 1e-9);
    assert!(memory.minor_faults.unwrap() >= 16, "64 MiB are at least 16 huge pages");
    let parts = [memory.anonymous_bytes, memory.file_bytes, memory.shared_memory_bytes];
    assert_eq!(parts.map(Option::unwrap).iter().sum::<u64>(), memory.current_rss_bytes.unwrap());
    assert!(memory.mean_rss_bytes.unwrap() <= memory.peak_rss_bytes.unwrap());
}

#[test]
fn a_busy_thread_is_listed_with_its_name_and_its_cpu_time() {
    let (begin, wait) = mpsc::channel::<()>();
    let (say, hear) = mpsc::channel();
    let run = move || {
        // SAFETY: takes no argument and cannot fail.
        let tid = unsafe { libc::gettid() };
        // Named by now.
        say.send((tid, 0.0)).unwrap();
        wait.recv().unwrap();
        spin(0.1);
        say.send((tid, own_cpu_seconds())).unwrap();
        // Stays alive until the main part hangs up.
        let _ = wait.recv();
    };
    let thread = Builder::new().name("pool (7) busy".to_owned()).spawn(run).unwrap();
    hear.recv().unwrap();
    let mut busy = None;
    let metrics = monitored(|| {
        begin.send(()).unwrap();
        busy = Some(hear.recv().unwrap());
    });
    drop(begin);
    thread.join().unwrap();

    let (tid, seconds) = busy.unwrap();
    let listed =
        metrics.thread_metrics.threads.iter().find(|t| t.tid == u64::try_from(tid).unwrap()).unwrap();
    assert_eq!(listed.name, "pool (7) busy");
    assert!(!listed.ended);
    // The kernel may be a scheduler tick (at most 10 ms) behind; what it ran after saying its time is little.
    assert!((listed.cpu_seconds - seconds).abs() < 0.02, "{} = {seconds}", listed.cpu_seconds);
    let threads = &metrics.thread_metrics;
    assert!((0.0..=100.0).contains(&threads.efficiency_percent) || threads.run_queue_wait_seconds.is_none());
    assert!((0.0..=100.0).contains(&threads.utilization_percent.unwrap()));
    assert!(threads.voluntary_context_switches.unwrap() >= 1, "the wait for the message gives up the core");
}

/// CPU time of the calling thread, seconds.
fn own_cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local timespec.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[test]
fn starting_twice_and_stopping_without_a_start_are_errors_that_say_so() {
    let mut collector = PlatformResourceCollector::new().unwrap();
    let error = collector.stop_monitoring().unwrap_err();
    assert!(matches!(error, ResourceError::NotMonitoring));
    assert!(error.to_string().contains("call start_monitoring first"), "{error}");

    collector.start_monitoring().unwrap();
    let error = collector.start_monitoring().unwrap_err();
    assert!(matches!(error, ResourceError::AlreadyMonitoring));
    assert!(error.to_string().contains("monitoring already"), "{error}");
    assert!(collector.stop_monitoring().is_ok(), "the second start did no harm");

    assert!(matches!(collector.stop_monitoring(), Err(ResourceError::NotMonitoring)));
    collector.start_monitoring().unwrap();
    assert!(collector.stop_monitoring().is_ok(), "and it can be started again");
}

#[test]
fn two_collectors_at_once_see_the_same_process() {
    let mut inner = None;
    let outer = monitored(|| inner = Some(monitored(|| spin(0.02))));
    let inner = inner.unwrap();
    assert!(inner.cpu_metrics.total_seconds.unwrap() <= outer.cpu_metrics.total_seconds.unwrap());
    assert!(inner.cpu_metrics.total_seconds.unwrap() >= 0.02);
}

#[test]
fn each_absent_figure_has_its_reason() {
    let metrics = monitored(|| {});
    let json = serde_json::to_value(&metrics).unwrap();
    for part in ["cpu_metrics", "memory_metrics", "io_metrics", "thread_metrics"] {
        for (name, value) in json[part].as_object().unwrap() {
            let figure = format!("{part}.{name}");
            assert_eq!(value.is_null(), metrics.reason(&figure).is_some_and(|r| !r.is_empty()), "{figure}");
        }
    }
    assert!(metrics.samples >= 2);
}
