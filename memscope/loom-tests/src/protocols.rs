//! Protocols whose files need what a model has not (statics, thread-local memory, crossbeam's collector): they stand here once more, with the
//! orderings of the originals.

use crate::models::model;
use crate::sync::{AtomicBool, AtomicU32, Ordering};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// The registry's list (`registry::push`, `sweep`, `for_each`): records by number from 1, 0 is none.
struct List {
    head: AtomicU32,
    next: [AtomicU32; 4],
    has_ended: [AtomicBool; 4],
    /// What a record says of itself, written before it is pushed.
    fields: [UnsafeCell<u32>; 4],
}

impl List {
    fn new() -> Self {
        Self {
            head: AtomicU32::new(0),
            next: std::array::from_fn(|_| AtomicU32::new(0)),
            has_ended: std::array::from_fn(|_| AtomicBool::new(false)),
            fields: std::array::from_fn(|_| UnsafeCell::new(0)),
        }
    }

    fn push(&self, record: u32) {
        // SAFETY: nobody else has the record yet.
        self.fields[record as usize].with_mut(|field| unsafe { *field = 10 * record });
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            self.next[record as usize].store(head, Ordering::Relaxed);
            match self.head.compare_exchange(head, record, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(found) => head = found,
            }
        }
    }

    fn end(&self, record: u32) {
        self.has_ended[record as usize].store(true, Ordering::Release);
    }

    fn walk(&self) -> Vec<u32> {
        let mut seen = Vec::new();
        let mut at = self.head.load(Ordering::Acquire);
        while at != 0 {
            // SAFETY: written before the push that this load has seen.
            self.fields[at as usize].with(|field| assert_eq!(unsafe { *field }, 10 * at));
            seen.push(at);
            at = self.next[at as usize].load(Ordering::Acquire);
        }
        seen
    }

    /// Unlinks records that have ended; which.
    fn sweep(&self) -> Vec<u32> {
        let (mut taken, mut previous) = (Vec::new(), 0);
        let mut at = self.head.load(Ordering::Acquire);
        while at != 0 {
            let next = self.next[at as usize].load(Ordering::Acquire);
            if self.has_ended[at as usize].load(Ordering::Acquire) && self.unlink(previous, at, next) {
                taken.push(at);
            } else {
                previous = at;
            }
            at = next;
        }
        taken
    }

    fn unlink(&self, previous: u32, at: u32, next: u32) -> bool {
        if previous != 0 {
            self.next[previous as usize].store(next, Ordering::Release);
            return true;
        }
        self.head.compare_exchange(at, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// While one thread registers and another has ended, a sweep takes out the one and a walk loses neither of those that live.
#[test]
fn a_record_that_lives_stays_on_the_list() {
    model(3, 50, || {
        let list = Arc::new(List::new());
        list.push(1);
        list.push(2);
        let (pushing, sweeping, walking) = (list.clone(), list.clone(), list.clone());
        let thread = thread::spawn(move || {
            pushing.push(3);
            pushing.end(2);
        });
        let drain = thread::spawn(move || sweeping.sweep());
        let walker = thread::spawn(move || walking.walk());
        thread.join().expect("no panic");
        let mut taken = drain.join().expect("no panic");
        let seen = walker.join().expect("no panic");
        assert!(seen.contains(&1), "the walk passed over a living record: {seen:?}");
        taken.extend(list.sweep());
        assert_eq!(taken, [2], "taken out once");
        assert_eq!(list.walk(), [3, 1]);
    });
}

/// A seat of the pool of unwinders (`unwind::framehop::Seat`).
struct Seat {
    taken: AtomicBool,
    content: UnsafeCell<u32>,
}

impl Seat {
    fn with<R>(&self, body: impl FnOnce(&mut u32) -> R) -> Option<R> {
        if self.taken.load(Ordering::Relaxed) || self.taken.swap(true, Ordering::Acquire) {
            return None;
        }
        // SAFETY: this thread has just set `taken`. Loom fails the model where another one has the content too.
        let result = self.content.with_mut(|content| body(unsafe { &mut *content }));
        self.taken.store(false, Ordering::Release);
        Some(result)
    }
}

/// Two hooks and the drain thread, which brings new rules, at one seat: one at a time, or none.
#[test]
fn a_seat_has_one_thread_at_a_time() {
    model(3, 50, || {
        let seat = Arc::new(Seat { taken: AtomicBool::new(false), content: UnsafeCell::new(0) });
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let seat = seat.clone();
                thread::spawn(move || u32::from(seat.with(|content| *content += 1).is_some()))
            })
            .collect();
        let walked: u32 = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
        assert!(walked >= 1, "whoever comes to a free seat gets it");
        // SAFETY: the others have ended.
        let content = seat.content.with(|content| unsafe { *content });
        assert_eq!(content, walked, "nobody's work is lost");
    });
}

/// A thread's end against whoever sums the threads' figures (`thread::account`): the meter in thread-local memory is read under a lock that the thread takes
/// once more before its memory goes; behind that the figures are the record's own.
#[test]
fn a_meter_is_not_read_after_its_thread() {
    model(3, 20, || {
        let (lock, is_there) = (Arc::new(loom::sync::Mutex::new(())), Arc::new(AtomicBool::new(true)));
        let meter = Arc::new(UnsafeCell::new(5_u32));
        let total = Arc::new(AtomicU32::new(0));
        let (locking, there, read, kept) = (lock.clone(), is_there.clone(), meter.clone(), total.clone());
        let thread = thread::spawn(move || {
            let guard = locking.lock().expect("no panic");
            // SAFETY: the thread's own.
            kept.store(read.with(|meter| unsafe { *meter }), Ordering::Relaxed);
            there.store(false, Ordering::Relaxed);
            drop(guard);
            // Its memory goes.
            // SAFETY: behind the lock nobody reads it; loom fails the model where somebody does.
            read.with_mut(|meter| unsafe { *meter = 999 });
        });
        let drain = thread::spawn(move || {
            let guard = lock.lock().expect("no panic");
            let figure = if is_there.load(Ordering::Relaxed) {
                // SAFETY: the thread has not ended, and cannot while the lock is held.
                meter.with(|meter| unsafe { *meter })
            } else {
                total.load(Ordering::Relaxed)
            };
            drop(guard);
            assert_eq!(figure, 5);
        });
        thread.join().expect("no panic");
        drain.join().expect("no panic");
    });
}
