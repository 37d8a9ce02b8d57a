//! A process that runs into its memory limit.

use super::world::{MIB, World};
use super::{assert_first, assert_silent};
use memscope_report::analysis::{BottleneckKind, Severity};
use memscope_trace::Resources;

const KIND: BottleneckKind = BottleneckKind::NearLimit;

/// The noisy service in a container of 160 MiB; beside its heap it has 30 MiB, and so many more each second.
fn container(world: World, rising_mib: f64) -> World {
    world.with_resources(|seconds, live, random| {
        let other = 30.0 * random.about_one(0.1) + rising_mib * seconds;
        Resources {
            rss_bytes: Some(live + (other * MIB as f64) as u64),
            cgroup_usage_bytes: Some(150 * MIB),
            cgroup_limit_bytes: Some(160 * MIB),
            ..Resources::default()
        }
    })
}

#[test]
fn a_rising_resident_set_comes_first_with_the_time_that_is_left() {
    // 0.75 MiB a second from 75 MiB on: some 120 MiB after a minute, the limit another minute later.
    let found = assert_first(KIND, "the process", 20, |seed| container(World::noisy(seed), 0.75));
    assert!(found.severity >= Severity::Medium && found.evidence.contains("reaches the limit"), "{found}");
    println!("{found}");
}

#[test]
fn the_same_without_the_rise_is_silent() {
    assert_silent(KIND, "noise", |seed| container(World::light(seed), 0.0));
}

/// Ten MiB up and down, remembered for three seconds or for ten.
#[test]
fn what_wanders_is_silent() {
    assert_silent(KIND, "wandering", |seed| {
        let memory_seconds = if seed % 2 == 0 { 3.0 } else { 10.0 };
        let memory = f64::exp(-0.1 / memory_seconds);
        let mut level = 0.0;
        World::light(seed).with_resources(|_, live, random| {
            // The sum of three evenly distributed numbers less its mean has a standard deviation of a half.
            let push = 3.0 * (random.about_one(0.5) - 1.0) * 2.0;
            level = memory * level + (1.0 - memory * memory).sqrt() * push;
            Resources {
                rss_bytes: Some((live as f64 + (40.0 + 10.0 * level).max(0.0) * MIB as f64) as u64),
                cgroup_limit_bytes: Some(200 * MIB),
                ..Resources::default()
            }
        })
    });
}
