//! The allocator that watches another one.

use crate::control::is_active;
use crate::hook;
use core::alloc::{GlobalAlloc, Layout};
use memscope_trace::AllocationKind;
use std::alloc::System;

/// Wraps an allocator and, while a session is active, counts and samples what passes through it.
///
/// All four methods forward to the inner allocator with the layouts unchanged. With no session the cost is one load and one
/// branch.
///
/// ```
/// use std::alloc::System;
/// // In the program's own crate:
/// // #[global_allocator]
/// static ALLOC: memscope::SamplingAllocator<System> = memscope::SamplingAllocator::new(System);
/// # let _ = &ALLOC;
/// ```
#[derive(Debug, Default, Clone, Copy)]
pub struct SamplingAllocator<A = System> {
    inner: A,
}

impl<A> SamplingAllocator<A> {
    /// Wraps `inner`.
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self { inner }
    }

    /// The inner allocator, for its own statistics.
    #[must_use]
    pub const fn inner(&self) -> &A {
        &self.inner
    }
}

// SAFETY: every call is forwarded to the inner allocator with the same layout and pointer, and its answer is returned as it is;
// the hooks neither unwind nor touch the memory.
unsafe impl<A: GlobalAlloc> GlobalAlloc for SamplingAllocator<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        let address = unsafe { self.inner.alloc(layout) };
        if is_active() && !address.is_null() {
            hook::allocated(address, layout.size(), AllocationKind::Alloc, 0);
        }
        address
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        let address = unsafe { self.inner.alloc_zeroed(layout) };
        if is_active() && !address.is_null() {
            hook::allocated(address, layout.size(), AllocationKind::Zeroed, 0);
        }
        address
    }

    #[inline]
    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        if is_active() {
            hook::freeing(address, layout.size());
        }
        // SAFETY: the caller's contract.
        unsafe { self.inner.dealloc(address, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, address: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if !is_active() {
            // SAFETY: the caller's contract.
            return unsafe { self.inner.realloc(address, layout, new_size) };
        }
        let detached = hook::detach(address, layout.size());
        // SAFETY: the caller's contract.
        let new = unsafe { self.inner.realloc(address, layout, new_size) };
        if new.is_null() {
            hook::reattach(address, &detached);
        } else {
            hook::reallocated(&detached, (address, layout.size()), (new, new_size));
        }
        new
    }
}
