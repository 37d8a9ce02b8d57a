//! Axes whose ticks are round numbers of a human unit: 1, 2, 4, 8 of a KiB; 1, 2, 5 of a second; 1, 2, 5 of a
//! count.
//!
//! plotters' own axes step in powers of ten, which for bytes reads "953.7 MiB" and for time "100 s". Here an
//! axis is a range of `f64` with a [`Unit`], and the unit knows its steps and how a tick is written.

use crate::units;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

const MICROSECOND: f64 = 1.0;
const SECOND: f64 = 1e6 * MICROSECOND;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// Steps of a clock above a second, microseconds.
const CLOCK_STEPS: [f64; 20] = [
    SECOND,
    2.0 * SECOND,
    5.0 * SECOND,
    10.0 * SECOND,
    15.0 * SECOND,
    30.0 * SECOND,
    MINUTE,
    2.0 * MINUTE,
    5.0 * MINUTE,
    10.0 * MINUTE,
    15.0 * MINUTE,
    30.0 * MINUTE,
    HOUR,
    2.0 * HOUR,
    3.0 * HOUR,
    6.0 * HOUR,
    12.0 * HOUR,
    DAY,
    2.0 * DAY,
    7.0 * DAY,
];

/// What an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Whole things.
    Count,
    /// Things per second.
    CountPerSecond,
    /// Microseconds, from the session's start.
    Time,
    /// Hundredths of a whole.
    Percent,
}

impl Unit {
    /// The smallest round step of at least `least`.
    fn step(self, least: f64) -> f64 {
        match self {
            Unit::Bytes | Unit::BytesPerSecond => 2f64.powf(least.max(1.0).log2().ceil()),
            Unit::Count | Unit::CountPerSecond | Unit::Percent => decimal_step(least.max(1.0)),
            Unit::Time => time_step(least.max(MICROSECOND)),
        }
    }

    /// What the axis shows where every value is zero.
    fn least_span(self) -> f64 {
        match self {
            Unit::Bytes | Unit::BytesPerSecond => 1024.0,
            Unit::Count | Unit::CountPerSecond => 10.0,
            Unit::Time => 1000.0 * MICROSECOND,
            Unit::Percent => 100.0,
        }
    }

    /// A value with its unit.
    pub(super) fn format(self, value: f64) -> String {
        match self {
            Unit::Bytes => units::bytes(value),
            Unit::BytesPerSecond => format!("{}/s", units::bytes(value)),
            Unit::Count => units::count(value),
            Unit::Percent => units::percent(value / 100.0),
            Unit::CountPerSecond => format!("{}/s", units::count(value)),
            Unit::Time => time_label(value),
        }
    }
}

/// 1, 2 or 5 times a power of ten.
fn decimal_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    // The logarithm of a power of ten may come out a hair too low.
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(least)
}

fn time_step(least: f64) -> f64 {
    match CLOCK_STEPS.iter().find(|step| **step >= least) {
        Some(step) if least > SECOND / 2.0 => *step,
        Some(_) => decimal_step(least),
        None => decimal_step(least / DAY) * DAY,
    }
}

fn time_label(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { units::duration_us(value.max(0.0) as u64) }
}

/// One axis of a plot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    unit: Unit,
    low: f64,
    high: f64,
    /// Most ticks that there is room for.
    ticks: usize,
}

impl Axis {
    /// An axis for values from 0 (or `low`, where that is negative) to `high`, its end rounded up to a tick
    /// so that the topmost mark does not touch the edge.
    pub(super) fn of_values(unit: Unit, low: f64, high: f64, ticks: usize) -> Axis {
        let low = finite(low).min(0.0);
        let high = finite(high).max(0.0);
        let high = if high - low > 0.0 { high } else { unit.least_span() };
        let step = unit.step((high - low) / ticks as f64);
        Axis {
            unit,
            low: (low / step).floor() * step,
            high: (high * 1.04 / step).ceil() * step,
            ticks: ticks + 2,
        }
    }

