//! Allocations that are too large, and too many that are too small.

use super::world::{Allocation, MIB, SECOND_US, World};
use super::{assert_first, assert_silent};
use memscope_report::analysis::BottleneckKind;

/// Whole files of 40 MiB, read at once or in pieces of 64 KiB that live as long.
fn files(mut world: World, pieces: u64) -> World {
    let site = world.site("app::read_file");
    for file in 0..8 {
        let start_us = 3 * SECOND_US + file * 7 * SECOND_US;
        for at in 0..pieces {
            world.allocate(site, 40 * MIB / pieces, start_us + at * 1_000, Some(start_us + 2 * SECOND_US));
        }
    }
    world
}

#[test]
fn files_read_at_once_come_first() {
    let found =
        assert_first(BottleneckKind::Oversized, "app::read_file", 20, |seed| files(World::noisy(seed), 1));
    assert!(found.evidence.starts_with("Each of the 8 allocations made here took 40 MiB"), "{found}");
    println!("{found}");
}

#[test]
fn files_read_in_pieces_are_silent() {
    assert_silent(BottleneckKind::Oversized, "pieces", |seed| files(World::light(seed), 64));
}

/// A quarter of a second in which `number` nodes are made and dropped, one by one or `together`.
fn nodes(seed: u64, number: u64, together: u64) -> World {
    let mut world = World::new(seed);
    world.duration_us = SECOND_US / 4;
    world.interval.interval_bytes = 32_768.0;
    for at in 0..6 {
        world.requests(&format!("app::part_{at}"), 2 * MIB, 0.2, 0.0);
    }
    let site = world.site("app::Node::new");
    for at in 0..number / together {
        let start_us = at * world.duration_us * together / number;
        let size_bytes = (16 + 8 * (at % 2)) * together;
        world.push(Allocation {
            site,
            size_bytes,
            old_bytes: 0,
            thread: 1,
            freed_by: 1,
            start_us,
            freed_us: Some(start_us + 20_000),
        });
    }
    world
}

#[test]
fn boxed_nodes_come_first() {
    let found = assert_first(BottleneckKind::ManyTiny, "app::Node::new", 12, |seed| nodes(seed, 40_000, 1));
    assert!(found.evidence.contains("of 20 bytes in the mean"), "{found}");
    println!("{found}");
}

#[test]
fn the_same_nodes_in_an_arena_are_silent() {
    assert_silent(BottleneckKind::ManyTiny, "an arena", |seed| nodes(seed, 40_000, 200));
}
