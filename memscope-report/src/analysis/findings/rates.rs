//! What the operating system counted, as rates in stretches of time that are as long as each other.

use super::Analysis;
use crate::analysis::{ResourcePoint, TimelinePoint};

/// One stretch. Rates in a second of the clock; `None` where a figure is not told.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) from_us: u64,
    pub(super) to_us: u64,
    /// Processors in use, in user mode and in the kernel.
    pub(super) user: f64,
    pub(super) system: f64,
    pub(super) voluntary: f64,
    pub(super) involuntary: Option<f64>,
    /// Bytes read and written, by any system call.
    pub(super) io_bytes: Option<f64>,
    pub(super) major_faults: Option<f64>,
    pub(super) allocations: f64,
    pub(super) allocated_bytes: f64,
}

impl Rates {
    /// Processors in use.
    pub(super) fn processors(&self) -> f64 {
        self.user + self.system
    }
}

/// The rates between the points that are at least `stretch_us` apart. Empty where processor time and switches are not told.
pub(super) fn rates(analysis: &Analysis, stretch_us: u64) -> Vec<Rates> {
    let mut found = Vec::new();
    let told = |point: &&ResourcePoint| {
        point.cpu_user_us.is_some() && point.cpu_system_us.is_some() && point.voluntary_switches.is_some()
    };
    let mut points = analysis.resources.iter().filter(told);
    let Some(mut before) = points.next() else { return found };
    for point in points {
        if point.time_us >= before.time_us.saturating_add(stretch_us.max(1)) {
            found.extend(between(analysis, before, point));
            before = point;
        }
    }
    found
}

fn between(analysis: &Analysis, from: &ResourcePoint, to: &ResourcePoint) -> Option<Rates> {
    let seconds = (to.time_us - from.time_us) as f64 / 1e6;
    let rate = |figure: fn(&ResourcePoint) -> Option<u64>| {
        Some(figure(to)?.saturating_sub(figure(from)?) as f64 / seconds)
    };
    let heap = |figure: fn(&TimelinePoint) -> u64| {
        let at = |time_us| figure_at(&analysis.timeline, time_us, figure);
        (at(to.time_us) - at(from.time_us)).max(0.0) / seconds
    };
    let io_bytes = match (rate(|point| point.read_bytes), rate(|point| point.written_bytes)) {
        (None, None) => None,
        (read, written) => Some(read.unwrap_or(0.0) + written.unwrap_or(0.0)),
    };
    Some(Rates {
        from_us: from.time_us,
        to_us: to.time_us,
        user: rate(|point| point.cpu_user_us)? / 1e6,
        system: rate(|point| point.cpu_system_us)? / 1e6,
        voluntary: rate(|point| point.voluntary_switches)?,
        involuntary: rate(|point| point.involuntary_switches),
        io_bytes,
        major_faults: rate(|point| point.major_faults),
        allocations: heap(|point| point.allocations),
        allocated_bytes: heap(|point| point.allocated_bytes),
    })
}

/// A cumulative figure at `time_us`, between its neighbours where it falls between.
fn figure_at(timeline: &[TimelinePoint], time_us: u64, figure: fn(&TimelinePoint) -> u64) -> f64 {
    let after = timeline.partition_point(|point| point.time_us < time_us);
    let before = after.checked_sub(1).map_or((0, 0), |at| (timeline[at].time_us, figure(&timeline[at])));
    let Some(next) = timeline.get(after) else { return before.1 as f64 };
    let part = (time_us - before.0) as f64 / (next.time_us - before.0).max(1) as f64;
    before.1 as f64 + part * figure(next).saturating_sub(before.1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_differences_over_time() {
        let point = |time_us: u64, told: bool| ResourcePoint {
            time_us,
            cpu_user_us: told.then_some(time_us / 2),
            cpu_system_us: Some(time_us / 4),
            voluntary_switches: Some(time_us / 1_000),
            read_bytes: Some(3 * time_us),
            ..ResourcePoint::default()
        };
        let heap = |time_us| TimelinePoint { time_us, allocations: time_us / 10, ..TimelinePoint::default() };
        let analysis = Analysis {
            resources: vec![
                point(0, true),
                point(400_000, true),
                point(1_000_000, false),
                point(1_100_000, true),
            ],
            timeline: vec![heap(0), heap(900_000), heap(2_000_000)],
            ..Analysis::default()
        };
        let found = rates(&analysis, 1_000_000);
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((one.from_us, one.to_us), (0, 1_100_000));
        assert!((one.processors() - 0.75).abs() < 1e-9 && (one.voluntary - 1_000.0).abs() < 1e-6, "{one:?}");
        assert!(one.io_bytes.is_some_and(|bytes| (bytes - 3e6).abs() < 1.0), "{one:?}");
        assert_eq!((one.involuntary, one.major_faults), (None, None));
        assert!((one.allocations - 1e5).abs() < 1e-6, "{one:?}");
        assert!(rates(&Analysis::default(), 1).is_empty());
    }
}
