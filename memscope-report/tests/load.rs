//! What the loader makes of whole, cut and damaged traces.

mod common;

use common::{block_ends, small, write};
use memscope_report::{Profile, ReportError, Summary, SymbolizeOptions, analyze, symbolize};
use memscope_trace::*;
use std::io::{self, Read};

fn load(trace: &[u8]) -> Profile {
    Profile::from_reader(trace).unwrap()
}

/// Works the profile through to the summary: nothing in it may trip any of that.
fn show(profile: &Profile) -> String {
    let analysis = analyze(profile, &symbolize(profile, &SymbolizeOptions::default()));
    Summary::new(&analysis).to_string()
}

#[test]
fn a_whole_trace_is_read_whole() {
    let profile = load(&write(&small()));
    assert!(profile.read.is_clean() && !profile.is_damaged());
    assert_eq!(profile.irregular, Default::default());
    assert_eq!((profile.session.name.as_str(), profile.session.process_id), ("demo", 77));
    assert_eq!((profile.samples, profile.sample_bytes), (70, 40 * 1_000 + 20 * 64 + 10 * 4_096));
    assert_eq!((profile.duration_us, profile.totals.allocated_bytes), (9_000, 120_000));
    let times: Vec<_> = profile.timeline.iter().map(|point| point.time_us).collect();
    assert_eq!(times, [1_000, 2_000, 9_000]);
    let site = &profile.sites[0].samples;
    let counts = [site.allocated(), site.live(), site.freed(), site.temporary(), site.cross_thread()];
    assert_eq!(counts.map(|total| total.samples()), [40, 10, 30, 30, 0]);
    assert_eq!(profile.sites[1].samples.cross_thread().samples(), 15);
    let threads: Vec<_> = profile
        .threads
        .iter()
        .map(|thread| (thread.id, thread.name.as_str(), thread.allocated_bytes))
        .collect();
    assert_eq!(threads, [(1, "main", 110_000), (2, "worker", 10_000)]);
    assert_eq!((profile.scopes[0].scope.line, profile.scopes[0].calls), (3, 3));
    assert_eq!(profile.names.get(0x1010), Some("app::parse"));
}

#[test]
fn a_crash_leaves_everything_up_to_it() {
    let records = small();
    let profile = load(&write(&records[..14]));
    assert!(profile.end.is_none() && !profile.is_damaged());
    assert_eq!((profile.duration_us, profile.totals.allocated_bytes), (8_000, 100_000));
    assert_eq!(profile.samples, 70);
    assert!(show(&profile).contains("The trace has no end"), "{}", show(&profile));
}

#[test]
fn a_trace_cut_anywhere_gives_its_complete_blocks() {
    let records = small();
    let trace = write(&records);
    let ends = block_ends(&records);
    let header = write(&[]).len();
    for cut in header..trace.len() {
        let profile = load(&trace[..cut]);
        let complete = ends.iter().filter(|&&end| end <= cut).count();
        assert_eq!(profile.read.blocks, complete as u64, "cut at {cut}");
        assert!(!profile.is_damaged(), "cut at {cut}");
        assert!(show(&profile).contains("The trace has no end"), "cut at {cut}");
    }
    for cut in 0..header {
        assert!(
            matches!(Profile::from_reader(&trace[..cut]), Err(ReportError::Trace { .. })),
            "cut at {cut}"
        );
    }
}

#[test]
fn a_flipped_byte_costs_one_block_at_most_and_is_said() {
    let trace = write(&small());
    let blocks = load(&trace).read.blocks;
    for at in 0..trace.len() {
        let mut damaged = trace.clone();
        // Every second one by a bit, the others whole.
        damaged[at] ^= if at % 2 == 0 { 1 << (at / 2 % 8) } else { 0xFF };
        let profile = load(&damaged);
        assert!(profile.read.blocks + 1 >= blocks, "byte {at}");
        let said = profile.is_damaged() || profile.read.torn_tail();
        assert!(said && show(&profile).contains("! "), "byte {at}");
    }
}

#[test]
fn zeroed_stretches_do_no_harm() {
    let trace = write(&small());
    for at in (32..trace.len()).step_by(29) {
        for length in [1, 24, 100, 4096] {
            let mut damaged = trace.clone();
            let end = (at + length).min(trace.len());
            damaged[at..end].fill(0);
            show(&load(&damaged));
        }
    }
}

