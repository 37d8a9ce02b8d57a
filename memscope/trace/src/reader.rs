//! Reading a trace back, block by block, whatever has happened to it.
//!
//! Memory is bounded by one block, time by the length of the file; damage costs the damaged block and what lies up to
//! the next block's magic number. A file that ends inside a block ends there ([`ReadStats::torn_tail`]): that is what
//! a crash looks like.
//!
//! # What lies behind a broken block
//!
//! A header whose checksum holds may stand before a payload whose checksum does not. Then either the payload was
//! changed, and the next block begins where the header says; or bytes of it are gone, and the next block begins
//! earlier. So the payload is searched for a header. Its block must be intact, or the search is given up. To keep the
//! whole linear in the face of a file made to be searched again and again, a search over n bytes is allowed once in n
//! bytes.

use crate::TraceError;
use crate::block::{
    BLOCK_HEADER_BYTES, BLOCK_MAGIC, BlockHeader, FILE_HEADER_BYTES, FLAG_IGNORABLE, decode_block_header,
    decode_file_header,
};
use crate::codec::{self, Decoded};
use crate::record::Record;
use crate::window::Window;
use std::io::Read;

/// What a reader met on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadStats {
    /// Bytes read, header included.
    pub bytes: u64,
    /// Blocks whose record was returned.
    pub blocks: u64,
    /// Blocks whose payload was damaged.
    pub damaged_blocks: u64,
    /// Blocks that were not there when their number was due (lost to damage, or never written). Those of them that
    /// came later, out of order, are not taken off again.
    pub missing_blocks: u64,
    /// Blocks whose number had passed already: moved or copied within the file. Their records are returned.
    pub out_of_order_blocks: u64,
    /// Blocks of a kind that this version does not know and that must not be ignored.
    pub unknown_blocks: u64,
    /// Bytes passed over in search of the next block.
    pub skipped_bytes: u64,
    /// Bytes behind the last complete block: the file was cut inside a block.
    pub torn_tail_bytes: u64,
}

impl ReadStats {
    /// Whether every byte of the file was understood, each block once and in its place.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let Self { bytes, blocks, .. } = *self;
        *self == Self { bytes, blocks, ..Self::default() }
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
    window: Window<R>,
    version: (u16, u16),
    next_sequence: u32,
    /// No broken block is searched that begins before this many bytes of the source.
    search_from: u64,
    stats: ReadStats,
}

/// What stands at the reader's position.
#[expect(clippy::large_enum_variant, reason = "lives for the moment of its reading")]
enum Step {
    Record(Record),
    Again,
    End,
}

impl<R: Read> TraceReader<R> {
    /// Reads and checks the header of the trace in `source`. The source is read in large pieces: it needs no buffer
    /// of its own.
    ///
    /// # Errors
    /// [`TraceError`] for a source that fails, is empty, is no trace, is cut in its header, or is of another version.
    pub fn new(source: R) -> Result<Self, TraceError> {
        let mut reader = Self {
            window: Window::new(source),
            version: (0, 0),
            next_sequence: 0,
            search_from: 0,
            stats: ReadStats::default(),
        };
        reader.fill(FILE_HEADER_BYTES)?;
        reader.version = decode_file_header(reader.window.bytes())?;
        reader.window.pass(FILE_HEADER_BYTES);
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

    /// The number that the next block would have.
    pub(crate) fn next_sequence(&self) -> u32 {
        self.next_sequence
    }

    /// The next intact record, or `None` at the end.
    ///
    /// # Errors
    /// [`TraceError::Io`] if the source fails; a later call goes on where this one stopped. Damage is not an error:
    /// see [`TraceReader::stats`].
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
        if self.window.bytes().is_empty() {
            return Ok(Step::End);
        }
        let Some(header) = decode_block_header(self.window.bytes()) else {
            return Ok(self.resync());
        };
        self.fill(header.block_bytes())?;
        match header.intact_payload(self.window.bytes()) {
            Some(payload) => {
                let decoded = codec::decode(header.kind, payload);
                Ok(self.take_block(header, decoded))
            }
            None => self.pass_broken_block(header),
        }
    }

