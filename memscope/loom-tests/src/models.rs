//! The scenarios.

use crate::bell::Bell;
use crate::entries::Entries;
use crate::ring::{MAX_FRAMES, Ring, Sample};
use crate::sync::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use crate::table::Table;
use core::time::Duration;
use loom::sync::Arc;
use loom::thread;
use memscope_trace::AllocationKind;

/// Every interleaving with so many preemptions at the most; `LOOM_MAX_PREEMPTIONS` says otherwise.
fn model(preemptions: usize, scenario: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(scenario);
}

fn sample(number: u64, frames: &[u64]) -> Sample<'_> {
    Sample {
        time_ns: number,
        size: number * 3 + 1,
        old_size: number * 5 + 2,
        kind: AllocationKind::Zeroed,
        interval: 7,
        entry: number as u32 + 9,
        scope: 4,
        truncated: number % 2 == 1,
        frames,
    }
}

/// A ring with room for one or two samples, to be released by the test.
struct Rings(AtomicPtr<Ring>);

impl Rings {
    fn new() -> Arc<Self> {
        let ring = Ring::create(size_of::<Ring>() + 16 * size_of::<u64>()).expect("memory");
        Arc::new(Self(AtomicPtr::new(ring.as_ptr())))
    }

    fn ring(&self) -> &Ring {
        // SAFETY: released at the end of the model, by its last thread.
        unsafe { &*self.0.load(Ordering::Acquire) }
    }
}

#[test]
fn ring_gives_back_what_fitted_in_order() {
    model(3, || {
        let rings = Rings::new();
        let producers = rings.clone();
        let producer = thread::spawn(move || {
            let mut fitted = Vec::new();
            for number in 0..4 {
                let frames = [number + 100, number + 200];
                if producers.ring().push(&sample(number, &frames[..number as usize % 3])) {
                    fitted.push(number);
                }
            }
            fitted
        });
        let mut taken = Vec::new();
        let mut take = |rings: &Rings| {
            let mut frames = [0; MAX_FRAMES];
            if let Some(popped) = rings.ring().pop(&mut frames) {
                let number = popped.time_ns;
                let expected = [number + 100, number + 200];
                assert_eq!(popped, sample(number, &expected[..number as usize % 3]));
                taken.push(number);
            }
        };
        take(&rings);
        take(&rings);
        let fitted = producer.join().expect("no panic");
        for _ in 0..4 {
            take(&rings);
        }
        assert!(rings.ring().is_empty());
        assert!(!fitted.is_empty());
        assert_eq!(taken, fitted);
        // SAFETY: the producer has ended.
        unsafe { Ring::release_of(&rings.0) };
    });
}

#[test]
fn entries_are_handed_out_once() {
    model(3, || {
        let entries = Arc::new(Entries::create().expect("memory"));
        let first = entries.acquire().expect("room");
        entries.release(first);
        let others = entries.clone();
        // The head that the one has looked at is taken, and put back, by the other.
        let other = thread::spawn(move || {
            let one = others.acquire().expect("room");
            let two = others.acquire().expect("room");
            others.release(one);
            (others.acquire().expect("room"), two)
        });
        let own = entries.acquire().expect("room");
        let (one, two) = other.join().expect("no panic");
        assert!(own != one && own != two && one != two);
        assert!(entries.acquire().is_none(), "there are three");
    });
}

#[test]
fn a_freed_sample_is_found_once_with_what_was_written() {
    model(3, || {
        let entries = Arc::new(Entries::create().expect("memory"));
        let threads: Vec<_> = (0..2_u64)
            .map(|number| {
                let entries = entries.clone();
                thread::spawn(move || {
                    let entry = entries.acquire().expect("room");
                    entries.slot(entry).freed_ns.store(number + 1, Ordering::Relaxed);
                    entries.push_freed(entry);
                })
            })
            .collect();
        let mut found = Vec::new();
        let mut harvest = || {
            entries.take_freed(|entry| {
                found.push(entries.slot(entry).freed_ns.load(Ordering::Relaxed));
                entries.release(entry);
            });
        };
        harvest();
        for thread in threads {
            thread.join().expect("no panic");
        }
        harvest();
        found.sort_unstable();
        assert_eq!(found, [1, 2]);
    });
}

/// An address is handed over by what the program hands it over with: a release and an acquire.
#[test]
fn an_address_is_found_by_whoever_has_it_and_may_be_used_again() {
    model(2, || {
        let table = Arc::new(Table::create().expect("memory"));
        let handed = Arc::new(AtomicUsize::new(0));
        let (address, neighbour) = (0x1000, 0x2000);
        let (theirs, taken) = (table.clone(), handed.clone());
        let freeing = thread::spawn(move || {
            while taken.load(Ordering::Acquire) == 0 {
                thread::yield_now();
            }
            assert_eq!(theirs.take(address), Some(5), "it was put in before it was handed over");
            // Given back to the allocator, which gives it out again here.
            assert!(theirs.insert(address, 6));
            assert_eq!(theirs.take(address), Some(6));
        });
        assert!(table.insert(address, 5));
        handed.store(1, Ordering::Release);
        assert!(table.insert(neighbour, 8));
        assert_eq!(table.take(neighbour), Some(8));
        freeing.join().expect("no panic");
        assert_eq!(table.take(address), None);
    });
}