#[test]
fn any_block_may_be_missing() {
    let records = small();
    let ends = block_ends(&records);
    let trace = write(&records);
    for lost in 0..records.len() {
        let start = if lost == 0 { 32 } else { ends[lost - 1] };
        let without = [&trace[..start], &trace[ends[lost]..]].concat();
        let profile = load(&without);
        assert_eq!(profile.read.blocks, records.len() as u64 - 1);
        let last = lost == records.len() - 1;
        assert_eq!(profile.is_damaged(), !last);
        show(&profile);
        if matches!(records[lost], Record::Sites(_)) {
            assert_eq!((profile.samples, profile.irregular.samples_without_site), (70, 70));
        }
        if matches!(records[lost], Record::Samples(_)) {
            assert_eq!((profile.samples, profile.irregular.missing_samples), (0, 70));
            assert_eq!(profile.irregular.frees_without_sample, 45);
        }
    }
}

#[test]
fn an_interval_that_is_lost_is_stood_in_for() {
    let mut records = small();
    records.retain(|record| !matches!(record, Record::Interval(_)));
    let Record::Session(session) = &mut records[0] else { unreachable!() };
    session.sample_rate = 0.25;
    let profile = load(&write(&records));
    assert_eq!(profile.irregular.samples_without_interval, 70);
    // Each counts for four, the configured rate being all that is known.
    assert!((profile.sites[0].samples.allocated().value() - 160.0).abs() < 1e-6);
}

#[test]
fn what_is_no_trace_says_what_to_do() {
    let refused = |bytes: &[u8]| Profile::from_reader(bytes).unwrap_err().to_string();
    assert!(refused(b"").contains("found an empty file"));
    assert!(
        refused(b"a text file, and a long one at that").contains("found a file that begins with \"a text")
    );
    let newer = write_with_version(2);
    let message = refused(&newer);
    let found = format!("expected trace format 1.x, found 2.{}", memscope_trace::FORMAT_VERSION.1);
    assert!(message.contains(&found) && message.contains("newer"), "{message}");
}

/// A header of another major version, with the checksum that belongs to it.
fn write_with_version(major: u16) -> Vec<u8> {
    let mut trace = write(&small());
    trace[8..10].copy_from_slice(&major.to_le_bytes());
    let crc = crc32(&trace[..28]);
    trace[28..32].copy_from_slice(&crc.to_le_bytes());
    trace
}

/// The checksum bit by bit: the format's own crate is not a dependency of this one.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn paths_that_are_no_files_are_refused_unopened() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("trace.bin");
    assert!(matches!(Profile::open(&missing), Err(ReportError::Open { .. })));
    assert!(matches!(Profile::open(dir.path()), Err(ReportError::NotAFile { .. })));
    std::fs::write(&missing, "").unwrap();
    let message = Profile::open(&missing).unwrap_err().to_string();
    assert!(message.contains("trace.bin: expected a memscope trace"), "{message}");
}

/// A source that gives a byte at a time, interrupted in between, and fails at the end.
struct Trickle<'a> {
    bytes: &'a [u8],
    turn: bool,
    fails: bool,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn = !self.turn;
        match self.bytes.split_first() {
            Some(_) if self.turn => Err(io::ErrorKind::Interrupted.into()),
            Some((&first, rest)) => {
                buffer[0] = first;
                self.bytes = rest;
                Ok(1)
            }
            None if self.fails => Err(io::Error::other("the disk is gone")),
            None => Ok(0),
        }
    }
}

#[test]
fn sources_may_trickle_and_fail() {
    let trace = write(&small());
    let profile = Profile::from_reader(Trickle { bytes: &trace, turn: false, fails: false }).unwrap();
    assert_eq!(profile.read.blocks, small().len() as u64);
    let failed = Profile::from_reader(Trickle { bytes: &trace, turn: false, fails: true });
    assert!(failed.unwrap_err().to_string().contains("the disk is gone"));
}

#[test]
fn a_long_session_is_thinned() {
    let mut records = small();
    let at = records.len() - 1;
    for step in 0..20_000 {
        records.insert(at, Record::Counters(common::counters(10_000 + step, 100_000 + step, 0)));
    }
    let profile = load(&write(&records));
    assert!(profile.timeline.len() <= 4_000);
    assert!(profile.timeline.is_sorted_by_key(|point| point.time_us));
}
