//! Memory for rings that outlives the process: a file in a memory file system, mapped and shared.
//!
//! What stands in a ring when the process is killed is in the file, and whoever reads the trace takes it from there
//! ([`memscope_trace::sweep_rings`]; `memscope_trace::rings` has the layout). A ring is one of a fixed number of *places*; a thread that finds
//! none gets a ring of the process's own, as without shared rings, and that is counted.
//!
//! A store to a mapped file for which the file system has no room kills the program (SIGBUS): so the room for a whole ring is asked for before it
//! is used. Places that were given back keep their room for the next thread.

use crate::ring::Ring;
use crate::say::say;
use crate::sync::{AtomicBool, AtomicU64, Ordering};
use crate::sys;
use core::num::NonZeroUsize;
use core::ptr::NonNull;
use memscope_trace::rings::{HEADER_BYTES, INTERVALS, INTERVALS_AT, RingsHeader};
use std::fs::File;
use std::io;
use std::path::PathBuf;

/// The most rings, and the most address space for them. Memory is only taken by rings that threads have.
const MOST_RINGS: usize = 4096;
const MOST_BYTES: usize = 8 << 30;

pub(crate) struct Arena {
    base: NonNull<u8>,
    bytes: usize,
    ring_bytes: NonZeroUsize,
    /// A bit for each place: taken, and has room.
    taken: Vec<AtomicU64>,
    backed: Vec<AtomicU64>,
    file: File,
    /// The file, and the link to it beside the trace.
    paths: Vec<PathBuf>,
    is_removed: AtomicBool,
    process_id: u32,
    outside: AtomicU64,
}

// SAFETY: the mapping is the arena's own for as long as it lives; places are handed out once.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

/// What an arena is made for.
pub(crate) struct Owner {
    pub(crate) started_unix_ns: u64,
    pub(crate) start_ns: u64,
    pub(crate) credit_bytes: f64,
}

