//! How allocations live: freed at once, freed elsewhere, copied by `realloc`, all at once.

use super::world::{Allocation, MIB, SECOND_US, World};
use super::{assert_first, assert_silent};
use memscope_report::analysis::BottleneckKind;

/// `per_second` allocations of 128 KiB in a second that live for `life_us`, made by a thread and freed by another or the same.
fn buffers(mut world: World, function: &str, per_second: u64, life_us: u64, freed_elsewhere: bool) -> World {
    let site = world.site(function);
    let seconds = world.duration_us / SECOND_US;
    for at in 0..per_second * seconds {
        let start_us = at * SECOND_US / per_second;
        let thread = 1 + (at % 2) as u32;
        let freed_by = if freed_elsewhere { thread + 2 } else { thread };
        let freed_us = Some(start_us + life_us);
        world.push(Allocation {
            site,
            size_bytes: 128 << 10,
            old_bytes: 0,
            thread,
            freed_by,
            start_us,
            freed_us,
        });
    }
    world
}

#[test]
fn churn_comes_first_and_not_where_buffers_live_on() {
    let kind = BottleneckKind::TemporaryChurn;
    let churn = |world, life_us| buffers(world, "app::encode", 80, life_us, false);
    let found = assert_first(kind, "app::encode", 20, |seed| churn(World::noisy(seed), 200));
    assert!(found.evidence.contains("freed within a millisecond by the same thread"), "{found}");
    println!("{found}");
    assert_silent(kind, "living on", |seed| churn(World::quick(seed), 20_000));
}

#[test]
fn a_pipeline_comes_first_and_not_where_threads_free_their_own() {
    let kind = BottleneckKind::CrossThreadFree;
    let pipeline = |world, elsewhere| buffers(world, "app::produce", 120, 50_000, elsewhere);
    let found = assert_first(kind, "app::produce", 20, |seed| pipeline(World::noisy(seed), true));
    assert!(found.evidence.contains("were freed by other threads"), "{found}");
    println!("{found}");
    assert_silent(kind, "their own", |seed| pipeline(World::quick(seed), false));
}

/// Lists that grow by doubling from 4 KiB to 1 MiB, or have room for it from the beginning.
fn lists(mut world: World, per_second: u64, doubling: bool) -> World {
    let site = world.site("app::collect");
    for at in 0..per_second * world.duration_us / SECOND_US {
        let mut start_us = at * SECOND_US / per_second;
        let mut size_bytes = if doubling { 4 << 10 } else { MIB };
        let mut old_bytes = 0;
        while size_bytes <= MIB {
            let thread = 1 + (at % 4) as u32;
            let freed_us = Some(start_us + if size_bytes == MIB { 200_000 } else { 2_000 });
            world.push(Allocation {
                site,
                size_bytes,
                old_bytes,
                thread,
                freed_by: thread,
                start_us,
                freed_us,
            });
            (old_bytes, size_bytes, start_us) = (size_bytes, size_bytes * 2, start_us + 2_000);
        }
    }
    world
}

#[test]
fn lists_that_double_come_first_and_not_those_with_room() {
    let kind = BottleneckKind::ReallocGrowth;
    let found = assert_first(kind, "app::collect", 20, |seed| lists(World::noisy(seed), 20, true));
    assert!(found.evidence.contains("realloc copied"), "{found}");
    println!("{found}");
    assert_silent(kind, "with capacity", |seed| lists(World::quick(seed), 20, false));
}

/// Work of 64 allocations a second over four threads, of which the first does `share` in ten.
fn work(mut world: World, share: u64) -> World {
    let site = world.site("app::work");
    for at in 0..64 * world.duration_us / SECOND_US {
        let thread = if at % 10 < share { 1 } else { 2 + (at / 10 % 3) as u32 };
        let start_us = at * SECOND_US / 64;
        let freed_us = Some(start_us + 100_000);
        world.push(Allocation {
            site,
            size_bytes: MIB / 2,
            old_bytes: 0,
            thread,
            freed_by: thread,
            start_us,
            freed_us,
        });
    }
    world
}

#[test]
fn a_thread_with_most_of_the_work_comes_first_and_not_where_it_is_shared() {
    let kind = BottleneckKind::ThreadImbalance;
    let found = assert_first(kind, "thread worker 1", 20, |seed| work(World::noisy(seed), 9));
    assert_eq!(found.threads, [1]);
    println!("{found}");
    assert_silent(kind, "shared", |seed| work(World::quick(seed), 3));
}

/// A report every 12 seconds: 480 pieces of 128 KiB, all live at the end of it or each dropped after the next few.
fn reports(mut world: World, together: bool) -> World {
    let site = world.site("app::report");
    for report in 0..world.duration_us / (12 * SECOND_US) {
        let begin_us = (12 * report + 5) * SECOND_US;
        for at in 0..480 {
            let start_us = begin_us + at * 4_000;
            let freed_us = if together { begin_us + 2 * SECOND_US } else { start_us + 100_000 };
            world.allocate(site, 128 << 10, start_us, Some(freed_us));
        }
    }
    world
}

#[test]
fn what_makes_the_peak_comes_first_and_not_where_it_streams() {
    let kind = BottleneckKind::PeakHolder;
    let found = assert_first(kind, "app::report", 20, |seed| reports(World::noisy(seed), true));
    assert!(found.evidence.contains("were live when the heap peaked"), "{found}");
    println!("{found}");
    assert_silent(kind, "streaming", |seed| reports(World::light(seed), false));
}
