//! A thread for each piece of work.

use super::world::{Allocation, SECOND_US, World};
use super::{assert_first, assert_silent};
use memscope_report::analysis::BottleneckKind;
use memscope_trace::Thread;

const KIND: BottleneckKind = BottleneckKind::ShortLivedThreads;

/// `jobs` jobs over the session of 50 ms each, each on a thread of its own, or all on a pool whose threads stay.
fn jobs(mut world: World, jobs: u32, pool: Option<u32>) -> World {
    let site = world.site("app::job");
    let begun = pool.unwrap_or(jobs);
    for at in 0..begun {
        let start_us = if pool.is_some() { SECOND_US } else { begin_us(at, jobs, &world) };
        let name = format!("job-{at}");
        world.threads.push(Thread { id: 100 + at, os_id: 1_000 + u64::from(at), name, start_us });
    }
    for at in 0..jobs {
        let thread = 100 + at % begun;
        let start_us = begin_us(at, jobs, &world);
        let freed_us = Some(start_us + 50_000);
        let size_bytes = world.size_about(16 << 10);
        world.push(Allocation {
            site,
            size_bytes,
            old_bytes: 0,
            thread,
            freed_by: thread,
            start_us,
            freed_us,
        });
        if pool.is_none() {
            world.ended.push((thread, start_us + 50_000));
        }
    }
    world
}

fn begin_us(at: u32, jobs: u32, world: &World) -> u64 {
    u64::from(at) * world.duration_us / u64::from(jobs)
}

/// Four seconds of the service.
fn short(seed: u64) -> World {
    let mut world = World::new(seed);
    world.duration_us = 4 * SECOND_US;
    for at in 0..6 {
        world.requests(&format!("app::part_{at}"), 2 << 20, 1.0, 0.0);
    }
    world
}

#[test]
fn a_thread_for_each_job_comes_first() {
    let found = assert_first(KIND, "threads job-", 20, |seed| jobs(short(seed), 400, None));
    assert!(found.evidence.contains("400 threads of this name began and ended"), "{found}");
    println!("{found}");
}

#[test]
fn the_same_jobs_on_a_pool_are_silent() {
    assert_silent(KIND, "a pool", |seed| jobs(short(seed), 400, Some(16)));
}
