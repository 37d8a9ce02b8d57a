//! Mutated traces, many of them: no panic, no hang, memory bounded, and what comes back can be written again.
//!
//! Seeded, so that every run is the same and a failure names its round. Half of the mutants have their checksums put right, so that the
//! damage reaches the decoder. `FUZZ_RUNS` says how many (200,000 take some fifteen seconds without optimisation), `FUZZ_SEED` which.

#[path = "stream/bytes.rs"]
mod bytes;
#[path = "stream/records.rs"]
mod records;

use bytes::{MAGIC, block, blocks, read, trace_of, write};
use memscope_trace::{Record, TraceReader};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a reader may take beside the mutant, bytes: its window, one block decoded, and the records that the test keeps.
const MOST_BYTES: usize = 4 << 20;

/// Bytes allocated now, and the most since the peak was reset.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(address, layout) }
    }
}

/// Pseudo-random numbers (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit.max(1)
    }

    /// A number as the codec writes it, likely to break lengths, sums and indexes.
    fn number(&mut self) -> Vec<u8> {
        let wide = [u64::MAX, u64::MAX - 1, 1 << 63, 1 << 32, u64::from(u32::MAX), self.next()];
        match self.below(4) {
            0 => vec![self.next() as u8],
            1 => [&[251][..], &(self.next() as u16).to_le_bytes()].concat(),
            2 => [&[252][..], &(self.next() as u32).to_le_bytes()].concat(),
            _ => [&[253][..], &wide[self.below(wide.len())].to_le_bytes()].concat(),
        }
    }
}

/// A block taken apart.
#[derive(Clone)]
struct Block {
    kind: u8,
    flags: u8,
    payload: Vec<u8>,
}

fn take_apart(trace: &[u8]) -> Vec<Block> {
    let block = |range: std::ops::Range<usize>| Block {
        kind: trace[range.start + 4],
        flags: trace[range.start + 5],
        payload: trace[range.start + 24..range.end].to_vec(),
    };
    blocks(trace).into_iter().map(block).collect()
}

fn spoil_payload(payload: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(payload.len() + 1);
    match random.below(6) {
        0 if at < payload.len() => payload[at] ^= 1 << random.below(8),
        1 if at < payload.len() => payload[at] = random.next() as u8,
        2 => payload.truncate(at),
        3 => drop(payload.splice(at..at, random.number())),
        4 => {
            let end = (at + random.below(9)).min(payload.len());
            drop(payload.splice(at..end, random.number()));
        }
        _ => {
            let copied = payload[at..].to_vec();
            payload.extend_from_slice(&copied);
        }
    }
    payload.truncate(memscope_trace::MAX_PAYLOAD_BYTES);
}

/// A trace whose blocks are spoiled, with checksums that hold.
fn spoil_content(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut parts = take_apart(&corpus[random.below(corpus.len())]);
    for _ in 0..=random.below(4) {
        let (at, other) = (random.below(parts.len()), random.below(parts.len()));
        match random.below(8) {
            0 => parts.swap(at, other),
            1 => parts.push(parts[at].clone()),
            2 => parts[at].kind = random.next() as u8 % 32,
            3 => parts[at].payload = parts[other].payload.clone(),
            _ => spoil_payload(&mut parts[at].payload, random),
        }
    }
    let numbered = parts.iter().zip(0_u32..);
    trace_of(numbered.map(|(part, sequence)| block(part.kind, part.flags, sequence, &part.payload)))
}

/// A trace whose bytes are spoiled.
fn spoil_bytes(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut trace = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(6) {
        let at = 32 + random.below(trace.len() - 32);
        let end = (at + random.below(200)).min(trace.len());
        match random.below(6) {
            0 if at < trace.len() => trace[at] ^= 1 << random.below(8),
            1 => trace.truncate(at),
            2 => drop(trace.drain(at..end)),
            3 => drop(trace.splice(at..at, MAGIC)),
            4 => trace[at..end].fill(0),
            _ => {
                let copied = trace[at..end].to_vec();
                trace.extend_from_slice(&copied);
            }
        }
    }
    trace
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// The records of a mutant written again are read again as they are: a reader gives out nothing that a writer refuses.
fn written_again(found: &[Record]) {
    assert_eq!(read(&write(found)).0.len(), found.len());
}

#[test]
fn mutants_neither_panic_nor_hang_nor_take_memory() {
    let corpus = [include_bytes!("golden/v1.bin").to_vec(), write(&records::every_kind()), write(&[])];
    let corpus: Vec<Vec<u8>> = corpus.into_iter().filter(|trace| trace.len() > 32).collect();
    let (runs, seed) = (setting("FUZZ_RUNS", 200_000), setting("FUZZ_SEED", 0x5EED_0001));
    let (mut returned, mut damaged, mut highest) = (0_u64, 0_u64, 0);
    for round in 0..runs {
        let mut random = Random(seed ^ round.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        // The first numbers of seeds that are alike are alike.
        for _ in 0..4 {
            random.next();
        }
        let mutant = if round % 2 == 0 {
            spoil_content(&corpus, &mut random)
        } else {
            spoil_bytes(&corpus, &mut random)
        };
        let before = LIVE.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let (found, stats) = read(&mutant);
        let took = PEAK.load(Ordering::Relaxed) - before;
        assert!(took < MOST_BYTES, "round {round} of seed {seed:#x} takes {took} bytes");
        assert!(found.len() <= mutant.len() / 24, "round {round}: more records than there is room for");
        if round % 64 == 0 {
            written_again(&found);
        }
        returned += stats.blocks;
        damaged += stats.damaged_blocks + stats.unknown_blocks;
        highest = highest.max(took);
    }
    assert!(returned > runs && damaged > runs / 8, "the mutants are neither whole nor all broken");
    println!("{runs} mutants: {returned} records, {damaged} blocks refused, {highest} bytes at most");
}

#[test]
fn headers_that_are_mutated_are_refused_or_right() {
    let trace = write(&records::every_kind());
    for bit in 0..32 * 8 {
        let mut mutant = trace.clone();
        mutant[bit / 8] ^= 1 << (bit % 8);
        assert!(TraceReader::new(&mutant[..]).is_err(), "bit {bit}");
    }
    for length in 0..32 {
        assert!(TraceReader::new(&trace[..length]).is_err(), "{length} bytes");
    }
}
