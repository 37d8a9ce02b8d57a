//! Appending records to a sink: encode into a pending buffer, hand it over in one write.

use crate::TraceError;
use crate::block::{MAX_PAYLOAD_BYTES, encode_block_header, encode_file_header};
use crate::codec;
use crate::record::Record;
use std::io::{ErrorKind, Write};

/// Writes a trace. Records pile up in memory until [`TraceWriter::flush`] hands them to the sink in one write,
/// so that a crash tears at most the last flush.
#[derive(Debug)]
pub struct TraceWriter<W> {
    sink: W,
    sequence: u32,
    written_bytes: u64,
    pending: Vec<u8>,
    payload: Box<[u8; MAX_PAYLOAD_BYTES]>,
}

impl<W: Write> TraceWriter<W> {
    /// Starts a trace by writing its header to `sink`.
    ///
    /// # Errors
    /// [`TraceError::Io`] if the sink refuses.
    pub fn new(sink: W) -> Result<Self, TraceError> {
        let mut writer = Self::with_header_pending(sink);
        writer.flush()?;
        Ok(writer)
    }

    /// Starts a trace whose header goes out with the first flush.
    #[must_use]
    pub fn with_header_pending(sink: W) -> Self {
        let mut pending = Vec::with_capacity(2 * MAX_PAYLOAD_BYTES);
        pending.extend_from_slice(&encode_file_header());
        Self { sink, sequence: 0, written_bytes: 0, pending, payload: Box::new([0; MAX_PAYLOAD_BYTES]) }
    }

    /// Goes on with a trace whose next block has the number `sequence`; `sink` takes what comes behind it.
    pub(crate) fn continuing(sink: W, sequence: u32) -> Self {
        Self {
            sink,
            sequence,
            written_bytes: 0,
            pending: Vec::new(),
            payload: Box::new([0; MAX_PAYLOAD_BYTES]),
        }
    }

    /// Adds `record` as the next block.
    ///
    /// # Errors
    /// [`TraceError::RecordTooLarge`] if it needs more than [`MAX_PAYLOAD_BYTES`], [`TraceError::ColumnsDiffer`] if a
    /// reader would refuse its columns; nothing is added then.
    pub fn push(&mut self, record: &Record) -> Result<(), TraceError> {
        let (kind, flags) = codec::kind(record);
        let length = codec::encode(record, &mut self.payload)?;
        let payload = &self.payload[..length];
        self.pending.extend_from_slice(&encode_block_header(kind, flags, self.sequence, payload));
        self.pending.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    /// Hands everything pending to the sink.
    ///
    /// # Errors
    /// [`TraceError::Io`] if the sink refuses. What it has not taken stays pending, and the next flush goes on at that byte: once it
    /// takes everything, the trace is as if nothing had happened. What is pending grows meanwhile with each record:
    /// [`TraceWriter::pending_bytes`] says how far, and [`TraceWriter::discard_pending`] ends that.
    pub fn flush(&mut self) -> Result<(), TraceError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut taken = 0;
        let result = loop {
            match self.sink.write(&self.pending[taken..]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(count) => taken += count.min(self.pending.len() - taken),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
            if taken == self.pending.len() {
                break self.sink.flush();
            }
        };
        self.pending.drain(..taken);
        self.written_bytes += taken as u64;
        result.map_err(TraceError::Io)
    }

    /// Drops what the sink has not taken. The writer may be used on: a reader finds the blocks behind what a failed write left, and
    /// counts those that are missing.
    pub fn discard_pending(&mut self) {
        self.pending.clear();
    }

    /// Bytes that the sink has taken.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// The sink.
    #[must_use]
    pub fn sink(&self) -> &W {
        &self.sink
    }

    /// Bytes that wait for the next flush.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// The sink; what was not flushed is gone.
    #[must_use]
    pub fn into_inner(self) -> W {
        self.sink
    }
}
