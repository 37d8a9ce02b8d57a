//! Where tasks' figures stand: slots in a table of a fixed size, mapped when the first task is polled in a session.
//!
//! A task takes a slot at its first poll, without a lock, and only the thread that polls it writes there. Where it has ended, the slot is
//! handed to the drain thread if there is something to tell of it: it allocated much ([`keep_bytes`]), or a sample belongs to it, or the
//! trace knows of it already. All others give their slot back at once: a program may run through millions.
//!
//! ```text
//! free --take--> alive ----------end (small)----------> free
//!                  |--keep--> kept --end--> ended list --drain thread--> free
//! ```
//!
//! A slot's id is that of its task, which is never used again: who reads a slot of another thread looks at the id before and after.

use crate::sync::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Counter, Ordering, fence};
use crate::sys;
use core::panic::Location;
use core::ptr;

/// Tasks that may live at once and have an id.
const SLOTS: u32 = 16_384;
const TABLE_BYTES: usize = SLOTS as usize * size_of::<Slot>();

const ALIVE: u8 = 0;
/// Alive, and the drain thread wants to know of the end.
const KEPT: u8 = 1;
/// Ended; what is above is the [`memscope_trace::TaskEnd`].
const ENDED: u8 = 2;

static TABLE: AtomicPtr<Slot> = AtomicPtr::new(ptr::null_mut());
/// Slots that were ever taken.
static USED: AtomicU32 = AtomicU32::new(0);
/// Changes in the upper half, number of the first free slot in the lower, 0 for none (as in `thread/pool.rs`).
static FREE: AtomicU64 = AtomicU64::new(0);
/// Number of the slot that has ended last; 0 for none.
static LAST_ENDED: AtomicU32 = AtomicU32::new(0);
static NEXT_ID: AtomicU32 = AtomicU32::new(1);
/// Of tasks that allocated less the trace need not tell.
static KEEP_BYTES: AtomicU64 = AtomicU64::new(0);

/// Tasks of all sessions: started, ended, cancelled, without an id.
pub(crate) static COUNTS: Counts = Counts {
    started: AtomicU64::new(0),
    ended: AtomicU64::new(0),
    cancelled: AtomicU64::new(0),
    unnumbered: AtomicU64::new(0),
};

pub(crate) struct Counts {
    pub(crate) started: AtomicU64,
    pub(crate) ended: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    pub(crate) unnumbered: AtomicU64,
}

/// Sets from how many bytes on a task that has ended is handed to the drain thread.
pub(crate) fn set_keep_bytes(bytes: u64) {
    KEEP_BYTES.store(bytes, Ordering::Relaxed);
}

/// What a task is, from its first poll on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: u32,
    pub(crate) name: &'static str,
    pub(crate) place: &'static Location<'static>,
    pub(crate) scope: u32,
    pub(crate) parent: u32,
    pub(crate) started_ns: u64,
}

/// What a task has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TaskFigures {
    pub(crate) polls: u64,
    pub(crate) busy_ticks: u64,
    /// Allocations, bytes, frees, bytes freed.
    pub(crate) four: [u64; 4],
}

/// One task.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Slot {
    /// 0 while it is nobody's.
    id: AtomicU32,
    generation: AtomicU32,
    scope: AtomicU32,
    parent: AtomicU32,
    state: AtomicU8,
    /// The slot behind this one, on either list.
    next: AtomicU32,
    name: AtomicPtr<u8>,
    name_bytes: AtomicUsize,
    place: AtomicPtr<Location<'static>>,
    started_ns: AtomicU64,
    ended_ns: AtomicU64,
    polls: Counter,
    busy_ticks: Counter,
    four: [Counter; 4],
}

/// The slot with that number, from 1.
pub(crate) fn slot(number: u32) -> Option<&'static Slot> {
    let table = ptr::NonNull::new(TABLE.load(Ordering::Acquire))?;
    let index = number.checked_sub(1).filter(|&index| index < SLOTS)?;
    // SAFETY: the table has so many slots, which zeroes are valid for, and is never unmapped.
    Some(unsafe { table.add(index as usize).as_ref() })
}

/// The task in that slot; 0 for no slot.
pub(crate) fn id_of(number: u32) -> u32 {
    slot(number).map_or(0, |slot| slot.id.load(Ordering::Relaxed))
}

