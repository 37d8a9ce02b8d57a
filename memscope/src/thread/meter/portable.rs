//! The fast path in Rust. [`super`] says what it does, [`crate::live::filter`] how an address is looked up.

use super::Meter;
use crate::control;
use crate::sync::{AtomicU8, AtomicU64, Ordering};

thread_local! {
    static METER: Meter = const { Meter::new() };
}

/// Any number but 0, which says that no session is active.
pub(crate) fn offset() -> usize {
    1
}

/// The calling thread's meter; valid as long as the thread lives.
#[inline]
pub(crate) fn own() -> &'static Meter {
    METER.with(|meter| {
        // SAFETY: the meter has no destructor, so it can be used until the thread is gone; it is not handed to another thread
        // but by `Account`, which takes it back when the thread ends.
        unsafe { &*core::ptr::from_ref(meter) }
    })
}

/// What [`control::SWITCH`] tells allocations: a number that is 0 while no session is active.
#[inline(always)]
pub(crate) fn switch_for_allocations() -> usize {
    control::SWITCH.meter_offset.load(Ordering::Relaxed)
}

/// What [`control::SWITCH`] tells frees: where the filter is, or null.
#[inline(always)]
pub(crate) fn switch_for_frees() -> *const AtomicU8 {
    // Acquire: pairs with `switch_on`; whoever finds the filter finds it zeroed.
    control::SWITCH.filter.load(Ordering::Acquire)
}

/// Charges an allocation of `size` bytes to the calling thread, unless `offset` is 0. Whether the slow path is due.
#[inline(always)]
pub(crate) fn charge_allocation(offset: usize, size: usize) -> bool {
    offset != 0 && allocation_in(own(), size)
}

/// Charges the free of `size` bytes at `address` to the calling thread, unless `filter` is null. Whether the slow path is due: a countdown
/// ran out, or the address may be a sample ([`crate::live::filter`]).
#[inline(always)]
pub(crate) fn charge_free(filter: *const AtomicU8, address: *mut u8, size: usize) -> bool {
    if filter.is_null() {
        return false;
    }
    let ran_out = free_in(own(), size);
    // SAFETY: the filter has a byte for each value of the index.
    ran_out || unsafe { (*filter.add(control::granule(address as usize))).load(Ordering::Relaxed) } != 0
}

#[inline(always)]
pub(super) fn allocation_in(meter: &Meter, size: usize) -> bool {
    let out_of_bytes = take(&meter.bytes_left, size as u64);
    take(&meter.allocations_left, 1);
    out_of_bytes || meter.allocations_left.load(Ordering::Relaxed) == 0
}

#[inline(always)]
pub(super) fn free_in(meter: &Meter, size: usize) -> bool {
    meter.frees.store(meter.frees.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    take(&meter.freed_bytes_left, size as u64)
}

/// Adds to a countdown of the calling thread, at once: nothing that a signal handler takes off is lost. Release.
pub(crate) fn raise(countdown: &AtomicU64, amount: u64) {
    countdown.fetch_add(amount, Ordering::Release);
}

/// Takes `amount` off; whether there was less.
#[inline(always)]
fn take(countdown: &AtomicU64, amount: u64) -> bool {
    let (left, ran_out) = countdown.load(Ordering::Relaxed).overflowing_sub(amount);
    countdown.store(left, Ordering::Relaxed);
    ran_out
}

#[cfg(test)]
mod tests {
    use super::super::{AT_REST, Reading};
    use super::*;

    #[test]
    fn at_rest_every_event_is_due() {
        let meter = Meter::new();
        assert_eq!(meter.read(), AT_REST);
        assert!(allocation_in(&meter, 1) && free_in(&meter, 1));
        meter.set(AT_REST);
        assert!(allocation_in(&meter, usize::MAX >> 1) && free_in(&meter, usize::MAX >> 1));
    }

    #[test]
    fn takes_off_what_happened_and_says_when_it_ran_out() {
        let meter = Meter::new();
        let set = Reading { bytes_left: 100, allocations_left: 10, frees: 0, freed_bytes_left: 50 };
        meter.set(set);
        assert!(!allocation_in(&meter, 60) && !allocation_in(&meter, 40), "all is taken, nothing is missing");
        assert!(allocation_in(&meter, 1), "one byte too many");
        assert_eq!(meter.read(), Reading { bytes_left: -1, allocations_left: 7, ..set });
        meter.set(Reading { bytes_left: 1000, allocations_left: 2, ..set });
        assert!(!allocation_in(&meter, 1) && allocation_in(&meter, 1), "the second is the last");
        assert!(!free_in(&meter, 50) && free_in(&meter, 1));
        assert_eq!((meter.read().frees, meter.read().freed_bytes_left), (2, -1));
        meter.refund_free(1);
        meter.refund_allocation(1);
        assert_eq!((meter.read().frees, meter.read().freed_bytes_left), (1, 0));
        assert_eq!((meter.read().bytes_left, meter.read().allocations_left), (999, 1));
    }
}
