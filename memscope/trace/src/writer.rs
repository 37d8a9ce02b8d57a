//! Appending records to a sink: encode into a pending buffer, hand it over in one write.

use crate::TraceError;
use crate::block::{MAX_PAYLOAD_BYTES, encode_block_header, encode_file_header};
use crate::codec;
use crate::record::Record;
use std::io::Write;

/// Writes a trace. Records pile up in memory until [`TraceWriter::flush`] hands them to the sink in one `write_all`,
/// so that a crash tears at most the last flush.
#[derive(Debug)]
pub struct TraceWriter<W> {
    sink: W,
    sequence: u32,
    pending: Vec<u8>,
    payload: Box<[u8; MAX_PAYLOAD_BYTES]>,
}

impl<W: Write> TraceWriter<W> {
    /// Starts a trace by writing its header to `sink`.
    ///
    /// # Errors
    /// [`TraceError::Io`] if the sink refuses.
    pub fn new(mut sink: W) -> Result<Self, TraceError> {
        sink.write_all(&encode_file_header())?;
        let payload = Box::new([0; MAX_PAYLOAD_BYTES]);
        Ok(Self { sink, sequence: 0, pending: Vec::with_capacity(2 * MAX_PAYLOAD_BYTES), payload })
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
    /// [`TraceError::Io`] if the sink refuses; what was pending is dropped then, so that a disk that stays full does
    /// not become memory that grows. The writer may be used on: a reader finds the blocks behind what a failed write
    /// left, and counts those that are missing.
    pub fn flush(&mut self) -> Result<(), TraceError> {
        let result = if self.pending.is_empty() {
            Ok(())
        } else {
            self.sink.write_all(&self.pending).and_then(|()| self.sink.flush())
        };
        self.pending.clear();
        result.map_err(TraceError::Io)
    }

    /// Bytes pushed since the last flush.
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
