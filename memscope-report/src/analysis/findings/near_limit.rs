//! Memory close to its limit, or on its way there.
//!
//! What counts is the resident set, the limit is the cgroup's. (The cgroup's own usage has the page cache in it, which the kernel takes back before
//! it kills anybody; it is told as evidence.) Two rules, both on figures that are exact:
//!
//! * *Close*: at its highest the resident set was at least 85% of the limit. High from 95% on, else medium.
//! * *On its way*: the resident set was at least half of the limit at the end, and its floors in the second half of the session rise more clearly than by
//!   chance ([`super::trend`], at a nominal 0.01%: beside it there is little to tell a rise from a level that wanders). Then the time that is left is `(limit - resident set) / slope`, with the ends that the 95% interval of the
//!   slope has. It is told if it is at most ten times as long as what it was seen in: further than that no line reaches. High where it is
//!   shorter than that half, else medium.
//!
//! A session of less than two seconds has no trend.

use super::trend::{Trend, floors, trend};
use super::{Analysis, Bottleneck, BottleneckKind, Severity, share, units};
use crate::statistics::Estimate;

const CLOSE: f64 = 0.85;
const VERY_CLOSE: f64 = 0.95;
const TREND_FROM: f64 = 0.5;
const CHANCE_MAX: f64 = 0.000_1;
const REACH: f64 = 10.0;
const SESSION_MIN_US: u64 = 2_000_000;
const POINTS_MIN: usize = 32;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let points = &analysis.resources;
    let limit = points.iter().rev().find_map(|point| point.cgroup_limit_bytes).filter(|&bytes| bytes > 0);
    let resident: Vec<(u64, f64)> =
        points.iter().filter_map(|point| Some((point.time_us, point.rss_bytes? as f64))).collect();
    let (Some(limit), Some(&(_, now))) = (limit, resident.last()) else { return Vec::new() };
    let limit = limit as f64;
    let highest = resident.iter().copied().fold(
        (0, 0.0),
        |one: (u64, f64), other| {
            if other.1 > one.1 { other } else { one }
        },
    );
    let approach = Approach::of(analysis, &resident, limit).filter(|_| share(now, limit) >= TREND_FROM);
    if share(highest.1, limit) < CLOSE && approach.is_none() {
        return Vec::new();
    }
    let usage = points.iter().filter_map(|point| point.cgroup_usage_bytes).max();
    let usage = usage.map_or(String::new(), |usage| {
        format!(" The cgroup used {} at most, page cache included.", units::bytes(usage as f64))
    });
    let is_high = share(highest.1, limit) >= VERY_CLOSE || approach.as_ref().is_some_and(Approach::is_soon);
    vec![Bottleneck {
        severity: if is_high { Severity::High } else { Severity::Medium },
        bytes: Estimate::exact(highest.1),
        evidence: format!(
            "The resident set was {} at most, {} of the limit of {}, after {}.{}{usage}",
            units::bytes(highest.1),
            units::percent(share(highest.1, limit)),
            units::bytes(limit),
            units::duration_us(highest.0),
            approach.as_ref().map_or(String::new(), Approach::words)
        ),
        advice: "Find what rises or peaks in the charts of call sites and lower that, or raise the limit before the kernel kills the \
                 process."
            .to_owned(),
        span_us: Some(approach.map_or([highest.0, highest.0], |approach| approach.span_us)),
        ..Bottleneck::of(BottleneckKind::NearLimit, "the process")
    }]
}

/// A resident set that rises towards the limit.
struct Approach {
    span_us: [u64; 2],
    /// From the end to the limit, microseconds: the estimate and the ends of its interval, of which the later one may be never.
    left_us: [f64; 3],
    per_second: [f64; 3],
}

