//! What accidents do to a file: cut tails, flipped bits, stretches that are gone, zeroed or put in.

use crate::bytes::{
    BLOCK_HEADER_BYTES, FILE_HEADER_BYTES, block, block_header, blocks, file_header, read, trace_of, write,
};
use crate::records::every_kind;
use memscope_trace::Record;
use proptest::prelude::*;

/// The records of those blocks that `touched` leaves alone.
fn untouched(trace: &[u8], touched: &std::ops::Range<usize>) -> Vec<Record> {
    let whole = |(record, block): (Record, std::ops::Range<usize>)| {
        (block.end <= touched.start || touched.end <= block.start).then_some(record)
    };
    every_kind().into_iter().zip(blocks(trace)).filter_map(whole).collect()
}

#[test]
fn a_cut_anywhere_leaves_every_complete_block() {
    let trace = write(&every_kind());
    let blocks = blocks(&trace);
    for cut in FILE_HEADER_BYTES..=trace.len() {
        let (records, stats) = read(&trace[..cut]);
        let complete = blocks.iter().filter(|block| block.end <= cut).count();
        assert_eq!(records, every_kind()[..complete], "cut at {cut}");
        let tail = cut - blocks[..complete].last().map_or(FILE_HEADER_BYTES, |block| block.end);
        assert_eq!((stats.torn_tail_bytes, stats.torn_tail()), (tail as u64, tail > 0), "cut at {cut}");
        // A cut is no damage.
        let lost = stats.damaged_blocks + stats.missing_blocks + stats.skipped_bytes + stats.unknown_blocks;
        assert_eq!((lost, stats.is_clean()), (0, tail == 0), "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_costs_its_block_and_is_counted() {
    let trace = write(&every_kind());
    let blocks = blocks(&trace);
    for bit in FILE_HEADER_BYTES * 8..trace.len() * 8 {
        let at = bit / 8;
        let mut damaged = trace.clone();
        damaged[at] ^= 1 << (bit % 8);
        let (records, stats) = read(&damaged);
        assert_eq!(records, untouched(&trace, &(at..at + 1)), "bit {bit}");
        let hit = blocks.iter().position(|block| block.contains(&at)).unwrap();
        let block = &blocks[hit];
        if at < block.start + BLOCK_HEADER_BYTES {
            let seen = hit + 1 < blocks.len();
            assert_eq!((stats.damaged_blocks, stats.missing_blocks), (0, u64::from(seen)), "bit {bit}");
            assert_eq!(stats.skipped_bytes, block.len() as u64, "bit {bit}");
        } else {
            assert_eq!(
                (stats.damaged_blocks, stats.missing_blocks, stats.skipped_bytes),
                (1, 0, 0),
                "bit {bit}"
            );
        }
        assert_eq!(stats.torn_tail_bytes, 0, "bit {bit}");
    }
}

#[test]
fn bytes_that_are_gone_cost_only_the_blocks_they_belonged_to() {
    let trace = write(&every_kind());
    for length in [1, 5, 23, 24, 60, 400] {
        for start in FILE_HEADER_BYTES..trace.len() - length {
            let gone = start..start + length;
            let (records, stats) = read(&[&trace[..gone.start], &trace[gone.end..]].concat());
            // One more may be whole: where what follows begins as what is gone did.
            let kept = untouched(&trace, &gone);
            assert!(kept.iter().all(|record| records.contains(record)), "{gone:?}");
            assert!(records.iter().all(|record| every_kind().contains(record)), "{gone:?}");
            assert!(records.len() <= kept.len() + 1, "{gone:?}");
            assert!(!stats.is_clean(), "{gone:?}");
        }
    }
}

#[test]
fn zeroed_stretches_cost_only_the_blocks_they_belonged_to() {
    let trace = write(&every_kind());
    for length in [1, 16, 24, 100, 512] {
        for start in FILE_HEADER_BYTES..trace.len() - length {
            let zeroed = start..start + length;
            let mut damaged = trace.clone();
            damaged[zeroed.clone()].fill(0);
            // Zeros over zeros are no damage.
            let changed = zeroed.clone().filter(|&at| trace[at] != 0);
            let (first, last) = (changed.clone().min(), changed.max());
            let (records, stats) = read(&damaged);
            let Some((first, last)) = first.zip(last) else {
                assert!(stats.is_clean());
                continue;
            };
            let expected = untouched(&trace, &(first..last + 1));
            assert_eq!(records, expected, "{zeroed:?}");
            assert!(!stats.is_clean(), "{zeroed:?}");
        }
    }
}

#[test]
fn a_tail_of_zeros_is_passed_over() {
    // What a file system leaves that had given out the space but not written it when the power went.
    let mut trace = write(&every_kind());
    trace.resize(trace.len() + 1_000_003, 0);
    let (records, stats) = read(&trace);
    assert_eq!(records, every_kind());
    assert_eq!((stats.skipped_bytes, stats.torn_tail_bytes, stats.missing_blocks), (1_000_003, 0, 0));
}

#[test]
fn a_block_cut_by_a_failed_write_does_not_cost_those_behind_it() {
    // A header that promises 60,000 bytes, some of them, and then the writer goes on with small blocks.
    let large = block(15, 0, 1, &vec![0x55; 60_000]);
    let small = |sequence| block(15, 0, sequence, &[0; 7]);
    for there in [24, 25, 1000, 59_999] {
        let trace = trace_of([&small(0)[..], &large[..there], &small(2), &small(3)]);
        let (records, stats) = read(&trace);
        assert_eq!(records.len(), 3, "{there}");
        let counted = (stats.damaged_blocks, stats.missing_blocks, stats.torn_tail_bytes);
        assert_eq!(counted, (1, 0, 0), "{there}");
    }
}

#[test]
fn a_header_inside_a_damaged_payload_is_not_followed_into_nowhere() {
    // A module was given a build id that promises 60,000 bytes, and a bit of the block is flipped.
    let promise = block_header(15, 0, 1, 60_000, 0);
    let mut named = block(2, 0, 0, &[&[1, 0, 24][..], &promise, &[0; 3]].concat());
    assert!(read(&trace_of([&named])).1.is_clean());
    named[24] ^= 2;
    let (records, stats) = read(&trace_of([named.clone(), numbered(1), numbered(2)]));
    assert_eq!((records.len(), stats.damaged_blocks, stats.missing_blocks), (2, 1, 0));
    // Cut at its end, it is the same as any block that is cut.
    named.pop();
    let (records, stats) = read(&trace_of([&named]));
    assert_eq!((records.len(), stats.damaged_blocks, stats.torn_tail_bytes), (0, 0, named.len() as u64));
}

#[test]
fn the_first_blocks_may_be_gone() {
    let trace = write(&every_kind());
    for (lost, block) in blocks(&trace).iter().enumerate() {
        let (records, stats) = read(&[&file_header(1, 0), &trace[block.start..]].concat());
        assert_eq!((&records[..], stats.missing_blocks), (&every_kind()[lost..], lost as u64));
    }
}

/// A small block with that number.
fn numbered(sequence: u32) -> Vec<u8> {
    block(15, 0, sequence, &[0; 7])
}

#[test]
fn blocks_out_of_order_are_returned_and_counted() {
    for (sequences, missing, out_of_order) in [
        (&[0, 1, 2][..], 0, 0),
        (&[0, 1, 1, 1, 2], 0, 2),
        (&[0, 2, 1, 3], 1, 1),
        (&[0, 1, 2, 0, 1, 2, 3], 0, 3),
        (&[5, 9], 5 + 3, 0),
        // The numbers wrap.
        (&[0x7FFF_FFFF, u32::MAX - 1, u32::MAX, 0, 1], 0x7FFF_FFFF + 0x7FFF_FFFE, 0),
        // A number far ahead is one from before the wrap.
        (&[u32::MAX, 0, 1], 0, 1),
    ] {
        let (records, stats) = read(&trace_of(sequences.iter().map(|&sequence| numbered(sequence))));
        assert_eq!(records.len(), sequences.len());
        assert_eq!(
            (stats.missing_blocks, stats.out_of_order_blocks),
            (missing, out_of_order),
            "{sequences:?}"
        );
        assert_eq!(stats.is_clean(), missing + out_of_order == 0);
    }
}

#[test]
fn a_second_trace_behind_the_first_is_noticed() {
    let trace = write(&every_kind());
    let (records, stats) = read(&[&trace[..], &trace].concat());
    assert_eq!(records.len(), 2 * every_kind().len());
    assert_eq!((stats.skipped_bytes, stats.out_of_order_blocks), (32, every_kind().len() as u64));
}

proptest! {
    #[test]
    fn what_was_put_in_between_blocks_is_passed_over(
        at in 0_usize..=16,
        // No byte of it begins a magic number.
        junk in proptest::collection::vec(0_u8..0xA0, 1..5000),
    ) {
        let trace = write(&every_kind());
        let at = blocks(&trace).get(at).map_or(trace.len(), |block| block.start);
        let (records, stats) = read(&[&trace[..at], &junk, &trace[at..]].concat());
        prop_assert_eq!(records, every_kind());
        prop_assert_eq!(stats.skipped_bytes, junk.len() as u64);
        prop_assert_eq!((stats.damaged_blocks, stats.missing_blocks, stats.torn_tail_bytes), (0, 0, 0));
    }
}
