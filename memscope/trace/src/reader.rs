//! Reading a trace back, block by block, whatever has happened to it.
//!
//! Memory is bounded by one block; damage costs the damaged block and what lies up to the next block's magic number.
//! A file that ends inside a block ends there ([`ReadStats::torn_tail`]): that is what a crash looks like.

use crate::TraceError;
use crate::block::{
    BLOCK_HEADER_BYTES, BLOCK_MAGIC, BlockHeader, FILE_HEADER_BYTES, FLAG_IGNORABLE, decode_block_header,
    decode_file_header,
};
use crate::codec::{self, Decoded};
use crate::record::Record;
use std::io::Read;

/// Bytes asked of the source at a time.
const READ_BYTES: usize = 256 * 1024;

/// What a reader met on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadStats {
    /// Bytes read, header included.
    pub bytes: u64,
    /// Blocks whose record was returned.
    pub blocks: u64,
    /// Blocks whose payload was damaged.
    pub damaged_blocks: u64,
    /// Blocks that are missing from the numbering (lost to damage, or never written).
    pub missing_blocks: u64,
    /// Blocks of a kind that this version does not know and that must not be ignored.
    pub unknown_blocks: u64,
    /// Bytes passed over in search of the next block.
    pub skipped_bytes: u64,
    /// Bytes behind the last complete block: the file was cut inside a block.
    pub torn_tail_bytes: u64,
}

impl ReadStats {
    /// Whether every byte of the file was understood.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.damaged_blocks
            + self.missing_blocks
            + self.unknown_blocks
            + self.skipped_bytes
            + self.torn_tail_bytes
            == 0
    }

    /// Whether the file was cut inside a block.
    #[must_use]
    pub fn torn_tail(&self) -> bool {
        self.torn_tail_bytes > 0
    }
}

/// Reads a trace from any source.
#[derive(Debug)]
pub struct TraceReader<R> {
    source: R,
    buffer: Vec<u8>,
    at: usize,
    source_ended: bool,
    version: (u16, u16),
    next_sequence: u32,
    stats: ReadStats,
}

/// What stands at the reader's position.
enum Step {
    Record(Record),
    Again,
    End,
}

impl<R: Read> TraceReader<R> {
    /// Reads and checks the header of the trace in `source`.
    ///
    /// # Errors
    /// [`TraceError`] for a source that fails, is empty, is no trace, is cut in its header, or is of another version.
    pub fn new(source: R) -> Result<Self, TraceError> {
        let mut reader = Self {
            source,
            buffer: Vec::new(),
            at: 0,
            source_ended: false,
            version: (0, 0),
            next_sequence: 0,
            stats: ReadStats::default(),
        };
        reader.fill(FILE_HEADER_BYTES)?;
        reader.version = decode_file_header(&reader.buffer)?;
        reader.at = FILE_HEADER_BYTES;
        Ok(reader)
    }

    /// The format version of the trace: major and minor.
    #[must_use]
    pub fn version(&self) -> (u16, u16) {
        self.version
    }

    /// What the reader has met so far.
    #[must_use]
    pub fn stats(&self) -> &ReadStats {
        &self.stats
    }

    /// The next intact record, or `None` at the end.
    ///
    /// # Errors
    /// [`TraceError::Io`] if the source fails. Damage is not an error: see [`TraceReader::stats`].
    pub fn next_record(&mut self) -> Result<Option<Record>, TraceError> {
        loop {
            match self.step()? {
                Step::Record(record) => return Ok(Some(record)),
                Step::Again => {}
                Step::End => return Ok(None),
            }
        }
    }

    fn step(&mut self) -> Result<Step, TraceError> {
        self.fill(BLOCK_HEADER_BYTES)?;
        let rest = self.rest();
        if rest.is_empty() {
            return Ok(Step::End);
        }
        let Some(header) = decode_block_header(rest) else {
            return self.resync();
        };
        let block_bytes = BLOCK_HEADER_BYTES + header.payload_bytes as usize;
        self.fill(block_bytes)?;
        if self.rest().len() < block_bytes {
            // A header that is whole, a payload that is not: the cut.
            self.stats.torn_tail_bytes += self.rest().len() as u64;
            self.at = self.buffer.len();
            return Ok(Step::End);
        }
        Ok(self.take_block(header, block_bytes))
    }

    /// Takes the complete block at the position.
    fn take_block(&mut self, header: BlockHeader, block_bytes: usize) -> Step {
        let payload = &self.buffer[self.at + BLOCK_HEADER_BYTES..self.at + block_bytes];
        let decoded = if crc32fast::hash(payload) == header.payload_crc {
            codec::decode(header.kind, payload)
        } else {
            Decoded::Damaged
        };
        self.at += block_bytes;
        self.stats.missing_blocks += u64::from(header.sequence.saturating_sub(self.next_sequence));
        self.next_sequence = header.sequence.wrapping_add(1);
        match decoded {
            Decoded::Record(record) => {
                self.stats.blocks += 1;
                return Step::Record(record);
            }
            Decoded::Damaged => self.stats.damaged_blocks += 1,
            Decoded::Unknown if header.flags & FLAG_IGNORABLE != 0 => {}
            Decoded::Unknown => self.stats.unknown_blocks += 1,
        }
        Step::Again
    }

    /// Moves on to the next block's magic number behind the position.
    fn resync(&mut self) -> Result<Step, TraceError> {
        if self.rest().len() < BLOCK_HEADER_BYTES {
            self.stats.torn_tail_bytes += self.rest().len() as u64;
            self.at = self.buffer.len();
            return Ok(Step::End);
        }
        let behind = &self.rest()[1..];
        let found = behind.windows(BLOCK_MAGIC.len()).position(|window| window == BLOCK_MAGIC);
        // Without a find, the last three bytes may be the beginning of a magic number.
        let passed = 1 + found.unwrap_or(behind.len().saturating_sub(BLOCK_MAGIC.len() - 1));
        self.stats.skipped_bytes += passed as u64;
        self.at += passed;
        Ok(Step::Again)
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// Makes at least `wanted_bytes` available at the position, or all there are.
    fn fill(&mut self, wanted_bytes: usize) -> Result<(), TraceError> {
        while self.rest().len() < wanted_bytes && !self.source_ended {
            self.buffer.drain(..self.at);
            self.at = 0;
            let have = self.buffer.len();
            self.buffer.resize(have + READ_BYTES, 0);
            let read = match self.source.read(&mut self.buffer[have..]) {
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                    self.buffer.truncate(have);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            self.buffer.truncate(have + read);
            self.stats.bytes += read as u64;
            self.source_ended = read == 0;
        }
        Ok(())
    }
}
