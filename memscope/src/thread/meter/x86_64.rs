//! The fast path on x86-64 Linux: 5 instructions for an allocation, 10 for a free, 2 each while no session is active.
//!
//! Thread-local memory is reached as in the initial-exec model of the ELF ABI (Drepper, "ELF Handling For Thread-Local Storage",
//! 2013): an offset from the linker, added to `fs`. That is no call in any build, with or without link-time optimisation; a shared
//! object that holds the allocator takes 64 bytes of the loader's static thread-local space.
//!
//! Each write is one instruction: a signal handler that allocates in between finds nothing half-done.

use super::Meter;
use crate::control;
use crate::sync::{AtomicU8, AtomicU64};
use core::arch::{asm, global_asm};

// One `Meter` at rest (`super::AT_REST`) for each thread.
global_asm!(
    ".pushsection .tdata.memscope_meter,\"awT\",@progbits",
    ".globl memscope_meter",
    ".type memscope_meter, @object",
    ".size memscope_meter, 64",
    ".p2align 6",
    "memscope_meter:",
    ".quad 0, 1, 0, 0, 0, 0, 0, 0",
    ".popsection",
);

/// Where the meter stands in each thread's memory: what [`control`] tells the fast path while a session is active.
pub(crate) fn offset() -> usize {
    let offset: usize;
    // SAFETY: reads the offset that the linker or the loader has written.
    unsafe {
        asm!(
            "mov {offset}, qword ptr [rip + memscope_meter@GOTTPOFF]",
            offset = out(reg) offset,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    offset
}

/// The calling thread's meter; valid as long as the thread lives.
#[inline]
pub(crate) fn own() -> &'static Meter {
    let address: *const Meter;
    // SAFETY: the thread's base address plus the offset is the thread's own meter, aligned and initialised by the loader.
    unsafe {
        asm!(
            "mov {address}, qword ptr fs:0",
            "add {address}, qword ptr [rip + memscope_meter@GOTTPOFF]",
            address = out(reg) address,
            options(pure, readonly, nostack),
        );
        &*address
    }
}

/// What [`control::SWITCH`] tells allocations: the meters' offset, or 0.
///
/// Reached from the instruction pointer, not through the global offset table as the compiler would from another crate: the allocator is
/// linked into the same object as the library.
#[inline(always)]
pub(crate) fn switch_for_allocations() -> usize {
    let offset: usize;
    // SAFETY: an aligned load of an atomic, which other threads write whole.
    unsafe {
        asm!(
            "mov {offset}, qword ptr [rip + {switch}]",
            offset = lateout(reg) offset,
            switch = sym control::SWITCH,
            options(readonly, nostack, preserves_flags),
        );
    }
    offset
}

/// What [`control::SWITCH`] tells frees: where the filter is, or null.
#[inline(always)]
pub(crate) fn switch_for_frees() -> *const AtomicU8 {
    let filter: *const AtomicU8;
    // SAFETY: as in `switch_for_allocations`.
    unsafe {
        asm!(
            "mov {filter}, qword ptr [rip + {switch} + 8]",
            filter = lateout(reg) filter,
            switch = sym control::SWITCH,
            options(readonly, nostack, preserves_flags),
        );
    }
    filter
}

/// Charges an allocation of `size` bytes to the calling thread, unless `offset` is 0. Whether the slow path is due.
#[inline(always)]
pub(crate) fn charge_allocation(offset: usize, size: usize) -> bool {
    // SAFETY: writes to the thread's own meter only; other threads read it with atomic loads, and aligned words are written whole.
    unsafe {
        asm!(
            "jrcxz 2f",
            "sub qword ptr fs:[rcx], {size}",
            // `dec` leaves the carry of `sub`: `be` is "ran out of bytes, or this was the last allocation".
            "dec qword ptr fs:[rcx + 8]",
            "jbe {due}",
            "2:",
            in("rcx") offset,
            size = in(reg) size,
            due = label { return true },
            options(nostack),
        );
    }
    false
}

/// Charges the free of `size` bytes at `address` to the calling thread, unless `filter` is null. Whether the slow path is due: a countdown
/// ran out, or the address may be a sample ([`crate::live::filter`]).
#[inline(always)]
pub(crate) fn charge_free(filter: *const AtomicU8, address: *mut u8, size: usize) -> bool {
    // SAFETY: as in `charge_allocation`; the filter has a byte for each value of the index.
    unsafe {
        asm!(
            "jrcxz 2f",
            "mov rax, qword ptr [rip + memscope_meter@GOTTPOFF]",
            "inc qword ptr fs:[rax + 16]",
            "sub qword ptr fs:[rax + 24], {size}",
            "jb {due}",
            "mov eax, {address:e}",
            "shr eax, {granule_bits}",
            "cmp byte ptr [rcx + rax], 0",
            "jne {due}",
            "2:",
            in("rcx") filter,
            size = in(reg) size,
            address = in(reg) address,
            granule_bits = const control::GRANULE_BITS,
            out("rax") _,
            due = label { return true },
            options(nostack),
        );
    }
    false
}

/// Adds to a countdown of the calling thread, in one instruction: nothing that a signal handler takes off is lost. Release, as every store here is.
#[inline(always)]
pub(crate) fn raise(countdown: &AtomicU64, amount: u64) {
    // SAFETY: only the calling thread writes the countdown; others read it with atomic loads, and aligned words are written whole.
    unsafe {
        asm!(
            "add qword ptr [{countdown}], {amount}",
            countdown = in(reg) countdown.as_ptr(),
            amount = in(reg) amount,
            options(nostack),
        );
    }
}
