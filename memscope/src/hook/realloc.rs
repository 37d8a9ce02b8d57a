//! `realloc` where the fast path does not do: one free and one allocation, with the inner call between them.

use super::sample::Allocation;
use super::session_data::session_data;
use super::{catch_up, countdown_ran_out, frees_go_on, live, own_heap};
use crate::control;
use crate::live::filter;
use crate::sys;
use crate::thread::InHook;
use crate::thread::local::{self, Event};
use crate::unwind::Registers;
use memscope_trace::AllocationKind;

/// What the fast path of a `realloc` has charged when it finds the slow path due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charged {
    Free,
    FreeAndAllocation,
}

/// Makes a `realloc` that found the slow path due: `inner` is the inner allocator's. The old allocation, if it is a sample, is taken out of the
/// live table before the inner call, so that the old address may be given out again.
#[cold]
#[inline(never)]
pub(crate) fn reallocate(
    charged: Charged,
    (address, old_size): (*mut u8, usize),
    new_size: usize,
    caller: &Registers,
    inner: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    take_back(charged, old_size, new_size);
    let detached = detach(address);
    let new = inner();
    if new.is_null() {
        reattach(address, &detached);
        return new;
    }
    end_detached(&detached);
    let kind = if new == address { AllocationKind::ReallocInPlace } else { AllocationKind::ReallocMoved };
    match local::event() {
        Event::Charged(record) | Event::Uncharged(record) => {
            record.account.charge_free(old_size);
            if !frees_go_on() {
                catch_up(record);
            }
            record.account.charge_allocation(new_size);
            if record.account.allocation_is_due() {
                let size = new_size;
                let allocation =
                    Allocation { address: new, size, kind, old_size, caller: *caller, interval: 0 };
                countdown_ran_out(record, allocation);
            }
        }
        Event::Late => {
            local::LATE.freed(old_size);
            local::LATE.allocated(new_size);
            live::publish(new_size as i64 - old_size as i64);
        }
        Event::Busy => own_heap::changed(old_size, new_size),
    }
    new
}

/// A `realloc` that the inner allocator refused, after the fast path had charged it.
#[cold]
#[inline(never)]
pub(crate) fn refused_realloc(old_size: usize, new_size: usize) {
    take_back(Charged::FreeAndAllocation, old_size, new_size);
}

fn take_back(charged: Charged, old_size: usize, new_size: usize) {
    let Some(record) = local::record() else { return };
    if record.account.is_running() {
        record.account.refund_free(old_size);
        if charged == Charged::FreeAndAllocation {
            record.account.refund_allocation(new_size);
        }
    }
}

/// A sample that a `realloc` has taken out of the live table.
struct Detached {
    entry: Option<u32>,
    time_ns: u64,
    /// The session whose entry it is: another may have begun by the time the inner call returns.
    generation: u32,
}

/// Takes the allocation at `address` out of the live table, if it is a sample.
fn detach(address: *mut u8) -> Detached {
    const NOT_SAMPLED: Detached = Detached { entry: None, time_ns: 0, generation: 0 };
    if !filter::may_contain(address as usize) {
        return NOT_SAMPLED;
    }
    let Some(in_hook) = InHook::enter(local::record_or_register()) else { return NOT_SAMPLED };
    let Some(session) = session_data(&in_hook) else { return NOT_SAMPLED };
    let entry = session.live.take(address as usize);
    Detached { entry, time_ns: sys::monotonic_ns(), generation: control::generation() }
}

/// The inner `realloc` returned null: the old allocation lives on.
fn reattach(address: *mut u8, detached: &Detached) {
    if let Some(entry) = detached.entry
        && let Some(in_hook) = InHook::enter(local::record())
        && let Some(session) = session_data(&in_hook)
        && detached.generation == control::generation()
        && !session.live.put_back(address as usize, entry)
    {
        session.live.freed(entry, detached.time_ns, in_hook.thread_id());
    }
}

fn end_detached(detached: &Detached) {
    if let Some(entry) = detached.entry
        && let Some(in_hook) = InHook::enter(local::record())
        && let Some(session) = session_data(&in_hook)
        && detached.generation == control::generation()
    {
        session.live.freed(entry, detached.time_ns, in_hook.thread_id());
    }
}
