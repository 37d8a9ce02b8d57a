//! A sample allocates nothing once the threads are known. This file brings an allocator of its own, so it
//! needs memscope's to stay out: `cargo test -p memscope --no-default-features`.
#![cfg(all(target_os = "linux", not(feature = "global-allocator")))]

use memscope::PlatformResourceCollector;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::scope;
use std::time::Duration;

/// Counts what other threads than the test's allocate.
struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_TEST: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    if !IS_TEST.get() {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call is handed to `System` as it is; counting touches an atomic and a thread-local without
// destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often the sampling thread has gone to sleep: once a sample.
fn sleeps() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let mut statuses = tasks.filter_map(|task| fs::read_to_string(task.join("status")).ok());
    let Some(status) = statuses.find(|status| status.starts_with("Name:\tmemscope-res\n")) else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    line.trim().parse().unwrap()
}

fn wait_for_sleeps(count: u64) {
    while sleeps() < count {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn sampling_allocates_nothing_after_the_first_samples() {
    const THREADS: usize = 20;
    IS_TEST.set(true);
    let barrier = Barrier::new(THREADS + 1);
    let (before, after, metrics) = scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                barrier.wait();
            });
        }
        barrier.wait();
        let mut collector = PlatformResourceCollector::with_interval(Duration::from_millis(2)).unwrap();
        collector.start_monitoring().unwrap();
        wait_for_sleeps(5);
        let before = COUNT.load(Ordering::Relaxed);
        let slept = sleeps();
        wait_for_sleeps(slept + 50);
        let after = COUNT.load(Ordering::Relaxed);
        let metrics = collector.stop_monitoring().unwrap();
        barrier.wait();
        (before, after, metrics)
    });
    assert!(before > 0, "the allocator counts: threads were started");
    assert_eq!(after - before, 0, "allocations in 50 samples of {THREADS} threads");
    assert!(metrics.samples >= 40, "{}", metrics.samples);
    assert!(metrics.thread_metrics.seen_threads.unwrap() > u64::try_from(THREADS).unwrap());
}
