//! Which thread allocated when: a heat map of threads and time, exact.
//!
//! A pool whose threads are dark one after the other works in turns; one dark row among light ones does the work of all. The
//! threads with most bytes have a row of their own; the others are grouped by their names without the number at the end
//! (`worker-1`, `worker-2`, ...), and a group's row is the mean of its threads, so that all rows compare.

use super::axis::{Axis, Unit};
use super::canvas::{self, Head, PlotError, SIDE, Sheet, Style, WIDTH};
use super::heat::{LEGEND_MIDDLE, Scale, TOP};
use super::plot::{BOTTOM_LABELS, row_plot};
use super::series::end_us;
use super::text::shorten_middle;
use super::theme::Role;
use super::threads::names;
use super::tips::Tip;
use super::{Chart, DrawError};
use crate::analysis::{Analysis, ThreadFigures, ThreadSeries};
use crate::units;
use std::collections::HashMap;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "thread_activity", title: "Threads over time", draw };

/// Most threads with a row of their own, and most groups of the others.
const MOST_THREADS: usize = 24;
const MOST_GROUPS: usize = 8;
/// Height of a row, pixels.
const ROW_HEIGHT: i32 = 18;
/// Width of the names, pixels, and columns that a name may take.
const NAMES: i32 = 240;
const NAME_COLUMNS: usize = 30;

/// A row: a thread, or a group of them.
struct Row {
    name: String,
    tip: String,
    /// The trace's ids of its threads.
    threads: Vec<u32>,
}

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let series = &analysis.thread_series;
    if series.cells.is_empty() || series.bin_us == 0 || series.bins == 0 {
        return canvas::draw_empty(
            title,
            "This trace does not say what each thread did over time.",
            "It ends before the first figures of its threads: let the session run for longer, or end it with finalize().",
        );
    }
    let rows = rows(&analysis.threads);
    let end = end_us(analysis).max(1);
    let rates: Vec<Vec<f64>> = rows.iter().map(|row| rates(series, &row.threads, end)).collect();
    let greatest = rates.iter().flatten().copied().fold(0.0, f64::max);
    let grouped = if rows.len() > analysis.threads.len().min(MOST_THREADS) { " Groups: means." } else { "" };
    let head = Head {
        title,
        subtitle: format!(
            "Bytes allocated per second over {} each, exact; most bytes first.{grouped}",
            units::duration_us(series.bin_us)
        ),
        legend: &[],
    };
    let bottom = TOP + rows.len() as i32 * ROW_HEIGHT;
    canvas::draw_with_tips(&head, (bottom + BOTTOM_LABELS as i32 + 8) as u32, |sheet| {
        let scale = Scale::new(Unit::BytesPerSecond, greatest);
        scale.write_legend(sheet, LEGEND_MIDDLE)?;
        let (left, right) = (SIDE + NAMES, WIDTH as i32 - SIDE - 8);
        let plot = row_plot(sheet, (left, right), (TOP, bottom), Axis::of_time(end, 7), rows.len())?;
        let x = |bin: usize| {
            plot.backend_coord(&(((bin as u64).saturating_mul(series.bin_us)).min(end) as f64, 0.0)).0
        };
        for (index, rates) in rates.iter().enumerate() {
            let top = TOP + index as i32 * ROW_HEIGHT;
            draw_row(sheet, rates, &scale, &x, (top, top + ROW_HEIGHT))?;
        }
        write_names(sheet, &rows)
    })
}

/// The cells of a row; neighbours of one shade are one rectangle.
fn draw_row(
    sheet: &Sheet<'_>,
    rates: &[f64],
    scale: &Scale,
    x: &impl Fn(usize) -> i32,
    (top, bottom): (i32, i32),
) -> Result<(), PlotError> {
    let shades: Vec<Option<Role>> = rates.iter().map(|rate| scale.shade(*rate)).collect();
    let mut bin = 0;
    for run in shades.chunk_by(|one, other| one == other) {
        if let Some(role) = run[0] {
            let (from, to) = (x(bin), x(bin + run.len()));
            canvas::fill(sheet, [(from, top + 1), (to.max(from + 1), bottom)], role)?;
        }
        bin += run.len();
    }
    Ok(())
}

fn write_names(sheet: &Sheet<'_>, rows: &[Row]) -> Result<Vec<Tip>, PlotError> {
    let mut tips = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let at = (SIDE, TOP + index as i32 * ROW_HEIGHT + ROW_HEIGHT / 2);
        canvas::write(sheet, &row.name, at, &Style::left(Role::Ink))?;
        tips.push(Tip { at, text: row.tip.clone() });
    }
    Ok(tips)
}

