//! `/proc/self/pagemap`: eight bytes for each page of addresses. Says whether a page is in memory, and whether it is a file's, or was written to
//! and so is the process's own. `mincore` does not tell the two apart, and a filter of system calls may forbid it. Since Linux 4.2 the process may
//! read its own map without privileges (page frame numbers are hidden then; they are not looked at).

use super::super::snapshot::{Figure, Gap};
use super::source::Reader;
use crate::unwind::modules::Range;
use std::fs::File;

const SOURCE: &str = "/proc/self/pagemap";
const ENTRY_BYTES: u64 = 8;
const IN_MEMORY: u64 = 1 << 63;
/// A page of a file's, or shared.
const OF_A_FILE: u64 = 1 << 61;
/// Pages of a stack that are looked at together.
const STEP_PAGES: u64 = 64;
/// Tables in a program's variables may be huge: above, reading would take too long.
const MOST_BYTES: u64 = 1 << 30;
const TOO_LARGE: Gap = Gap::because(SOURCE, "not read: variables of more than 1 GiB");

#[derive(Debug)]
pub(super) struct PageMap {
    file: Figure<File>,
}

impl PageMap {
    pub(super) fn open() -> Self {
        Self { file: File::open(SOURCE).map_err(|error| Gap::error(SOURCE, &error)) }
    }

    /// Bytes of `ranges` that are in memory and no file's.
    pub(super) fn anonymous_bytes(
        &self,
        reader: &mut Reader,
        page_bytes: u64,
        ranges: impl Iterator<Item = Range>,
    ) -> Figure<u64> {
        let (mut looked_at, mut found) = (0_u64, 0_u64);
        for range in ranges {
            looked_at = looked_at.saturating_add(range.end.saturating_sub(range.start));
            if looked_at > MOST_BYTES {
                return Err(TOO_LARGE);
            }
            found += self.pages(reader, page_bytes, range, is_own)?;
        }
        Ok(found.saturating_mul(page_bytes))
    }

    /// Bytes of `range` that are in memory.
    pub(super) fn resident_bytes(&self, reader: &mut Reader, page_bytes: u64, range: Range) -> Figure<u64> {
        Ok(self.pages(reader, page_bytes, range, is_in_memory)?.saturating_mul(page_bytes))
    }

    /// The same as far as it goes down from the end without a gap of [`STEP_PAGES`] pages: stacks grow downwards, and what lies below was never touched.
    pub(super) fn resident_bytes_down(
        &self,
        reader: &mut Reader,
        page_bytes: u64,
        range: Range,
    ) -> Figure<u64> {
        let step_bytes = STEP_PAGES * page_bytes;
        let (mut end, mut found) = (range.end, 0);
        while end > range.start {
            let start = end.saturating_sub(step_bytes).max(range.start);
            let pages = self.pages(reader, page_bytes, Range { start, end }, is_in_memory)?;
            if pages == 0 {
                break;
            }
            (end, found) = (start, found + pages);
        }
        Ok(found.saturating_mul(page_bytes))
    }

    /// How many pages of `range` are `counted`.
    fn pages(
        &self,
        reader: &mut Reader,
        page_bytes: u64,
        range: Range,
        counted: fn(u64) -> bool,
    ) -> Figure<u64> {
        let file = self.file.as_ref().map_err(|gap| *gap)?;
        let (mut page, end) = (range.start / page_bytes, range.end.div_ceil(page_bytes));
        let mut found = 0;
        while page < end {
            let bytes = (end - page).saturating_mul(ENTRY_BYTES);
            let entries = reader
                .read_from(file, page.saturating_mul(ENTRY_BYTES), bytes)
                .map_err(|error| Gap::error(SOURCE, &error))?;
            let (entries, _) = entries.as_chunks::<8>();
            if entries.is_empty() {
                break;
            }
            page += u64::try_from(entries.len()).unwrap_or(u64::MAX);
            let here = entries.iter().filter(|entry| counted(u64::from_ne_bytes(**entry))).count();
            found += u64::try_from(here).unwrap_or(0);
        }
        Ok(found)
    }
}

fn is_in_memory(entry: u64) -> bool {
    entry & IN_MEMORY != 0
}

fn is_own(entry: u64) -> bool {
    is_in_memory(entry) && entry & OF_A_FILE == 0
}

#[cfg(test)]
mod tests {
    use super::super::super::os;
    use super::*;
    use std::sync::atomic::{AtomicU8, Ordering};

    const PAGES: usize = 600;
    static VARIABLES: [[AtomicU8; 4096]; PAGES] = [const { [const { AtomicU8::new(0) }; 4096] }; PAGES];

    #[test]
    fn variables_count_once_they_are_written_to() {
        let page_bytes = os::page_bytes().unwrap();
        let start = VARIABLES.as_ptr() as u64;
        let range = Range { start, end: start + (PAGES as u64) * 4096 };
        let (map, mut reader) = (PageMap::open(), Reader::new());
        let mut own = || map.anonymous_bytes(&mut reader, page_bytes, std::iter::once(range)).unwrap();
        let before = own();
        for page in &VARIABLES[100..500] {
            page[0].store(1, Ordering::Relaxed);
        }
        let grown = own() - before;
        let written = 400 * 4096;
        assert!(
            (written - 2 * page_bytes..=written + 2 * page_bytes.max(2 << 20)).contains(&grown),
            "{grown}: whole pages, or huge ones"
        );
    }

    #[test]
    fn code_is_its_files_and_too_much_is_refused() {
        let (map, mut reader) = (PageMap::open(), Reader::new());
        let page_bytes = os::page_bytes().unwrap();
        let code = code_is_its_files_and_too_much_is_refused as fn() as usize as u64;
        let range = Range { start: code, end: code + 1 };
        assert_eq!(map.anonymous_bytes(&mut reader, page_bytes, std::iter::once(range)), Ok(0));
        let huge = Range { start: 0, end: MOST_BYTES + 1 };
        assert_eq!(map.anonymous_bytes(&mut reader, page_bytes, std::iter::once(huge)), Err(TOO_LARGE));
    }
}
