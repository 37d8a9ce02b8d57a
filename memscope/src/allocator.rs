//! The allocator that watches another one.

use crate::hook::{self, Charged};
use crate::thread::meter;
use crate::unwind::Registers;
use core::alloc::{GlobalAlloc, Layout};
use memscope_trace::AllocationKind;
use std::alloc::System;

/// Wraps an allocator and, while a session is active, counts and samples what passes through it.
///
/// All four methods forward to the inner allocator with the layouts unchanged. With no session the cost is one load and one
/// branch.
///
/// What the inner allocator refuses (null) is not counted, unless it is [trusted](Self::trusting) (`TRUSTS`).
///
/// ```
/// use std::alloc::System;
/// // In the program's own crate:
/// // #[global_allocator]
/// static ALLOC: memscope::SamplingAllocator<System> = memscope::SamplingAllocator::new(System);
/// # let _ = &ALLOC;
/// ```
#[derive(Debug, Default, Clone, Copy)]
pub struct SamplingAllocator<A = System, const TRUSTS: bool = false> {
    inner: A,
}

impl<A> SamplingAllocator<A> {
    /// Wraps `inner`, and looks at each of its answers.
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self { inner }
    }
}

impl<A> SamplingAllocator<A, true> {
    /// Wraps `inner`, which refuses allocations below 32 KiB only when the process is out of memory, as the system's allocator, mimalloc and
    /// jemalloc do. Such a refusal may be counted as an allocation. Not to look for it leaves the inner call the last thing
    /// that happens, a jump: that saves some seven instructions of twenty. This is what [`install!`](crate::install) and the default feature use.
    #[must_use]
    pub const fn trusting(inner: A) -> Self {
        Self { inner }
    }
}

impl<A, const TRUSTS: bool> SamplingAllocator<A, TRUSTS> {
    /// The inner allocator, for its own statistics.
    #[must_use]
    pub const fn inner(&self) -> &A {
        &self.inner
    }
}

/// Whether the layout is one that `malloc` does not serve: aligned to more than 16, or to more than its size. Inner allocators ask the same,
/// so it costs nothing to ask it first; what they do then (a `posix_memalign` with its answer on the stack) would cost every allocation a
/// stack frame if it were inlined.
#[inline(always)]
fn is_odd(layout: Layout) -> bool {
    layout.align() > 16 || layout.align() > layout.size()
}

/// What the fast path leaves to do. Stacks are walked from here: the registers are handed on by reference, so that this frame stays while they are used.
/// Parameters are in the order of the allocator's own calls, and the inner allocator comes last: so the fast path moves no register for them.
impl<A: GlobalAlloc, const TRUSTS: bool> SamplingAllocator<A, TRUSTS> {
    /// # Safety
    /// As [`GlobalAlloc::alloc`], with the parts of a layout.
    #[cold]
    #[inline(never)]
    unsafe fn alloc_due(size: usize, align: usize, inner: &A) -> *mut u8 {
        // SAFETY: the caller's contract.
        let address = unsafe { inner.alloc(Layout::from_size_align_unchecked(size, align)) };
        hook::allocated(address, size, AllocationKind::Alloc, &Registers::capture());
        address
    }

    /// # Safety
    /// As [`GlobalAlloc::alloc`], with the parts of a layout.
    #[cold]
    #[inline(never)]
    unsafe fn alloc_odd(size: usize, align: usize, inner: &A) -> *mut u8 {
        if meter::charge_allocation(meter::switch_for_allocations(), size) {
            // SAFETY: the caller's contract.
            return unsafe { Self::alloc_due(size, align, inner) };
        }
        // SAFETY: the caller's contract.
        let address = unsafe { inner.alloc(Layout::from_size_align_unchecked(size, align)) };
        if address.is_null() {
            hook::refused(size);
        }
        address
    }

    /// # Safety
    /// As [`GlobalAlloc::alloc_zeroed`], with the parts of a layout.
    #[cold]
    #[inline(never)]
    unsafe fn alloc_zeroed_odd(size: usize, align: usize, inner: &A) -> *mut u8 {
        if meter::charge_allocation(meter::switch_for_allocations(), size) {
            // SAFETY: the caller's contract.
            return unsafe { Self::alloc_zeroed_due(size, align, inner) };
        }
        // SAFETY: the caller's contract.
        let address = unsafe { inner.alloc_zeroed(Layout::from_size_align_unchecked(size, align)) };
        if address.is_null() {
            hook::refused(size);
        }
        address
    }

