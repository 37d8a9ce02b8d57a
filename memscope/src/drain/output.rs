//! The trace's file, and what becomes of the trace while the disk takes nothing.
//!
//! ```text
//!  writing --a write fails--> outage --a write succeeds--> writing
//!                               |
//!                               +-- too much is waiting, or the session ends: given up
//! ```
//!
//! In an *outage* what was handed over waits in memory, to the byte where the file ends, and is tried again. Samples that come meanwhile are
//! counted as lost (`Collector`); frees of recorded samples are kept, for a lost one would be a leak that is none. So a trace
//! that was taken up again is whole, and its losses are known.
//!
//! Room for the END block is kept: before anything is written, the file system gives out so many bytes more ([`RESERVE_BYTES`]), and a
//! write that would need them is not begun. So the trace on a full disk ends between two blocks, with the reason.

use crate::say::say;
use crate::sys;
use memscope_trace::{End, EndReason, MAX_PAYLOAD_BYTES, Record, TraceError, TraceWriter};
use std::fs::File;
use std::io;

/// Kept for the END block, bytes.
const RESERVE_BYTES: u64 = 4096;
/// The file system is asked for room in pieces of so many bytes.
const PIECE_BYTES: u64 = 256 * 1024;
/// How often a write that failed is tried again.
const RETRY_NS: u64 = 100_000_000;
/// What may wait in memory for the end of an outage, bytes.
const MOST_WAITING_BYTES: usize = 8 << 20;

pub(super) struct Output {
    writer: TraceWriter<File>,
    /// Why nothing can be written now.
    outage: Option<io::Error>,
    retry_ns: u64,
    /// The file system has given out room up to there.
    room_bytes: u64,
    /// Whether it can at all.
    gives_room: bool,
    given_up: bool,
}

impl Output {
    pub(super) fn new(file: File) -> Self {
        Self {
            writer: TraceWriter::with_header_pending(file),
            outage: None,
            retry_ns: 0,
            room_bytes: 0,
            gives_room: true,
            given_up: false,
        }
    }

    /// Whether samples are recorded: not in an outage.
    pub(super) fn is_open(&self) -> bool {
        self.outage.is_none()
    }

    /// Whether everything that was handed over is in the trace.
    pub(super) fn is_settled(&self) -> bool {
        self.outage.is_none() && self.writer.pending_bytes() == 0
    }

    /// Writes the records in one go. In an outage they wait, but for those that only tell how the session goes.
    pub(super) fn write(&mut self, records: &mut Vec<Record>) {
        for record in records.drain(..) {
            if self.given_up || (self.outage.is_some() && is_passing(&record)) {
                continue;
            }
            // What does not fit into a record is no reason to end the trace: it is left out, and that is said.
            if let Err(error) = self.writer.push(&record) {
                say(format_args!("a record is left out of the trace: {error}"));
            }
            if self.outage.is_none() && self.writer.pending_bytes() > 8 * MAX_PAYLOAD_BYTES {
                self.flush();
            }
        }
        if !self.given_up && (self.outage.is_none() || sys::monotonic_ns() >= self.retry_ns) {
            self.flush();
        }
        if !self.given_up && self.writer.pending_bytes() > MOST_WAITING_BYTES {
            say(format_args!("the trace ends here: more waits to be written than may"));
            self.given_up = true;
            self.writer.discard_pending();
        }
    }

    /// Writes the session's last records and `end`, and lets go of the file. Returns why the trace is not whole, if it is not.
    pub(super) fn finish(mut self, records: &mut Vec<Record>, end: End) -> Option<io::Error> {
        records.push(Record::End(end));
        self.retry_ns = 0;
        self.write(records);
        let has_header = self.writer.written_bytes() > 0;
        if self.outage.is_some() && has_header {
            self.writer.discard_pending();
            let end = End { reason: EndReason::WriteFailed as u8, ..end };
            // Into the room that was kept for it; where the disk takes not even that, the trace ends without.
            let _ = self.writer.push(&Record::End(end)).and_then(|()| self.writer.flush());
        }
        let written_bytes = self.writer.written_bytes();
        let file = self.writer.into_inner();
        if self.room_bytes > written_bytes {
            // Gives back what was kept. Where that fails, the file takes more of the disk than it is long.
            let _ = file.set_len(written_bytes);
        }
        // A forked child that lives on has the file open, and with it the lock. A trace that cannot be unlocked stays locked until
        // that child ends.
        let _ = file.unlock();
        self.outage
    }

    fn flush(&mut self) {
        match self.make_room().and_then(|()| self.writer.flush().map_err(io_error)) {
            Ok(()) => {
                if self.outage.take().is_some() {
                    say(format_args!("the trace goes on; the samples that were lost meanwhile are counted"));
                }
            }
            Err(error) => {
                if self.outage.is_none() {
                    say(format_args!(
                        "the trace cannot be written on: {error}; samples are counted as lost until it can"
                    ));
                }
                self.outage = Some(error);
                self.retry_ns = sys::monotonic_ns() + RETRY_NS;
            }
        }
    }

    /// Makes sure that what is pending, and the END, can be written. Where the file system gives out no room beforehand, nothing is sure.
    fn make_room(&mut self) -> io::Result<()> {
        let needed_bytes = self.writer.written_bytes() + self.writer.pending_bytes() as u64 + RESERVE_BYTES;
        if needed_bytes > sys::file_size_limit() {
            return Err(io::Error::from_raw_os_error(libc::EFBIG));
        }
        if needed_bytes <= self.room_bytes || !self.gives_room || sys::is_filtered() {
            return Ok(());
        }
        let from_bytes = self.room_bytes;
        let mut refusal = None;
        for to_bytes in [needed_bytes.next_multiple_of(PIECE_BYTES), needed_bytes] {
            match sys::give_room(self.writer.sink(), from_bytes, to_bytes - from_bytes) {
                Ok(()) => {
                    self.room_bytes = to_bytes;
                    return Ok(());
                }
                Err(error) => refusal = Some(error),
            }
        }
        match refusal {
            Some(error) if sys::is_full(&error) => Err(error),
            _ => {
                self.gives_room = false;
                Ok(())
            }
        }
    }
}

fn io_error(error: TraceError) -> io::Error {
    match error {
        TraceError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

/// Records that nothing later in the trace refers to, and that the next of their kind replaces.
fn is_passing(record: &Record) -> bool {
    matches!(record, Record::Counters(_) | Record::Resources(_) | Record::Loss(_) | Record::ScopeCounters(_))
}
