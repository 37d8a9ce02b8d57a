//! Phases bound by the processors, or by input and output.

use super::world::{MIB, Random, SECOND_US, World};
use super::{assert_first, assert_none};
use memscope_report::analysis::BottleneckKind;
use memscope_trace::Resources;

/// What a tenth of a second has in the mean: processor time in ms, switches, KiB read and written.
type Use = [f64; 3];

/// The ordinary life of the service, on four processors.
const ORDINARY: Use = [60.0, 80.0, 20.0];

/// A service whose life is as `phase` says from the 15th to the 50th second.
fn service(seed: u64, phase: Use) -> World {
    let mut told = Resources::default();
    World::light(seed).with_resources(move |seconds, _, random| {
        let [cpu_ms, switches, kib] = if (15.0..50.0).contains(&seconds) { phase } else { ORDINARY };
        let more = |mean: f64, spread: f64, random: &mut Random| (mean * random.about_one(spread)) as u64;
        let add = |figure: &mut Option<u64>, more: u64| *figure = Some(figure.unwrap_or(0) + more);
        add(&mut told.cpu_user_us, more(cpu_ms * 900.0, 0.05, random));
        add(&mut told.cpu_system_us, more(cpu_ms * 100.0, 0.05, random));
        add(&mut told.voluntary_switches, more(switches, 0.5, random));
        add(&mut told.involuntary_switches, more(cpu_ms / 10.0, 0.5, random));
        add(&mut told.read_bytes, more(kib * 1_024.0, 0.5, random));
        add(&mut told.written_bytes, more(kib * 256.0, 0.5, random));
        told
    })
}

#[test]
fn a_phase_bound_by_the_processors_comes_first() {
    let found =
        assert_first(BottleneckKind::CpuBound, "the process", 20, |seed| service(seed, [385.0, 50.0, 5.0]));
    let [from_us, to_us] = found.span_us.unwrap();
    assert!(from_us.abs_diff(15 * SECOND_US) <= SECOND_US && to_us.abs_diff(50 * SECOND_US) <= SECOND_US);
    println!("{found}");
}

#[test]
fn a_phase_bound_by_input_and_output_comes_first() {
    let found =
        assert_first(BottleneckKind::IoBound, "the process", 20, |seed| service(seed, [8.0, 60.0, 4_000.0]));
    assert!(found.bytes.value > (100 * MIB) as f64, "{found:?}");
    println!("{found}");
}

/// Neither half-busy, nor busy with input and output besides, nor idle.
#[test]
fn the_same_without_such_a_phase_is_silent() {
    let phases =
        [ORDINARY, [60.0, 200.0, 4_000.0], [200.0, 80.0, 20.0], [100.0, 60.0, 20.0], [3.0, 60.0, 2.0]];
    let kinds = [BottleneckKind::CpuBound, BottleneckKind::IoBound];
    assert_none(&kinds, "ordinary, half-busy or idle", |seed| {
        service(seed, phases[seed as usize % phases.len()])
    });
}
