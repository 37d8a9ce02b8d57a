//! Rings that outlive their process: what a session with *shared rings* has beside its trace, and how it is read.
//!
//! Samples that the drain thread has not written yet stand in rings, one a thread. Shared ones are mapped from a file in a memory file
//! system, so that they are there when the process is not: whoever reads the trace of a killed process takes them from the file
//! ([`crate::sweep_rings`]). `FORMAT.md` has the file's layout; the runtime writes it by the numbers here.
//!
//! Nothing in the file is believed: it may be anybody's, and was left in the middle of things.

use crate::numbered::AllocationKind;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};

/// The file's first bytes.
pub const MAGIC: [u8; 8] = *b"MEMRINGS";
/// The layout's version: a reader of another one refuses.
pub const VERSION: u32 = 1;
/// Bytes before the first ring.
pub const HEADER_BYTES: usize = 4096;
/// Where the table of sampling intervals begins: each is the bits of an `f64`, at its id modulo [`INTERVALS`].
pub const INTERVALS_AT: usize = 64;
/// Length of that table.
pub const INTERVALS: usize = 64;
/// Bytes of a ring before its words.
pub const RING_HEADER_BYTES: usize = 384;
/// In a ring: words written.
pub const HEAD_AT: usize = 0;
/// In a ring: words that are in the trace.
pub const TAIL_AT: usize = 128;
/// In a ring: the position that stands at the front.
pub const ORIGIN_AT: usize = 256;
/// In a ring: its length in words, a power of two; 0 where no thread has it.
pub const CAPACITY_AT: usize = 264;
/// In a ring: the thread's id in the lower half, the system's id of it in the upper.
pub const OWNER_AT: usize = 288;
/// Words of a sample before its frames.
pub const SAMPLE_WORDS: usize = 6;
/// The most frames of a sample.
pub const MAX_FRAMES: usize = 128;

/// The most rings of a file.
const MAX_RINGS: u64 = 1 << 16;
/// The most that is taken from a file, bytes: many times what comes together between two ticks.
const MAX_TAKEN_BYTES: u64 = 128 << 20;
const CHECKED_BYTES: usize = 56;

/// What a file of rings begins with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RingsHeader {
    /// The process.
    pub process_id: u32,
    /// As in [`crate::Session`]: tells which session it was.
    pub started_unix_ns: u64,
    /// The session's start by the clock of the samples, nanoseconds.
    pub start_ns: u64,
    /// From one ring to the next, bytes.
    pub ring_bytes: u64,
    /// Rings that there is room for.
    pub rings: u64,
    /// Credit that each allocation counts beside its size, bytes.
    pub credit_bytes: f64,
}

impl RingsHeader {
    /// The header's first bytes; zeros follow.
    #[must_use]
    pub fn encode(&self) -> [u8; INTERVALS_AT] {
        let mut bytes = [0; INTERVALS_AT];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.process_id.to_le_bytes());
        let numbers =
            [self.started_unix_ns, self.start_ns, self.ring_bytes, self.rings, self.credit_bytes.to_bits()];
        for (into, number) in bytes[16..CHECKED_BYTES].chunks_exact_mut(8).zip(numbers) {
            into.copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[..CHECKED_BYTES]);
        bytes[CHECKED_BYTES..CHECKED_BYTES + 4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// What stands in `bytes`, or what is wrong with it.
    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.get(..8) != Some(&MAGIC[..]) {
            return Err("a file that does not begin with MEMRINGS");
        }
        let crc = word(bytes, CHECKED_BYTES).map(|word| word as u32);
        if crc != bytes.get(..CHECKED_BYTES).map(crc32fast::hash) {
            return Err("a damaged header");
        }
        let number = |at| word(bytes, at).unwrap_or(0);
        if number(8) as u32 != VERSION {
            return Err("a layout of another version");
        }
        let header = Self {
            process_id: (number(8) >> 32) as u32,
            started_unix_ns: number(16),
            start_ns: number(24),
            ring_bytes: number(32),
            rings: number(40),
            credit_bytes: f64::from_bits(number(48)),
        };
        let is_possible = header.rings <= MAX_RINGS
            && (RING_HEADER_BYTES as u64..=1 << 31).contains(&header.ring_bytes)
            && header.credit_bytes >= 0.0;
        if is_possible { Ok(header) } else { Err("figures that no session has") }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A sample that was in a ring.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LeftSample {
    pub(crate) thread: u32,
    pub(crate) time_us: u64,
    pub(crate) size: u64,
    pub(crate) old_size: u64,
    pub(crate) kind: AllocationKind,
    pub(crate) interval: u32,
    pub(crate) scope: u32,
    /// 0 outside any.
    pub(crate) task: u32,
    pub(crate) truncated: bool,
    /// Innermost first.
    pub(crate) frames: Vec<u64>,
}

/// What a file of rings holds.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) header: RingsHeader,
    /// Mean sampling intervals by their ids, modulo the length.
    pub(crate) interval_bytes: Vec<f64>,
    /// Ring by ring, the oldest first.
    pub(crate) samples: Vec<LeftSample>,
    /// Threads whose rings hold something: the id, and the system's.
    pub(crate) threads: Vec<(u32, u32)>,
}

/// Reads all that is in the file, or says what it is instead.
pub(crate) fn read(file: &mut File) -> std::io::Result<Result<Left, &'static str>> {
    let mut bytes = vec![0; HEADER_BYTES];
    let there = read_at(file, 0, &mut bytes)?;
    let header = match RingsHeader::decode(&bytes[..there]) {
        Ok(header) => header,
        Err(found) => return Ok(Err(found)),
    };
    let interval = |id| f64::from_bits(word(&bytes, INTERVALS_AT + 8 * id).unwrap_or(0));
    let interval_bytes = (0..INTERVALS).map(interval).collect();
    let mut left = Left { header, interval_bytes, samples: Vec::new(), threads: Vec::new() };
    let mut budget_bytes = MAX_TAKEN_BYTES;
    for number in 0..header.rings {
        let at = HEADER_BYTES as u64 + number * header.ring_bytes;
        let mut ring_header = [0; RING_HEADER_BYTES];
        if read_at(file, at, &mut ring_header)? < RING_HEADER_BYTES {
            break;
        }
        let Some(ring) = Span::decode(&ring_header, header.ring_bytes) else { continue };
        budget_bytes = match budget_bytes.checked_sub(8 * ring.count as u64) {
            Some(rest) => rest,
            None => return Ok(Err("more samples than any session leaves")),
        };
        let words = ring.read(file, at + RING_HEADER_BYTES as u64)?;
        left.threads.push((ring.owner as u32, (ring.owner >> 32) as u32));
        take(&words, ring.owner as u32, header.start_ns, &mut left.samples);
    }
    Ok(Ok(left))
}