impl Arena {
    /// Lays out `file`, empty and at the first of `paths`, for rings of `ring_bytes`; all paths are removed with the arena.
    pub(crate) fn create(
        file: File,
        paths: Vec<PathBuf>,
        ring_bytes: usize,
        owner: &Owner,
    ) -> io::Result<Self> {
        let ring_bytes = ring_bytes.next_multiple_of(sys::page_bytes());
        let ring_bytes = NonZeroUsize::new(ring_bytes).unwrap_or(NonZeroUsize::MIN);
        let rings = (MOST_BYTES / ring_bytes).clamp(8, MOST_RINGS);
        let bytes = HEADER_BYTES + rings * ring_bytes.get();
        let words = || (0..rings.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        // From here on the paths go with the arena, whatever fails.
        let mut arena = Self {
            base: NonNull::dangling(),
            bytes: 0,
            ring_bytes,
            taken: words(),
            backed: words(),
            file,
            paths,
            is_removed: AtomicBool::new(false),
            process_id: sys::process_id(),
            outside: AtomicU64::new(0),
        };
        if bytes as u64 > sys::file_size_limit() {
            return Err(io::Error::from_raw_os_error(libc::EFBIG));
        }
        arena.file.set_len(bytes as u64)?;
        sys::give_room(&arena.file, 0, HEADER_BYTES as u64)?;
        arena.base = sys::map_shared(&arena.file, bytes)?;
        arena.bytes = bytes;
        let header = RingsHeader {
            process_id: arena.process_id,
            started_unix_ns: owner.started_unix_ns,
            start_ns: owner.start_ns,
            ring_bytes: ring_bytes.get() as u64,
            rings: rings as u64,
            credit_bytes: owner.credit_bytes,
        };
        let header = header.encode();
        // SAFETY: the mapping is longer than the header and nobody else's yet.
        unsafe { arena.base.as_ptr().copy_from_nonoverlapping(header.as_ptr(), header.len()) };
        Ok(arena)
    }

    /// A ring for the calling thread; `None` where every place is taken, or there is no room for one more. Allocates nothing.
    pub(crate) fn ring(&self, bytes: usize) -> Option<NonNull<Ring>> {
        let place = self.take_place();
        let ring = place.and_then(|place| {
            let at = HEADER_BYTES + place * self.ring_bytes.get();
            let (mask, backed) = bit(&self.backed, place)?;
            let is_backed = backed.load(Ordering::Relaxed) & mask != 0;
            if !is_backed && sys::give_room(&self.file, at as u64, self.ring_bytes.get() as u64).is_err() {
                self.free_place(place);
                return None;
            }
            backed.fetch_or(mask, Ordering::Relaxed);
            // SAFETY: the place is within the mapping, page-aligned, and was just taken.
            unsafe { Ring::begin_in(self.base.add(at), bytes.min(self.ring_bytes.get())) }
        });
        if ring.is_none() {
            self.outside.fetch_add(1, Ordering::Relaxed);
        }
        ring
    }

    /// Takes back a ring that nobody uses; `false` where it is none of the arena's.
    pub(crate) fn take_back(&self, ring: NonNull<Ring>) -> bool {
        let Some(at) = (ring.as_ptr() as usize).checked_sub(self.base.as_ptr() as usize + HEADER_BYTES)
        else {
            return false;
        };
        let is_ours = at < self.bytes.saturating_sub(HEADER_BYTES);
        if is_ours {
            self.free_place(at / self.ring_bytes);
        }
        is_ours
    }

    fn take_place(&self) -> Option<usize> {
        let places = (self.bytes - HEADER_BYTES) / self.ring_bytes;
        for (number, word) in self.taken.iter().enumerate() {
            let mut found = word.load(Ordering::Relaxed);
            while found != u64::MAX {
                let place = number * 64 + found.trailing_ones() as usize;
                if place >= places {
                    return None;
                }
                let taken = found | 1 << (place % 64);
                // Acquire: pairs with `free_place`; what the thread before did to the ring comes first.
                match word.compare_exchange_weak(found, taken, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => return Some(place),
                    Err(other) => found = other,
                }
            }
        }
        None
    }

    fn free_place(&self, place: usize) {
        if let Some((mask, word)) = bit(&self.taken, place) {
            // Release: pairs with `take_place`.
            word.fetch_and(!mask, Ordering::Release);
        }
    }

    /// Notes an interval that came into force, for samples that are drawn under it before the trace is told.
    pub(crate) fn note_interval(&self, id: u32, interval_bytes: f64) {
        let at = INTERVALS_AT + 8 * (id as usize % INTERVALS);
        // SAFETY: within the header, aligned, and only ever accessed as an atomic.
        let word = unsafe { self.base.add(at).cast::<AtomicU64>().as_ref() };
        word.store(interval_bytes.to_bits(), Ordering::Relaxed);
    }

    /// Whether the calling process is a copy of the one that the arena is of: its stores would be that one's.
    pub(crate) fn is_anothers(&self) -> bool {
        self.process_id != sys::process_id()
    }

    /// Removes the file: everything is in the trace.
    pub(crate) fn remove(&self) {
        if !self.is_anothers() && !self.is_removed.swap(true, Ordering::Relaxed) {
            let outside = self.outside.load(Ordering::Relaxed);
            if outside > 0 {
                say(format_args!(
                    "{outside} threads found no place among the shared rings and had rings of their own"
                ));
            }
            for path in &self.paths {
                // What cannot be removed is found by whoever reads the trace, which has its end: there it is passed over.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.remove();
        if self.bytes > 0 {
            // SAFETY: mapped by `create` with this length; no ring is in use when the session's data goes.
            unsafe { sys::unmap(self.base, self.bytes) };
        }
    }
}

fn bit(words: &[AtomicU64], place: usize) -> Option<(u64, &AtomicU64)> {
    Some((1 << (place % 64), words.get(place / 64)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::{MAX_FRAMES, Sample};
    use memscope_trace::AllocationKind;

    fn arena(folder: &std::path::Path) -> Arena {
        let path = folder.join("rings");
        let mut options = std::fs::OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(&path).expect("a file");
        let owner = Owner { started_unix_ns: 1, start_ns: 2, credit_bytes: 3.0 };
        // So large that there are few.
        Arena::create(file, vec![path], 1 << 29, &owner).expect("an arena")
    }

    #[test]
    fn places_are_handed_out_once_and_again_when_given_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let arena = arena(folder.path());
        let rings: Vec<_> = (0..20).map_while(|_| arena.take_place()).collect();
        assert_eq!(rings, (0..16).collect::<Vec<_>>());
        assert!(arena.ring(4096).is_none() && arena.outside.load(Ordering::Relaxed) == 1);
        arena.free_place(5);
        assert_eq!((arena.take_place(), arena.take_place()), (Some(5), None));
        assert!(!arena.take_back(NonNull::dangling()), "a ring of the process's own is none of the arena's");
        drop(arena);
        assert!(!folder.path().join("rings").exists(), "the file goes with it");
    }

    #[test]
    fn a_ring_of_a_thread_before_is_an_empty_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rings");
        let mut options = std::fs::OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(&path).expect("a file");
        let owner = Owner { started_unix_ns: 1, start_ns: 2, credit_bytes: 3.0 };
        let arena = Arena::create(file, vec![path], 4096, &owner).expect("an arena");
        let kind = AllocationKind::Alloc;
        let sample = Sample {
            time_ns: 1,
            size: 2,
            old_size: 0,
            kind,
            interval: 0,
            entry: 0,
            scope: 0,
            task: 0,
            truncated: false,
            frames: &[7],
        };
        for _ in 0..3 {
            let ring = arena.ring(4096).expect("a place");
            // SAFETY: the arena's, and nobody else's.
            let shared = unsafe { ring.as_ref() };
            assert!(shared.is_empty() && shared.take(&mut [0; MAX_FRAMES]).is_none());
            assert!(shared.push(&sample));
            assert!(arena.take_back(ring));
        }
    }
}
