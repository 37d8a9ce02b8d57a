//! Time at a scope's edges, in ticks.
//!
//! A system's clock takes 20 ns and more, twice for each poll of a future. The processor's own counter takes a third of that, where it
//! runs at one speed in all states of all processors (x86-64 says so in CPUID; Intel SDM vol. 3, 19.17.1). Else, and on other processors, a tick
//! is a nanosecond of the system's clock. The drain thread knows how long a tick is: it looks at both clocks when the session begins and later.

use crate::sync::{AtomicBool, Ordering};
use crate::sys;

static HAS_COUNTER: AtomicBool = AtomicBool::new(false);

/// Finds out what there is. Before the hooks are on.
pub(crate) fn prepare() {
    HAS_COUNTER.store(has_counter(), Ordering::Relaxed);
}

/// Whether [`counter`] may be asked for the time.
pub(super) fn is_counter() -> bool {
    HAS_COUNTER.load(Ordering::Relaxed)
}

/// Ticks now.
pub(crate) fn ticks() -> u64 {
    if HAS_COUNTER.load(Ordering::Relaxed) { counter() } else { sys::monotonic_ns() }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(crate) fn counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; Linux lets programs use it unless told otherwise (`PR_SET_TSC`), and then
    // the system's own clock calls fault just as well.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn has_counter() -> bool {
    use core::arch::x86_64::__cpuid;
    const INVARIANT: u32 = 1 << 8;
    __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx & INVARIANT != 0
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(crate) fn counter() -> u64 {
    sys::monotonic_ns()
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn has_counter() -> bool {
    true
}
