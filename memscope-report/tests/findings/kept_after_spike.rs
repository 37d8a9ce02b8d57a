//! A spike of the heap whose memory the allocator keeps.

use super::world::{MIB, SECOND_US, World};
use super::{assert_first, assert_silent};
use memscope_report::analysis::BottleneckKind;
use memscope_trace::{AllocatorKind, MemoryParts};

const KIND: BottleneckKind = BottleneckKind::KeptAfterSpike;

/// At its tenth second the program takes 120 MiB more, at eight places, and drops it five seconds later. Of what is free the allocator keeps all
/// (`decay_seconds` is none), or lets it go by and by.
fn spiking(mut world: World, decay_seconds: Option<f64>) -> World {
    for place in 0..8 {
        let site = world.site(&format!("app::spike::part_{place}"));
        for at in 0..15 {
            let start_us = 10 * SECOND_US + at * 100_000;
            world.allocate(site, MIB, start_us, Some(15 * SECOND_US));
        }
    }
    let (mut heap, mut before) = (0.0_f64, 0.0);
    world.with_parts(move |seconds, live, random| {
        let live = live as f64;
        let decay = decay_seconds.map_or(1.0, |mean| f64::exp((before - seconds) / mean));
        before = seconds;
        heap = live + (heap - live).max(0.0) * decay;
        // And a few MiB between what is live, and elsewhere.
        let gaps = 4.0 * MIB as f64 * random.about_one(0.5);
        let other = 12.0 * MIB as f64 * random.about_one(0.1);
        MemoryParts {
            rss_bytes: Some((heap + gaps + other) as u64),
            anonymous_bytes: Some((heap + gaps + other / 2.0) as u64),
            allocator: AllocatorKind::Glibc as u8,
            allocated_bytes: Some((live + gaps) as u64),
            free_bytes: Some((heap - live) as u64),
            ..MemoryParts::default()
        }
    })
}

#[test]
fn memory_kept_after_a_spike_comes_first() {
    let found = assert_first(KIND, "the allocator", 20, |seed| spiking(World::noisy(seed), None));
    let [from_us, to_us] = found.span_us.unwrap();
    assert!((15 * SECOND_US..=16 * SECOND_US).contains(&from_us) && to_us == 60 * SECOND_US, "{found:?}");
    println!("{found}");
}

/// With the ten seconds that jemalloc takes, and the one of others.
#[test]
fn the_same_with_memory_given_back_is_silent() {
    assert_silent(KIND, "given back", |seed| {
        spiking(World::light(seed), Some(if seed % 2 == 0 { 1.0 } else { 10.0 }))
    });
}
