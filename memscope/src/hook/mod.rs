//! What happens to an allocation and to a free while a session is active, beyond the fast path.
//!
//! The fast path is the [`meter`]'s: it takes sizes off countdowns and looks at one byte of the filter. What is due is told to
//! [`allocated`], [`freed`] and [`reallocate`]: they publish live bytes, draw gaps, and take [samples](sample).
//!
//! Nothing here panics, blocks or allocates from the global allocator (exact mode waits for room in a full ring: see
//! [`sample`]). While the slow path runs, the thread is [`Busy`](crate::thread::Busy): what it might allocate passes by.

pub(crate) mod live;
pub(crate) mod own_heap;
mod realloc;
mod sample;
mod session_data;

pub(crate) use realloc::{Charged, reallocate, refused_realloc};
pub(crate) use sample::mark_dirty;
pub(crate) use session_data::{SessionData, set_session_data};

use crate::control;
use crate::live::filter;
use crate::sampler;
use crate::sync::{AtomicBool, Ordering};
use crate::sys;
use crate::thread::local::{self, Event};
use crate::thread::{InHook, ThreadRecord, meter};
use crate::unwind::Registers;
use memscope_trace::AllocationKind;
use sample::{Allocation, sample};
use session_data::session_data;

/// Tells of an allocation that was charged and found the slow path due; `address` is null where the inner allocator refused it. Its stack is that of
/// `caller`, whose frame is still there.
#[cold]
#[inline(never)]
pub(crate) fn allocated(address: *mut u8, size: usize, kind: AllocationKind, caller: &Registers) {
    // Mostly only a piece has run out.
    let topped_up = local::while_running(|record| {
        let goes_on = record.is_up_to_date() && !address.is_null() && record.account.top_up_allocations();
        if goes_on {
            live::publish(record.take_unpublished(record.account.live_bytes()));
        }
        goes_on
    });
    if topped_up {
        return;
    }
    let allocation = || Allocation { address, size, kind, old_size: 0, caller: *caller, interval: 0 };
    match local::event() {
        Event::Charged(record) if address.is_null() => record.account.refund_allocation(size),
        Event::Charged(record) => countdown_ran_out(record, allocation()),
        _ if address.is_null() => {}
        Event::Uncharged(record) => {
            record.account.charge_allocation(size);
            countdown_ran_out(record, allocation());
        }
        Event::Late => {
            local::LATE.allocated(size);
            live::publish(size as i64);
        }
        Event::Busy => {
            own_heap::changed(0, size);
            PROBED.store(true, Ordering::Relaxed);
        }
    }
}

/// Tells of an allocation that was charged on the fast path, and that the inner allocator refused.
#[cold]
#[inline(never)]
pub(crate) fn refused(size: usize) {
    if let Some(record) = local::record()
        && record.account.is_running()
    {
        record.account.refund_allocation(size);
    }
}

/// Set when an allocation of a busy thread has come by.
static PROBED: AtomicBool = AtomicBool::new(false);

/// Whether what `allocate` allocates comes by here. Called while no session is active and the thread is busy, so that its meter is at rest.
pub(crate) fn probe(allocate: impl FnOnce()) -> bool {
    if !PROBED.load(Ordering::Relaxed) {
        // No filter: frees pass by.
        control::switch_on(meter::offset(), core::ptr::null_mut());
        allocate();
        control::switch_off();
    }
    PROBED.load(Ordering::Relaxed)
}

/// Tells of a free that was charged and found the slow path due; the inner allocator is about to make it.
#[cold]
#[inline(never)]
pub(crate) fn freed(address: *mut u8, size: usize) {
    if !frees_go_on() {
        match local::event() {
            Event::Charged(record) => catch_up(record),
            Event::Uncharged(record) => {
                record.account.charge_free(size);
                catch_up(record);
            }
            Event::Late => {
                local::LATE.freed(size);
                live::publish(-(size as i64));
            }
            Event::Busy => {
                own_heap::changed(size, 0);
                return;
            }
        }
    }
    if filter::may_contain(address as usize) {
        free_sample(address);
    }
}

