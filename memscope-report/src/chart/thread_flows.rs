//! Who freed what: rows are the threads that allocated, columns those that freed.
//!
//! Cells on the diagonal (outlined) are memory that a thread frees itself. Off the diagonal memory changes hands: each such
//! free goes through another thread's part of the allocator. Both sides have the same threads in the same order, those
//! whose memory changes hands most first, for what a thread frees itself teaches little; all others are one.

use super::axis::{Unit, finite};
use super::canvas::{self, Head, PlotError, SIDE, Sheet, Style, WIDTH};
use super::heat::{LEGEND_MIDDLE, Scale, TOP};
use super::text::{certainty, shorten_middle};
use super::theme::Role;
use super::threads::names;
use super::tips::Tip;
use super::{Chart, DrawError};
use crate::analysis::{Analysis, Fate, ThreadFlow};
use crate::statistics::Estimate;
use crate::units;
use plotters::prelude::*;
use std::collections::HashMap;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "thread_flows", title: "Who freed what", draw };

/// Most threads with a row and a column of their own.
const MOST_THREADS: usize = 8;
/// Width of the names of rows, and height of those of columns, pixels.
const ROW_NAMES: i32 = 210;
const COLUMN_NAMES: i32 = 40;
const ROW_HEIGHT: i32 = 38;
/// Widest cell, pixels.
const WIDEST_CELL: i32 = 100;
/// Columns that a row's name may take.
const NAME_COLUMNS: usize = 24;

/// A row or a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    Thread(u32),
    Others,
    Unknown,
    Live,
}

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let flows = &analysis.flows;
    if flows.is_empty() {
        return canvas::draw_without_samples(
            title,
            "No allocation was sampled, so it is not known who freed what.",
        );
    }
    let matrix = Matrix::new(flows);
    let head = Head {
        title,
        subtitle: format!(
            "Bytes allocated by the row's thread, freed by the column's. {}",
            certainty(analysis, flows.iter().map(|flow| &flow.bytes))
        ),
        legend: &[],
    };
    let height = TOP + COLUMN_NAMES + matrix.rows.len() as i32 * ROW_HEIGHT + 14;
    canvas::draw_with_tips(&head, height as u32, |sheet| matrix.draw(sheet, &Names::new(analysis)))
}

/// The flows summed up for the ends that have a row or a column.
struct Matrix {
    rows: Vec<End>,
    columns: Vec<End>,
    cells: HashMap<(End, End), Estimate>,
}

impl Matrix {
    fn new(flows: &[ThreadFlow]) -> Matrix {
        let threads = threads(flows);
        let end = |id: u32| match id {
            0 => End::Unknown,
            id if threads.contains(&id) => End::Thread(id),
            _ => End::Others,
        };
        let mut parts: HashMap<(End, End), Vec<Estimate>> = HashMap::new();
        for flow in flows {
            let column = match flow.fate {
                Fate::FreedBy(id) => end(id),
                Fate::FreedByUnknown => End::Unknown,
                Fate::Live => End::Live,
            };
            parts.entry((end(flow.allocated_by), column)).or_default().push(flow.bytes);
        }
        let ends = || threads.iter().map(|id| End::Thread(*id)).chain([End::Others, End::Unknown]);
        let has_row = |row: &End| parts.keys().any(|(other, _)| other == row);
        let has_column = |column: &End| parts.keys().any(|(_, other)| other == column);
        let is_thread = |end: &End| matches!(end, End::Thread(_));
        Matrix {
            rows: ends().filter(|row| is_thread(row) || has_row(row)).collect(),
            columns: ends()
                .filter(|column| is_thread(column) || has_column(column))
                .chain([End::Live])
                .collect(),
            cells: parts.into_iter().map(|(cell, parts)| (cell, Estimate::sum(&parts))).collect(),
        }
    }

