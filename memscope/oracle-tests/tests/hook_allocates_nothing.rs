//! The hook never allocates from the allocator that it watches: between a call and its answer there is no other of the same thread, and the
//! inner allocator is asked once.

use memscope::{SamplingAllocator, SamplingConfig, Session, UnwinderChoice};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    /// Calls of this thread that have not been answered.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

static CALLS: AtomicU64 = AtomicU64::new(0);
static NESTED: AtomicU64 = AtomicU64::new(0);
static INNER_CALLS: AtomicU64 = AtomicU64::new(0);

/// The program's allocator: memscope's, watched from outside.
struct Watched(SamplingAllocator<Inner>);

/// What memscope asks.
struct Inner;

#[global_allocator]
static PROGRAM: Watched = Watched(SamplingAllocator::new(Inner));

fn watch<R>(call: impl FnOnce() -> R) -> R {
    CALLS.fetch_add(1, Ordering::Relaxed);
    DEPTH.with(|depth| {
        if depth.get() > 0 {
            NESTED.fetch_add(1, Ordering::Relaxed);
        }
        depth.set(depth.get() + 1);
        let answer = call();
        depth.set(depth.get() - 1);
        answer
    })
}

// SAFETY: every call goes to memscope's allocator as it is.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract, here and below.
        watch(|| unsafe { self.0.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        watch(|| unsafe { self.0.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        // SAFETY: as above.
        watch(|| unsafe { self.0.dealloc(address, layout) });
    }

    unsafe fn realloc(&self, address: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        watch(|| unsafe { self.0.realloc(address, layout, new_size) })
    }
}

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Inner {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        INNER_CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's contract, here and below.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        INNER_CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        INNER_CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(address, layout) }
    }

    unsafe fn realloc(&self, address: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        INNER_CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(address, layout, new_size) }
    }
}

#[test]
fn in_every_mode_on_new_threads_and_old_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut samples = 0;
    for (rate, unwinder) in
        [(1.0, UnwinderChoice::Auto), (1.0, UnwinderChoice::Framehop), (0.05, UnwinderChoice::FramePointers)]
    {
        let config = SamplingConfig { sample_rate: rate, min_allocation_size: 0, buffer_size: 1 << 20 };
        let output = folder.path().join(format!("{rate}-{unwinder:?}"));
        let builder = Session::builder().output(output).config(config).unwinder(unwinder);
        let mut session = builder.start().expect("a session");
        // Threads register, make their ring, sample, and end.
        for _ in 0..20 {
            let four = [(); 4].map(|()| std::thread::spawn(every_shape));
            four.into_iter().for_each(|thread| thread.join().expect("no panic"));
        }
        samples += session.finalize().expect("a result").sampled_allocations;
    }
    let (calls, inner_calls) = (CALLS.load(Ordering::Relaxed), INNER_CALLS.load(Ordering::Relaxed));
    assert_eq!(NESTED.load(Ordering::Relaxed), 0, "of {calls} calls");
    // Other threads of the test harness may be between the two counts.
    assert!(calls.abs_diff(inner_calls) <= 8, "{calls} calls became {inner_calls}");
    assert!(samples > 10_000, "{samples}");
}

fn every_shape() {
    for size in 1..100_usize {
        let mut grown = vec![0_u8; size];
        grown.extend_from_slice(&[1; 100]);
        grown.shrink_to_fit();
        black_box((grown, Vec::<u64>::with_capacity(size * 1000), Box::new([size; 3])));
    }
}