fn map_table() -> Option<()> {
    if TABLE.load(Ordering::Acquire).is_null() {
        let table = sys::map(TABLE_BYTES)?;
        // AcqRel: who finds the table finds its zeroes.
        let other = TABLE.compare_exchange(
            ptr::null_mut(),
            table.as_ptr().cast(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if other.is_err() {
            // SAFETY: mapped just now, and nobody has seen it.
            unsafe { sys::unmap(table, TABLE_BYTES) };
        }
    }
    Some(())
}

/// A slot of nobody's; `None` where all are taken.
pub(super) fn take() -> Option<u32> {
    map_table()?;
    pop_free().or_else(|| {
        let fresh = |used: u32| (used < SLOTS).then_some(used + 1);
        USED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fresh).ok().map(|used| used + 1)
    })
}

fn pop_free() -> Option<u32> {
    // Acquire: pairs with the Release of `give_back`.
    let mut head = FREE.load(Ordering::Acquire);
    loop {
        let number = head as u32;
        let next = next_change(head) | u64::from(slot(number)?.next.load(Ordering::Relaxed));
        match FREE.compare_exchange_weak(head, next, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => return Some(number),
            Err(found) => head = found,
        }
    }
}

/// Gives a slot back that nobody refers to any more.
pub(crate) fn give_back(number: u32) {
    let Some(slot) = slot(number) else { return };
    slot.id.store(0, Ordering::Relaxed);
    let mut head = FREE.load(Ordering::Relaxed);
    loop {
        slot.next.store(head as u32, Ordering::Relaxed);
        let next = next_change(head) | u64::from(number);
        // Release: the link is visible to who takes the slot.
        match FREE.compare_exchange_weak(head, next, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(found) => head = found,
        }
    }
}

fn next_change(head: u64) -> u64 {
    (head >> 32).wrapping_add(1) << 32
}

/// Calls `visit` for the number of each slot on the list of those that have ended, and empties it. It gives them back. One caller at a time.
pub(crate) fn take_ended(mut visit: impl FnMut(u32, &'static Slot)) {
    // Acquire: pairs with `Slot::end`, whose task's figures are seen.
    let mut number = LAST_ENDED.swap(0, Ordering::Acquire);
    while let Some(slot) = slot(number) {
        let next = slot.next.load(Ordering::Relaxed);
        visit(number, slot);
        number = next;
    }
}

/// Calls `visit` for each slot that may have a task.
pub(crate) fn for_each(mut visit: impl FnMut(u32, &'static Slot)) {
    for number in 1..=USED.load(Ordering::Relaxed) {
        if let Some(slot) = slot(number) {
            visit(number, slot);
        }
    }
}

impl Slot {
    /// Makes the slot that of a task of session `generation` that begins. From here on the task writes alone.
    pub(super) fn begin(&self, of: Identity, generation: u32) {
        self.id.store(0, Ordering::Relaxed);
        // A reader that finds anything of the new task does not find the old id again.
        fence(Ordering::Release);
        self.generation.store(generation, Ordering::Relaxed);
        self.scope.store(of.scope, Ordering::Relaxed);
        self.parent.store(of.parent, Ordering::Relaxed);
        self.state.store(ALIVE, Ordering::Relaxed);
        self.name.store(of.name.as_ptr().cast_mut(), Ordering::Relaxed);
        self.name_bytes.store(of.name.len(), Ordering::Relaxed);
        self.place.store(ptr::from_ref(of.place).cast_mut(), Ordering::Relaxed);
        self.started_ns.store(of.started_ns, Ordering::Relaxed);
        self.polls.set(0);
        self.busy_ticks.set(0);
        self.four.iter().for_each(|counter| counter.set(0));
        // Release: who finds the id finds the rest.
        self.id.store(of.id, Ordering::Release);
    }

    pub(super) fn next_id() -> u32 {
        NEXT_ID.fetch_add(1, Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn add_poll(&self, ticks: u64, four: [u64; 4]) {
        self.polls.add(1);
        self.busy_ticks.add(ticks);
        self.four.iter().zip(four).for_each(|(counter, more)| counter.add(more));
    }

    /// The drain thread will be told of the end. Whether the task lived until now.
    pub(crate) fn keep(&self) -> bool {
        let found = self.state.compare_exchange(ALIVE, KEPT, Ordering::AcqRel, Ordering::Relaxed);
        matches!(found, Ok(_) | Err(KEPT))
    }

    /// Whether the drain thread will be told of the end.
    pub(crate) fn is_kept(&self) -> bool {
        self.state.load(Ordering::Relaxed) == KEPT
    }

    /// The task has ended, in its session or after that.
    pub(super) fn end(&self, number: u32, end: u8, now_ns: u64, is_in_session: bool) {
        self.ended_ns.store(now_ns, Ordering::Relaxed);
        let state = self.state.swap(ENDED + end, Ordering::AcqRel);
        let is_told = state == KEPT || self.four[1].get() >= KEEP_BYTES.load(Ordering::Relaxed);
        if !(is_told && is_in_session) {
            return give_back(number);
        }
        let mut last = LAST_ENDED.load(Ordering::Relaxed);
        loop {
            self.next.store(last, Ordering::Relaxed);
            // Release: pairs with `take_ended`.
            match LAST_ENDED.compare_exchange_weak(last, number, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(found) => last = found,
            }
        }
    }

    /// Session, end and time of the end, of a task that has ended.
    pub(crate) fn ending(&self) -> (u32, u8, u64) {
        let end = self.state.load(Ordering::Relaxed).saturating_sub(ENDED);
        (self.generation.load(Ordering::Relaxed), end, self.ended_ns.load(Ordering::Relaxed))
    }

    /// The figures, for any thread.
    pub(crate) fn figures(&self) -> TaskFigures {
        TaskFigures {
            polls: self.polls.get(),
            busy_ticks: self.busy_ticks.get(),
            four: self.four.each_ref().map(Counter::get),
        }
    }

    /// The task of session `generation` that the slot has, with its figures; `None` where there is none.
    pub(crate) fn read(&self, generation: u32) -> Option<(Identity, TaskFigures)> {
        // Acquire: pairs with `begin`.
        let id = self.id.load(Ordering::Acquire);
        let of_session = self.generation.load(Ordering::Relaxed) == generation;
        let (name, bytes) = (self.name.load(Ordering::Relaxed), self.name_bytes.load(Ordering::Relaxed));
        let place = self.place.load(Ordering::Relaxed);
        let (scope, parent) = (self.scope.load(Ordering::Relaxed), self.parent.load(Ordering::Relaxed));
        let (started_ns, figures) = (self.started_ns.load(Ordering::Relaxed), self.figures());
        fence(Ordering::Acquire);
        if id == 0 || !of_session || self.id.load(Ordering::Relaxed) != id {
            return None;
        }
        // SAFETY: the id is the same before and after: name and place are those of one task, which has them for good.
        let (name, place) = unsafe {
            (core::str::from_utf8_unchecked(core::slice::from_raw_parts(name, bytes)), place.as_ref()?)
        };
        Some((Identity { id, name, place, scope, parent, started_ns }, figures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &'static str) -> Identity {
        Identity { id: Slot::next_id(), name, place: Location::caller(), scope: 3, parent: 0, started_ns: 5 }
    }

    #[test]
    fn what_is_small_is_not_handed_over_and_a_slot_is_used_again() {
        set_keep_bytes(1000);
        let session = u32::MAX - 3;
        let number = take().expect("a slot");
        let taken = slot(number).expect("a slot");
        let small = identity("small");
        taken.begin(small, session);
        taken.add_poll(7, [1, 999, 0, 0]);
        let figures = TaskFigures { polls: 1, busy_ticks: 7, four: [1, 999, 0, 0] };
        assert_eq!(taken.read(session), Some((small, figures)));
        assert_eq!(taken.read(session - 1), None);
        taken.end(number, 1, 9, true);
        assert_eq!(taken.read(session), None);
        let mut ended = Vec::new();
        let mut collect = || take_ended(|number, slot| ended.push((number, slot.ending())));
        let number = take().expect("a slot");
        let taken = slot(number).expect("a slot");
        taken.begin(identity("large"), session);
        taken.add_poll(0, [1, 1000, 0, 0]);
        taken.end(number, 2, 10, true);
        let other = take().expect("another slot");
        let kept = slot(other).expect("a slot");
        kept.begin(identity("kept"), session);
        assert!(kept.keep() && kept.keep());
        kept.end(other, 3, 11, true);
        assert!(!kept.keep());
        collect();
        ended.retain(|(_, ending)| ending.0 == session);
        assert_eq!(ended, [(other, (session, 3, 11)), (number, (session, 2, 10))]);
        [number, other].into_iter().for_each(give_back);
        set_keep_bytes(0);
    }
}
