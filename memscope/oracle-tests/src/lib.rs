//! An allocator that counts what passes through it, independently of memscope: the oracle of the tests beside it.
//!
//! It stands *outside* memscope's allocator and counts with shared atomics, the slow and obvious way. What memscope itself
//! allocates while it works is not the program's, and is left out by both.

use memscope_report::Profile;
use memscope_report::statistics::{Estimate, Total};
use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};

/// Counts around an allocator.
pub struct Oracle<A> {
    inner: A,
    allocations: AtomicU64,
    allocated_bytes: AtomicU64,
    frees: AtomicU64,
    freed_bytes: AtomicU64,
    live_bytes: AtomicI64,
    peak_bytes: AtomicI64,
    threads: AtomicU64,
}

thread_local!(static SEEN: Cell<bool> = const { Cell::new(false) });

/// What the oracle has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    pub allocations: u64,
    pub allocated_bytes: u64,
    pub frees: u64,
    pub freed_bytes: u64,
    pub peak_bytes: i64,
}

impl<A> Oracle<A> {
    pub const fn new(inner: A) -> Self {
        Self {
            inner,
            allocations: AtomicU64::new(0),
            allocated_bytes: AtomicU64::new(0),
            frees: AtomicU64::new(0),
            freed_bytes: AtomicU64::new(0),
            live_bytes: AtomicI64::new(0),
            peak_bytes: AtomicI64::new(0),
            threads: AtomicU64::new(0),
        }
    }

    /// Forgets everything.
    pub fn reset(&self) {
        for counter in [&self.allocations, &self.allocated_bytes, &self.frees, &self.freed_bytes] {
            counter.store(0, SeqCst);
        }
        self.live_bytes.store(0, SeqCst);
        self.peak_bytes.store(0, SeqCst);
    }

    pub fn truth(&self) -> Truth {
        Truth {
            allocations: self.allocations.load(SeqCst),
            allocated_bytes: self.allocated_bytes.load(SeqCst),
            frees: self.frees.load(SeqCst),
            freed_bytes: self.freed_bytes.load(SeqCst),
            peak_bytes: self.peak_bytes.load(SeqCst),
        }
    }

    /// Threads that have allocated since the program's start.
    pub fn threads(&self) -> u64 {
        self.threads.load(SeqCst)
    }

    fn counts(&self) -> bool {
        memscope::__private::is_recording()
    }

    fn allocated(&self, bytes: usize) {
        if !SEEN.replace(true) {
            self.threads.fetch_add(1, SeqCst);
        }
        self.allocations.fetch_add(1, SeqCst);
        self.allocated_bytes.fetch_add(bytes as u64, SeqCst);
        let live = self.live_bytes.fetch_add(bytes as i64, SeqCst) + bytes as i64;
        self.peak_bytes.fetch_max(live, SeqCst);
    }

    fn freed(&self, bytes: usize) {
        self.frees.fetch_add(1, SeqCst);
        self.freed_bytes.fetch_add(bytes as u64, SeqCst);
        self.live_bytes.fetch_sub(bytes as i64, SeqCst);
    }
}

// SAFETY: forwards everything unchanged.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Oracle<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let counts = self.counts();
        // SAFETY: the caller's contract.
        let address = unsafe { self.inner.alloc(layout) };
        if counts && !address.is_null() {
            self.allocated(layout.size());
        }
        address
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let counts = self.counts();
        // SAFETY: the caller's contract.
        let address = unsafe { self.inner.alloc_zeroed(layout) };
        if counts && !address.is_null() {
            self.allocated(layout.size());
        }
        address
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        if self.counts() {
            self.freed(layout.size());
        }
        // SAFETY: the caller's contract.
        unsafe { self.inner.dealloc(address, layout) }
    }

    unsafe fn realloc(&self, address: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let counts = self.counts();
        // SAFETY: the caller's contract.
        let new = unsafe { self.inner.realloc(address, layout, new_size) };
        if counts && !new.is_null() {
            self.freed(layout.size());
            self.allocated(new_size);
        }
        new
    }
}

/// The most that a peak may be off: 1% or 64 KiB per thread, whichever is larger (SPEC 3.3).
#[must_use]
pub fn peak_tolerance_bytes(peak_bytes: i64, threads: usize) -> f64 {
    (peak_bytes as f64 / 100.0).max(64.0 * 1024.0 * threads as f64)
}

/// Waits until of the process's threads only this one and memscope's are left: a thread that was joined through a scope may still be
/// freeing what was its own.
pub fn wait_until_alone() {
    let others = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("a list of threads");
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| !name.starts_with("memscope-")).count() - 1
    };
    while others() > 0 {
        std::thread::yield_now();
    }
}

/// The estimated bytes and allocations of the whole program: all sites' samples together.
#[must_use]
pub fn estimates(profile: &Profile) -> (Estimate, Estimate) {
    let (mut bytes, mut count) = (Total::default(), Total::default());
    for site in &profile.sites {
        count.merge(&site.samples.allocated());
        bytes.merge(&site.samples.allocated().scaled(site.size_bytes as f64));
    }
    (bytes.estimate(), count.estimate())
}

/// A generator for tests: splitmix64.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    #[allow(clippy::should_implement_trait, reason = "an endless source of numbers needs no iterator")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Log-uniform from 2^4 to 2^13 bytes.
    pub fn size(&mut self) -> usize {
        let exponent = 4.0 + 9.0 * (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        exponent.exp2() as usize
    }
}
