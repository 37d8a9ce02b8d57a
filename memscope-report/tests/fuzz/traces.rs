//! Damaged traces, read by everything that reads traces: the report and its page, comparison, check, ranking, tree, leaks, information, merging,
//! every export.
//!
//! Half of the mutants have checksums that hold, so that the damage reaches what is behind them. (The reader of records by itself is
//! `memscope/trace/tests/fuzz.rs`.)

use crate::common;
use crate::mutation::{Random, spoil};
use crate::script::{self, Script};
use memscope_report::analysis::{Analysis, GroupBy};
use memscope_report::compare::{By, Figure, Side, compare, differential_flame_graph};
use memscope_report::export::{EXPORTERS, ExportOptions, ExportSource};
use memscope_report::info::TraceInfo;
use memscope_report::rank::{Sort, top};
use memscope_report::tree::{CallTree, TreeOptions};
use memscope_report::{
    Profile, Summary, SymbolizeOptions, analyze, chart, check, leaks, merge, page, symbolize,
};
use memscope_trace::Interval;
use std::io;
use std::path::Path;
use std::sync::LazyLock;

const FILE_HEADER_BYTES: usize = 32;
const BLOCK_HEADER_BYTES: usize = 24;

static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let interval = Interval { interval_bytes: 8_192.0, ..Interval::default() };
    vec![
        common::write(&common::small()),
        include_bytes!("../../../memscope/trace/tests/golden/v1.bin").to_vec(),
        Script::tree(&["app::serve", "app::parse", "app::index"], 9).trace(interval, script::Random(3)),
    ]
});

/// The blocks of a trace that is whole.
fn blocks(trace: &[u8]) -> Vec<Vec<u8>> {
    let (mut blocks, mut at) = (Vec::new(), FILE_HEADER_BYTES);
    while at < trace.len() {
        let length = u32::from_le_bytes(trace[at + 12..at + 16].try_into().expect("four bytes"));
        let end = at + BLOCK_HEADER_BYTES + length as usize;
        blocks.push(trace[at..end].to_vec());
        at = end;
    }
    blocks
}

/// Puts number, length and checksums of a block right.
fn seal(block: &mut Vec<u8>, sequence: u32) {
    block.truncate(BLOCK_HEADER_BYTES + memscope_trace::MAX_PAYLOAD_BYTES);
    let (header, payload) = block.split_at_mut(BLOCK_HEADER_BYTES);
    header[8..12].copy_from_slice(&sequence.to_le_bytes());
    header[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[16..20].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let checksum = crc32fast::hash(&header[..20]);
    header[20..].copy_from_slice(&checksum.to_le_bytes());
}

/// A trace whose blocks are spoiled, exchanged, doubled and left out, with checksums that hold.
fn spoil_content(trace: &[u8], random: &mut Random) -> Vec<u8> {
    let mut parts = blocks(trace);
    for _ in 0..=random.below(5) {
        let (at, other) = (random.below(parts.len()), random.below(parts.len()));
        match random.below(9) {
            0 => parts.swap(at, other),
            1 => parts.push(parts[at].clone()),
            2 => parts[at][4] = random.below(32) as u8,
            3 if parts.len() > 1 => drop(parts.remove(at)),
            _ => {
                let mut payload = parts[at].split_off(BLOCK_HEADER_BYTES);
                spoil(&mut payload, random);
                parts[at].extend(payload);
            }
        }
    }
    let mut mutant = trace[..FILE_HEADER_BYTES].to_vec();
    for (part, sequence) in parts.iter_mut().zip(0..) {
        seal(part, sequence);
        mutant.extend_from_slice(part);
    }
    mutant
}

/// One mutant, through everything.
pub(crate) fn run(random: &mut Random, folder: &Path) {
    let whole = random.of(&CORPUS);
    let mut mutant = whole.clone();
    if random.one_in(2) {
        mutant = spoil_content(&mutant, random);
    } else {
        for _ in 0..=random.below(5) {
            spoil(&mut mutant, random);
        }
    }
    let (path, other) = (folder.join("mutant.bin"), folder.join("whole.bin"));
    std::fs::write(&path, &mutant).expect("room");
    std::fs::write(&other, whole).expect("room");
    drop(TraceInfo::read(mutant.as_slice()));
    drop(merge::merge(&[&other, &path, &path], io::sink()));
    let Ok(profile) = Profile::open(&path) else { return };
    let options = SymbolizeOptions::default();
    let symbols = symbolize(&profile, &options);
    let analysis = analyze(&profile, &symbols);
    shown(&analysis);
    drop(leaks::leaks(mutant.as_slice(), &profile, &symbols));
    let sorts = [Sort::Bytes, Sort::Live, Sort::Peak, Sort::Leaked, Sort::Temporary, Sort::Count];
    let groups = [
        GroupBy::Site,
        GroupBy::Function,
        GroupBy::FunctionInclusive,
        GroupBy::Module,
        GroupBy::Thread,
        GroupBy::Scope,
    ];
    drop(top(&profile, &symbols, *random.of(&groups), *random.of(&sorts)));
    beside_the_whole(Side { profile: &profile, symbols: &symbols }, whole);
    let Ok(source) = ExportSource::from_bytes(mutant, &options) else { return };
    for exporter in EXPORTERS {
        // Whether it can be told in that format is for the exporter to say.
        drop(exporter.write(&source, &ExportOptions::default(), &mut io::sink()));
    }
}

fn shown(analysis: &Analysis) {
    let drawings = chart::draw_all(analysis).expect("charts of whatever figures");
    page::write(&mut io::sink(), analysis, &drawings).expect("a page of whatever figures");
    let summary = Summary::new(analysis).to_string();
    assert!(!summary.contains('\u{1b}'), "no escapes");
    drop(CallTree::new(analysis, &TreeOptions::default()).rows(0.0, 1000));
}

fn beside_the_whole(mutant: Side<'_>, whole: &[u8]) {
    let profile = Profile::from_reader(whole).expect("a trace that is whole");
    let symbols = symbolize(&profile, &SymbolizeOptions::default());
    let whole = Side { profile: &profile, symbols: &symbols };
    for (old, new) in [(whole, mutant), (mutant, whole), (mutant, mutant)] {
        let comparison = compare(old, new, By::Site, Figure::Bytes);
        differential_flame_graph(&comparison).expect("a flame graph of whatever figures");
        check::check(new, &[old], &check::Limits::default()).expect("no scope is limited");
    }
}
