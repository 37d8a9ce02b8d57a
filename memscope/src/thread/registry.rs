//! The list of thread records: pushed to by hooks, walked and swept by sessions and the drain thread.
//!
//! Threads push at the head without looking at any other record, so registering needs no epoch pin (pinning allocates
//! the first time). Walkers pin, in a collector of our own: the default one is shared with the program's other users of
//! crossbeam-epoch, whose deferred destructors must not run on memscope's threads, nor ours wait for theirs. Only one thread at a time sweeps (the session's lock sees to that): it unlinks records
//! of ended threads, and hands them back to the pool once no walker can still hold them.

use super::meter;
use super::pool;
use super::record::{ENDED, ThreadRecord};
use crate::sync::{AtomicU32, Ordering};
use crossbeam_epoch::{self as epoch, Atomic, Collector, LocalHandle, Shared};
use std::sync::OnceLock;

static HEAD: Atomic<ThreadRecord> = Atomic::null();
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

/// A place of the calling thread in memscope's own collector. Under [`super::Busy`] only: it allocates.
fn participant() -> LocalHandle {
    static COLLECTOR: OnceLock<Collector> = OnceLock::new();
    COLLECTOR.get_or_init(Collector::new).register()
}

/// A record for the calling thread, in the list; `None` when there is none to be had.
pub(crate) fn register() -> Option<&'static ThreadRecord> {
    let record = pool::acquire()?;
    record.begin_thread(NEXT_ID.fetch_add(1, Ordering::Relaxed), meter::own(), crate::sys::monotonic_ns());
    push(record);
    Some(record)
}

fn push(record: &'static ThreadRecord) {
    // SAFETY: nothing that other threads may free is looked at: the old head is stored, never dereferenced.
    let guard = unsafe { epoch::unprotected() };
    let new = Shared::from(core::ptr::from_ref(record));
    let mut head = HEAD.load(Ordering::Relaxed, guard);
    loop {
        record.shared.next.store(head, Ordering::Relaxed);
        // Release: a walker that sees the record sees its fields.
        match HEAD.compare_exchange_weak(head, new, Ordering::Release, Ordering::Relaxed, guard) {
            Ok(_) => return,
            Err(failed) => head = failed.current,
        }
    }
}

/// Calls `visit` for each record. Under [`super::Busy`] only.
pub(crate) fn for_each(mut visit: impl FnMut(&ThreadRecord)) {
    let participant = participant();
    let guard = participant.pin();
    // Acquire: pairs with the Release of `push`.
    let mut at = HEAD.load(Ordering::Acquire, &guard);
    // SAFETY: records are freed only after every pin that could have seen them has ended.
    while let Some(record) = unsafe { at.as_ref() } {
        visit(record);
        at = record.shared.next.load(Ordering::Acquire, &guard);
    }
}

/// Takes the records of ended threads that are `ready` out of the list, and tells `taken_out` of each, once. One caller at a
/// time.
pub(crate) fn sweep(ready: impl Fn(&ThreadRecord) -> bool, mut taken_out: impl FnMut(&ThreadRecord)) {
    let participant = participant();
    let guard = participant.pin();
    let mut count = 0;
    let mut previous: Option<&ThreadRecord> = None;
    let mut at = HEAD.load(Ordering::Acquire, &guard);
    // SAFETY: as in `for_each`; only this caller unlinks.
    while let Some(record) = unsafe { at.as_ref() } {
        let next = record.shared.next.load(Ordering::Acquire, &guard);
        // Acquire: pairs with the ending thread's Release, so that its last figures are visible.
        let ended = record.shared.life.load(Ordering::Acquire) == ENDED;
        if ended && ready(record) && unlink(previous, at, next, &guard) {
            taken_out(record);
            count += 1;
            let address = core::ptr::from_ref(record) as usize;
            // SAFETY: the record is out of the list; the pool gets it back when no pinned walker can hold it. Records
            // live as long as the process, so the address stays valid.
            unsafe {
                guard.defer_unchecked(move || pool::release(&*(address as *const ThreadRecord)));
            }
        } else {
            previous = Some(record);
        }
        at = next;
    }
    drop(guard);
    // Each round lets the epoch advance and hands some hundred records back: as many rounds as it takes, for threads may end faster
    // than the list is swept.
    for _ in 0..if count == 0 { 0 } else { 4 + count / 256 } {
        participant.pin().flush();
    }
}

/// Whether `at` could be taken out behind `previous` (at the head only if no thread has pushed meanwhile; then the
/// next sweep finds it).
fn unlink(
    previous: Option<&ThreadRecord>,
    at: Shared<'_, ThreadRecord>,
    next: Shared<'_, ThreadRecord>,
    guard: &epoch::Guard,
) -> bool {
    match previous {
        Some(previous) => {
            previous.shared.next.store(next, Ordering::Release);
            true
        }
        None => HEAD.compare_exchange(at, next, Ordering::AcqRel, Ordering::Relaxed, guard).is_ok(),
    }
}

/// Waits until no thread is in its slow path with the session's data, after [`crate::control::switch_off`]. `false`
/// when a thread did not leave within `limit` (it may be stopped): the session's data must then never be freed.
pub(crate) fn wait_until_quiet(limit: core::time::Duration) -> bool {
    let deadline = crate::sys::monotonic_ns() + limit.as_nanos() as u64;
    loop {
        let mut busy = super::local::late_in_hook();
        // SeqCst: pairs with the fence in `InHook::enter`.
        for_each(|record| busy |= record.state.in_hook.load(Ordering::SeqCst));
        if !busy {
            return true;
        }
        if crate::sys::monotonic_ns() > deadline {
            return false;
        }
        std::thread::yield_now();
    }
}
