//! Everything that memscope does, at once, for as long as it is asked: `memscope-stress SECONDS`.
//!
//! Eight threads allocate, grow and free, hand memory to each other, and start short-lived threads; sessions of every mode come and go
//! beneath them. Sanitizers watch it (`.ci/trust`), and in a long run it watches itself: resident memory and
//! descriptors must stay as they were.

use memscope::{FutureExt, SamplingConfig, Session, UnwinderChoice};
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

memscope::install!();

/// Memory on its way from thread to thread, under a lock of our own: a sanitizer does not see into that of a std that was built without it.
#[derive(Default)]
struct Handed {
    is_taken: AtomicBool,
    blocks: UnsafeCell<VecDeque<Vec<u8>>>,
}

// SAFETY: the blocks are only touched by the thread that has set `is_taken`.
unsafe impl Sync for Handed {}

impl Handed {
    /// Gives a block to whoever comes later; where there are many, one comes back.
    fn exchange(&self, given: Vec<u8>) -> Option<Vec<u8>> {
        while self.is_taken.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        // SAFETY: this thread has set `is_taken`.
        let blocks = unsafe { &mut *self.blocks.get() };
        blocks.push_back(given);
        let taken = if blocks.len() > 500 { blocks.pop_front() } else { None };
        self.is_taken.store(false, Ordering::Release);
        taken
    }
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10);
    let end = Instant::now() + Duration::from_secs(seconds);
    let folder = std::env::temp_dir().join(format!("memscope-stress-{}", std::process::id()));
    let done = Arc::new(AtomicBool::new(false));
    let operations = Arc::new(AtomicU64::new(0));
    let handed = Arc::new(Handed::default());
    let workers: Vec<_> = (0..8)
        .map(|number| {
            let (done, operations, handed) = (done.clone(), operations.clone(), handed.clone());
            std::thread::spawn(move || work(number, &done, &operations, &handed))
        })
        .collect();
    let (mut sessions, mut samples, mut lost, mut early) = (0_u64, 0, 0, None);
    while Instant::now() < end {
        let output = folder.join("out");
        let mut session = session(sessions, &output);
        std::thread::sleep(Duration::from_millis(if seconds > 60 { 2000 } else { 300 }));
        let result = session.finalize().expect("a result");
        samples += result.sampled_allocations;
        lost += result.lost_samples;
        assert!(result.total_allocations > 0 && result.thread_count >= 8, "{result}");
        std::fs::remove_dir_all(&output).expect("it was there");
        sessions += 1;
        if sessions == 10 {
            early = Some(figures());
        }
    }
    done.store(true, Ordering::Relaxed);
    workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
    let _ = std::fs::remove_dir_all(&folder);
    let operations = operations.load(Ordering::Relaxed);
    println!("{operations} operations, {sessions} sessions, {samples} samples, {lost} lost");
    let (Some(early), late) = (early, figures()) else { return };
    println!("KiB resident and descriptors: {early:?} after ten sessions, {late:?} at the end");
    // The program itself holds a few MiB more or less; sanitizers keep books of their own that grow.
    let is_watched = std::env::var_os("TSAN_OPTIONS").or(std::env::var_os("ASAN_OPTIONS")).is_some();
    assert!(is_watched || late.0 < early.0 + 16 * 1024, "memory grows");
    assert!(late.1 <= early.1, "descriptors grow");
}

/// Every mode in turn.
fn session(number: u64, output: &std::path::Path) -> Session {
    let config = SamplingConfig {
        sample_rate: [0.001, 0.05, 1.0, 0.01][number as usize % 4],
        min_allocation_size: [0, 0, 64, 1000][number as usize % 4],
        buffer_size: [64 << 10, 1 << 20, 8192, 4 << 20][number as usize % 4],
    };
    let unwinder =
        [UnwinderChoice::Auto, UnwinderChoice::Framehop, UnwinderChoice::None][number as usize % 3];
    let builder = Session::builder().output(output).config(config).unwinder(unwinder).seed(number);
    let builder = if number % 4 == 1 { builder.overhead_budget(0.01) } else { builder };
    builder.start().expect("a session")
}

fn work(number: u64, done: &AtomicBool, operations: &AtomicU64, handed: &Handed) {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(number + 1);
    let mut held: Vec<Vec<u8>> = Vec::new();
    // A task that outlives sessions.
    let endless = std::future::poll_fn(|_| {
        churn(3);
        Poll::<()>::Pending
    });
    let mut endless = pin!(endless.in_task("endless"));
    let mut context = Context::from_waker(Waker::noop());
    while !done.load(Ordering::Relaxed) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let size = 1 + (random >> 32) as usize % 4000;
        match random % 16 {
            0..6 => held.push(vec![random as u8; size]),
            6 | 7 => held.push(vec![0; size * 20]),
            8 if !held.is_empty() => {
                let at = size % held.len();
                let longer = held[at].len() + size;
                held[at].resize(longer, 1);
            }
            9 if !held.is_empty() => {
                let given = held.swap_remove(size % held.len());
                drop(handed.exchange(given));
            }
            10 if random >> 8 & 0xFF == 0 => {
                let short = move || churn(size);
                std::thread::spawn(short).join().expect("no panic");
            }
            11 => in_scope(size % 64, number),
            12 => assert!(endless.as_mut().poll(&mut context).is_pending()),
            _ => {
                let at = size % held.len().max(1);
                if at < held.len() {
                    drop(held.swap_remove(at));
                }
            }
        }
        held.truncate(300);
        operations.fetch_add(1, Ordering::Relaxed);
    }
}

/// Scopes inside scopes, and a task that ends or is dropped half-way.
fn in_scope(count: usize, number: u64) {
    let _worker = memscope::scope!("worker", number = number);
    let _churn = memscope::scope!("churn");
    let mut is_first = true;
    let work = std::future::poll_fn(|_| {
        churn(count);
        if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
    });
    let mut work = pin!(work.in_task("work"));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1 + count % 2 {
        black_box(work.as_mut().poll(&mut context).is_ready());
    }
}

#[inline(never)]
fn churn(count: usize) {
    for at in 0..count {
        black_box(vec![at as u8; at + 1]);
    }
}

/// Resident memory in KiB, and descriptors.
fn figures() -> (u64, usize) {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: u64 = statm.split(' ').nth(1).expect("a second figure").parse().expect("a number");
    (pages * 4, std::fs::read_dir("/proc/self/fd").expect("a folder").count())
}