/// What is in a ring, as its header says.
struct Span {
    /// Index of the first word.
    first: usize,
    count: usize,
    capacity: usize,
    owner: u64,
}

impl Span {
    /// `None` where there is nothing, or nothing that can be.
    fn decode(header: &[u8], ring_bytes: u64) -> Option<Self> {
        let number = |at| word(header, at).unwrap_or(0);
        let (head, tail, capacity) = (number(HEAD_AT), number(TAIL_AT), number(CAPACITY_AT));
        let count = head.wrapping_sub(tail);
        let fits = capacity.is_power_of_two() && capacity <= (ring_bytes - RING_HEADER_BYTES as u64) / 8;
        if !fits || count == 0 || count > capacity {
            return None;
        }
        let first = tail.wrapping_sub(number(ORIGIN_AT)) & (capacity - 1);
        Some(Self {
            first: first as usize,
            count: count as usize,
            capacity: capacity as usize,
            owner: number(OWNER_AT),
        })
    }

    /// The words, in order, from the ring whose words begin at `at`.
    fn read(&self, file: &mut File, at: u64) -> std::io::Result<Vec<u64>> {
        let before_end = self.count.min(self.capacity - self.first);
        let mut bytes = vec![0; 8 * self.count];
        let (back, front) = bytes.split_at_mut(8 * before_end);
        let there = read_at(file, at + 8 * self.first as u64, back)? + read_at(file, at, front)?;
        let words = bytes[..there].chunks_exact(8);
        Ok(words.map(|bytes| word(bytes, 0).unwrap_or(0)).collect())
    }
}

/// Takes the samples that `words` are, up to the first that is none.
fn take(mut words: &[u64], thread: u32, start_ns: u64, samples: &mut Vec<LeftSample>) {
    while let Some((&[meta, time_ns, place, size, old_size, task], rest)) =
        words.split_first_chunk::<SAMPLE_WORDS>()
    {
        let count = usize::from(meta as u16);
        if count > MAX_FRAMES || count > rest.len() {
            return;
        }
        let (frames, behind) = rest.split_at(count);
        words = behind;
        samples.push(LeftSample {
            thread,
            time_us: time_ns.saturating_sub(start_ns) / 1000,
            size,
            old_size,
            kind: AllocationKind::from_u8((meta >> 16) as u8),
            interval: (meta >> 32) as u32,
            scope: (place >> 32) as u32,
            task: task as u32,
            truncated: meta >> 24 & 1 == 1,
            frames: frames.to_vec(),
        });
    }
}

/// Reads what there is at `at`; returns how much.
fn read_at(file: &mut File, at: u64, into: &mut [u8]) -> std::io::Result<usize> {
    file.seek(SeekFrom::Start(at))?;
    let mut there = 0;
    while there < into.len() {
        match file.read(&mut into[there..]) {
            Ok(0) => break,
            Ok(read) => there += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(there)
}
