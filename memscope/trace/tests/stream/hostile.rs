//! Files that were made to hurt: nothing panics, memory stays, and time is linear in the length of the file. A reader
//! that were not linear would take hours over these.

use crate::bytes::{MAGIC, block, block_header, blocks, file_header, read, trace_of, write};
use crate::records::every_kind;
use crate::round_trip::record;
use memscope_trace::{MAX_PAYLOAD_BYTES, Record};
use proptest::collection::vec;
use proptest::prelude::*;

const MIB: usize = 1 << 20;

#[test]
fn a_file_of_magic_numbers() {
    let trace = [file_header(1, 0), MAGIC.repeat(MIB / 4)].concat();
    let (records, stats) = read(&trace);
    assert!(records.is_empty());
    // The last few could be a header that was cut.
    assert_eq!(stats.skipped_bytes + stats.torn_tail_bytes, MIB as u64);
    assert!(stats.torn_tail_bytes < 24);
}

#[test]
fn a_file_of_headers_that_are_nearly_right() {
    let mut header = block_header(15, 0, 0, 0, 0);
    header[23] ^= 1;
    let trace = [file_header(1, 0), header.repeat(MIB / 24)].concat();
    let (records, stats) = read(&trace);
    assert!(records.is_empty());
    assert_eq!(stats.skipped_bytes + stats.torn_tail_bytes, (trace.len() - 32) as u64);
}

#[test]
fn a_declared_length_beyond_the_limit_is_no_header() {
    for length in [MAX_PAYLOAD_BYTES as u32 + 1, 1 << 20, u32::MAX] {
        let large = block_header(15, 0, 0, length, 0);
        let trace = trace_of([&large[..], &vec![0; 100_000], &block(15, 0, 0, &[0; 7])]);
        let (records, stats) = read(&trace);
        assert_eq!((records.len(), stats.skipped_bytes), (1, 100_024));
    }
}

/// Broken blocks cost a checksum over what they declare, twice at most (see the reader's header): so their number, in
/// relation to the file's length, says whether the work was linear.
fn assert_linear(trace: &[u8], damaged_blocks: u64) {
    let declared = damaged_blocks * MAX_PAYLOAD_BYTES as u64;
    assert!(declared <= 3 * trace.len() as u64, "{damaged_blocks} broken blocks in {} bytes", trace.len());
}

#[test]
fn a_file_of_headers_that_promise_what_does_not_come() {
    let promise = block_header(15, 0, 0, MAX_PAYLOAD_BYTES as u32, 1);
    let trace = [file_header(1, 0), promise.repeat(4 * MIB / 24)].concat();
    let (records, stats) = read(&trace);
    assert!(records.is_empty() && stats.damaged_blocks > 0);
    assert_linear(&trace, stats.damaged_blocks);
}

#[test]
fn a_file_made_to_be_searched_again_and_again() {
    // Each promise breaks, and right behind it stands an intact block that calls off the skip.
    let promise = block_header(15, 0, 0, MAX_PAYLOAD_BYTES as u32, 1);
    let pair = [promise, block(15, 0, 0, &[0; 7])].concat();
    let trace = [file_header(1, 0), pair.repeat(4 * MIB / pair.len())].concat();
    let (records, stats) = read(&trace);
    assert!(!records.is_empty());
    assert_linear(&trace, stats.damaged_blocks);
}

#[test]
fn numbers_far_apart_do_not_overflow_the_counts() {
    let numbered = |sequence| block(15, 0, sequence, &[0; 7]);
    let trace = trace_of((0..1000).map(|at| numbered((at % 2) * (u32::MAX / 2))));
    let (records, stats) = read(&trace);
    assert_eq!(records.len(), 1000);
    assert!(!stats.is_clean());
}

#[test]
fn losses_beyond_all_measure_add_up() {
    let loss = memscope_trace::Loss { buffer_full: u64::MAX, table_full: 1, ..Default::default() };
    assert_eq!(loss.samples(), u64::MAX);
}

/// One way to spoil a file.
#[derive(Debug, Clone)]
enum Change {
    Overwrite(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Copy(usize, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let (at, length) = (0_usize..4096, 0_usize..600);
    let bytes = prop_oneof![vec(any::<u8>(), 0..64), vec(prop::sample::select(&MAGIC[..]), 0..64)];
    prop_oneof![
        (at.clone(), bytes.clone()).prop_map(|(at, bytes)| Change::Overwrite(at, bytes)),
        (at.clone(), bytes).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at.clone(), length.clone()).prop_map(|(at, length)| Change::Remove(at, length)),
        (at.clone(), length, at).prop_map(|(from, length, to)| Change::Copy(from, length, to)),
    ]
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let within = |at: usize| at.min(bytes.len());
        let range = |at: usize, length: usize| within(at)..within(at + length);
        match self {
            Self::Overwrite(at, new) => {
                let range = range(*at, new.len());
                let length = range.len();
                bytes[range].copy_from_slice(&new[..length]);
            }
            Self::Insert(at, new) => drop(bytes.splice(range(*at, 0), new.iter().copied())),
            Self::Remove(at, length) => drop(bytes.drain(range(*at, *length))),
            Self::Copy(from, length, to) => {
                let copied = bytes[range(*from, *length)].to_vec();
                bytes.splice(range(*to, 0), copied);
            }
        }
    }
}

proptest! {
    #[test]
    fn noise_holds_no_records(noise in vec(any::<u8>(), 0..20_000)) {
        let (records, stats) = read(&[file_header(1, 0), noise.clone()].concat());
        prop_assert!(records.is_empty());
        prop_assert_eq!(stats.skipped_bytes + stats.torn_tail_bytes, noise.len() as u64);
    }

    #[test]
    fn noise_in_a_payload_is_a_record_or_damage(kind in 0_u8..20, noise in vec(any::<u8>(), 0..200)) {
        let (records, stats) = read(&trace_of([block(kind, 0, 0, &noise)]));
        prop_assert_eq!(records.len() as u64 + stats.damaged_blocks + stats.unknown_blocks, 1);
    }

    #[test]
    fn whatever_is_done_to_a_trace_only_its_own_records_come_back(changes in vec(change(), 1..8)) {
        let mut trace = write(&every_kind());
        let intact = trace.clone();
        let body = &mut trace.split_off(32);
        changes.iter().for_each(|change| change.apply(body));
        trace.extend_from_slice(body);
        let (records, stats) = read(&trace);
        prop_assert!(records.iter().all(|record| every_kind().contains(record)));
        prop_assert_eq!(stats.is_clean(), intact.starts_with(&trace) && trace_ends_between_blocks(&intact, trace.len()));
        prop_assert!(stats.skipped_bytes + stats.torn_tail_bytes <= trace.len() as u64 - 32);
    }

    #[test]
    fn a_changed_block_never_becomes_another(record in record(), at: prop::sample::Index, mask in 1_u8..) {
        let mut trace = write(std::slice::from_ref(&record));
        let at = 32 + at.index(trace.len() - 32);
        trace[at] ^= mask;
        let (records, stats) = read(&trace);
        prop_assert_eq!(records, Vec::<Record>::new());
        prop_assert!(!stats.is_clean());
    }
}

fn trace_ends_between_blocks(intact: &[u8], length: usize) -> bool {
    length == 32 || blocks(intact).iter().any(|block| block.end == length)
}
