//! What memscope has mapped for itself: so that its own part of resident memory can be told from the program's.
//!
//! A list of fixed size, for it is written where nothing may be allocated: a mapping's address stands in a place of it from [`note`] to [`forget`].
//! What finds no place is mapped all the same; its bytes are counted, and never looked at. [`resident`] asks the kernel
//! which pages are in memory (`mincore`), a call for 16 MiB of a mapping: a microsecond for a ring.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const PLACES: usize = 4096;
/// Pages that one call is asked of.
const STEP_PAGES: usize = 4096;
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

/// Resident bytes of memscope's own mappings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OwnMappings {
    /// Private ones: anonymous memory.
    pub(crate) private_bytes: u64,
    /// Rings that outlive the process: shared memory.
    pub(crate) shared_bytes: u64,
    /// Mapped without a place in the list: unknown whether resident.
    pub(crate) unknown_bytes: u64,
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

/// How much of memscope's mappings is in memory. One that goes meanwhile is counted or not; nothing is read of it.
pub(crate) fn own_mappings() -> OwnMappings {
    let page_bytes = super::page_bytes();
    let mut own =
        OwnMappings { unknown_bytes: WITHOUT_PLACE_BYTES.load(Ordering::Relaxed), ..OwnMappings::default() };
    for place in LIST.iter().take(USED.load(Ordering::Relaxed)) {
        let (start, bytes) = (place.start.load(Ordering::Relaxed), place.bytes.load(Ordering::Relaxed));
        let sum = if start & SHARED == 0 { &mut own.private_bytes } else { &mut own.shared_bytes };
        *sum += resident(start & !SHARED, bytes, page_bytes);
    }
    own
}

/// Bytes of `start..start + bytes` that are in memory; 0 for what is not mapped.
fn resident(start: usize, bytes: usize, page_bytes: usize) -> u64 {
    let mut pages = [0_u8; STEP_PAGES];
    let mut found = 0;
    for at in (0..bytes).step_by(STEP_PAGES * page_bytes) {
        let length = (bytes - at).min(STEP_PAGES * page_bytes);
        let count = length.div_ceil(page_bytes);
        // SAFETY: the kernel writes one byte a page to `pages`, which is long enough; the range itself is only asked about.
        let code = unsafe { libc::mincore((start + at) as *mut libc::c_void, length, pages.as_mut_ptr()) };
        if code == 0 {
            found += pages[..count].iter().filter(|page| **page & 1 == 1).count();
        }
    }
    (found * page_bytes) as u64
}

#[cfg(test)]
#[cfg(not(miri))]
mod tests {
    use super::*;
    use crate::sys;

    fn resident_of(at: core::ptr::NonNull<u8>, bytes: usize) -> u64 {
        resident(at.as_ptr() as usize, bytes, sys::page_bytes())
    }

    fn is_noted(at: core::ptr::NonNull<u8>) -> bool {
        LIST.iter().any(|place| place.start.load(Ordering::Relaxed) == at.as_ptr() as usize)
    }

    #[test]
    fn a_mapping_counts_by_the_pages_that_were_touched_until_it_goes() {
        let page_bytes = sys::page_bytes();
        let bytes = (STEP_PAGES + 100) * page_bytes;
        let at = sys::map(bytes).expect("memory");
        // SAFETY: mapped just now, with that length.
        unsafe { sys::use_small_pages(at.as_ptr(), bytes) };
        assert!(is_noted(at));
        assert_eq!(resident_of(at, bytes), 0);
        for page in [0, 1, 7, STEP_PAGES - 1, STEP_PAGES, STEP_PAGES + 99] {
            // SAFETY: within the mapping.
            unsafe { at.as_ptr().add(page * page_bytes).write(1) };
        }
        assert_eq!(resident_of(at, bytes), 6 * page_bytes as u64);
        assert!(own_mappings().private_bytes >= 6 * page_bytes as u64);
        // SAFETY: mapped above with that length.
        unsafe { sys::unmap(at, bytes) };
        assert!(!is_noted(at));
        assert_eq!(own_mappings().unknown_bytes, 0);
    }
}
