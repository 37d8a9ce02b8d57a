//! Detectors on programs that are known to the last byte: a fault that is planted among noise is found and comes first, and the same
//! program without it is not blamed for it in more than 2 of 200 seeded runs (1%).
//!
//! The traces are written by the real writer, and their samples are drawn by the sampler's own law (`world_trace.rs`), another draw for each seed.

#[path = "../common/mod.rs"]
mod common;
mod phases;
mod short_lived_threads;
mod sizes;
mod unreturned;
mod world;
mod world_trace;

mod contention;
mod growing;
mod kept_after_spike;
mod lives;
mod near_limit;

use memscope_report::Analysis;
use memscope_report::analysis::{Bottleneck, BottleneckKind};
use world::World;

/// Seeded runs of a program without the fault.
const RUNS: u64 = 200;
/// Of which so many may raise a false alarm: 1%.
const FALSE_ALARMS_MAX: usize = 2;

/// The findings of a kind.
fn of_kind(analysis: &Analysis, kind: BottleneckKind) -> Vec<&Bottleneck> {
    analysis.findings.iter().filter(|finding| finding.kind == kind).collect()
}

/// How many of [`RUNS`] programs that `world` makes are blamed for a fault of one of `kinds`.
fn alarms(kinds: &[BottleneckKind], world: impl Fn(u64) -> World + Sync) -> usize {
    let alarms_of = |seeds: std::ops::Range<u64>| {
        let is_alarm = |finding: &Bottleneck| kinds.contains(&finding.kind);
        seeds.filter(|&seed| world(seed).analysis().findings.iter().any(is_alarm)).count()
    };
    std::thread::scope(|scope| {
        let half = scope.spawn(|| alarms_of(0..RUNS / 2));
        alarms_of(RUNS / 2..RUNS) + half.join().unwrap()
    })
}

#[track_caller]
fn assert_silent(kind: BottleneckKind, name: &str, world: impl Fn(u64) -> World + Sync) {
    assert_none(&[kind], name, world);
}

/// The same of several kinds together.
#[track_caller]
fn assert_none(kinds: &[BottleneckKind], name: &str, world: impl Fn(u64) -> World + Sync) {
    let alarms = alarms(kinds, world);
    println!("{kinds:?}, {name}: {alarms} false alarms in {RUNS} runs");
    assert!(alarms <= FALSE_ALARMS_MAX, "{name}: {alarms} false alarms in {RUNS} runs");
}

/// That the fault is found and comes first in each of `seeds` runs, or all but one in twenty.
#[track_caller]
fn assert_first(kind: BottleneckKind, culprit: &str, seeds: u64, world: impl Fn(u64) -> World) -> Bottleneck {
    let mut found = None;
    let mut first = 0;
    for seed in 0..seeds {
        let analysis = world(seed).analysis();
        match analysis.findings.first() {
            Some(finding) if finding.kind == kind && finding.culprit == culprit => {
                first += 1;
                found.get_or_insert_with(|| finding.clone());
            }
            other => println!("seed {seed}: {other:?}\n of {:#?}", analysis.findings),
        }
    }
    println!("{kind:?}: first in {first} of {seeds} runs");
    assert!(first * 20 >= seeds * 19, "first in {first} of {seeds} runs");
    found.expect("a finding")
}
