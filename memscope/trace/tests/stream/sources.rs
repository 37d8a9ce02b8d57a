//! Sources that give little at a time or fail, and sinks that take little or fail.

use crate::bytes::{read, write};
use crate::records::every_kind;
use memscope_trace::*;
use std::io::{Error, ErrorKind, Read, Write};

/// A source that gives `step` bytes at a time, and every other time an error of that kind.
struct Reluctant<'a> {
    bytes: &'a [u8],
    step: usize,
    error: Option<ErrorKind>,
    turn: usize,
}

impl Read for Reluctant<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.turn += 1;
        if let Some(error) = self.error
            && self.turn.is_multiple_of(2)
        {
            return Err(error.into());
        }
        let count = self.step.min(into.len());
        self.bytes.read(&mut into[..count])
    }
}

/// What comes out of the trace so, and how often the reader failed.
fn read_reluctantly(bytes: &[u8], step: usize, error: Option<ErrorKind>) -> (Vec<Record>, ReadStats, u64) {
    let mut source = Reluctant { bytes, step, error, turn: 1 };
    // A reader whose source fails in the header is not made: that part comes without fail.
    let header = &mut [0; 32];
    source.bytes.read_exact(header).unwrap();
    let mut failures = 0;
    let mut reader = TraceReader::new(header.chain(source)).unwrap();
    let mut records = Vec::new();
    loop {
        match reader.next_record() {
            Ok(Some(record)) => records.push(record),
            Ok(None) => return (records, *reader.stats(), failures),
            Err(TraceError::Io(_)) => failures += 1,
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn pieces_of_any_size_make_the_same_trace() {
    let intact = write(&every_kind());
    let mut damaged = intact.clone();
    damaged[100] ^= 1;
    damaged.drain(500..520);
    damaged.resize(damaged.len() + 300, 0);
    for trace in [intact, damaged] {
        let (records, stats) = read(&trace);
        for step in [1, 2, 3, 7, 23, 24, 25, 1000] {
            assert_eq!(read_reluctantly(&trace, step, None), (records.clone(), stats, 0), "{step}");
            let interrupted = read_reluctantly(&trace, step, Some(ErrorKind::Interrupted));
            assert_eq!(interrupted, (records.clone(), stats, 0), "{step}");
        }
    }
}

#[test]
fn a_magic_number_may_lie_on_the_edge_of_a_piece() {
    let trace = write(&every_kind());
    for junk in 1..60 {
        let spoiled = [&trace[..32], &vec![0; junk], &trace[32..]].concat();
        for step in [1, 5, 24] {
            let (records, stats, _) = read_reluctantly(&spoiled, step, None);
            assert_eq!((records, stats.skipped_bytes), (every_kind(), junk as u64), "{junk} in {step}");
        }
    }
}

#[test]
fn a_source_that_fails_may_be_asked_again() {
    let trace = write(&every_kind());
    for step in [1, 10, 100] {
        let (records, stats, failures) = read_reluctantly(&trace, step, Some(ErrorKind::WouldBlock));
        assert_eq!((records, stats), (every_kind(), read(&trace).1), "{step}");
        assert!(failures > 1);
    }
}

#[test]
fn a_source_that_fails_at_once_is_an_error() {
    let source = Reluctant { bytes: &[], step: 1, error: Some(ErrorKind::PermissionDenied), turn: 1 };
    let failed = TraceReader::new(source).map(|reader| reader.version());
    assert!(matches!(failed, Err(TraceError::Io(error)) if error.kind() == ErrorKind::PermissionDenied));
}

#[test]
fn a_long_trace_in_single_bytes() {
    // Longer than the reader's buffer, with blocks of all sizes up to the largest.
    let named = |bytes: usize| {
        let scope = Scope { id: 1, name: "n".repeat(bytes), ..Scope::default() };
        Record::Scopes(Scopes { scopes: vec![scope] })
    };
    let records: Vec<_> = (0..40).map(|at| named(at * at * 40)).collect();
    let trace = write(&records);
    assert!(trace.len() > 600_000);
    assert_eq!(read_reluctantly(&trace, 1, None).0, records);
}

/// A sink that holds `room` bytes, takes `step` of them at a time, and counts.
#[derive(Default)]
struct Sink {
    bytes: Vec<u8>,
    room: usize,
    step: usize,
    writes: usize,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writes += 1;
        let count = bytes.len().min(self.step).min(self.room - self.bytes.len());
        if count == 0 {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        self.bytes.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_flush_is_one_write() {
    let sink = Sink { room: usize::MAX, step: usize::MAX, ..Sink::default() };
    let mut writer = TraceWriter::new(sink).unwrap();
    let mut flushes = 0;
    for records in every_kind().chunks(5) {
        for record in records {
            writer.push(record).unwrap();
        }
        assert!(writer.pending_bytes() > 0);
        writer.flush().unwrap();
        assert_eq!(writer.pending_bytes(), 0);
        flushes += 1;
    }
    // Nothing pending, nothing written.
    writer.flush().unwrap();
    let sink = writer.into_inner();
    assert_eq!((sink.writes, &sink.bytes), (1 + flushes, &write(&every_kind())));
}

#[test]
fn what_was_not_flushed_is_not_in_the_sink() {
    let mut writer = TraceWriter::new(Vec::new()).unwrap();
    writer.push(&every_kind()[0]).unwrap();
    assert_eq!(writer.into_inner(), write(&[]));
}

#[test]
fn a_sink_that_takes_little_at_a_time_gets_everything() {
    let mut writer = TraceWriter::new(Sink { room: usize::MAX, step: 3, ..Sink::default() }).unwrap();
    every_kind().iter().for_each(|record| writer.push(record).unwrap());
    writer.flush().unwrap();
    assert_eq!(writer.into_inner().bytes, write(&every_kind()));
}

/// A sink that borrows, so that the test can make room.
struct Lent<'a>(&'a std::cell::RefCell<Sink>);

impl Write for Lent<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes `records` to a sink that has `room` at first, and room for everything once `meanwhile` has seen the writer after its first
/// failure. Returns the sink's bytes.
fn write_to_a_full_sink(
    records: &[Record],
    room: usize,
    mut meanwhile: impl FnMut(&mut TraceWriter<Lent<'_>>),
) -> Vec<u8> {
    let sink = std::cell::RefCell::new(Sink { room, step: usize::MAX, ..Sink::default() });
    let mut writer = TraceWriter::with_header_pending(Lent(&sink));
    for record in records {
        writer.push(record).unwrap();
        if let Err(error) = writer.flush() {
            assert!(matches!(error, TraceError::Io(error) if error.kind() == ErrorKind::StorageFull));
            assert!(writer.pending_bytes() > 0 && writer.written_bytes() == room as u64);
            meanwhile(&mut writer);
            sink.borrow_mut().room = usize::MAX;
        }
    }
    writer.flush().unwrap();
    assert_eq!(writer.written_bytes(), sink.borrow().bytes.len() as u64);
    sink.into_inner().bytes
}

#[test]
fn a_disk_that_was_full_costs_nothing() {
    let records = every_kind();
    let whole = write(&records);
    for room in 0..whole.len() {
        assert_eq!(write_to_a_full_sink(&records, room, |_| ()), whole, "room {room}");
    }
}

#[test]
fn what_is_discarded_on_a_full_disk_costs_only_itself() {
    let records = every_kind();
    let whole = write(&records);
    for room in 32..whole.len() {
        let mut discarded = 0;
        let bytes = write_to_a_full_sink(&records, room, |writer| {
            writer.discard_pending();
            assert_eq!(writer.pending_bytes(), 0);
            discarded += 1;
        });
        let (read, stats) = read(&bytes);
        assert_eq!((discarded, read.len()), (1, records.len() - 1), "room {room}");
        assert!(read.iter().all(|record| records.contains(record)), "room {room}");
        let last = bytes.len() == room;
        assert!(!stats.is_clean() || last, "room {room}");
    }
}

#[test]
fn a_sink_that_fails_at_once_is_an_error() {
    let failed = TraceWriter::new(Sink { room: 0, step: 1, ..Sink::default() }).map(drop);
    assert!(matches!(failed, Err(TraceError::Io(error)) if error.kind() == ErrorKind::StorageFull));
}
