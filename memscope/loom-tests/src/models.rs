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
///
/// Loom looks for another order where an access conflicts with the *last* one to the same atomic; a thread's own look at what it is about
/// to write hides that of another thread before it. So what reads is started after what writes, in threads of their own, and each
/// model says how many orders there must be at least: one that is not explored would pass whatever the code does.
fn model(preemptions: usize, least_orders: u64, scenario: impl Fn() + Sync + Send + 'static) {
    let orders = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = orders.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        scenario();
    });
    let orders = orders.load(Ordering::Relaxed);
    println!("{orders} orders");
    assert!(orders >= least_orders, "only {orders} orders were explored");
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
        task: 6,
        truncated: number % 2 == 1,
        frames,
    }
}

/// A ring with room for one or two samples, to be released by the test.
struct Rings(AtomicPtr<Ring>);

impl Rings {
    fn new() -> Arc<Self> {
        let ring = Ring::create(size_of::<Ring>() + 16 * size_of::<AtomicU64>()).expect("memory");
        Arc::new(Self(AtomicPtr::new(ring.as_ptr())))
    }

    fn ring(&self) -> &Ring {
        // SAFETY: released at the end of the model, by its last thread.
        unsafe { &*self.0.load(Ordering::Acquire) }
    }
}

/// Takes a sample, if there is one, and looks at all of it.
fn take(rings: &Rings, taken: &mut Vec<u64>) {
    let mut frames = [0; MAX_FRAMES];
    if let Some(popped) = rings.ring().pop(&mut frames) {
        let number = popped.time_ns;
        let expected = [number + 100, number + 200];
        assert_eq!(popped, sample(number, &expected[..number as usize % 3]));
        taken.push(number);
    }
}

#[test]
fn ring_gives_back_what_fitted_in_order() {
    model(3, 50, || {
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
        let consumers = rings.clone();
        let consumer = thread::spawn(move || {
            let mut taken = Vec::new();
            take(&consumers, &mut taken);
            take(&consumers, &mut taken);
            taken
        });
        let fitted = producer.join().expect("no panic");
        let mut taken = consumer.join().expect("no panic");
        for _ in 0..4 {
            take(&rings, &mut taken);
        }
        assert!(rings.ring().is_empty());
        assert!(!fitted.is_empty());
        assert_eq!(taken, fitted);
        // SAFETY: the producer has ended.
        unsafe { Ring::release_of(&rings.0) };
    });
}

/// A thread has looked at the first free slot and its successor; meanwhile another takes both, and puts the first back: the head is
/// what it was, its successor is not free any more.
#[test]
fn entries_are_handed_out_once() {
    model(3, 50, || {
        let entries = Arc::new(Entries::create().expect("memory"));
        let (first, second) = (entries.acquire().expect("room"), entries.acquire().expect("room"));
        entries.release(first);
        entries.release(second);
        let others = entries.clone();
        let other = thread::spawn(move || {
            let one = others.acquire().expect("room");
            let two = others.acquire().expect("room");
            others.release(one);
            two
        });
        let owns = entries.clone();
        let own = thread::spawn(move || owns.acquire().expect("room"));
        let mut held = vec![other.join().expect("no panic"), own.join().expect("no panic")];
        held.extend(std::iter::from_fn(|| entries.acquire()));
        held.sort_unstable();
        assert_eq!(held, [0, 1, 2], "each once");
    });
}

/// What stands in the freed slots, which are released.
fn harvest(entries: &Entries) -> Vec<u64> {
    let mut found = Vec::new();
    entries.take_freed(|entry| {
        found.push(entries.slot(entry).freed_ns.load(Ordering::Relaxed));
        entries.release(entry);
    });
    found
}

#[test]
fn a_freed_sample_is_found_once_with_what_was_written() {
    model(3, 50, || {
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
        let all = entries.clone();
        let harvester = thread::spawn(move || harvest(&all));
        for thread in threads {
            thread.join().expect("no panic");
        }
        let mut found = harvester.join().expect("no panic");
        found.extend(harvest(&entries));
        found.sort_unstable();
        assert_eq!(found, [1, 2]);
    });
}

/// An address is handed over by what the program hands it over with: a release and an acquire.
#[test]
fn an_address_is_found_by_whoever_has_it_and_may_be_used_again() {
    model(2, 5, || {
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
    model(2, 50, || {
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

/// More addresses than their home buckets hold: they stand elsewhere, and are found there while neighbours come and go.
#[test]
fn addresses_that_had_to_go_elsewhere_are_found() {
    model(2, 50, || {
        let table = Arc::new(Table::create().expect("memory"));
        let address = |number: usize| 0x1000 + number * 0x30;
        assert!((0..7).all(|number| table.insert(address(number), number as u32)));
        let theirs = table.clone();
        let other = thread::spawn(move || {
            assert_eq!(theirs.take(address(0)), Some(0));
            assert!(theirs.insert(address(7), 7));
        });
        assert_eq!(table.take(address(6)), Some(6));
        assert_eq!(table.take(address(3)), Some(3));
        other.join().expect("no panic");
        for number in [1, 2, 4, 5, 7] {
            assert_eq!(table.take(address(number)), Some(number as u32));
        }
        assert!((0..8).all(|number| table.take(address(number)).is_none()));
    });
}

#[test]
fn no_ring_of_the_bell_is_lost() {
    model(3, 50, || {
        let (bell, left) = (Arc::new(Bell::new()), Arc::new(AtomicU64::new(0)));
        let (theirs, leaves) = (bell.clone(), left.clone());
        let hook = thread::spawn(move || {
            for number in 1..=2 {
                leaves.store(number, Ordering::Relaxed);
                theirs.ring();
            }
        });
        let drain = thread::spawn(move || {
            let mut seen = 0;
            while seen < 2 {
                bell.wait(Duration::MAX, true, || left.load(Ordering::Relaxed) != seen);
                seen = left.load(Ordering::Relaxed);
            }
        });
        hook.join().expect("no panic");
        drain.join().expect("no panic");
    });
}

#[test]
fn an_interrupt_ends_every_wait() {
    model(3, 50, || {
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
    model(4, 50, || {
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
        let session = thread::spawn(move || {
            switch.store(0, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            while mark.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            data.with_mut(|value| {
                // SAFETY: the hooks are off and quiet.
                unsafe { *value = 0 };
            });
        });
        hook.join().expect("no panic");
        session.join().expect("no panic");
    });
}

/// The list of rings that hold something (`hook::sample::mark_dirty`, `Collector::tick`): a sample that was left is found, at once or at
/// the next look.
#[test]
fn a_ring_that_holds_something_is_on_the_list() {
    model(4, 50, || {
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
        let drain = thread::spawn(move || {
            let tick = move || {
                if !listed.swap(false, Ordering::Acquire) {
                    return None;
                }
                dirty.swap(false, Ordering::AcqRel);
                Some(held.load(Ordering::Acquire))
            };
            let early = tick();
            (early, tick)
        });
        hook.join().expect("no panic");
        let (early, tick) = drain.join().expect("no panic");
        assert_eq!(tick().or(early), Some(2));
    });
}
