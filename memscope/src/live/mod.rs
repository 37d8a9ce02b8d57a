//! Which sampled allocations are live: so that each of their frees is found, on whatever thread, and nothing else is.
//!
//! A free asks [`filter`] first: a zero there says "not sampled" at the cost of one load. Otherwise [`table`] answers exactly. An address goes in after the inner allocator has given it out, and comes out
//! before the inner allocator gets it back: so it is never in there twice.
//!
//! What is known of a live sample stands in an [`entries`] slot. When it is freed, the slot goes onto a list which the drain thread
//! empties: a free cannot be lost, however full anything is.

pub(crate) mod entries;
pub(crate) mod filter;
mod table;

use crate::sync::Ordering;
use entries::Entries;
use table::Table;

/// The live samples of one session.
pub(crate) struct LiveTable {
    table: Table,
    pub(crate) entries: Entries,
}

impl LiveTable {
    /// An empty table; `None` when the operating system gives no memory.
    pub(crate) fn create() -> Option<Self> {
        filter::prepare().then_some(())?;
        Some(Self { table: Table::create()?, entries: Entries::create()? })
    }

    /// Asks for the memory that entering or taking out `address` will touch.
    pub(crate) fn prefetch(&self, address: usize) {
        self.table.prefetch(address);
        filter::prefetch(address);
    }

    /// Enters a sampled allocation and returns its entry; `None` when the table is full.
    pub(crate) fn insert(&self, address: usize) -> Option<u32> {
        let entry = self.entries.acquire()?;
        if self.table.insert(address, entry) {
            filter::add(address);
            Some(entry)
        } else {
            self.entries.release(entry);
            None
        }
    }

    /// Takes out the allocation at `address` and returns its entry; `None` where it is no sample.
    pub(crate) fn take(&self, address: usize) -> Option<u32> {
        let entry = self.table.take(address)?;
        filter::remove(address);
        Some(entry)
    }

    /// Puts back what [`LiveTable::take`] took, for a `realloc` that failed. `false` when there was no room: the sample then
    /// counts as freed.
    pub(crate) fn put_back(&self, address: usize, entry: u32) -> bool {
        let fits = self.table.insert(address, entry);
        if fits {
            filter::add(address);
        }
        fits
    }

    /// Hands a taken entry to the drain thread as freed.
    pub(crate) fn freed(&self, entry: u32, time_ns: u64, thread: u32) {
        let slot = self.entries.slot(entry);
        slot.freed_ns.store(time_ns, Ordering::Relaxed);
        slot.freed_by.store(thread, Ordering::Relaxed);
        self.entries.push_freed(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test for all: the filter is one per process.
    #[test]
    fn finds_every_live_address_and_no_other() {
        let live = LiveTable::create().expect("a mapping");
        let addresses: Vec<usize> = (0..50_000_usize).map(|i| 0x7f00_0000_0000 + i * 48).collect();
        let entries: Vec<u32> = addresses.iter().map(|&a| live.insert(a).expect("room")).collect();
        assert!(addresses.iter().all(|&a| filter::may_contain(a)));
        assert_eq!(live.take(0x7f00_0000_0010), None);
        for (&address, &entry) in addresses.iter().zip(&entries) {
            assert_eq!(live.take(address), Some(entry));
            assert_eq!(live.take(address), None);
            live.freed(entry, 5, 1);
        }
        let mut harvested = Vec::new();
        live.entries.take_freed(|entry| harvested.push(entry));
        harvested.sort_unstable();
        let mut expected = entries.clone();
        expected.sort_unstable();
        assert_eq!(harvested, expected);
        harvested.iter().for_each(|&entry| live.entries.release(entry));

        threads_hand_over(&live);
        assert!(!addresses.iter().any(|&a| filter::may_contain(a)), "an empty table leaves an empty filter");
    }

    /// Threads insert, others take: every address is found exactly once, addresses used again included.
    fn threads_hand_over(live: &LiveTable) {
        let rounds = if cfg!(miri) { 5 } else { 300 };
        std::thread::scope(|scope| {
            for worker in 0..4_usize {
                let (send, receive) = std::sync::mpsc::sync_channel(16);
                let (done, next_round) = std::sync::mpsc::sync_channel(1);
                scope.spawn(move || {
                    for _ in 0..rounds {
                        for i in 0..97 {
                            let address = 0x5000_0000 + worker * 0x100_0000 + i * 16;
                            let entry = live.insert(address).expect("room");
                            send.send((address, entry)).expect("the other side listens");
                        }
                        next_round.recv().expect("the other side answers");
                    }
                });
                scope.spawn(move || {
                    for _ in 0..rounds {
                        for (address, entry) in receive.iter().take(97) {
                            assert_eq!(live.take(address), Some(entry));
                            live.entries.release(entry);
                        }
                        done.send(()).expect("the other side waits");
                    }
                });
            }
        });
    }
}
