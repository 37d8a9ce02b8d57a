//! Exact figures over time.

use super::types::TimelinePoint;
use crate::load::{Profile, live_bytes};
use memscope_trace::Resources;

/// A resident set size this far from a point in time is still its, microseconds; for long sessions, where fewer
/// are kept, a thousandth of the session.
const NEARLY_US: u64 = 1_000_000;

/// The points of the profile, with one at time 0, where nothing has been counted yet.
pub(super) fn timeline(profile: &Profile) -> Vec<TimelinePoint> {
    let resident: Vec<&Resources> =
        profile.resources.iter().filter(|point| point.rss_bytes.is_some()).collect();
    let nearly_us = NEARLY_US.max(profile.duration_us / 1000);
    let starts_at_zero = profile.timeline.first().is_none_or(|first| first.time_us == 0);
    let zero = (!starts_at_zero).then(TimelinePoint::default);
    let mut points: Vec<TimelinePoint> = Vec::with_capacity(profile.timeline.len() + 1);
    points.extend(zero);
    points.extend(profile.timeline.iter().map(|counters| TimelinePoint {
        time_us: counters.time_us,
        live_bytes: live_bytes(counters),
        allocations: counters.allocations,
        allocated_bytes: counters.allocated_bytes,
        frees: counters.frees,
        freed_bytes: counters.freed_bytes,
        rss_bytes: None,
    }));
    let mut at = 0;
    for point in &mut points {
        // Both are in order, so the nearest one only ever moves on.
        while at + 1 < resident.len()
            && resident[at + 1].time_us.abs_diff(point.time_us)
                <= resident[at].time_us.abs_diff(point.time_us)
        {
            at += 1;
        }
        let nearest = resident.get(at).filter(|found| found.time_us.abs_diff(point.time_us) <= nearly_us);
        point.rss_bytes = nearest.and_then(|found| found.rss_bytes);
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use memscope_trace::Counters;

    fn profile(times_us: &[u64], resident: &[(u64, u64)]) -> Profile {
        let timeline = times_us
            .iter()
            .map(|&time_us| Counters {
                time_us,
                allocated_bytes: 100,
                freed_bytes: 160,
                ..Counters::default()
            })
            .collect();
        let resources = resident
            .iter()
            .map(|&(time_us, rss)| Resources { time_us, rss_bytes: Some(rss), ..Resources::default() })
            .collect();
        Profile { timeline, resources, ..Profile::default() }
    }

    #[test]
    fn points_begin_at_zero_and_may_be_negative() {
        let points = timeline(&profile(&[5_000, 9_000], &[]));
        let live: Vec<_> = points.iter().map(|point| (point.time_us, point.live_bytes)).collect();
        assert_eq!(live, [(0, 0), (5_000, -60), (9_000, -60)]);
        assert_eq!(timeline(&profile(&[0], &[])).len(), 1);
        assert!(timeline(&Profile::default()).is_empty());
    }

    #[test]
    fn the_nearest_resident_set_is_taken_if_it_is_near() {
        let points = timeline(&profile(
            &[0, 600_000, 4_000_000, 9_000_000],
            &[(0, 1), (1_000_000, 2), (3_500_000, 3), (3_900_000, 4)],
        ));
        let resident: Vec<_> = points.iter().map(|point| point.rss_bytes).collect();
        assert_eq!(resident, [Some(1), Some(2), Some(4), None]);
    }
}