impl Approach {
    fn of(analysis: &Analysis, resident: &[(u64, f64)], limit: f64) -> Option<Self> {
        let end_us = resident.last()?.0;
        let from_us = end_us / 2;
        let half: Vec<f64> =
            resident.iter().filter(|point| point.0 >= from_us).map(|point| point.1).collect();
        if analysis.session.duration_us < SESSION_MIN_US || half.len() < POINTS_MIN {
            return None;
        }
        let floors = floors(&half);
        let Trend { slope, low, high, chance } = trend(&floors)?;
        let seen_us = (end_us - from_us) as f64;
        let stretch_us = seen_us / floors.len() as f64;
        let room = (limit - half.last()?).max(0.0);
        let left = |slope: f64| if slope > 0.0 { room / slope * stretch_us } else { f64::INFINITY };
        let left_us = [slope, high, low].map(left);
        let rises = chance < CHANCE_MAX && low > 0.0 && left_us[0] <= REACH * seen_us;
        let per_second = [slope, low, high].map(|slope| slope / stretch_us * 1e6);
        rises.then_some(Self { span_us: [from_us, end_us], left_us, per_second })
    }

    fn is_soon(&self) -> bool {
        self.left_us[0] <= (self.span_us[1] - self.span_us[0]) as f64
    }

    fn words(&self) -> String {
        let [left, soonest, latest] = self.left_us.map(|us| units::duration_us(us.round() as u64));
        let [slope, low, high] = self.per_second;
        format!(
            " It rose by {} a second ({}) from {} on and reaches the limit {left} ({soonest} to {latest}) after the end if it \
             goes on so.",
            units::bytes(slope),
            units::range(low, high, units::bytes),
            units::duration_us(self.span_us[0])
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::ResourcePoint;

    /// `mib` after each tenth of a second, under a limit of 100 MiB.
    fn process(mib: impl Fn(u32) -> f64) -> Analysis {
        let point = |tick: u32| ResourcePoint {
            time_us: u64::from(tick) * 100_000,
            rss_bytes: Some((mib(tick) * 1_048_576.0) as u64),
            cgroup_limit_bytes: Some(100 << 20),
            ..ResourcePoint::default()
        };
        let mut analysis = Analysis { resources: (0..200).map(point).collect(), ..Analysis::default() };
        analysis.session.duration_us = 20_000_000;
        analysis
    }

    #[test]
    fn a_process_that_was_close_is_told() {
        let found = detect(&process(|tick| if tick == 77 { 90.0 } else { 20.0 }));
        assert_eq!((found.len(), found[0].severity), (1, Severity::Medium));
        assert!(
            found[0].evidence.contains("90% of the limit of 100 MiB, after 7.7 s"),
            "{}",
            found[0].evidence
        );
        assert_eq!(detect(&process(|_| 96.0))[0].severity, Severity::High);
        assert!(detect(&process(|_| 84.0)).is_empty());
    }

    #[test]
    fn the_time_that_is_left_is_told() {
        // 3 MiB a second; 59.7 at the end, so 13.4 s to 100.
        let found = detect(&process(|tick| 0.3 * f64::from(tick)));
        let evidence = &found[0].evidence;
        assert!(evidence.contains("by 3.01 MiB a second") && evidence.contains("limit 13."), "{evidence}");
        assert_eq!(found[0].severity, Severity::Medium);
        assert_eq!(detect(&process(|tick| 0.4 * f64::from(tick)))[0].severity, Severity::High);
        // Too slow to tell, below half of the limit, or done with.
        assert!(detect(&process(|tick| 55.0 + 0.01 * f64::from(tick))).is_empty());
        assert!(detect(&process(|tick| 0.2 * f64::from(tick))).is_empty());
        assert!(detect(&process(|tick| f64::from(tick.min(80)))).is_empty());
    }

    #[test]
    fn without_a_limit_or_points_there_is_nothing_to_tell() {
        let mut analysis = process(|_| 99.0);
        analysis.resources.iter_mut().for_each(|point| point.cgroup_limit_bytes = None);
        assert!(detect(&analysis).is_empty() && detect(&Analysis::default()).is_empty());
    }
}
