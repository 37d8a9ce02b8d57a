//! What memscope has mapped for itself: so that its own part of resident memory can be told from the program's.
//!
//! A list of fixed size, for it is written where nothing may be allocated: a mapping's address stands in a place of it from [`note`] to [`forget`].
//! What finds no place is mapped all the same; its bytes are counted, and nobody can look at them.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const PLACES: usize = 4096;
/// A shared mapping's address has this bit set in the list: addresses of pages have it not.
const SHARED: usize = 1;

struct Place {
    /// 0 where the place is free.
    start: AtomicUsize,
    bytes: AtomicUsize,
}

static LIST: [Place; PLACES] =
    [const { Place { start: AtomicUsize::new(0), bytes: AtomicUsize::new(0) } }; PLACES];
/// Places beyond were never used.
static USED: AtomicUsize = AtomicUsize::new(0);
static WITHOUT_PLACE_BYTES: AtomicU64 = AtomicU64::new(0);

/// One of memscope's own mappings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) start: usize,
    pub(crate) bytes: usize,
    /// A ring that outlives the process, in shared memory; else private and anonymous.
    pub(crate) is_shared: bool,
}

/// A mapping was made.
pub(super) fn note(start: usize, bytes: usize, is_shared: bool) {
    let start = start | if is_shared { SHARED } else { 0 };
    for (index, place) in LIST.iter().enumerate() {
        let is_free = place.start.load(Ordering::Relaxed) == 0;
        if is_free && place.start.compare_exchange(0, start, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            // A reader in between finds no length: nothing to look at yet.
            place.bytes.store(bytes, Ordering::Relaxed);
            USED.fetch_max(index + 1, Ordering::Relaxed);
            return;
        }
    }
    WITHOUT_PLACE_BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
}

/// A mapping is about to be given back.
pub(super) fn forget(start: usize, bytes: usize) {
    for place in LIST.iter().take(USED.load(Ordering::Relaxed)) {
        if place.start.load(Ordering::Relaxed) & !SHARED == start {
            place.bytes.store(0, Ordering::Relaxed);
            place.start.store(0, Ordering::Relaxed);
            return;
        }
    }
    WITHOUT_PLACE_BYTES.fetch_sub(bytes as u64, Ordering::Relaxed);
}

/// Calls `visit` for each of memscope's mappings; returns the bytes of those that it knows no place of. One that goes meanwhile is visited or not.
pub(crate) fn for_each_mapping(mut visit: impl FnMut(Mapping)) -> u64 {
    for place in LIST.iter().take(USED.load(Ordering::Relaxed)) {
        let (start, bytes) = (place.start.load(Ordering::Relaxed), place.bytes.load(Ordering::Relaxed));
        if start != 0 {
            visit(Mapping { start: start & !SHARED, bytes, is_shared: start & SHARED != 0 });
        }
    }
    WITHOUT_PLACE_BYTES.load(Ordering::Relaxed)
}

#[cfg(test)]
#[cfg(not(miri))]
mod tests {
    use super::*;
    use crate::sys;

    #[test]
    fn a_mapping_is_known_until_it_goes() {
        let bytes = 100 * sys::page_bytes();
        let at = sys::map(bytes).expect("memory");
        let wanted = Mapping { start: at.as_ptr() as usize, bytes, is_shared: false };
        let is_known = || {
            let mut found = false;
            assert_eq!(for_each_mapping(|mapping| found |= mapping == wanted), 0);
            found
        };
        assert!(is_known());
        // SAFETY: mapped above with that length.
        unsafe { sys::unmap(at, bytes) };
        assert!(!is_known());
    }
}
