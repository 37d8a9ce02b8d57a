//! What the operating system says of the process, over time: processor, memory, input and output, context switches, page
//! faults and threads, one small plot each.
//!
//! The same time axis six times: what rises together has one cause. Totals become rates over equal intervals; what the
//! system does not tell is said to be missing, never drawn as zero.

use super::axis::{Axis, Unit};
use super::canvas::{self, HEAD_HEIGHT, Head, PlotError, SIDE, Sheet, Style, TEXT_SIZE, WIDTH};
use super::plot::{line, value_plot_between};
use super::series::{Point, end_us, rate_interval_us, rates, thin};
use super::text::width_px;
use super::theme::Role;
use super::{Chart, DrawError};
use crate::analysis::{Analysis, ResourcePoint};
use crate::units;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "resources", title: "Resources over time", draw };

const PANEL_HEIGHT: i32 = 178;
/// Height of the line above each panel that says what it shows.
const PANEL_TITLE: i32 = 20;

/// A line of a panel.
struct Line {
    name: &'static str,
    role: Role,
    figure: fn(&ResourcePoint) -> Option<u64>,
}

/// A small plot.
struct Panel {
    title: &'static str,
    unit: Unit,
    /// What a total's growth per second is multiplied by; `None` where the figures are no totals.
    per_second: Option<f64>,
    lines: &'static [Line],
}

/// Microseconds of processor time per second, as percent of one core.
const PERCENT_OF_A_CORE: f64 = 1e-4;

const PANELS: [Panel; 6] = [
    Panel {
        title: "CPU, of one core",
        unit: Unit::Percent,
        per_second: Some(PERCENT_OF_A_CORE),
        lines: &[
            Line { name: "user", role: Role::Allocated, figure: |point| point.cpu_user_us },
            Line { name: "kernel", role: Role::Freed, figure: |point| point.cpu_system_us },
        ],
    },
    Panel {
        title: "Memory",
        unit: Unit::Bytes,
        per_second: None,
        lines: &[
            Line { name: "RSS", role: Role::Resident, figure: |point| point.rss_bytes },
            Line { name: "cgroup", role: Role::Allocated, figure: |point| point.cgroup_usage_bytes },
        ],
    },
    Panel {
        title: "I/O",
        unit: Unit::BytesPerSecond,
        per_second: Some(1.0),
        lines: &[
            Line { name: "read", role: Role::Allocated, figure: |point| point.read_bytes },
            Line { name: "written", role: Role::Freed, figure: |point| point.written_bytes },
        ],
    },
    Panel {
        title: "Context switches",
        unit: Unit::CountPerSecond,
        per_second: Some(1.0),
        lines: &[
            Line { name: "voluntary", role: Role::Allocated, figure: |point| point.voluntary_switches },
            Line { name: "forced", role: Role::Freed, figure: |point| point.involuntary_switches },
        ],
    },
    Panel {
        title: "Page faults",
        unit: Unit::CountPerSecond,
        per_second: Some(1.0),
        lines: &[
            Line { name: "minor", role: Role::Allocated, figure: |point| point.minor_faults },
            Line { name: "major", role: Role::Freed, figure: |point| point.major_faults },
        ],
    },
    Panel {
        title: "Threads alive",
        unit: Unit::Count,
        per_second: None,
        lines: &[Line { name: "threads", role: Role::Allocated, figure: |point| point.threads }],
    },
];

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let resources = &analysis.resources;
    if resources.len() < 2 {
        return canvas::draw_empty(
            title,
            "This trace has no figures of the operating system over time.",
            "They are read on Linux, a few times a second: run there, and for at least a second.",
        );
    }
    let times: Vec<Point> = resources.iter().map(|point| (point.time_us as f64, 0.0)).collect();
    let interval_us = whole_part(rate_interval_us(&times), times.last().map_or(0.0, |last| last.0));
    let head = Head {
        title,
        subtitle: format!(
            "Of the whole process, as the system counts; rates are means over {}.",
            units::duration_us(interval_us as u64)
        ),
        legend: &[],
    };
    let height = HEAD_HEIGHT + PANELS.len() as i32 / 2 * PANEL_HEIGHT + 8;
    canvas::draw(&head, height as u32, |sheet| {
        let end = end_us(analysis).max(resources.last().map_or(0, |point| point.time_us));
        for (index, panel) in PANELS.iter().enumerate() {
            let (column, row) = (index as i32 % 2, index as i32 / 2);
            let (left, top) = (column * WIDTH as i32 / 2, HEAD_HEIGHT - 8 + row * PANEL_HEIGHT);
            panel.draw(sheet, (left, top), resources, interval_us, end)?;
        }
        Ok(())
    })
}

