//! One session for a long time under full load, held against an oracle: `soak SECONDS` (30 minutes unless told otherwise).
//!
//! An allocator outside memscope's counts what the program's threads ask for. Every ten seconds it tells resident memory and descriptors; at the
//! end resident memory must be flat, descriptors as they were, nothing lost, and the session's exact figures those of the oracle,
//! to the allocation and the byte.

use memscope::{SamplingAllocator, SamplingConfig, Session};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const WORKERS: usize = 8;
/// What memory may grow by, KiB a minute, and in all.
const MOST_KIB_PER_MINUTE: f64 = 256.0;
const MOST_KIB: f64 = 8192.0;

/// The oracle: counts what threads that are marked ask for, and hands it on to memscope.
struct Oracle(SamplingAllocator<System>);

#[global_allocator]
static ORACLE: Oracle = Oracle(SamplingAllocator::new(System));

/// Allocations, bytes, frees, bytes freed.
static COUNTED: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

thread_local! {
    static IS_COUNTED: Cell<bool> = const { Cell::new(false) };
}

fn count(at: usize, bytes: usize) {
    if IS_COUNTED.try_with(Cell::get).unwrap_or(false) {
        COUNTED[at].fetch_add(1, Ordering::Relaxed);
        COUNTED[at + 1].fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to memscope's allocator as it is.
unsafe impl GlobalAlloc for Oracle {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: the caller's contract.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: the caller's contract.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        count(2, layout.size());
        // SAFETY: the caller's contract.
        unsafe { self.0.dealloc(address, layout) }
    }

    unsafe fn realloc(&self, address: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(0, new_size);
        count(2, layout.size());
        // SAFETY: the caller's contract.
        unsafe { self.0.realloc(address, layout, new_size) }
    }
}

/// A map, strings, growing vectors: a bounded number of objects, replaced again and again.
fn work(number: u64, done: &AtomicBool) {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(number + 1);
    let mut map: HashMap<u64, Vec<u8>> = HashMap::with_capacity(4096);
    while !done.load(Ordering::Relaxed) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let size = 1 + (random >> 40) as usize % 3000;
        let mut value = vec![0_u8; size];
        if random.is_multiple_of(5) {
            value.resize(2 * size, 1);
        }
        map.insert(random % 2048, value);
        if random.is_multiple_of(64) {
            black_box(vec![1_u8; 20 * size]);
        }
        black_box(format!("{random:x}"));
    }
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1800);
    let folder = std::env::temp_dir().join(format!("memscope-soak-{}", std::process::id()));
    let (ready, done) = (Barrier::new(WORKERS + 1), AtomicBool::new(false));
    let (result, counted, series) = std::thread::scope(|scope| {
        for number in 0..WORKERS as u64 {
            let (ready, done) = (&ready, &done);
            scope.spawn(move || {
                IS_COUNTED.set(true);
                ready.wait();
                ready.wait();
                work(number, done);
                ready.wait();
                IS_COUNTED.set(false);
                ready.wait();
            });
        }
        ready.wait();
        COUNTED.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        let config = SamplingConfig::default();
        let mut session = Session::builder().output(&folder).config(config).start().expect("a session");
        IS_COUNTED.set(true);
        ready.wait();
        let series = watch(seconds);
        done.store(true, Ordering::Relaxed);
        ready.wait();
        IS_COUNTED.set(false);
        let result = session.finalize().expect("a result");
        let counted = COUNTED.each_ref().map(|count| count.load(Ordering::Relaxed));
        ready.wait();
        (result, counted, series)
    });
    let trace_bytes = std::fs::metadata(folder.join("trace.bin")).expect("a trace").len();
    std::fs::remove_dir_all(&folder).expect("it was there");
    tell(&series);
    println!(
        "{} allocations, {} bytes; the oracle has {} and {}; {} samples, {} lost; trace {trace_bytes} bytes",
        result.total_allocations,
        result.total_bytes,
        counted[0],
        counted[1],
        result.sampled_allocations,
        result.lost_samples,
    );
    assert_eq!((result.total_allocations, result.total_bytes), (counted[0], counted[1]), "drift");
    assert_eq!(result.lost_samples, 0, "losses");
}

/// Minutes, KiB resident, descriptors.
type Point = (f64, u64, usize);

/// Looks every ten seconds, or thirty times in a short run.
fn watch(seconds: u64) -> Vec<Point> {
    let start = Instant::now();
    let pause = Duration::from_secs_f64((seconds as f64 / 30.0).clamp(0.05, 10.0));
    let mut series = Vec::with_capacity(seconds as usize);
    while start.elapsed().as_secs() < seconds {
        std::thread::sleep(pause);
        let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
        let pages: u64 = statm.split(' ').nth(1).expect("a second figure").parse().expect("a number");
        let descriptors = std::fs::read_dir("/proc/self/fd").expect("a folder").count();
        series.push((start.elapsed().as_secs_f64() / 60.0, pages * 4, descriptors));
    }
    series
}

/// Says how memory went after the first fifth, and requires that it stays.
fn tell(series: &[Point]) {
    let settled = &series[series.len() / 5..];
    let count = settled.len() as f64;
    let mean = |of: fn(&Point) -> f64| settled.iter().map(of).sum::<f64>() / count;
    let (mean_minutes, mean_kib) = (mean(|point| point.0), mean(|point| point.1 as f64));
    let (mut both, mut square) = (0.0, 0.0);
    for (minutes, kib, _) in settled {
        both += (minutes - mean_minutes) * (*kib as f64 - mean_kib);
        square += (minutes - mean_minutes).powi(2);
    }
    let slope = both / square;
    let (first, last) = (settled[0], settled[settled.len() - 1]);
    println!(
        "{:.1} minutes; RSS {} KiB after a fifth, {} at the end, slope {slope:.1} KiB/min; descriptors {} and {}",
        last.0, first.1, last.1, first.2, last.2
    );
    let grown_kib = last.1 as f64 - first.1 as f64;
    // In a short run a slope is noise.
    assert!(slope < MOST_KIB_PER_MINUTE || last.0 < 2.0, "memory grows by {slope:.0} KiB a minute");
    assert!(grown_kib < MOST_KIB, "memory grew by {grown_kib:.0} KiB");
    assert_eq!(first.2, last.2, "descriptors");
}
