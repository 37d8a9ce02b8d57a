//! From the live heap to RSS: which part of resident memory is what.

use super::types::{Reconciliation, ReconciliationPoint};
use crate::load::{Profile, live_bytes};
use memscope_trace::{AllocatorKind, MemoryParts, OwnMemory};

/// A point for each time that memory's parts were told.
pub(super) fn reconciliation(profile: &Profile) -> Reconciliation {
    let told = |parts: &&MemoryParts| parts.allocator != AllocatorKind::Unknown as u8;
    let kind = profile.memory_parts.iter().rev().find(told).map_or(0, |parts| parts.allocator);
    // Old figures of the allocator beside new ones of the heap would tell of changes that are none: up to its last answer, only times at which it
    // was asked count.
    let last_told = profile.memory_parts.iter().rposition(|parts| told(&parts));
    let counts = |at: usize, parts: &MemoryParts| last_told.is_none_or(|last| at > last) || told(&parts);
    let mut held = Held::default();
    let points = profile
        .memory_parts
        .iter()
        .enumerate()
        .filter_map(|(at, parts)| {
            held.update(parts);
            if !counts(at, parts) {
                return None;
            }
            let live =
                nearest(&profile.timeline, parts.time_us, |counters| counters.time_us).map_or(0, live_bytes);
            let own = latest(&profile.own_memory, parts.time_us);
            let mut point = held.point(parts, &own, u64::try_from(live).unwrap_or(0))?;
            let cgroup = |figure: fn(&memscope_trace::Resources) -> Option<u64>| {
                let until = profile.resources.partition_point(|point| point.time_us <= parts.time_us);
                profile.resources[..until].iter().rev().find_map(figure)
            };
            point.cgroup_usage_bytes = cgroup(|resources| resources.cgroup_usage_bytes);
            point.cgroup_limit_bytes = cgroup(|resources| resources.cgroup_limit_bytes);
            Some(point)
        })
        .collect();
    let allocator = match AllocatorKind::from_u8(kind) {
        AllocatorKind::Glibc => "glibc",
        AllocatorKind::Jemalloc => "jemalloc",
        AllocatorKind::Mimalloc => "mimalloc",
        AllocatorKind::Unknown => "",
    };
    let told = |parts: &&MemoryParts| parts.allocator != AllocatorKind::Unknown as u8;
    let allocator_told_us = profile.memory_parts.iter().rev().find(told).map(|parts| parts.time_us);
    Reconciliation { allocator, allocator_told_us, points }
}

/// The point of `points`, which are in order, that is nearest to `time_us`.
fn nearest<T>(points: &[T], time_us: u64, time_of: impl Fn(&T) -> u64) -> Option<&T> {
    let after = points.partition_point(|point| time_of(point) < time_us);
    let candidates = points.get(after.saturating_sub(1)..points.len().min(after + 1))?;
    candidates.iter().min_by_key(|point| time_of(point).abs_diff(time_us))
}

/// What was told last at `time_us`; before the first asking, what that told: it was asked for as the session began.
fn latest(own: &[OwnMemory], time_us: u64) -> OwnMemory {
    let until = own.partition_point(|own| own.time_us <= time_us);
    own.get(until.saturating_sub(1)).copied().unwrap_or_default()
}

/// What was told last: what is dear is not asked each time.
#[derive(Default)]
struct Held {
    allocator: MemoryParts,
    stack_bytes: u64,
    swap_bytes: Option<u64>,
    proportional_bytes: Option<u64>,
}

impl Held {
    fn update(&mut self, parts: &MemoryParts) {
        if parts.allocator != AllocatorKind::Unknown as u8 {
            self.allocator = *parts;
        }
        self.stack_bytes = parts.stack_bytes.unwrap_or(self.stack_bytes);
        self.swap_bytes = parts.swap_bytes.or(self.swap_bytes);
        self.proportional_bytes = parts.proportional_bytes.or(self.proportional_bytes);
    }

    /// Bytes that the allocator takes beside the `live_bytes` of program and memscope: overhead, and what it keeps.
    fn beside(&self, live_bytes: u64) -> (u64, u64) {
        let told = &self.allocator;
        let over = |bytes: Option<u64>| bytes.unwrap_or(0).saturating_sub(live_bytes);
        match AllocatorKind::from_u8(told.allocator) {
            AllocatorKind::Glibc => (over(told.allocated_bytes), told.free_bytes.unwrap_or(0)),
            AllocatorKind::Jemalloc => {
                let active = told.active_bytes.or(told.allocated_bytes).unwrap_or(0);
                let kept = told.resident_bytes.unwrap_or(0).saturating_sub(active.max(live_bytes));
                (active.saturating_sub(live_bytes), kept)
            }
            AllocatorKind::Mimalloc => (0, over(told.mapped_bytes)),
            AllocatorKind::Unknown => (0, 0),
        }
    }

