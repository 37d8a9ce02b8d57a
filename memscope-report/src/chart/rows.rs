//! Charts of named rows: a name at the left, horizontal bars in the middle, the figure in words at the right.

use super::DrawError;
use super::axis::{Axis, Unit, finite};
use super::canvas::{self, HEAD_HEIGHT, Head, PlotError, SIDE, Sheet, Style, WIDTH};
use super::plot::{BOTTOM_LABELS, RowPlot, row_plot, whisker};
use super::theme::Role;
use super::tips::Tip;
use plotters::prelude::*;

/// Height of a row, pixels.
const ROW_HEIGHT: i32 = 24;
/// Distance of the axis' ticks that leaves room for their labels, pixels.
const TICK_DISTANCE: i32 = 100;
/// Half the height of the strokes at the ends of an interval, in rows.
const WHISKER: f64 = 0.16;

/// Where names end and figures begin.
pub(super) struct Columns {
    /// Width of the names, pixels.
    pub(super) names: i32,
    /// Width of the figures, pixels.
    pub(super) figures: i32,
    /// Whether the names are code.
    pub(super) monospaced: bool,
}

/// One row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Row {
    /// Its name, short enough for the column.
    pub(super) name: String,
    /// Its figure in words.
    pub(super) figure: String,
    /// Its bars, the first one drawn first.
    pub(super) bars: Vec<Bar>,
    /// The 95% interval of the figure, where it is an estimate.
    pub(super) interval: Option<(f64, f64)>,
    /// What it says when the pointer rests on its name: the name in full.
    pub(super) tip: String,
}

/// A bar from zero to `value`, between `top` and `bottom` of its row (0 to 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bar {
    pub(super) role: Role,
    pub(super) value: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// Draws `rows` from the top to the bottom over an axis of bytes.
pub(super) fn draw(head: &Head<'_>, columns: &Columns, rows: &[Row]) -> Result<String, DrawError> {
    let bottom = HEAD_HEIGHT + rows.len() as i32 * ROW_HEIGHT;
    canvas::draw_with_tips(head, (bottom + BOTTOM_LABELS as i32 + 8) as u32, |sheet| {
        let left = SIDE + columns.names + 12;
        let right = WIDTH as i32 - SIDE - columns.figures;
        let ticks = (right - left) / TICK_DISTANCE;
        let axis = Axis::of_values(Unit::Bytes, 0.0, greatest(rows), ticks as usize);
        let mut plot = row_plot(sheet, (left, right), (HEAD_HEIGHT, bottom), axis, rows.len())?;
        for (index, row) in rows.iter().enumerate() {
            draw_bars(&mut plot, index as f64, row)?;
            write_names(sheet, columns, middle(index), row)?;
        }
        let tips = rows.iter().enumerate().filter(|(_, row)| row.tip != row.name);
        Ok(tips.map(|(index, row)| Tip { at: (SIDE, middle(index)), text: row.tip.clone() }).collect())
    })
}

/// The middle line of a row, pixels.
fn middle(index: usize) -> i32 {
    HEAD_HEIGHT + index as i32 * ROW_HEIGHT + ROW_HEIGHT / 2
}

fn greatest(rows: &[Row]) -> f64 {
    let bars = rows.iter().flat_map(|row| &row.bars).map(|bar| bar.value);
    let ends = rows.iter().filter_map(|row| row.interval).map(|interval| interval.1);
    bars.chain(ends).map(finite).fold(0.0, f64::max)
}

fn draw_bars(plot: &mut RowPlot<'_>, row_top: f64, row: &Row) -> Result<(), PlotError> {
    plot.draw_series(row.bars.iter().filter(|bar| bar.value > 0.0).map(|bar| {
        Rectangle::new(
            [(0.0, row_top + bar.top), (bar.value, row_top + bar.bottom)],
            bar.role.color().filled(),
        )
    }))?;
    let Some(interval) = row.interval.filter(|(low, high)| high > low) else { return Ok(()) };
    // On a dark bar the strokes need a light edge.
    for style in [Role::Paper.color().stroke_width(3), Role::Ink.color().stroke_width(1)] {
        plot.draw_series(whisker(interval, style, |value, side| (value, row_top + 0.5 + side * WHISKER)))?;
    }
    Ok(())
}

fn write_names(sheet: &Sheet<'_>, columns: &Columns, middle: i32, row: &Row) -> Result<(), PlotError> {
    let name = Style { monospaced: columns.monospaced, ..Style::left(Role::Ink) };
    canvas::write(sheet, &row.name, (SIDE, middle), &name)?;
    canvas::write(sheet, &row.figure, (WIDTH as i32 - SIDE, middle), &Style::right(Role::Ink))
}
