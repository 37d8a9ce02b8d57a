//! Traces that are completed from the rings of a killed process.

use crate::bytes::{read, write};
use memscope_trace::rings::*;
use memscope_trace::{
    AllocationKind, End, Interval, Record, SampleTasks, Samples, Session, Sites, Stacks, Swept, TraceError,
    rings_path, sweep_rings,
};
use std::path::{Path, PathBuf};

const START_NS: u64 = 5_000_000_000;
const CAPACITY: usize = 256;
const RING_BYTES: usize = 4096;
/// More than are used.
const RINGS: usize = 4;

fn header() -> RingsHeader {
    RingsHeader {
        process_id: 77,
        started_unix_ns: 1_700_000_000_000_000_000,
        start_ns: START_NS,
        ring_bytes: RING_BYTES as u64,
        rings: RINGS as u64,
        credit_bytes: 262.0,
    }
}

/// A file of rings, written as the runtime does.
struct Rings(Vec<u8>);

impl Rings {
    fn new(header: RingsHeader) -> Self {
        let mut bytes = vec![0; HEADER_BYTES + RINGS * RING_BYTES];
        bytes[..INTERVALS_AT].copy_from_slice(&header.encode());
        Self(bytes)
    }

    fn set(&mut self, at: usize, value: u64) {
        self.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    /// Ring `ring`, its first word at position `tail`, of thread `ring + 1`.
    fn fill(&mut self, ring: usize, tail: usize, samples: &[Vec<u64>]) {
        let at = HEADER_BYTES + ring * RING_BYTES;
        let words = samples.concat();
        let origin = tail.saturating_sub(CAPACITY - 20);
        for (position, word) in (tail..).zip(&words) {
            self.set(at + RING_HEADER_BYTES + 8 * ((position - origin) % CAPACITY), *word);
        }
        self.set(at + HEAD_AT, (tail + words.len()) as u64);
        self.set(at + TAIL_AT, tail as u64);
        self.set(at + ORIGIN_AT, origin as u64);
        self.set(at + CAPACITY_AT, CAPACITY as u64);
        self.set(at + OWNER_AT, (ring as u64 + 1) | (4242 << 32));
    }
}

/// A sample's words; those of odd sizes are in task 1.
fn sample(time_us: u64, size: u64, interval: u64, frames: &[u64]) -> Vec<u64> {
    let meta = frames.len() as u64 | (AllocationKind::Zeroed as u64) << 16 | interval << 32;
    let mut words = vec![meta, START_NS + time_us * 1000 + 7, 3 << 32 | 9, size, 0, size % 2];
    words.extend(frames);
    words
}

/// What stands in the trace: one site of 100 bytes with frames 0x10 in 0x20, and a sample of thread 1 there at 50 microseconds.
fn records() -> Vec<Record> {
    let session = Session { process_id: 77, started_unix_ns: header().started_unix_ns, ..Session::default() };
    let interval = Interval { interval_bytes: 524_288.0, credit_bytes: 262.0, ..Interval::default() };
    vec![
        Record::Session(session),
        Record::Interval(interval),
        Record::Stacks(Stacks {
            first_frame: 1,
            addresses: vec![0x20, -0x10],
            first_node: 1,
            parent_deltas: vec![1, 1],
            frames: vec![1, 2],
        }),
        Record::Sites(Sites {
            first_site: 0,
            stacks: vec![2],
            sizes: vec![100],
            old_sizes: vec![0],
            scopes: vec![3],
            kinds: vec![AllocationKind::Zeroed as u8],
        }),
        Record::Samples(Samples {
            first_sample: 0,
            interval: 0,
            base_us: 50,
            delta_us: vec![0],
            threads: vec![1],
            sites: vec![0],
        }),
    ]
}

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(trace: &[u8], rings: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let case = Self { folder };
        std::fs::write(case.trace(), trace).unwrap();
        std::fs::write(rings_path(&case.trace()), rings).unwrap();
        case
    }

