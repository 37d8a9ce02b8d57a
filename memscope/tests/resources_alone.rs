//! The platform resource collector where the process has to be its own: exact counts and marks that another
//! test would move. So there is one test in this file, which is one process.
#![cfg(target_os = "linux")]

use memscope::{PlatformResourceCollector, ResourceMetrics};
use std::fs;
use std::hint::black_box;
use std::io::{Read, Seek, Write};
use std::sync::mpsc;
use std::thread::Builder;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;

#[test]
fn figures_of_a_process_that_does_nothing_else() {
    operations_are_counted_to_the_last_one_and_own_reads_are_not();
    a_spike_between_two_samples_is_the_exact_peak();
    a_peak_from_before_is_not_reported();
    a_thread_that_ended_meanwhile_stays_listed();
    the_figures_agree_with_other_sources();
    the_sampling_thread_takes_no_signals_and_is_not_counted();
}

fn monitored(interval: Duration, work: impl FnOnce()) -> ResourceMetrics {
    wait_until_gone("memscope-res");
    let mut collector = PlatformResourceCollector::with_interval(interval).unwrap();
    collector.start_monitoring().unwrap();
    work();
    collector.stop_monitoring().unwrap()
}

const NEVER: Duration = Duration::from_secs(3600);

fn operations_are_counted_to_the_last_one_and_own_reads_are_not() {
    const COPIES: u64 = 300;
    const BLOCK: u64 = 4096;
    let mut from = tempfile::tempfile().unwrap();
    let mut to = tempfile::tempfile().unwrap();
    from.write_all(&[7; BLOCK as usize]).unwrap();
    let mut block = [0; BLOCK as usize];
    let metrics = monitored(Duration::from_millis(1), || {
        for copy in 0..COPIES {
            from.rewind().unwrap();
            from.read_exact(&mut block).unwrap();
            to.write_all(&block).unwrap();
            if copy % 10 == 0 {
                // So that samples are taken in between, which read files themselves.
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    });
    let io = &metrics.io_metrics;
    if let Some(reason) = metrics.reason("io_metrics.total_operations") {
        // Nothing to compare with on a machine that hides the file; the reason has to be the file's.
        assert!(reason.starts_with("/proc/self/io: "), "{reason}");
        assert_eq!(io.total_operations, 0);
        return;
    }
    assert!(metrics.samples > 2 && metrics.sampling_operations > 10, "{metrics:?}");
    assert_eq!((io.read_operations, io.write_operations), (Some(COPIES), Some(COPIES)));
    assert_eq!(io.total_operations, 2 * COPIES);
    assert_eq!(
        (io.character_read_bytes, io.character_written_bytes),
        (Some(COPIES * BLOCK), Some(COPIES * BLOCK))
    );
}

fn a_spike_between_two_samples_is_the_exact_peak() {
    let metrics = monitored(NEVER, || drop(black_box(vec![1_u8; 128 * MIB as usize])));
    let memory = &metrics.memory_metrics;
    assert_eq!(metrics.samples, 2);
    assert!(memory.peak_is_exact);
    let start = memory.start_rss_bytes.unwrap();
    assert!(memory.peak_rss_bytes.unwrap() >= start + 124 * MIB, "{memory:?}");
    assert!(memory.current_rss_bytes.unwrap() < start + 64 * MIB, "the spike is over: {memory:?}");
}

fn a_peak_from_before_is_not_reported() {
    let metrics = monitored(NEVER, || drop(black_box(vec![1_u8; 16 * MIB as usize])));
    let memory = &metrics.memory_metrics;
    assert!(!memory.peak_is_exact);
    assert!(memory.peak_rss_bytes.unwrap() < 100 * MIB, "the 128 MiB were another span's: {memory:?}");
}

fn a_thread_that_ended_meanwhile_stays_listed() {
    let metrics = monitored(Duration::from_millis(2), || {
        let (finish, wait) = mpsc::channel::<()>();
        let thread = Builder::new().name("short lived".to_owned()).spawn(move || wait.recv()).unwrap();
        while task("short lived").is_none() {
            std::thread::yield_now();
        }
        // More samples than are needed to list the thread and to look at the names of all three.
        let slept = sleeps();
        while sleeps() < slept + 10 {
            std::thread::yield_now();
        }
        drop(finish);
        assert!(thread.join().unwrap().is_err(), "nothing was sent");
        wait_until_gone("short lived");
    });
    let threads = &metrics.thread_metrics;
    let ended = threads.threads.iter().find(|thread| thread.name == "short lived").unwrap();
    assert!(ended.ended && ended.cpu_seconds < 1.0, "{ended:?}");
    assert_eq!(
        (threads.current_threads, threads.peak_threads, threads.seen_threads),
        (Some(2), Some(3), Some(3))
    );
}

/// How often the sampling thread has gone to sleep: once a sample, and now and then for other reasons.
fn sleeps() -> u64 {
    let status = task("memscope-res").and_then(|task| fs::read_to_string(format!("{task}/status")).ok());
    let line = |status: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse().unwrap()
    };
    status.map_or(0, |status| line(&status))
}

fn the_sampling_thread_takes_no_signals_and_is_not_counted() {
    wait_until_gone("memscope-res");
    let own_mask = || mask("/proc/thread-self/status");
    let before = own_mask();
    let mut collector = PlatformResourceCollector::with_interval(Duration::from_millis(5)).unwrap();
    collector.start_monitoring().unwrap();
    assert_eq!(own_mask(), before, "the caller's own mask is restored");
    let sampling = loop {
        if let Some(found) = task("memscope-res") {
            break found;
        }
        std::thread::yield_now();
    };
    let blocked = mask(&format!("{sampling}/status"));
    let is_blocked = |signal: i32| blocked & (1 << (signal - 1)) != 0;
    for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
        assert!(!is_blocked(fault), "{fault} of {blocked:x}");
    }
    for other in [
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGHUP,
        libc::SIGXFSZ,
        libc::SIGPROF,
        libc::SIGUSR1,
        libc::SIGCHLD,
    ] {
        assert!(is_blocked(other), "{other} of {blocked:x}");
    }
    let threads = collector.stop_monitoring().unwrap().thread_metrics;
    wait_until_gone("memscope-res");
    assert!(threads.threads.iter().all(|thread| thread.name != "memscope-res"), "{threads:?}");
    // libtest's main thread and the one that runs this.
    assert_eq!(
        (threads.current_threads, threads.peak_threads, threads.seen_threads),
        (Some(2), Some(2), Some(2))
    );
}