#[test]
fn places_in_a_full_bucket_are_taken_once() {
    model(2, || {
        let table = Arc::new(Table::create().expect("memory"));
        let threads: Vec<_> = (0..2_usize)
            .map(|thread| {
                let table = table.clone();
                thread::spawn(move || {
                    for turn in 0..2_usize {
                        let address = 0x1000 * (1 + thread) + 0x10 * turn;
                        assert!(table.insert(address, (10 * thread + turn) as u32));
                        if turn == 0 {
                            assert_eq!(table.take(address), Some((10 * thread) as u32));
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(table.take(0x1010), Some(1));
        assert_eq!(table.take(0x2010), Some(11));
    });
}

#[test]
fn no_ring_of_the_bell_is_lost() {
    model(3, || {
        let (bell, left) = (Arc::new(Bell::new()), Arc::new(AtomicU64::new(0)));
        let (theirs, leaves) = (bell.clone(), left.clone());
        let hook = thread::spawn(move || {
            for number in 1..=2 {
                leaves.store(number, Ordering::Relaxed);
                theirs.ring();
            }
        });
        let mut seen = 0;
        while seen < 2 {
            bell.wait(Duration::MAX, true, || left.load(Ordering::Relaxed) != seen);
            seen = left.load(Ordering::Relaxed);
        }
        hook.join().expect("no panic");
    });
}

#[test]
fn an_interrupt_ends_every_wait() {
    model(3, || {
        let (bell, stop) = (Arc::new(Bell::new()), Arc::new(AtomicU32::new(0)));
        let (theirs, stops) = (bell.clone(), stop.clone());
        let session = thread::spawn(move || {
            stops.store(1, Ordering::Relaxed);
            theirs.interrupt();
        });
        let mut until_rung = false;
        while stop.load(Ordering::Relaxed) == 0 {
            bell.wait(Duration::MAX, until_rung, || stop.load(Ordering::Relaxed) != 0);
            until_rung = !until_rung;
        }
        session.join().expect("no panic");
    });
}

/// The handshake between a hook and the end of a session, with the orderings of `InHook::enter` and `leave`, `control::switch_off` and
/// `registry::wait_until_quiet`: those need a thread's record and statics, so the protocol stands here once more.
#[test]
fn a_sessions_data_is_not_freed_under_a_hook() {
    model(4, || {
        let switch = Arc::new(AtomicUsize::new(1));
        let mark = Arc::new(AtomicBool::new(false));
        let data = Arc::new(loom::cell::UnsafeCell::new(7));
        let (switched, marked, used) = (switch.clone(), mark.clone(), data.clone());
        let hook = thread::spawn(move || {
            for _ in 0..2 {
                marked.store(true, Ordering::SeqCst);
                if switched.load(Ordering::SeqCst) != 0 {
                    // Loom fails the model if it is written meanwhile.
                    used.with(|value| {
                        // SAFETY: the mark stands.
                        assert_eq!(unsafe { *value }, 7);
                    });
                }
                marked.store(false, Ordering::Release);
            }
        });
        switch.store(0, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        while mark.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        data.with_mut(|value| {
            // SAFETY: the hooks are off and quiet.
            unsafe { *value = 0 };
        });
        hook.join().expect("no panic");
    });
}

/// The list of rings that hold something (`hook::sample::mark_dirty`, `Collector::tick`): a sample that was left is found, at once or at
/// the next look.
#[test]
fn a_ring_that_holds_something_is_on_the_list() {
    model(4, || {
        let dirty = Arc::new(AtomicBool::new(false));
        let listed = Arc::new(AtomicBool::new(false));
        let held = Arc::new(AtomicU64::new(0));
        let (marks, lists, holds) = (dirty.clone(), listed.clone(), held.clone());
        let hook = thread::spawn(move || {
            for _ in 0..2 {
                let before = holds.load(Ordering::Relaxed);
                holds.store(before + 1, Ordering::Release);
                if !marks.swap(true, Ordering::AcqRel) {
                    lists.swap(true, Ordering::AcqRel);
                }
            }
        });
        let mut seen = 0;
        let mut tick = || {
            if listed.swap(false, Ordering::Acquire) {
                dirty.swap(false, Ordering::AcqRel);
                seen = held.load(Ordering::Acquire);
            }
            seen
        };
        tick();
        hook.join().expect("no panic");
        tick();
        assert_eq!(tick(), 2);
    });
}