    /// An axis from 0 to 100 percent.
    pub(super) fn of_percent() -> Axis {
        Axis { unit: Unit::Percent, low: 0.0, high: 100.0, ticks: 5 }
    }

    /// An axis of time from 0 to `end_us`.
    pub(super) fn of_time(end_us: u64, ticks: usize) -> Axis {
        Axis { unit: Unit::Time, low: 0.0, high: (end_us as f64).max(Unit::Time.least_span()), ticks }
    }

    fn tick_values(&self, most: usize) -> Vec<f64> {
        let step = self.unit.step((self.high - self.low) / most.max(1) as f64);
        let first = (self.low / step).ceil() as i64;
        (first..)
            .take(most + 2)
            .map(|k| k as f64 * step)
            .take_while(|v| *v <= self.high * (1.0 + 1e-9))
            .collect()
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let fraction = ((finite(*value) - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        from + (fraction * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Ticks only: no lines of second rank between them.
        if hint.weight().allow_light_points() { Vec::new() } else { self.tick_values(self.ticks) }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.unit.format(*value)
    }
}

/// `value`, or 0 where it is not a number.
pub(super) fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Axis) -> Vec<String> {
        axis.tick_values(axis.ticks).iter().map(|v| axis.format_ext(v)).collect()
    }

    #[test]
    fn bytes_step_in_powers_of_two() {
        let labels = labels(Axis::of_values(Unit::Bytes, 0.0, 5.3 * 1024.0 * 1024.0, 6));
        assert_eq!(labels, ["0 B", "1 MiB", "2 MiB", "3 MiB", "4 MiB", "5 MiB", "6 MiB"]);
    }

    #[test]
    fn time_steps_as_a_clock_does() {
        assert_eq!(
            labels(Axis::of_time(150_000_000, 6)),
            ["0", "30 s", "1 min", "1 min 30 s", "2 min", "2 min 30 s"]
        );
        assert_eq!(labels(Axis::of_time(1_100_000, 6)), ["0", "200 ms", "400 ms", "600 ms", "800 ms", "1 s"]);
        assert_eq!(labels(Axis::of_time(3 * 86_400_000_000, 4)), ["0", "1 d", "2 d", "3 d"]);
    }

    #[test]
    fn counts_step_by_one_two_five() {
        assert_eq!(labels(Axis::of_values(Unit::Count, 0.0, 3.0, 6)), ["0", "1", "2", "3", "4"]);
        assert_eq!(
            labels(Axis::of_values(Unit::CountPerSecond, 0.0, 900.0, 5)),
            ["0/s", "200/s", "400/s", "600/s", "800/s", "1 k/s"]
        );
    }

    #[test]
    fn labels_are_few_and_different_whatever_the_range() {
        for unit in [Unit::Bytes, Unit::BytesPerSecond, Unit::Count, Unit::CountPerSecond, Unit::Time] {
            for exponent in 0..63 {
                for high in [1u64 << exponent, (1u64 << exponent) / 3 * 2, u64::MAX >> exponent] {
                    let axis = match unit {
                        Unit::Time => Axis::of_time(high, 8),
                        _ => Axis::of_values(unit, 0.0, high as f64, 6),
                    };
                    let labels = labels(axis);
                    assert!((2..=10).contains(&labels.len()), "{unit:?} {high} {labels:?}");
                    assert!(labels.windows(2).all(|pair| pair[0] != pair[1]), "{unit:?} {high} {labels:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_or_out_of_range_stays_on_the_sheet() {
        let axis = Axis::of_values(Unit::Bytes, f64::NAN, f64::INFINITY, 6);
        assert_eq!(axis.range(), 0.0..1024.0 + 256.0);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300] {
            assert!((10..=110).contains(&axis.map(&value, (10, 110))), "{value}");
        }
    }

    #[test]
    fn a_negative_value_gets_its_tick() {
        let labels = labels(Axis::of_values(Unit::Bytes, -3000.0, 5000.0, 6));
        assert_eq!(labels.first().map(String::as_str), Some("-4 KiB"));
        assert!(labels.iter().any(|label| label == "0 B"));
    }
}