/// The rows: the first threads, then the others by their names.
fn rows(threads: &[ThreadFigures]) -> Vec<Row> {
    let own = if threads.len() <= MOST_THREADS + 1 { threads.len() } else { MOST_THREADS };
    let (shown, rest) = threads.split_at(own);
    let bytes = |thread: &ThreadFigures| units::bytes(thread.allocated_bytes as f64);
    let mut rows: Vec<Row> = names(shown)
        .into_iter()
        .zip(shown)
        .map(|(name, thread)| Row {
            name,
            tip: format!("{}: {} allocated", thread.name, bytes(thread)),
            threads: vec![thread.id],
        })
        .collect();
    let mut groups: Vec<(&str, Vec<&ThreadFigures>)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for thread in rest {
        let place = *known.entry(stem(&thread.name)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, members)) => members.push(thread),
            None => groups.push((stem(&thread.name), vec![thread])),
        }
    }
    let last: Vec<&ThreadFigures> = if groups.len() > MOST_GROUPS {
        groups.drain(MOST_GROUPS - 1..).flat_map(|(_, members)| members).collect()
    } else {
        Vec::new()
    };
    rows.extend(groups.into_iter().map(|(stem, members)| group(stem, &members)));
    rows.extend((!last.is_empty()).then(|| group("", &last)));
    rows
}

fn group(stem: &str, members: &[&ThreadFigures]) -> Row {
    let total: f64 = members.iter().map(|thread| thread.allocated_bytes as f64).sum();
    let count = match (stem.trim(), members.len()) {
        ("", count) => format!("{count} others"),
        (stem, 1) => shorten_middle(stem, NAME_COLUMNS),
        (stem, count) => {
            let count = format!("* ({count} threads)");
            shorten_middle(stem, NAME_COLUMNS - count.len()) + &count
        }
    };
    Row {
        tip: format!("{count}: {} allocated together", units::bytes(total)),
        name: count,
        threads: members.iter().map(|thread| thread.id).collect(),
    }
}

/// A thread's name without the number at its end.
fn stem(name: &str) -> &str {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() < name.len() { stem } else { name }
}

/// The mean rate of `threads` in each bin, bytes per second.
fn rates(series: &ThreadSeries, threads: &[u32], end_us: u64) -> Vec<f64> {
    let mut bytes = vec![0.0; series.bins as usize];
    for &thread in threads {
        // Cells are in the order of their threads.
        let from = series.cells.partition_point(|cell| cell.thread < thread);
        for cell in series.cells[from..].iter().take_while(|cell| cell.thread == thread) {
            if let Some(bin) = bytes.get_mut(cell.bin as usize) {
                *bin += cell.allocated_bytes as f64;
            }
        }
    }
    let length = |bin: usize| {
        let start = series.bin_us.saturating_mul(bin as u64);
        start.saturating_add(series.bin_us).min(end_us).saturating_sub(start).max(1) as f64 / 1e6
    };
    let count = threads.len().max(1) as f64;
    bytes.iter().enumerate().map(|(bin, bytes)| bytes / count / length(bin)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::ThreadCell;

    fn thread(id: u32, name: &str) -> ThreadFigures {
        ThreadFigures { id, name: name.to_owned(), ..ThreadFigures::default() }
    }

    #[test]
    fn threads_without_a_row_are_grouped_by_name() {
        let mut threads: Vec<ThreadFigures> =
            (0..500).map(|id| thread(id, &format!("worker-{id}"))).collect();
        threads.push(thread(900, "logger"));
        threads.extend((1000..1020).map(|id| thread(id, &format!("{}{id}", "x".repeat(id as usize - 990)))));
        let rows = rows(&threads);
        let names: Vec<&str> = rows[MOST_THREADS..].iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names[..2], ["worker-* (476 threads)", "logger"]);
        assert_eq!((names.len(), names[MOST_GROUPS - 1]), (MOST_GROUPS, "15 others"));
        assert_eq!(rows.iter().map(|row| row.threads.len()).sum::<usize>(), threads.len());
    }

    #[test]
    fn a_group_has_the_mean_rate_of_its_threads_and_the_last_bin_may_be_short() {
        let cell = |thread, bin, allocated_bytes| ThreadCell {
            thread,
            bin,
            allocated_bytes,
            ..ThreadCell::default()
        };
        let series = ThreadSeries {
            bin_us: 1_000_000,
            bins: 2,
            cells: vec![cell(1, 0, 100), cell(1, 1, 50), cell(2, 0, 300)],
        };
        assert_eq!(rates(&series, &[1, 2], 1_500_000), [200.0, 50.0]);
        assert_eq!(rates(&series, &[7], 1_500_000), [0.0, 0.0]);
    }
}