    fn trace(&self) -> PathBuf {
        self.folder.path().join("trace.bin")
    }

    fn sweep(&self) -> Result<Option<Swept>, TraceError> {
        sweep_rings(&self.trace())
    }

    /// The records of the trace, all of which must be whole and in order.
    fn records(&self) -> Vec<Record> {
        let (records, stats) = read(&std::fs::read(self.trace()).unwrap());
        assert!(stats.is_clean(), "{stats:?}");
        records
    }
}

fn two_rings() -> Rings {
    let mut rings = Rings::new(header());
    // Known; two of one kind; a new caller.
    let first = [
        sample(50, 100, 0, &[0x10, 0x20]),
        sample(60, 100, 0, &[0x10, 0x20]),
        sample(60, 100, 0, &[0x10, 0x20]),
        sample(61, 100, 0, &[0x10, 0x30]),
    ];
    rings.fill(0, 0, &first);
    // Wraps around; under an interval that the trace was not told of.
    rings.fill(2, 9_999, &[sample(55, 64, 0, &[0x40]), sample(70, 64, 1, &[]), sample(71, 9, 1, &[1; 40])]);
    rings.set(INTERVALS_AT + 8, 1e6_f64.to_bits());
    rings
}

#[test]
fn what_is_not_in_the_trace_is_taken_into_it_and_the_rings_go() {
    let case = Case::new(&write(&records()), &two_rings().0);
    assert_eq!(case.sweep().unwrap(), Some(Swept { samples: 6, known_samples: 1 }));
    assert!(!rings_path(&case.trace()).exists());
    assert_eq!(case.sweep().unwrap(), None);
    let found = case.records();
    assert_eq!(found[..5], records());
    let Record::Threads(threads) = &found[5] else { panic!("{:?}", found[5]) };
    let ids: Vec<(u32, u64)> = threads.threads.iter().map(|thread| (thread.id, thread.os_id)).collect();
    assert_eq!(ids, [(1, 4242), (3, 4242)]);
    let samples: Vec<&Samples> = found[6..]
        .iter()
        .filter_map(|record| match record {
            Record::Samples(samples) => Some(samples),
            _ => None,
        })
        .collect();
    let (first, second) = (samples[0], samples[1]);
    assert_eq!((first.first_sample, first.base_us, first.interval), (1, 55, 0));
    assert_eq!(first.delta_us, [0, 5, 0, 1]);
    assert_eq!(first.threads, [3, 1, 1, 1]);
    assert_eq!(first.sites, [1, 0, 0, 2], "a known site keeps its number");
    assert_eq!((second.first_sample, second.interval, second.sites.as_slice()), (5, 1, &[3, 4][..]));
    let in_tasks: Vec<_> = found.iter().filter(|record| matches!(record, Record::SampleTasks(_))).collect();
    let last_of_all = SampleTasks { sample_deltas: vec![6], tasks: vec![1] };
    assert_eq!(in_tasks, [&Record::SampleTasks(last_of_all)], "whose size is odd");
    let told = found.iter().find_map(|record| match record {
        Record::Interval(interval) if interval.id == 1 => Some(*interval),
        _ => None,
    });
    let expected = Interval { id: 1, start_us: 70, interval_bytes: 1e6, credit_bytes: 262.0 };
    assert_eq!(told, Some(expected));
}

#[test]
fn a_torn_tail_makes_way_and_who_is_interrupted_begins_again() {
    let whole = write(&records());
    let mut torn = whole.clone();
    torn.extend(&whole[whole.len() - 30..whole.len() - 3]);
    let complete = Case::new(&whole, &two_rings().0);
    complete.sweep().unwrap();
    let complete = std::fs::read(complete.trace()).unwrap();
    // Cut anywhere while it was appended to.
    for length in whole.len()..=complete.len() {
        let case = Case::new(&complete[..length], &two_rings().0);
        case.sweep().unwrap().unwrap();
        let samples: usize = case
            .records()
            .iter()
            .map(|record| if let Record::Samples(samples) = record { samples.sites.len() } else { 0 })
            .sum();
        assert_eq!(samples, 7, "cut at {length}");
    }
}