/// Goes on with the next piece, if freed bytes have run out. `false` where that is not all there is to do.
#[inline(always)]
fn frees_go_on() -> bool {
    local::while_running(|record| {
        if !record.account.free_is_due() {
            return true;
        }
        let is_up_to_date = record.is_up_to_date();
        if is_up_to_date {
            record.account.top_up_frees();
            live::publish(record.take_unpublished(record.account.live_bytes()));
        }
        is_up_to_date
    })
}

/// Brings the thread's sampling state up to date.
fn catch_up(record: &'static ThreadRecord) {
    let Some(_in_hook) = InHook::enter(Some(record)) else { return };
    begin_session_if_new(record);
    draw_gaps(record);
    publish(record);
}

fn free_sample(address: *mut u8) {
    let Some(in_hook) = InHook::enter(local::record()) else { return };
    let Some(session) = session_data(&in_hook) else { return };
    session.live.prefetch(address as usize);
    let time_ns = sys::monotonic_ns();
    if let Some(entry) = session.live.take(address as usize) {
        session.live.freed(entry, time_ns, in_hook.thread_id());
    }
}

/// Publishes the thread's live bytes, its account being stopped.
fn publish(record: &ThreadRecord) {
    live::publish(record.take_unpublished(record.account.own_figures().live_bytes()));
}

/// Brings the thread's sampling state into this session; the first gaps are drawn.
fn begin_session_if_new(record: &'static ThreadRecord) -> bool {
    let epoch = control::epoch();
    if record.epoch().generation() == epoch.generation() {
        return false;
    }
    record.begin_session(epoch);
    record.account.set_gap(-1, 0);
    draw_gaps(record);
    true
}

/// Draws the gaps that have run out, or both where another interval has come into force.
fn draw_gaps(record: &ThreadRecord) {
    let epoch = control::epoch();
    let has_changed = record.epoch() != epoch;
    record.set_epoch(epoch);
    let interval_bytes = epoch.interval_bytes();
    let (mut bytes, mut allocations) = record.account.gap();
    let mut random = record.random();
    if bytes < 0 || has_changed {
        bytes = sampler::draw_gap_bytes(&mut random, interval_bytes);
    }
    if allocations <= 0 || has_changed {
        allocations = sampler::draw_gap_allocations(&mut random, interval_bytes, control::credit_bytes());
    }
    record.set_random(random);
    record.account.set_gap(bytes, allocations);
}

fn countdown_ran_out(record: &'static ThreadRecord, mut allocation: Allocation) {
    let size = allocation.size as u64;
    let Some(in_hook) = InHook::enter(Some(record)) else { return };
    if begin_session_if_new(record) {
        // The first gaps count from this allocation on.
        let (bytes, allocations) = record.account.gap();
        record.account.set_gap(bytes.wrapping_sub_unsigned(size), allocations - 1);
    }
    publish(record);
    let (bytes, allocations) = record.account.gap();
    allocation.interval = record.epoch().interval_id();
    draw_gaps(record);
    if (bytes < 0 || allocations <= 0)
        && size >= control::min_size_bytes()
        && let Some(session) = session_data(&in_hook)
    {
        sample(session, record, allocation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::AtomicU8;

    /// A thread's events that were charged in one session and come to the slow path when the next is about to be switched on.
    #[test]
    fn a_thread_held_up_between_sessions_is_due_in_the_next() {
        let filter = vec![0_u8; 1 << (32 - control::GRANULE_BITS)];
        let filter = filter.as_ptr().cast::<AtomicU8>() as usize;
        local::prepare_exit_key();
        let thread = std::thread::spawn(move || {
            let filter = filter as *const AtomicU8;
            let address = 0x1000 as *mut u8;
            let record = local::record_or_register().expect("a record");
            record.begin_session_from_outside();
            allocated(address, 100_000, AllocationKind::Alloc, &Registers::capture());
            assert!(meter::charge_allocation(meter::offset(), 1), "the next allocation is due");
            record.begin_session_from_outside();
            freed(address, 100_000);
            let free_is_due = meter::charge_free(filter, address, 40_000);
            assert!(free_is_due, "so is the next free of more than a piece");
            record.begin_session_from_outside();
            reallocate(Charged::Free, (address, 100_000), 100_000, &Registers::capture(), || address);
            assert!(meter::charge_allocation(meter::offset(), 1));
        });
        thread.join().expect("no panic");
    }
}
