//! The thread ids in a listing of `/proc/self/task`, in the kernel's format (`linux_dirent64`):
//!
//! | bytes | field |
//! | --- | --- |
//! | 0..8 | inode |
//! | 8..16 | offset of the next entry in the folder |
//! | 16..18 | length of this entry, native endian |
//! | 18 | type |
//! | 19.. | name, ended by a zero byte, padded |

use super::text::number;

const LENGTH_AT: usize = 16;
const NAME_AT: usize = 19;

/// Adds the thread ids in `listing` to `tids`; entries that are no number (`.` and `..`) are passed over.
/// Stops at an entry that does not fit.
pub(super) fn add_tids(listing: &[u8], tids: &mut Vec<u32>) {
    let mut rest = listing;
    while let Some(length) = rest.get(LENGTH_AT..LENGTH_AT + 2) {
        let length = usize::from(u16::from_ne_bytes([length[0], length[1]]));
        let Some(name) = rest.get(NAME_AT..length) else { return };
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        if let Some(tid) = number(name).and_then(|tid| u32::try_from(tid).ok()) {
            tids.push(tid);
        }
        rest = &rest[length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One entry as the kernel lays it out, padded to a multiple of 8.
    fn entry(name: &str) -> Vec<u8> {
        let length = (NAME_AT + name.len() + 1).next_multiple_of(8);
        let mut bytes = vec![0_u8; length];
        bytes[LENGTH_AT..LENGTH_AT + 2].copy_from_slice(&u16::try_from(length).unwrap().to_ne_bytes());
        bytes[NAME_AT..NAME_AT + name.len()].copy_from_slice(name.as_bytes());
        bytes
    }

    fn tids(listing: &[u8]) -> Vec<u32> {
        let mut tids = Vec::new();
        add_tids(listing, &mut tids);
        tids
    }

    #[test]
    fn numbers_are_threads_and_the_rest_is_not() {
        let listing = [entry("."), entry(".."), entry("7"), entry("4194304"), entry("99999999999")].concat();
        assert_eq!(tids(&listing), [7, 4_194_304]);
        assert!(tids(&[]).is_empty());
    }

    #[test]
    fn a_listing_cut_at_any_byte_gives_the_entries_before_the_cut() {
        let listing = [entry("123"), entry("456")].concat();
        for end in 0..listing.len() {
            let expected: &[u32] = if end < entry("123").len() { &[] } else { &[123] };
            assert_eq!(tids(&listing[..end]), expected, "cut at {end}");
        }
    }

    #[test]
    fn an_entry_of_no_length_ends_the_listing() {
        let mut listing = entry("123");
        listing[LENGTH_AT..LENGTH_AT + 2].copy_from_slice(&[0, 0]);
        assert!(tids(&listing).is_empty());
    }
}
