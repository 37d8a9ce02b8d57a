//! The timeline as lines that a sheet of a thousand pixels can show: thinned without losing a peak, and
//! turned from totals so far into rates.

use crate::analysis::Analysis;

/// A point of a line: microseconds, value.
pub(super) type Point = (f64, f64);

/// Most columns into which time is divided: a column is two pixels wide.
const COLUMNS: usize = 440;
/// Most intervals of a rate: fewer than columns, for a rate of too short a time is noise.
const MOST_RATES: usize = 200;
/// No chart has more, whatever a damaged trace says of its end.
const MOST_INTERVALS: usize = 4096;

/// Where the time axis ends, microseconds.
pub(super) fn end_us(analysis: &Analysis) -> u64 {
    let last = analysis.timeline.last().map_or(0, |point| point.time_us);
    analysis.session.duration_us.max(last).max(analysis.totals.peak_us)
}

/// The least and the greatest point of each column of time, in order, and the first and last of all: a line
/// through them covers the same pixels as a line through every point, but for the slope inside a column.
/// `points` are in order.
pub(super) fn thin(points: &[Point], end_us: u64) -> Vec<Point> {
    if points.len() <= 2 * COLUMNS {
        return points.to_vec();
    }
    let column = |time: f64| (time / (end_us.max(1) as f64) * COLUMNS as f64) as usize;
    let first_and_last = |points: &[Point]| [points[0], points[points.len() - 1]];
    let mut thin: Vec<Point> = first_and_last(points).to_vec();
    thin.extend(points.chunk_by(|a, b| column(a.0) == column(b.0)).flat_map(extremes));
    thin.sort_by(|a, b| a.0.total_cmp(&b.0));
    thin.dedup();
    thin
}

/// The least and the greatest point of a chunk, which is not empty.
fn extremes(chunk: &[Point]) -> [Point; 2] {
    let least = chunk.iter().copied().reduce(|a, b| if b.1 < a.1 { b } else { a });
    let greatest = chunk.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
    [least.unwrap_or_default(), greatest.unwrap_or_default()]
}

/// Rates per second over equal intervals.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rates {
    /// Length of an interval, microseconds.
    pub(super) interval_us: f64,
    /// The rate in each, per second.
    pub(super) per_second: Vec<f64>,
}

impl Rates {
    /// The greatest rate.
    pub(super) fn greatest(&self) -> f64 {
        self.per_second.iter().copied().fold(0.0, f64::max)
    }

    /// The rates as the corners of steps.
    pub(super) fn steps(&self) -> Vec<Point> {
        let edge = |index: usize| index as f64 * self.interval_us;
        self.per_second
            .iter()
            .enumerate()
            .flat_map(|(i, &rate)| [(edge(i), rate), (edge(i + 1), rate)])
            .collect()
    }
}

/// Length of the intervals over which rates of `totals` are taken: a round one, at least twice as long as
/// the usual distance of two points, for within one distance nothing is known, but not longer than the
/// whole.
pub(super) fn rate_interval_us(totals: &[Point]) -> f64 {
    let end = totals.last().map_or(0.0, |point| point.0);
    let distance = end / totals.len().max(1) as f64;
    round_up((2.0 * distance).max(end / MOST_RATES as f64).max(1000.0)).min(end.max(1000.0))
}

/// The next 1, 2 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|round| *round >= value)
        .unwrap_or(value)
}

/// Rates of a total that only grows. Between two points the total is taken to grow evenly, so no byte is lost
/// or counted twice: the rates times the interval add up to the total. The last interval may be cut short by
/// the end.
pub(super) fn rates(totals: &[Point], interval_us: f64) -> Rates {
    let end = totals.last().map_or(0.0, |point| point.0);
    let intervals = ((end / interval_us).ceil() as usize).min(MOST_INTERVALS);
    let mut per_second = Vec::with_capacity(intervals);
    let mut at = Interpolation::default();
    let mut before = 0.0;
    for interval in 0..intervals {
        let from = interval as f64 * interval_us;
        let to = (from + interval_us).min(end);
        let now = at.value(totals, to);
        per_second.push((now - before).max(0.0) / ((to - from).max(1.0) / 1e6));
        before = now;
    }
    Rates { interval_us, per_second }
}

/// A walk along totals, from 0 at time 0.
#[derive(Default)]
struct Interpolation {
    next: usize,
    left: Point,
}

impl Interpolation {
    /// The total at `time`, which must not be before that of the call before.
    fn value(&mut self, totals: &[Point], time: f64) -> f64 {
        while let Some(&right) = totals.get(self.next) {
            if right.0 > time {
                let part = (time - self.left.0) / (right.0 - self.left.0);
                return self.left.1 + part * (right.1 - self.left.1);
            }
            self.left = right;
            self.next += 1;
        }
        self.left.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_every_peak_and_the_ends() {
        let points: Vec<Point> =
            (0..100_000).map(|i| (f64::from(i), if i == 77_777 { 1e9 } else { f64::from(i % 10) })).collect();
        let thin = thin(&points, 100_000);
        assert!(thin.len() <= 2 * COLUMNS + 4, "{}", thin.len());
        assert!(thin.contains(&(77_777.0, 1e9)));
        assert_eq!((thin.first(), thin.last()), (points.first(), points.last()));
        assert!(thin.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_short_line_is_left_alone() {
        let points = [(0.0, 1.0), (5.0, 2.0), (5.0, 3.0)];
        assert_eq!(thin(&points, 5), points);
    }

    #[test]
    fn rates_add_up_to_the_total() {
        let totals = [(1_000.0, 50.0), (7_000.0, 50.0), (8_500.0, 1_050.0), (23_300.0, 5_000.0)];
        let rates = rates(&totals, 2_000.0);
        assert_eq!(rates.per_second.len(), 12);
        let full: f64 = rates.per_second[..11].iter().map(|rate| rate * 0.002).sum();
        let last = rates.per_second[11] * 0.0013;
        assert!((full + last - 5_000.0).abs() < 1e-6, "{full} {last}");
        // 50 bytes in the first millisecond, none in the second.
        assert!((rates.per_second[0] - 25_000.0).abs() < 1e-6);
        assert_eq!(rates.per_second[1], 0.0);
    }

    #[test]
    fn a_total_that_falls_or_a_single_point_is_no_rate_below_zero() {
        let rates_of = |totals: &[Point]| rates(totals, 1_000.0);
        assert!(rates_of(&[(1_000.0, 50.0), (2_000.0, 10.0)]).per_second.iter().all(|rate| *rate >= 0.0));
        assert_eq!(rates_of(&[(0.0, 50.0)]).per_second, [] as [f64; 0]);
        assert_eq!(rates_of(&[]).greatest(), 0.0);
    }

    #[test]
    fn intervals_are_round_and_longer_than_the_distance_of_points() {
        let totals: Vec<Point> = (1..=1_000).map(|i| (f64::from(i * 10_000), f64::from(i))).collect();
        assert_eq!(rate_interval_us(&totals), 50_000.0);
        assert_eq!(rate_interval_us(&totals[..20]), 20_000.0);
        assert_eq!(rate_interval_us(&totals[..1]), 10_000.0);
        assert_eq!(rate_interval_us(&[]), 1_000.0);
    }
}
