//! Memory that the process has and the heap does not, where no allocator tells what it keeps.

use super::world::{MIB, World};
use super::{assert_first, assert_silent};
use memscope_report::analysis::BottleneckKind;
use memscope_trace::Resources;

const KIND: BottleneckKind = BottleneckKind::Unreturned;

/// The resident set is what the program needs, 20 MiB more and less, and in the first half of a minute rises to `beside_mib` beyond that.
fn process(world: World, beside_mib: f64) -> World {
    world.with_resources(move |seconds, live, random| {
        let beside = beside_mib * (seconds / 30.0).min(1.0) + 30.0 * random.about_one(0.3);
        Resources { rss_bytes: Some(live + (beside * MIB as f64) as u64), ..Resources::default() }
    })
}

#[test]
fn memory_beside_the_heap_comes_first() {
    let found = assert_first(KIND, "the allocator", 20, |seed| process(World::noisy(seed), 250.0));
    assert!(found.evidence.contains("is no live heap"), "{found}");
    println!("{found}");
}

#[test]
fn a_resident_set_that_follows_the_heap_is_silent() {
    assert_silent(KIND, "following", |seed| process(World::light(seed), 0.0));
}