    /// # Safety
    /// As [`GlobalAlloc::alloc_zeroed`], with the parts of a layout.
    #[cold]
    #[inline(never)]
    unsafe fn alloc_zeroed_due(size: usize, align: usize, inner: &A) -> *mut u8 {
        // SAFETY: the caller's contract.
        let address = unsafe { inner.alloc_zeroed(Layout::from_size_align_unchecked(size, align)) };
        hook::allocated(address, size, AllocationKind::Zeroed, &Registers::capture());
        address
    }

    /// # Safety
    /// As [`GlobalAlloc::dealloc`], with the parts of a layout.
    #[cold]
    #[inline(never)]
    unsafe fn dealloc_due(address: *mut u8, size: usize, align: usize, inner: &A) {
        hook::freed(address, size);
        // SAFETY: the caller's contract.
        unsafe { inner.dealloc(address, Layout::from_size_align_unchecked(size, align)) }
    }

    /// # Safety
    /// As [`GlobalAlloc::realloc`].
    #[cold]
    #[inline(never)]
    unsafe fn realloc_due(
        address: *mut u8,
        layout: Layout,
        new_size: usize,
        charged: Charged,
        inner: &A,
    ) -> *mut u8 {
        // SAFETY: the caller's contract.
        let realloc = || unsafe { inner.realloc(address, layout, new_size) };
        hook::reallocate(charged, (address, layout.size()), new_size, &Registers::capture(), realloc)
    }
}

// SAFETY: every call is forwarded to the inner allocator with the same layout and pointer, and its answer is returned as it is;
// the hooks neither unwind nor touch the memory.
unsafe impl<A: GlobalAlloc, const TRUSTS: bool> GlobalAlloc for SamplingAllocator<A, TRUSTS> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_odd(layout) {
            // SAFETY: the caller's contract.
            return unsafe { Self::alloc_odd(layout.size(), layout.align(), &self.inner) };
        }
        if meter::charge_allocation(meter::switch_for_allocations(), layout.size()) {
            // SAFETY: the caller's contract.
            return unsafe { Self::alloc_due(layout.size(), layout.align(), &self.inner) };
        }
        // SAFETY: the caller's contract.
        let address = unsafe { self.inner.alloc(layout) };
        if !TRUSTS && address.is_null() {
            hook::refused(layout.size());
        }
        address
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_odd(layout) {
            // SAFETY: the caller's contract.
            return unsafe { Self::alloc_zeroed_odd(layout.size(), layout.align(), &self.inner) };
        }
        if meter::charge_allocation(meter::switch_for_allocations(), layout.size()) {
            // SAFETY: the caller's contract.
            return unsafe { Self::alloc_zeroed_due(layout.size(), layout.align(), &self.inner) };
        }
        // SAFETY: the caller's contract.
        let address = unsafe { self.inner.alloc_zeroed(layout) };
        if !TRUSTS && address.is_null() {
            hook::refused(layout.size());
        }
        address
    }

    #[inline]
    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        if meter::charge_free(meter::switch_for_frees(), address, layout.size()) {
            // SAFETY: the caller's contract.
            return unsafe { Self::dealloc_due(address, layout.size(), layout.align(), &self.inner) };
        }
        // SAFETY: the caller's contract.
        unsafe { self.inner.dealloc(address, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, address: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if meter::charge_free(meter::switch_for_frees(), address, layout.size()) {
            // SAFETY: the caller's contract.
            return unsafe { Self::realloc_due(address, layout, new_size, Charged::Free, &self.inner) };
        }
        if meter::charge_allocation(meter::switch_for_allocations(), new_size) {
            // SAFETY: the caller's contract.
            return unsafe {
                Self::realloc_due(address, layout, new_size, Charged::FreeAndAllocation, &self.inner)
            };
        }
        // SAFETY: the caller's contract.
        let new = unsafe { self.inner.realloc(address, layout, new_size) };
        if !TRUSTS && new.is_null() {
            hook::refused_realloc(layout.size(), new_size);
        }
        new
    }
}
