//! Growth that has no end.

use super::world::{MIB, SECOND_US, World};
use super::{assert_first, assert_silent, of_kind};
use memscope_report::analysis::{BottleneckKind, Severity};

const KIND: BottleneckKind = BottleneckKind::Growing;

#[test]
fn a_leak_among_noise_comes_first() {
    let found = assert_first(KIND, "app::subscribe", 40, |seed| {
        let mut world = World::noisy(seed);
        // One in ten is never freed: 24 MiB in a minute.
        world.requests("app::subscribe", 8 * MIB, 2.0, 0.1);
        world
    });
    assert_eq!(found.severity, Severity::High);
    assert!(
        found.bytes.low > 0.0 && found.bytes.low < found.bytes.value && found.bytes.value < found.bytes.high
    );
    let [from_us, to_us] = found.span_us.unwrap();
    assert!(from_us > 10 * SECOND_US && from_us < 14 * SECOND_US && to_us == 60 * SECOND_US, "{found:?}");
    assert_eq!((found.sites.len(), found.threads.len()), (1, 4));
    println!("{found}");
}

/// The interval of the growth holds the truth in about 95% of the runs.
#[test]
fn the_growth_is_estimated_within_its_interval() {
    // 240 KiB a second, nothing else: 11.25 MiB in 48 seconds.
    let leak = |seed| {
        let mut world = World::new(seed);
        world.interval.interval_bytes = 65_536.0;
        let site = world.site("app::leak");
        (0..1_800_u64).for_each(|at| world.allocate(site, 8_192, at * SECOND_US / 30, None));
        world
    };
    let mut held = 0;
    for seed in 0..100 {
        let analysis = leak(seed).analysis();
        let found = of_kind(&analysis, KIND);
        let [found] = found.as_slice() else { panic!("{:?}", analysis.findings) };
        let [from_us, to_us] = found.span_us.unwrap();
        let truth = ((to_us - from_us) as f64 / 1e6) * 30.0 * 8_192.0;
        held += u32::from(found.bytes.low <= truth && truth <= found.bytes.high);
    }
    assert!(held >= 88, "{held} of 100 intervals hold the truth");
}

#[test]
fn the_same_without_the_leak_is_silent() {
    assert_silent(KIND, "noise", |seed| {
        let mut world = World::noisy(seed);
        world.requests("app::subscribe", 8 * MIB, 2.0, 0.0);
        world
    });
}

/// Levels that wander as far as they do without a bound being broken: long lives, long batches, a cache that fills up late.
#[test]
fn what_wanders_or_fills_up_is_no_leak() {
    assert_silent(KIND, "slow waves", |seed| {
        let mut world = World::new(seed);
        world.requests("app::serve", 16 * MIB, 6.0, 0.0);
        world.batches("app::batch", 16 * MIB, 9.0);
        world.table("app::load_table", 8 * MIB);
        world.cache("app::cache", 24 * MIB);
        // Lives of a fifth of the session.
        world.requests("app::connections", 16 * MIB, 12.0, 0.0);
        world
    });
}

#[test]
fn a_short_session_and_a_small_leak_are_silent() {
    let mut world = World::noisy(3);
    let site = world.site("app::leak");
    (0..600_u64).for_each(|at| world.allocate(site, 1_024, at * SECOND_US / 10, None));
    assert!(of_kind(&world.analysis(), KIND).is_empty());
    let mut world = World::new(3);
    world.duration_us = SECOND_US;
    let site = world.site("app::leak");
    (0..1_000_u64).for_each(|at| world.allocate(site, 65_536, at * 1_000, None));
    assert!(of_kind(&world.analysis(), KIND).is_empty());
}
