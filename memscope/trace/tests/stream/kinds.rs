//! The file's version, kinds that are not known, and payloads that are not what their kind says.

use crate::bytes::{block, blocks, file_header, read, trace_of, write};
use crate::records::every_kind;
use memscope_trace::{FORMAT_VERSION, Loss, MAX_ROWS, Record, TraceError, TraceReader};

fn open(trace: &[u8]) -> Result<(u16, u16), TraceError> {
    TraceReader::new(trace).map(|reader| reader.version())
}

#[test]
fn a_newer_minor_version_is_read_and_another_major_one_refused() {
    assert_eq!(file_header(FORMAT_VERSION.0, FORMAT_VERSION.1), write(&[]));
    let mut newer = file_header(1, 9);
    newer.extend(block(15, 0, 0, &[0; 7]));
    assert_eq!(open(&newer).unwrap(), (1, 9));
    assert_eq!(read(&newer).0, [Record::Loss(Loss::default())]);
    for major in [0, 2, u16::MAX] {
        let refused = open(&file_header(major, 3));
        assert!(matches!(refused, Err(TraceError::Version { found }) if found == (major, 3)));
    }
}

#[test]
fn what_does_not_begin_like_a_trace_is_refused() {
    assert!(matches!(open(b""), Err(TraceError::Empty)));
    assert!(matches!(open(b"MEMX"), Err(TraceError::NotATrace { found }) if found == b"MEMX"));
    let text = b"{\"traceEvents\": [ and so on for more than a header";
    assert!(matches!(open(text), Err(TraceError::NotATrace { found }) if found == text[..16]));
    let header = file_header(1, 0);
    for cut in 1..header.len() {
        let refused = open(&header[..cut]);
        assert!(matches!(refused, Err(TraceError::HeaderCut { found_bytes }) if found_bytes == cut));
    }
    for bit in 0..header.len() * 8 {
        let mut damaged = header.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match open(&damaged) {
            Err(TraceError::NotATrace { .. }) => assert!(bit < 64),
            Err(TraceError::HeaderDamaged) => assert!(bit >= 64),
            other => panic!("bit {bit}: {other:?}"),
        }
    }
}

#[test]
fn big_endian_writers_are_refused() {
    let mut header = file_header(1, 0);
    header[12..16].reverse();
    let crc = crc32fast::hash(&header[..28]);
    header[28..].copy_from_slice(&crc.to_le_bytes());
    assert!(matches!(open(&header), Err(TraceError::HeaderDamaged)));
}

#[test]
fn errors_say_what_was_expected_and_found() {
    let kind = "Sites";
    let errors = [
        TraceError::Empty,
        TraceError::NotATrace { found: b"\x7FELF\0\x1B".to_vec() },
        TraceError::HeaderCut { found_bytes: 31 },
        TraceError::HeaderDamaged,
        TraceError::Version { found: (2, 0) },
        TraceError::RecordTooLarge { kind },
        TraceError::ColumnsDiffer { kind },
    ];
    for error in &errors {
        let text = error.to_string();
        assert!(text.starts_with("expected ") && text.contains("found "), "{text}");
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    assert!(errors[1].to_string().contains(r"\x7fELF\x00\x1b"));
    assert!(errors[4].to_string().contains("a newer one than this"));
    assert!(errors[6].to_string().contains("1024 rows") && errors[6].to_string().contains("Sites"));
    let io = TraceError::from(std::io::Error::other("no such device"));
    assert_eq!(io.to_string(), "no such device");
    assert!(std::error::Error::source(&io).is_some() && std::error::Error::source(&errors[0]).is_none());
}

#[test]
fn unknown_kinds_are_passed_over_and_counted_unless_ignorable() {
    let known = |sequence| block(15, 0, sequence, &[0; 7]);
    for kind in [0, 30, 100, 255] {
        let strange = |flags| trace_of([known(0), block(kind, flags, 1, b"anything"), known(2)]);
        let (records, stats) = read(&strange(0));
        assert_eq!((records.len(), stats.unknown_blocks), (2, 1));
        assert!(!stats.is_clean());
        // Other bits may come to mean something; bit 0 is the one that says "ignorable".
        for flags in [1, 0xFF] {
            let (records, stats) = read(&strange(flags));
            assert_eq!(records.len(), 2);
            assert!(stats.is_clean(), "{stats:?}");
        }
    }
}

/// A block of that kind and payload between two known ones: refused, counted, and nothing else lost.
fn assert_refused(kind: u8, payload: &[u8]) {
    let known = |sequence| block(15, 0, sequence, &[0; 7]);
    let (records, stats) = read(&trace_of([known(0), block(kind, 0, 1, payload), known(2)]));
    assert_eq!(records.len(), 2, "kind {kind}: {payload:?}");
    assert_eq!((stats.damaged_blocks, stats.missing_blocks, stats.skipped_bytes), (1, 0, 0));
}

#[test]
fn a_payload_is_used_to_its_last_byte_or_not_at_all() {
    let trace = write(&every_kind());
    for range in blocks(&trace) {
        let (kind, payload) = (trace[range.start + 4], &trace[range.start + 24..range.end]);
        assert_refused(kind, &[payload, &[0]].concat());
        for cut in 0..payload.len() {
            assert_refused(kind, &payload[..cut]);
        }
    }
}

#[test]
fn lengths_beyond_all_measure_are_refused() {
    for kind in 1..=28 {
        for marker in 251..=255 {
            // Lengths, numbers and texts of 16, 32, 64 and 128 bits, all ones.
            assert_refused(kind, &[&[marker][..], &[0xFF; 64]].concat());
            // The same behind a first small number.
            assert_refused(kind, &[&[0, marker][..], &[0xFF; 64]].concat());
        }
        // A column of 1 MiB of which little is there.
        assert_refused(kind, &[&[252, 0, 0, 16, 0][..], &[0; 200]].concat());
    }
}

#[test]
fn columns_are_of_one_length_and_have_the_most_rows_at_most() {
    // Frees: base_us, then three columns.
    assert_refused(8, &[0, 1, 7, 0, 0]);
    assert_refused(8, &[0, 1, 7, 1, 7, 2, 7, 7]);
    let frees = |rows: usize| {
        let column = [&[251][..], &(rows as u16).to_le_bytes(), &vec![0; rows]].concat();
        [&[0][..], &column, &column, &column].concat()
    };
    let (records, stats) = read(&trace_of([block(8, 0, 0, &frees(MAX_ROWS))]));
    assert!(
        stats.is_clean() && matches!(&records[0], Record::Frees(frees) if frees.threads.len() == MAX_ROWS)
    );
    assert_refused(8, &frees(MAX_ROWS + 1));
}

#[test]
fn text_is_utf_8_and_a_tag_is_0_or_1() {
    assert_refused(11, &[1, 1, 2, 0xC3, 0x28, 0, 0]);
    let mut resources = [0; 13];
    assert!(read(&trace_of([block(14, 0, 0, &resources)])).1.is_clean());
    resources[5] = 2;
    assert_refused(14, &resources);
}

#[test]
fn longer_forms_of_a_number_are_read() {
    // Loss, whose first number is 5 in 1, 3, 5 and 9 bytes.
    for five in [&[5][..], &[251, 5, 0], &[252, 5, 0, 0, 0], &[253, 5, 0, 0, 0, 0, 0, 0, 0]] {
        let (records, stats) = read(&trace_of([block(15, 0, 0, &[five, &[0; 6]].concat())]));
        assert!(stats.is_clean());
        assert_eq!(records, [Record::Loss(Loss { time_us: 5, ..Loss::default() })]);
    }
}