    fn draw(&self, sheet: &Sheet<'_>, names: &Names) -> Result<Vec<Tip>, PlotError> {
        // What is lumped together would leave the lightest shade for all else.
        let shaded = || self.cells.iter().filter(|(ends, _)| !is_lump(**ends));
        let greatest = shaded().map(|(_, cell)| finite(cell.value)).fold(0.0, f64::max);
        let scale = Scale::new(Unit::Bytes, greatest);
        scale.write_legend(sheet, LEGEND_MIDDLE)?;
        let mut tips = Vec::new();
        let (left, top) = (SIDE + ROW_NAMES, TOP + COLUMN_NAMES);
        let width = ((WIDTH as i32 - SIDE - left) / self.columns.len() as i32).min(WIDEST_CELL);
        let row_head = (SIDE, TOP + COLUMN_NAMES - 10);
        canvas::write(sheet, "allocated by ↓, freed by →", row_head, &Style::left(Role::Muted))?;
        for (index, column) in self.columns.iter().enumerate() {
            let at = (left + index as i32 * width + width / 2, top - 27);
            tips.push(Tip { at, text: names.full(*column) });
            canvas::write(
                sheet,
                &number(*column, index),
                at,
                &Style { bold: true, ..Style::centered(Role::Ink) },
            )?;
            let short = shorten_middle(&names.short(*column), (width as usize - 6) / 8);
            let at = (at.0, top - 10);
            tips.push(Tip { at, text: names.full(*column) });
            canvas::write(sheet, &short, at, &Style::centered(Role::Muted))?;
        }
        for (index, row) in self.rows.iter().enumerate() {
            let row_top = top + index as i32 * ROW_HEIGHT;
            let at = (SIDE, row_top + ROW_HEIGHT / 2);
            tips.push(Tip { at, text: names.full(*row) });
            let name = shorten_middle(&names.full(*row), NAME_COLUMNS);
            canvas::write(
                sheet,
                format!("{} {name}", number(*row, index)).trim(),
                at,
                &Style::left(Role::Ink),
            )?;
            for (place, column) in self.columns.iter().enumerate() {
                let cell_left = left + place as i32 * width;
                let corners =
                    [(cell_left + 1, row_top + 1), (cell_left + width - 1, row_top + ROW_HEIGHT - 1)];
                let text = format!("{} to {}", names.full(*row), names.full(*column));
                tips.extend(self.draw_cell(sheet, &scale, (*row, *column), corners, &text)?);
            }
        }
        Ok(tips)
    }

    fn draw_cell(
        &self,
        sheet: &Sheet<'_>,
        scale: &Scale,
        (row, column): (End, End),
        corners: [(i32, i32); 2],
        flow: &str,
    ) -> Result<Option<Tip>, PlotError> {
        let [(left, top), (right, _)] = corners;
        let cell = self.cells.get(&(row, column)).copied().unwrap_or_default();
        let mut ink = Role::Ink;
        match scale.shade(cell.value) {
            Some(_) if is_lump((row, column)) => {
                sheet.draw(&Rectangle::new(corners, Role::Grid.color().stroke_width(1)))?;
            }
            Some(shade) => {
                canvas::fill(sheet, corners, shade)?;
                ink = shade.text();
            }
            None => {}
        }
        if row == column && matches!(row, End::Thread(_)) {
            let around = [(left - 1, top - 1), (right, corners[1].1)];
            sheet.draw(&Rectangle::new(around, Role::Ink.color().stroke_width(1)))?;
        }
        let middle = (left + right) / 2;
        if finite(cell.value) <= 0.0 {
            canvas::write(sheet, "–", (middle, top + ROW_HEIGHT / 2), &Style::centered(Role::Muted))?;
            return Ok(None);
        }
        let bytes = units::bytes(cell.value);
        let spread = spread(&cell);
        let first = if spread.is_empty() { ROW_HEIGHT / 2 } else { 11 };
        canvas::write(sheet, &bytes, (middle, top + first), &Style::centered(ink))?;
        canvas::write(sheet, &spread, (middle, top + 27), &Style { size_px: 10.0, ..Style::centered(ink) })?;
        let range = units::range(cell.low, cell.high, units::bytes);
        let interval = if cell.high > cell.low { format!(", 95%: {range}") } else { String::new() };
        Ok(Some(Tip { at: (left, top), text: format!("{flow}: {bytes}{interval}") }))
    }
}