/// The length nearest to `interval_us` of which `end_us` is a multiple: a shorter one at the end would be mostly noise.
fn whole_part(interval_us: f64, end_us: f64) -> f64 {
    if end_us > 0.0 { end_us / (end_us / interval_us).round().max(1.0) } else { interval_us }
}

impl Panel {
    fn draw(
        &self,
        sheet: &Sheet<'_>,
        (left, top): (i32, i32),
        resources: &[ResourcePoint],
        interval_us: f64,
        end_us: u64,
    ) -> Result<(), PlotError> {
        let middle = top + PANEL_TITLE / 2;
        let bold = Style { bold: true, ..Style::left(Role::Ink) };
        canvas::write(sheet, self.title, (left + SIDE, middle), &bold)?;
        let right = left + WIDTH as i32 / 2;
        let drawn: Vec<(&Line, Vec<Point>)> = self
            .lines
            .iter()
            .map(|line| (line, self.points(line, resources, interval_us)))
            .filter(|(_, points)| !points.is_empty())
            .collect();
        if drawn.is_empty() {
            let at = ((left + right) / 2, top + PANEL_HEIGHT / 2);
            return canvas::write(sheet, "not told by the system", at, &Style::centered(Role::Muted));
        }
        let high = drawn.iter().flat_map(|(_, points)| points).map(|point| point.1).fold(0.0, f64::max);
        let across = (left, right);
        let area = (top + PANEL_TITLE, top + PANEL_HEIGHT - 4);
        let y = Axis::of_values(self.unit, 0.0, high, 3);
        let mut plot = value_plot_between(sheet, across, area, Axis::of_time(end_us, 4), y)?;
        let mut legend = right - SIDE;
        for (line_of, points) in drawn.iter().rev() {
            line(&mut plot, &thin(points, end_us), line_of.role)?;
            canvas::write(sheet, line_of.name, (legend, middle), &Style::right(Role::Ink))?;
            legend -= width_px(line_of.name, TEXT_SIZE) as i32 + 6;
            canvas::fill(sheet, [(legend - 12, middle - 6), (legend, middle + 6)], line_of.role)?;
            legend -= 12 + 16;
        }
        Ok(())
    }

    /// A line's points: the figures, or the rates at which they grow.
    fn points(&self, line: &Line, resources: &[ResourcePoint], interval_us: f64) -> Vec<Point> {
        let figures: Vec<Point> = resources
            .iter()
            .filter_map(|point| Some((point.time_us as f64, (line.figure)(point)? as f64)))
            .collect();
        let (Some(factor), Some(first)) = (self.per_second, figures.first().copied()) else { return figures };
        // What was there before the session is not its own.
        let grown: Vec<Point> = figures.iter().map(|point| (point.0, (point.1 - first.1).max(0.0))).collect();
        let rates = rates(&grown, interval_us);
        rates.steps().into_iter().map(|(time, rate)| (time, rate * factor)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(time_us: u64, cpu_user_us: Option<u64>) -> ResourcePoint {
        ResourcePoint { time_us, cpu_user_us, rss_bytes: Some(7), ..ResourcePoint::default() }
    }

    #[test]
    fn processor_time_becomes_percent_of_a_core_and_what_was_before_is_left_out() {
        let resources = [point(0, Some(900_000)), point(1_000_000, Some(1_400_000))];
        let points = PANELS[0].points(&PANELS[0].lines[0], &resources, 1_000_000.0);
        assert_eq!(points, [(0.0, 50.0), (1_000_000.0, 50.0)]);
        assert_eq!(PANELS[0].points(&PANELS[0].lines[1], &resources, 1_000_000.0), []);
        assert_eq!(PANELS[1].points(&PANELS[1].lines[0], &resources, 1e6), [(0.0, 7.0), (1e6, 7.0)]);
    }

    #[test]
    fn a_figure_that_is_missing_is_said_to_be() {
        let resources = vec![point(0, None), point(1_000_000, None)];
        let svg = draw(&Analysis { resources, ..Analysis::default() }, "T").expect("drawn");
        assert_eq!(svg.matches("not told by the system").count(), 5);
    }
}
