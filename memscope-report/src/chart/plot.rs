//! A plot with two axes at a place of the sheet, and what is drawn into it.

use super::axis::Axis;
use super::canvas::{PlotError, SIDE, Sheet, Style, WIDTH};
use super::series::Point;
use super::theme::Role;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

/// Width of the labels left of a value axis, pixels.
pub(super) const VALUE_LABELS: u32 = 74;
/// Height of the labels below an axis, pixels.
pub(super) const BOTTOM_LABELS: u32 = 28;

/// A plot whose vertical axis shows values.
pub(super) type Plot<'a, X> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Axis>>;
/// A plot whose horizontal axis shows values, with rows from the top (0) to the bottom.
pub(super) type RowPlot<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Axis, RangedCoordf64>>;

/// A plot with a value axis at the left, labels included, from `top` to `bottom` (pixels of the sheet).
pub(super) fn value_plot<'a, X>(
    sheet: &Sheet<'a>,
    (top, bottom): (i32, i32),
    x: X,
    y: Axis,
) -> Result<Plot<'a, X>, PlotError>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    value_plot_between(sheet, (0, WIDTH as i32), (top, bottom), x, y)
}

/// The same between two pixels of the sheet's width.
pub(super) fn value_plot_between<'a, X>(
    sheet: &Sheet<'a>,
    (left, right): (i32, i32),
    (top, bottom): (i32, i32),
    x: X,
    y: Axis,
) -> Result<Plot<'a, X>, PlotError>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let size = ((right - left).max(1) as u32, (bottom - top).max(1) as u32);
    let area = sheet.clone().shrink((left, top), size);
    let mut plot = ChartBuilder::on(&area)
        .margin_left(SIDE - 10)
        .margin_right(SIDE + 8)
        .margin_top(8)
        .y_label_area_size(VALUE_LABELS)
        .x_label_area_size(BOTTOM_LABELS)
        .build_cartesian_2d(x, y)?;
    plot.configure_mesh()
        .disable_x_mesh()
        .bold_line_style(Role::Grid.color())
        .light_line_style(TRANSPARENT)
        .axis_style(Role::Rest.color())
        .label_style(Style::left(Role::Muted).text_style())
        .set_all_tick_mark_size(4)
        .draw()?;
    Ok(plot)
}

/// A plot of horizontal bars in `rows` rows between the pixels `left` and `right`, its labels below `bottom`.
pub(super) fn row_plot<'a>(
    sheet: &Sheet<'a>,
    (left, right): (i32, i32),
    (top, bottom): (i32, i32),
    x: Axis,
    rows: usize,
) -> Result<RowPlot<'a>, PlotError> {
    let size = ((right - left).max(1) as u32, (bottom - top).max(1) as u32 + BOTTOM_LABELS);
    let area = sheet.clone().shrink((left, top), size);
    let mut plot = ChartBuilder::on(&area)
        .x_label_area_size(BOTTOM_LABELS)
        .build_cartesian_2d(x, rows.max(1) as f64..0.0)?;
    plot.configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .bold_line_style(Role::Grid.color())
        .light_line_style(TRANSPARENT)
        .axis_style(Role::Rest.color())
        .label_style(Style::left(Role::Muted).text_style())
        .set_all_tick_mark_size(4)
        .draw()?;
    Ok(plot)
}

/// A line of two pixels through `points`.
pub(super) fn line<X>(plot: &mut Plot<'_, X>, points: &[Point], role: Role) -> Result<(), PlotError>
where
    X: Ranged<ValueType = f64>,
{
    plot.draw_series(LineSeries::new(points.iter().copied(), role.color().stroke_width(2)))?;
    Ok(())
}

/// The area between `points` and zero, translucent, with a line along its edge.
pub(super) fn area<X>(plot: &mut Plot<'_, X>, points: &[Point], role: Role) -> Result<(), PlotError>
where
    X: Ranged<ValueType = f64>,
{
    plot.draw_series(AreaSeries::new(points.iter().copied(), 0.0, role.color().mix(0.22)))?;
    line(plot, points, role)
}

/// A translucent band between two lines: the interval of what lies between them.
pub(super) fn band<X>(plot: &mut Plot<'_, X>, low: &[Point], high: &[Point]) -> Result<(), PlotError>
where
    X: Ranged<ValueType = f64>,
{
    let corners: Vec<Point> = low.iter().chain(high.iter().rev()).copied().collect();
    plot.draw_series([Polygon::new(corners, Role::Ink.color().mix(0.16))])?;
    Ok(())
}

/// The strokes that show an interval from `low` to `high`, as one line. `at` places a value and a side (-1 to
/// 1: across the direction of the bar) on the plot.
pub(super) fn whisker(
    (low, high): (f64, f64),
    style: ShapeStyle,
    at: impl Fn(f64, f64) -> (f64, f64),
) -> [PathElement<(f64, f64)>; 1] {
    let stroke = [(low, -1.0), (low, 1.0), (low, 0.0), (high, 0.0), (high, -1.0), (high, 1.0)];
    [PathElement::new(stroke.map(|(value, side)| at(value, side)), style)]
}