/// The threads with a row and a column: first by what they handed over or took over, then by all that they allocated or freed.
fn threads(flows: &[ThreadFlow]) -> Vec<u32> {
    let mut sums: HashMap<u32, (f64, f64)> = HashMap::new();
    for flow in flows {
        let freed_by = freed_by(flow).filter(|id| *id != flow.allocated_by);
        for id in [Some(flow.allocated_by), freed_by].into_iter().flatten().filter(|id| *id != 0) {
            let (handed, all) = sums.entry(id).or_default();
            *handed += freed_by.map_or(0.0, |_| finite(flow.bytes.value));
            *all += finite(flow.bytes.value);
        }
    }
    let mut threads: Vec<(u32, (f64, f64))> = sums.into_iter().collect();
    threads.sort_by(|(one_id, one), (other_id, other)| {
        other.0.total_cmp(&one.0).then(other.1.total_cmp(&one.1)).then(one_id.cmp(other_id))
    });
    threads.into_iter().map(|(id, _)| id).take(MOST_THREADS).collect()
}

/// The farther end of the interval, as a part of the value: `±12%`.
fn spread(cell: &Estimate) -> String {
    let distance = (cell.high - cell.value).max(cell.value - cell.low);
    match distance / cell.value {
        part if part.is_nan() || part <= 0.0 => String::new(),
        part if part > 9.99 => "±>999%".to_owned(),
        part => format!("±{:.0}%", (100.0 * part).max(1.0)),
    }
}

/// Whether a cell is of more than one thread on a side.
fn is_lump((row, column): (End, End)) -> bool {
    row == End::Others || column == End::Others
}

fn freed_by(flow: &ThreadFlow) -> Option<u32> {
    match flow.fate {
        Fate::FreedBy(id) => Some(id),
        Fate::FreedByUnknown | Fate::Live => None,
    }
}

/// The number by which a thread is found again on the other side.
fn number(end: End, index: usize) -> String {
    if let End::Thread(_) = end { (index + 1).to_string() } else { String::new() }
}

/// The threads' names by their ids.
struct Names(HashMap<u32, String>);

impl Names {
    fn new(analysis: &Analysis) -> Names {
        let threads = &analysis.threads;
        Names(threads.iter().map(|thread| thread.id).zip(names(threads)).collect())
    }

    fn full(&self, end: End) -> String {
        match end {
            End::Thread(id) => self.0.get(&id).cloned().unwrap_or_else(|| format!("thread {id}")),
            End::Others => "other threads".to_owned(),
            End::Unknown => "unknown".to_owned(),
            End::Live => "nobody: still live".to_owned(),
        }
    }

    /// What fits above a column.
    fn short(&self, end: End) -> String {
        match end {
            End::Others => "others".to_owned(),
            End::Live => "live".to_owned(),
            end => self.full(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(allocated_by: u32, fate: Fate, bytes: f64) -> ThreadFlow {
        let bytes = Estimate { value: bytes, low: bytes - 3.0, high: bytes + 4.0, samples: 9 };
        ThreadFlow { allocated_by, fate, allocations: bytes, bytes }
    }

    #[test]
    fn both_sides_have_the_same_threads_in_the_same_order() {
        let mut flows: Vec<ThreadFlow> =
            (1..=10).map(|id| flow(id, Fate::FreedBy(11 - id), 2000.0 - f64::from(id))).collect();
        flows.push(flow(0, Fate::Live, 5.0));
        let matrix = Matrix::new(&flows);
        assert_eq!(matrix.rows[..MOST_THREADS], matrix.columns[..MOST_THREADS]);
        assert_eq!(matrix.rows[MOST_THREADS..], [End::Others, End::Unknown]);
        assert_eq!(matrix.columns[MOST_THREADS..], [End::Others, End::Live]);
        let sum: f64 = matrix.cells.values().map(|cell| cell.value).sum();
        assert_eq!(sum, flows.iter().map(|flow| flow.bytes.value).sum::<f64>());
    }

    #[test]
    fn the_farther_end_of_the_interval_is_told() {
        assert_eq!(spread(&Estimate { value: 100.0, low: 91.0, high: 112.0, samples: 1 }), "±12%");
        assert_eq!(spread(&Estimate { value: 1.0, low: 1.0, high: 100.0, samples: 1 }), "±>999%");
        assert_eq!(spread(&Estimate::exact(7.0)), "");
    }
}
