//! One sample: time, stack, live table, ring.

use super::SessionData;
use crate::bell::BELL;
use crate::control;
use crate::live::filter;
use crate::ring::{Ring, Sample};
use crate::scope;
use crate::sync::Ordering;
use crate::sys;
use crate::task::slot;
use crate::thread::ThreadRecord;
use crate::unwind::{Frames, Registers};
use memscope_trace::AllocationKind;

/// An allocation that was drawn.
pub(super) struct Allocation {
    pub(super) address: *mut u8,
    pub(super) size: usize,
    pub(super) kind: AllocationKind,
    pub(super) old_size: usize,
    /// Where the stack walk starts.
    pub(super) caller: Registers,
    /// Id of the interval that it was drawn from.
    pub(super) interval: u32,
}

/// How long exact mode waits for room.
const PATIENCE_NS: u64 = 1_000_000_000;

/// Exact mode promises every allocation, so there, and only there, a thread waits until the drain thread has made room: not for ever,
/// for the drain thread may be waiting for a lock that this thread holds (the loader's). Once that was in vain, nobody waits again.
#[cold]
fn push_patiently(session: &SessionData, record: &ThreadRecord, ring: &Ring, sample: &Sample<'_>) -> bool {
    if control::epoch().interval_bytes() > 0.0 || session.waited_in_vain.load(Ordering::Relaxed) {
        return false;
    }
    mark_dirty(session, record);
    while sys::monotonic_ns().saturating_sub(sample.time_ns) < PATIENCE_NS {
        sys::pause();
        if ring.push(sample) {
            return true;
        }
    }
    session.waited_in_vain.store(true, Ordering::Relaxed);
    false
}

/// What takes longer than this was interrupted: the rest is other threads' time, not the sample's.
const LONGEST_SAMPLE_NS: u64 = 20_000;

/// One sample in so many is timed and stands for the others: reading the clock a second time takes as long as the live table.
const TIMED: u64 = 8;

/// Records a sample.
#[inline(never)]
pub(super) fn sample(session: &SessionData, record: &'static ThreadRecord, allocation: Allocation) {
    let Allocation { address, size, kind, old_size, ref caller, interval } = allocation;
    // It comes while the stack is walked.
    session.live.prefetch(address as usize);
    let time_ns = sys::monotonic_ns();
    let Some(ring) = ring_of(record) else { return lose_in_buffer(record, size) };
    ring.prefetch();
    let mut frames = Frames::new();
    let walk = session.unwinder.walk(record, caller, &mut frames);
    if walk.missed {
        session.missed_stacks.fetch_add(1, Ordering::Relaxed);
    }
    forget_stale(session, address, time_ns);
    let Some(entry) = session.live.insert(address as usize) else {
        session.lost_table.fetch_add(1, Ordering::Relaxed);
        session.lost_table_bytes.fetch_add(size as u64, Ordering::Relaxed);
        return;
    };
    let sample = Sample {
        time_ns,
        size: size as u64,
        old_size: old_size as u64,
        kind,
        interval,
        entry,
        scope: scope::current_id(),
        task: task_of(record),
        truncated: walk.truncated,
        frames: frames.as_slice(),
    };
    if ring.push(&sample) || push_patiently(session, record, ring, &sample) {
        mark_dirty(session, record);
        if ring.is_half_full() {
            BELL.hurry();
        }
    } else {
        // The caller has not got the address yet: nobody else can have taken it out.
        if session.live.take(address as usize).is_some() {
            session.live.entries.release(entry);
        }
        lose_in_buffer(record, size);
    }
    if record.next_sample().is_multiple_of(TIMED) {
        let took_ns = sys::monotonic_ns().saturating_sub(time_ns);
        record.add_sampling_ns(TIMED * took_ns.min(LONGEST_SAMPLE_NS));
    }
}

/// The task that the thread polls, of whose end the trace is to be told: 0 outside any.
fn task_of(record: &ThreadRecord) -> u32 {
    let number = record.state.task.load(Ordering::Relaxed);
    slot::slot(number).map_or(0, |slot| {
        slot.keep();
        slot::id_of(number)
    })
}

/// Ends what the live table still has at an address that has just been given out: its free came by while the thread was busy
/// (a signal handler's, say), and was passed over.
fn forget_stale(session: &SessionData, address: *mut u8, time_ns: u64) {
    if filter::may_contain(address as usize)
        && let Some(stale) = session.live.take(address as usize)
    {
        session.live.freed(stale, time_ns, 0);
    }
}

fn lose_in_buffer(record: &ThreadRecord, size: usize) {
    record.identity.lost_buffer.add(1);
    record.identity.lost_buffer_bytes.add(size as u64);
}

/// The thread's ring, made at its first sample.
fn ring_of(record: &'static ThreadRecord) -> Option<&'static Ring> {
    if record.ring().is_none() {
        let ring = Ring::create(control::ring_bytes())?;
        // Release: the drain thread sees the ring's header.
        record.ring_slot().store(ring.as_ptr(), Ordering::Release);
    }
    record.ring()
}

/// Puts the record onto the list of rings that hold something, unless it is on it.
pub(crate) fn mark_dirty(session: &SessionData, record: &ThreadRecord) {
    // AcqRel: pairs with the drain thread, which clears the mark before it empties the ring.
    if record.shared.dirty.swap(true, Ordering::AcqRel) {
        return;
    }
    let new = core::ptr::from_ref(record).cast_mut();
    let mut head = session.dirty.load(Ordering::Relaxed);
    loop {
        record.shared.next_dirty.store(head, Ordering::Relaxed);
        match session.dirty.compare_exchange_weak(head, new, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => break,
            Err(found) => head = found,
        }
    }
    BELL.ring();
}