    fn point(&self, parts: &MemoryParts, own: &OwnMemory, live_bytes: u64) -> Option<ReconciliationPoint> {
        let rss_bytes = parts.rss_bytes?;
        let anonymous = parts.anonymous_bytes.unwrap_or(rss_bytes).min(rss_bytes);
        let own_heap = own.heap_bytes.unwrap_or(0);
        let (overhead, kept) = self.beside(live_bytes.saturating_add(own_heap));
        let own_shared = own.shared_bytes.unwrap_or(0).min(rss_bytes - anonymous);
        let mut left = anonymous;
        let mut not_resident_bytes = 0_u64;
        let mut take = |bytes: u64| {
            let fits = bytes.min(left);
            left -= fits;
            not_resident_bytes = not_resident_bytes.saturating_add(bytes - fits);
            fits
        };
        // First what was found resident page by page, then what is only known to be held.
        let own_pages = take(own.mapped_bytes.unwrap_or(0).saturating_add(own.stack_bytes.unwrap_or(0)));
        let module_bytes = take(own.module_bytes.unwrap_or(0));
        let stack_bytes = take(self.stack_bytes);
        let own_heap = take(own_heap);
        let live_bytes = take(live_bytes);
        let overhead_bytes = take(overhead);
        let kept_bytes = take(kept);
        Some(ReconciliationPoint {
            time_us: parts.time_us,
            rss_bytes,
            stack_bytes,
            live_bytes,
            overhead_bytes,
            kept_bytes,
            own_bytes: own_pages + own_heap + own_shared,
            module_bytes,
            unexplained_bytes: left,
            file_bytes: rss_bytes - anonymous - own_shared,
            not_resident_bytes,
            swap_bytes: self.swap_bytes,
            proportional_bytes: self.proportional_bytes,
            cgroup_usage_bytes: None,
            cgroup_limit_bytes: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memscope_trace::{Counters, Resources};
    use proptest::prelude::*;

    fn sum(point: &ReconciliationPoint) -> u128 {
        let parts = [
            point.stack_bytes,
            point.live_bytes,
            point.overhead_bytes,
            point.kept_bytes,
            point.unexplained_bytes,
            point.file_bytes,
            point.own_bytes,
            point.module_bytes,
        ];
        parts.into_iter().map(u128::from).sum()
    }

    fn one(parts: MemoryParts, live: u64) -> ReconciliationPoint {
        with_own(parts, OwnMemory::default(), live)
    }

    fn with_own(parts: MemoryParts, own: OwnMemory, live: u64) -> ReconciliationPoint {
        let timeline = vec![Counters { allocated_bytes: live, ..Counters::default() }];
        let profile =
            Profile { memory_parts: vec![parts], own_memory: vec![own], timeline, ..Profile::default() };
        reconciliation(&profile).points[0]
    }

    #[test]
    fn each_part_of_a_heap_that_is_all_resident_has_its_own_figure() {
        let point = one(
            MemoryParts {
                rss_bytes: Some(1000),
                anonymous_bytes: Some(900),
                stack_bytes: Some(50),
                allocator: AllocatorKind::Glibc as u8,
                allocated_bytes: Some(450),
                free_bytes: Some(250),
                ..MemoryParts::default()
            },
            400,
        );
        assert_eq!((point.stack_bytes, point.live_bytes, point.overhead_bytes), (50, 400, 50));
        assert_eq!((point.kept_bytes, point.unexplained_bytes, point.file_bytes), (250, 150, 100));
        assert_eq!(point.not_resident_bytes, 0);
    }

    #[test]
    fn memscope_itself_is_taken_off_overhead_and_files_and_rest() {
        let parts = MemoryParts {
            rss_bytes: Some(1000),
            anonymous_bytes: Some(900),
            allocator: AllocatorKind::Glibc as u8,
            allocated_bytes: Some(450),
            ..MemoryParts::default()
        };
        let own = OwnMemory {
            time_us: 0,
            mapped_bytes: Some(100),
            shared_bytes: Some(60),
            heap_bytes: Some(40),
            stack_bytes: Some(10),
            module_bytes: Some(200),
        };
        let point = with_own(parts, own, 400);
        assert_eq!((point.own_bytes, point.module_bytes, point.file_bytes), (210, 200, 40));
        assert_eq!((point.live_bytes, point.overhead_bytes, point.unexplained_bytes), (400, 10, 140));
        let without = one(parts, 400);
        assert_eq!((without.own_bytes, without.overhead_bytes, without.unexplained_bytes), (0, 50, 450));
    }

    #[test]
    fn what_was_told_last_holds_and_the_first_from_the_beginning() {
        let own =
            [10, 20].map(|time_us| OwnMemory { time_us, heap_bytes: Some(time_us), ..OwnMemory::default() });
        let held = [0, 10, 19, 20, 99].map(|time_us| latest(&own, time_us).heap_bytes);
        assert_eq!(held, [10, 10, 10, 20, 20].map(Some));
        assert_eq!(latest(&[], 5), OwnMemory::default());
    }

    #[test]
    fn what_was_never_touched_is_said_not_to_be_resident() {
        let parts = MemoryParts { rss_bytes: Some(100), anonymous_bytes: Some(80), ..MemoryParts::default() };
        let point = one(parts, 5000);
        assert_eq!((point.live_bytes, point.not_resident_bytes, point.unexplained_bytes), (80, 4920, 0));
    }

    #[test]
    fn jemalloc_and_mimalloc_are_told_apart_by_what_they_tell() {
        let jemalloc = MemoryParts {
            rss_bytes: Some(1000),
            anonymous_bytes: Some(1000),
            allocator: AllocatorKind::Jemalloc as u8,
            active_bytes: Some(300),
            resident_bytes: Some(700),
            ..MemoryParts::default()
        };
        let point = one(jemalloc, 200);
        assert_eq!((point.overhead_bytes, point.kept_bytes, point.unexplained_bytes), (100, 400, 300));
        let mimalloc =
            MemoryParts { allocator: AllocatorKind::Mimalloc as u8, mapped_bytes: Some(600), ..jemalloc };
        let point = one(mimalloc, 200);
        assert_eq!((point.overhead_bytes, point.kept_bytes, point.unexplained_bytes), (0, 400, 400));
    }

    #[test]
    fn what_is_asked_seldom_is_held_and_the_cgroup_comes_from_beside() {
        let first = MemoryParts {
            rss_bytes: Some(100),
            stack_bytes: Some(30),
            allocator: AllocatorKind::Glibc as u8,
            free_bytes: Some(20),
            ..MemoryParts::default()
        };
        let second = MemoryParts { time_us: 10, rss_bytes: Some(100), ..MemoryParts::default() };
        let resources = vec![
            Resources { cgroup_limit_bytes: Some(500), ..Resources::default() },
            Resources { time_us: 9, cgroup_usage_bytes: Some(90), ..Resources::default() },
        ];
        let profile = Profile { memory_parts: vec![first, second], resources, ..Profile::default() };
        let told = reconciliation(&profile);
        assert_eq!((told.allocator, told.allocator_told_us), ("glibc", Some(0)));
        let point = told.points[1];
        assert_eq!((point.stack_bytes, point.kept_bytes, point.unexplained_bytes), (30, 20, 50));
        assert_eq!((point.cgroup_usage_bytes, point.cgroup_limit_bytes), (Some(90), Some(500)));
    }

    proptest! {
        #[test]
        fn parts_always_add_up_to_rss(
            rss in any::<u64>(),
            figures in prop::collection::vec(prop::option::of(any::<u64>()), 11),
            allocator in any::<u8>(),
            live in any::<u64>(),
        ) {
            let own = OwnMemory {
                time_us: 0,
                mapped_bytes: figures[6],
                shared_bytes: figures[7],
                heap_bytes: figures[8],
                stack_bytes: figures[9],
                module_bytes: figures[10],
            };
            let point = with_own(MemoryParts {
                rss_bytes: Some(rss),
                anonymous_bytes: figures[0],
                stack_bytes: figures[1],
                allocator,
                allocated_bytes: figures[2],
                active_bytes: figures[3],
                free_bytes: figures[4],
                resident_bytes: figures[5],
                ..MemoryParts::default()
            }, own, live);
            prop_assert_eq!(sum(&point), u128::from(point.rss_bytes));
        }
    }
}