#[test]
fn a_trace_with_its_end_stays_as_it_is() {
    let mut ended = records();
    ended.push(Record::End(End::default()));
    let case = Case::new(&write(&ended), &two_rings().0);
    assert_eq!(case.sweep().unwrap().unwrap().samples, 0);
    assert_eq!(case.records(), ended);
    assert!(!rings_path(&case.trace()).exists());
}

#[test]
fn a_trace_that_is_being_written_is_left_alone() {
    let case = Case::new(&write(&records()), &two_rings().0);
    let running = std::fs::File::open(case.trace()).unwrap();
    running.lock().unwrap();
    assert_eq!(case.sweep().unwrap(), None);
    assert!(rings_path(&case.trace()).exists());
    drop(running);
    assert!(case.sweep().unwrap().is_some());
}

#[test]
fn rings_of_another_session_are_told_and_nothing_is_touched() {
    let others = [
        RingsHeader { process_id: 78, ..header() },
        RingsHeader { started_unix_ns: 1, ..header() },
        RingsHeader { ring_bytes: 8, ..header() },
        RingsHeader { rings: 1 << 40, ..header() },
    ];
    let before = write(&records());
    let texts = [Vec::new(), b"a text of somebody's".to_vec()];
    for rings in others.map(|header| Rings::new(header).0).into_iter().chain(texts) {
        let case = Case::new(&before, &rings);
        let error = case.sweep().unwrap_err().to_string();
        assert!(error.contains("trace.rings") && error.contains("move that file"), "{error}");
        assert_eq!(std::fs::read(case.trace()).unwrap(), before);
        assert_eq!(std::fs::read(rings_path(&case.trace())).unwrap(), rings);
    }
}

#[test]
fn a_link_is_followed_and_one_that_leads_nowhere_is_none() {
    let link = |target: &Path, case: &Case| {
        std::fs::remove_file(rings_path(&case.trace())).unwrap();
        std::os::unix::fs::symlink(target, rings_path(&case.trace())).unwrap();
    };
    let case = Case::new(&write(&records()), b"");
    let target = case.folder.path().join("elsewhere");
    std::fs::write(&target, &two_rings().0).unwrap();
    link(&target, &case);
    assert_eq!(case.sweep().unwrap().unwrap().samples, 6);
    assert!(!target.exists() && !rings_path(&case.trace()).is_symlink());

    let case = Case::new(&write(&records()), b"");
    link(Path::new("/nowhere/at/all"), &case);
    assert_eq!(case.sweep().unwrap(), None);
    link(Path::new("/dev/zero"), &case);
    assert_eq!(case.sweep().unwrap(), None, "a device is no file of rings");
}

/// Whatever the rings hold: no panic, and a trace that can be read.
#[test]
fn hostile_rings_do_no_harm() {
    let before = write(&records());
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for round in 0..400 {
        let mut rings = two_rings();
        for _ in 0..1 + next() % 6 {
            let from = HEADER_BYTES + (next() as usize % 3) * RING_BYTES;
            let at = from + 8 * (next() as usize % 60);
            let value = match next() % 4 {
                0 => u64::MAX,
                1 => 1 << (next() % 64),
                2 => next(),
                _ => next() % 300,
            };
            rings.set(at, value);
        }
        if round % 5 == 0 {
            let length = HEADER_BYTES + next() as usize % (3 * RING_BYTES);
            rings.0.truncate(length);
        }
        let case = Case::new(&before, &rings.0);
        case.sweep().unwrap();
        assert!(case.records().len() >= 5, "round {round}");
    }
}
