//! Live heap and resident set size over time, the peak marked.
//!
//! Both figures on one axis, for the distance between them is the answer to "why is RSS higher than the
//! heap": code, stacks, the allocator's own reserve, and memory that was mapped without it. The band below says how closely was looked
//! at each time: see `interval_band`.

use super::axis::{Axis, Unit};
use super::canvas::{self, HEAD_HEIGHT, Head, PlotError, SIDE, Sheet, Style, TEXT_SIZE, WIDTH};
use super::plot::{Plot, area, line, value_plot};
use super::series::{Point, end_us, thin};
use super::text::width_px;
use super::theme::Role;
use super::{Chart, DrawError, interval_band};
use crate::analysis::{Analysis, Totals};
use crate::units;
use plotters::prelude::*;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "memory_over_time", title: "Memory over time", draw };

const HEIGHT: u32 = 430;
/// Where the band of the sampling interval begins, below the plot.
const BAND_TOP: i32 = 400;

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let live = live_line(analysis);
    if live.is_empty() {
        return canvas::draw_without_timeline(title);
    }
    let resident: Vec<Point> = analysis
        .timeline
        .iter()
        .filter_map(|point| Some((point.time_us as f64, point.rss_bytes? as f64)))
        .collect();
    let end = end_us(analysis);
    let highest = |line: &[Point]| line.iter().map(|point| point.1).fold(0.0, f64::max);
    let low = live.iter().map(|point| point.1).fold(0.0, f64::min);
    // The label of the peak needs room above it.
    let high = highest(&resident).max(highest(&live) * 1.06);
    let head = head(title, !resident.is_empty());
    canvas::draw_with_tips(&head, HEIGHT, |sheet| {
        let y = Axis::of_values(Unit::Bytes, low, high, 6);
        let mut plot = value_plot(sheet, (HEAD_HEIGHT, BAND_TOP - 6), Axis::of_time(end, 9), y)?;
        area(&mut plot, &thin(&live, end), Role::Allocated)?;
        if !resident.is_empty() {
            line(&mut plot, &thin(&resident, end), Role::Resident)?;
        }
        mark_peak(sheet, &mut plot, &analysis.totals)?;
        let (across, _) = plot.plotting_area().get_pixel_range();
        interval_band::draw(sheet, &analysis.session, (across.start, across.end), BAND_TOP, end)
    })
}

fn head(title: &str, has_resident: bool) -> Head<'_> {
    let (subtitle, legend): (_, &[_]) = if has_resident {
        (
            "Live heap: exact. RSS: what the system has given the process. Band: mean bytes between samples.",
            &[(Role::Allocated, "live heap"), (Role::Resident, "RSS")],
        )
    } else {
        (
            "Live heap: exact. RSS is not in this trace. Band: mean bytes between samples.",
            &[(Role::Allocated, "live heap")],
        )
    };
    Head { title, subtitle: subtitle.to_owned(), legend }
}

/// Live bytes from 0 at the session's start, the peak included: it may lie between two points of the
/// timeline.
pub(super) fn live_line(analysis: &Analysis) -> Vec<Point> {
    let mut line: Vec<Point> = Vec::with_capacity(analysis.timeline.len() + 2);
    if analysis.timeline.first().is_some_and(|first| first.time_us > 0) {
        line.push((0.0, 0.0));
    }
    line.extend(analysis.timeline.iter().map(|point| (point.time_us as f64, point.live_bytes as f64)));
    if let Some(peak) = peak(&analysis.totals).filter(|_| !line.is_empty()) {
        line.insert(line.partition_point(|point| point.0 <= peak.0), peak);
    }
    line
}

fn peak(totals: &Totals) -> Option<Point> {
    (totals.peak_bytes > 0).then_some((totals.peak_us as f64, totals.peak_bytes as f64))
}

/// A dot at the peak, and its value and time beside it, on the side where there is room.
fn mark_peak(sheet: &Sheet<'_>, plot: &mut Plot<'_, Axis>, totals: &Totals) -> Result<(), PlotError> {
    let Some(peak) = peak(totals) else { return Ok(()) };
    plot.draw_series([Circle::new(peak, 4, Role::Ink.color().filled())])?;
    let text =
        format!("peak {} at {}", units::bytes(totals.peak_bytes as f64), units::duration_us(totals.peak_us));
    let (x, y) = plot.backend_coord(&peak);
    let width = width_px(&text, TEXT_SIZE) as i32;
    let fits_right = x + 12 + width < WIDTH as i32 - SIDE;
    let (left, style) = if fits_right {
        (x + 8, Style { bold: true, ..Style::left(Role::Ink) })
    } else {
        (x - 8 - width, Style { bold: true, ..Style::right(Role::Ink) })
    };
    let at = (if fits_right { x + 10 } else { x - 10 }, y - 13);
    // A line that passes behind the text must not strike it through.
    let backdrop =
        Rectangle::new([(left, at.1 - 9), (left + width, at.1 + 9)], Role::Paper.color().mix(0.8).filled());
    sheet.draw(&backdrop)?;
    canvas::write(sheet, &text, at, &style)
}