    /// Takes the block at the position, whose checksums hold.
    fn take_block(&mut self, header: BlockHeader, decoded: Decoded) -> Step {
        self.window.pass(header.block_bytes());
        self.account_sequence(header.sequence);
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

    /// Passes the block at the position, whose payload is damaged, or cut off by the end of the file.
    fn pass_broken_block(&mut self, header: BlockHeader) -> Result<Step, TraceError> {
        let inside = self.intact_block_inside(header.block_bytes())?;
        let there = self.window.bytes().len();
        if inside.is_none() && there < header.block_bytes() {
            self.stats.torn_tail_bytes += there as u64;
            self.window.pass(there);
            return Ok(Step::End);
        }
        self.stats.damaged_blocks += 1;
        self.account_sequence(header.sequence);
        self.window.pass(inside.unwrap_or(header.block_bytes()));
        Ok(Step::Again)
    }

    /// Where, counted from the position, the first block begins that stands inside the broken block there; `None` if
    /// there is none, or it is broken too.
    fn intact_block_inside(&mut self, block_bytes: usize) -> Result<Option<usize>, TraceError> {
        let position = self.window.passed_bytes();
        if position < self.search_from {
            return Ok(None);
        }
        self.search_from = position + block_bytes as u64;
        // A header that begins inside may end behind.
        self.fill(block_bytes + BLOCK_HEADER_BYTES)?;
        let mut at = BLOCK_HEADER_BYTES;
        while let Some(found) = find_magic(self.window.bytes(), at, block_bytes) {
            if let Some(header) = decode_block_header(&self.window.bytes()[found..]) {
                self.fill(found + header.block_bytes())?;
                let intact = header.intact_payload(&self.window.bytes()[found..]).is_some();
                return Ok(intact.then_some(found));
            }
            at = found + 1;
        }
        Ok(None)
    }

    /// Moves on to the next block's magic number behind the position, where no header stands.
    fn resync(&mut self) -> Step {
        let bytes = self.window.bytes();
        let there = bytes.len();
        if there < BLOCK_HEADER_BYTES {
            // The end of the file. What begins like a header is one that was cut.
            let compared = there.min(BLOCK_MAGIC.len());
            let cut = bytes[..compared] == BLOCK_MAGIC[..compared];
            let count = if cut { &mut self.stats.torn_tail_bytes } else { &mut self.stats.skipped_bytes };
            *count += there as u64;
            self.window.pass(there);
            return Step::End;
        }
        // Without a find, the last three bytes may be the beginning of a magic number.
        let passed = find_magic(bytes, 1, there).unwrap_or(there - (BLOCK_MAGIC.len() - 1));
        self.stats.skipped_bytes += passed as u64;
        self.window.pass(passed);
        Step::Again
    }

    /// Compares a block's number with the one that is due.
    fn account_sequence(&mut self, sequence: u32) {
        // Numbers wrap: what is less than half their range ahead is ahead, the rest is behind.
        let ahead = sequence.wrapping_sub(self.next_sequence);
        if ahead <= u32::MAX / 2 {
            self.stats.missing_blocks += u64::from(ahead);
            self.next_sequence = sequence.wrapping_add(1);
        } else {
            self.stats.out_of_order_blocks += 1;
        }
    }

    /// Makes at least `wanted_bytes` available at the position, or all there are.
    fn fill(&mut self, wanted_bytes: usize) -> Result<(), TraceError> {
        let result = self.window.fill(wanted_bytes);
        self.stats.bytes = self.window.read_bytes();
        Ok(result?)
    }
}

/// Where the first magic number of a block begins in `bytes`, at or behind `from` and before `to`.
fn find_magic(bytes: &[u8], from: usize, to: usize) -> Option<usize> {
    let last = bytes.len().min(to + BLOCK_MAGIC.len() - 1);
    let searched = bytes.get(from..last)?;
    searched.windows(BLOCK_MAGIC.len()).position(|window| window == BLOCK_MAGIC).map(|found| from + found)
}
