//! The mean sampling interval over time, as a line of steps.
//!
//! A session with an overhead budget raises it while samples cost too much, and lowers it again. Each sample weighs as its own interval
//! says, so that no estimate is off for it; but where the interval was large, less is known.

use super::axis::{Axis, Unit};
use super::canvas::{self, HEAD_HEIGHT, Head};
use super::plot::{line, value_plot};
use super::series::{Point, end_us, thin};
use super::theme::Role;
use super::{Chart, DrawError};
use crate::analysis::Analysis;
use crate::units;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "sampling_interval", title: "Sampling interval", draw };

const HEIGHT: u32 = 260;

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let session = &analysis.session;
    let Some((_, greatest)) = session.interval_range() else {
        let reason = if session.interval_bytes > 0.0 {
            format!(
                "One sample per {} on average, from beginning to end.",
                units::bytes(session.interval_bytes)
            )
        } else {
            "Every allocation was recorded.".to_owned()
        };
        let advice = "The interval changes where a session has an overhead budget and its program allocates faster than that \
                      allows.";
        return canvas::draw_empty(title, &reason, advice);
    };
    let last_us = session.intervals.last().map_or(0, |interval| interval.time_us);
    let end = end_us(analysis).max(last_us);
    let head = Head {
        title,
        subtitle: "Mean bytes between samples: raised while samples cost more than the overhead budget. Weights follow it."
            .to_owned(),
        legend: &[],
    };
    canvas::draw(&head, HEIGHT, |sheet| {
        let y = Axis::of_values(Unit::Bytes, 0.0, greatest, 5);
        let mut plot = value_plot(sheet, (HEAD_HEIGHT, HEIGHT as i32 - 8), Axis::of_time(end, 9), y)?;
        line(&mut plot, &thin(&steps(analysis, end), end), Role::Allocated)
    })
}

/// The corners of the steps.
fn steps(analysis: &Analysis, end_us: u64) -> Vec<Point> {
    let intervals = &analysis.session.intervals;
    let ends = intervals.iter().skip(1).map(|next| next.time_us).chain([end_us]);
    let step = |start: u64, end: u64, bytes: f64| [(start as f64, bytes), (end as f64, bytes)];
    intervals.iter().zip(ends).flat_map(|(from, end)| step(from.time_us, end, from.interval_bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::IntervalStart;

    #[test]
    fn steps_go_level_and_then_up_or_down() {
        let mut analysis = Analysis::default();
        let rows = [(0, 1.0), (10, 4.0), (30, 2.0)];
        analysis.session.intervals =
            rows.map(|(time_us, interval_bytes)| IntervalStart { time_us, interval_bytes }).to_vec();
        let corners = [(0.0, 1.0), (10.0, 1.0), (10.0, 4.0), (30.0, 4.0), (30.0, 2.0), (50.0, 2.0)];
        assert_eq!(steps(&analysis, 50), corners);
    }

    #[test]
    fn what_never_changed_is_one_sentence() {
        let mut analysis = Analysis::default();
        assert!(draw(&analysis, "T").expect("drawn").contains("Every allocation was recorded."));
        analysis.session.interval_bytes = 524_288.0;
        assert!(draw(&analysis, "T").expect("drawn").contains("One sample per 512 KiB on average"));
    }
}