/// The folder in `/proc` of the thread called `name`.
fn task(name: &str) -> Option<String> {
    let mut tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let task =
        tasks.find(|task| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim_end() == name));
    task.map(|task| task.to_str().unwrap().to_owned())
}

/// The kernel takes a thread off its list a moment after the join.
fn wait_until_gone(name: &str) {
    while task(name).is_some() {
        std::thread::yield_now();
    }
}

/// The blocked signals that a status file shows.
fn mask(path: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap();
    let mask = text.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

/// The same load as `getrusage`, `ps` and the file system see it: CPU time within a tick and 5%, RSS within 2 MiB, page faults and
/// descriptors to a few.
fn the_figures_agree_with_other_sources() {
    let usage = || {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: getrusage fills in the local that it is given; zeroes are a valid rusage too.
        unsafe {
            libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
            usage.assume_init()
        }
    };
    let cpu = |usage: &libc::rusage| {
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        seconds(usage.ru_utime) + seconds(usage.ru_stime)
    };
    let mut held = Vec::new();
    let files: Vec<fs::File> = (0..40).map(|_| tempfile::tempfile().unwrap()).collect();
    let before = usage();
    let metrics = monitored(Duration::from_millis(20), || {
        held = vec![1_u8; 48 * MIB as usize];
        let begin = std::time::Instant::now();
        while begin.elapsed() < Duration::from_millis(200) {
            black_box(held.iter().map(|byte| u64::from(*byte)).sum::<u64>());
        }
    });
    let after = usage();
    let (told, seen) = (metrics.cpu_metrics.total_seconds.unwrap(), cpu(&after) - cpu(&before));
    assert!((told - seen).abs() <= 0.010 + 0.05 * seen, "CPU seconds: {told}, getrusage {seen}");
    let faults = (after.ru_minflt - before.ru_minflt) as u64;
    let told = metrics.memory_metrics.minor_faults.unwrap();
    assert!(told <= faults && told + faults / 10 + 50 >= faults, "page faults: {told}, getrusage {faults}");
    let told = metrics.memory_metrics.current_rss_bytes.unwrap();
    if let Ok(ps) = std::process::Command::new("ps")
        .args(["-o", "rss=", "-p"])
        .arg(std::process::id().to_string())
        .output()
        && ps.status.success()
    {
        let seen: u64 = String::from_utf8_lossy(&ps.stdout).trim().parse::<u64>().unwrap() * 1024;
        assert!(told.abs_diff(seen) <= 2 * MIB, "RSS: {told}, ps {seen}");
    }
    let open = metrics.io_metrics.peak_open_files.unwrap();
    let listed = fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    // The collector had its own files open, which are closed by now.
    assert!(open >= 40 && open.abs_diff(listed) <= 40, "descriptors: {open}, listed {listed}");
    #[cfg(target_env = "gnu")]
    {
        let allocator = metrics.memory_metrics.allocator.as_ref().unwrap();
        let told = allocator.allocated_bytes.unwrap();
        assert_eq!(allocator.name, "glibc");
        assert!((48 * MIB..56 * MIB).contains(&told), "held 48 MiB and little else: {told}");
    }
    drop((held, files));
}
