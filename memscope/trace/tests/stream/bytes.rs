//! Traces as bytes: writing, reading, and making blocks by hand, without the crate's help.

use memscope_trace::{ReadStats, Record, TraceReader, TraceWriter};
use std::ops::Range;

pub(crate) const FILE_HEADER_BYTES: usize = 32;
pub(crate) const BLOCK_HEADER_BYTES: usize = 24;
pub(crate) const MAGIC: [u8; 4] = [0xA7, b'M', b'S', b'B'];

/// The trace of `records`.
pub(crate) fn write(records: &[Record]) -> Vec<u8> {
    let mut writer = TraceWriter::new(Vec::new()).unwrap();
    for record in records {
        writer.push(record).unwrap();
    }
    writer.flush().unwrap();
    writer.into_inner()
}

/// What a reader makes of `trace`, whose header must be intact.
pub(crate) fn read(trace: &[u8]) -> (Vec<Record>, ReadStats) {
    let mut reader = TraceReader::new(trace).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        records.push(record);
    }
    let stats = *reader.stats();
    assert_eq!(stats.bytes, trace.len() as u64);
    assert_eq!(stats.blocks, records.len() as u64);
    // The end stays the end.
    assert_eq!((reader.next_record().unwrap(), *reader.stats()), (None, stats));
    (records, stats)
}

/// Where the blocks of an intact trace stand.
pub(crate) fn blocks(trace: &[u8]) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut at = FILE_HEADER_BYTES;
    while at < trace.len() {
        let length = u32::from_le_bytes(trace[at + 12..at + 16].try_into().unwrap());
        let end = at + BLOCK_HEADER_BYTES + length as usize;
        blocks.push(at..end);
        at = end;
    }
    blocks
}

/// A file header of that version.
pub(crate) fn file_header(major: u16, minor: u16) -> Vec<u8> {
    let mut bytes = b"MEMSCOPE".to_vec();
    bytes.extend(major.to_le_bytes());
    bytes.extend(minor.to_le_bytes());
    bytes.extend(0x0A0B_0C0D_u32.to_le_bytes());
    bytes.extend([0; 12]);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// A block header that says what is asked of it.
pub(crate) fn block_header(kind: u8, flags: u8, sequence: u32, length: u32, payload_crc: u32) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([kind, flags, 0, 0]);
    bytes.extend(sequence.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(payload_crc.to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// An intact block.
pub(crate) fn block(kind: u8, flags: u8, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = block_header(kind, flags, sequence, payload.len() as u32, crc32fast::hash(payload));
    bytes.extend(payload);
    bytes
}

/// A trace of these blocks.
pub(crate) fn trace_of<B: AsRef<[u8]>>(blocks: impl IntoIterator<Item = B>) -> Vec<u8> {
    let mut trace = file_header(1, 0);
    for block in blocks {
        trace.extend_from_slice(block.as_ref());
    }
    trace
}
