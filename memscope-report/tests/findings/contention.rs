//! Threads that wait for the allocator, seen by what the kernel counts.

use super::world::{Random, SECOND_US, World};
use super::{assert_first, assert_silent};
use memscope_report::analysis::BottleneckKind;
use memscope_trace::Resources;

const KIND: BottleneckKind = BottleneckKind::AllocatorContention;

/// What else makes a thread give up its core.
#[derive(Clone, Copy, PartialEq)]
enum Wait {
    /// The allocator: as often as the program allocates.
    Allocator,
    /// Input and output, which comes with the load as the allocations do.
    Io,
    /// A timer, whatever the load.
    Timer,
}

/// Six kinds of requests on four threads under a load that comes and goes, and what the threads wait for.
fn service(seed: u64, wait: Wait) -> World {
    let mut world = World::new(seed);
    let sites: Vec<usize> = (0..6).map(|at| world.site(&format!("app::part_{at}"))).collect();
    let mut load = Vec::new();
    let mut level = 0.0;
    for tick in 0..600_u64 {
        level = 0.97 * level + 0.4 * (world.random.about_one(1.0) - 1.0);
        load.push(f64::exp(level));
        let number = (3.0 * load[tick as usize] * world.random.about_one(0.3)) as u64;
        for at in 0..number {
            let start_us = (tick * 10 + at % 10) * SECOND_US / 100;
            let size = world.size_about(512 << 10);
            let site = sites[(world.random.next() % 6) as usize];
            world.allocate(site, size, start_us, Some(start_us + SECOND_US));
        }
    }
    let mut told = Resources::default();
    let mut tick = 0;
    world.with_resources(move |_, _, random| {
        let load = load.get(tick).copied().unwrap_or(1.0);
        tick += 1;
        let more = |mean: f64, random: &mut Random| (mean * random.about_one(0.3)) as u64;
        let by = |wait_is: Wait| if wait == wait_is { load } else { 0.3 };
        let waits = 400.0 * (by(Wait::Allocator) + by(Wait::Io));
        let add = |figure: &mut Option<u64>, more: u64| *figure = Some(figure.unwrap_or(0) + more);
        add(&mut told.cpu_user_us, more(60_000.0 * load, random));
        add(&mut told.cpu_system_us, more(5_000.0 + 100.0 * waits, random));
        add(&mut told.voluntary_switches, more(waits, random));
        add(&mut told.involuntary_switches, more(20.0, random));
        add(&mut told.read_bytes, more(40_000.0 * by(Wait::Io), random));
        add(&mut told.written_bytes, more(20_000.0, random));
        told
    })
}

#[test]
fn waiting_that_goes_with_allocations_comes_first() {
    let found = assert_first(KIND, "the allocator", 20, |seed| service(seed, Wait::Allocator));
    assert!(found.evidence.starts_with("A suspicion") && found.threads.len() == 4, "{found:?}");
    println!("{found}");
}

#[test]
fn waiting_for_something_else_is_silent() {
    assert_silent(KIND, "a timer, or input and output", |seed| {
        service(seed, if seed % 2 == 0 { Wait::Timer } else { Wait::Io })
    });
}
