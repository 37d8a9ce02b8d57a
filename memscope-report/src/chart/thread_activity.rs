//! Which thread allocated when: a heat map of threads and time, exact.
//!
//! A pool whose threads are dark one after the other works in turns; one dark row among light ones does the work of all. The
//! threads with most bytes have a row of their own; the others are grouped by their names without the number at the end
//! (`worker-1`, `worker-2`, ...), and a group's row is the mean of its threads, so that all rows compare.
//!
//! The trace tells a thread's figures every half second, and when it ends. What it did in between is spread as what the whole
//! process allocated, which the trace tells ten times as often: sums are exact, their place within half a second is not.

use super::axis::{Axis, Unit};
use super::canvas::{self, Head, PlotError, SIDE, Sheet, Style, WIDTH};
use super::heat::{LEGEND_MIDDLE, Scale, TOP};
use super::plot::{BOTTOM_LABELS, row_plot};
use super::series::{self, Point, end_us};
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
/// How often the trace tells a thread's figures, microseconds, and how late that may be.
const REPORTED_US: u64 = 500_000;
const LATE_US: u64 = 100_000;
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
    let weights = weights(analysis, series.bin_us);
    let rates: Vec<Vec<f64>> = rows.iter().map(|row| rates(series, &row.threads, &weights, end)).collect();
    let greatest = rates.iter().flatten().copied().fold(0.0, f64::max);
    let head = Head {
        title,
        subtitle: subtitle(series, rows.len() > analysis.threads.len().min(MOST_THREADS)),
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

fn subtitle(series: &ThreadSeries, has_groups: bool) -> String {
    let how = if series.bin_us < REPORTED_US {
        "exact for each half second, within it spread as the process's total.".to_owned()
    } else {
        format!("exact, in stretches of {}.", units::duration_us(series.bin_us))
    };
    let groups = if has_groups { " Groups: means." } else { "" };
    format!("Bytes allocated per second, most bytes first; {how}{groups}")
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
            canvas::fill(sheet, [(from, top + 2), (to.max(from + 1), bottom)], role)?;
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
            tip: match thread.name.trim() {
                "" => format!("{name}: {} allocated", bytes(thread)),
                full => format!("{full}: {} allocated", bytes(thread)),
            },
            name,
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
        ("", 1) => "1 other".to_owned(),
        ("", count) => format!("{count} others"),
        (_, 1) => shorten_middle(&members[0].name, NAME_COLUMNS),
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

/// The mean rate of `threads` in each bin, bytes per second. `weights` say how much the process allocated in each.
fn rates(series: &ThreadSeries, threads: &[u32], weights: &[f64], end_us: u64) -> Vec<f64> {
    let mut bytes = vec![0.0; series.bins as usize];
    let reach = (REPORTED_US + LATE_US).div_ceil(series.bin_us.max(1)) as usize;
    for &thread in threads {
        // Cells are in the order of their threads, and then of time.
        let from = series.cells.partition_point(|cell| cell.thread < thread);
        let mut reported = 0;
        for cell in series.cells[from..].iter().take_while(|cell| cell.thread == thread) {
            let end = (cell.bin as usize + 1).min(bytes.len());
            let start = reported.max(end.saturating_sub(reach));
            spread(cell.allocated_bytes as f64, &mut bytes[start..end], weights.get(start..end));
            reported = end;
        }
    }
    let length = |bin: usize| {
        let start = series.bin_us.saturating_mul(bin as u64);
        start.saturating_add(series.bin_us).min(end_us).saturating_sub(start).max(1) as f64 / 1e6
    };
    let count = threads.len().max(1) as f64;
    bytes.iter().enumerate().map(|(bin, bytes)| bytes / count / length(bin)).collect()
}

/// Adds `bytes` to `bins` in proportion to `weights`; evenly where those say nothing.
fn spread(bytes: f64, bins: &mut [f64], weights: Option<&[f64]>) {
    let even = vec![1.0; bins.len()];
    let weights = weights.filter(|weights| weights.iter().sum::<f64>() > 0.0).unwrap_or(&even);
    let sum: f64 = weights.iter().sum();
    for (bin, weight) in bins.iter_mut().zip(weights) {
        *bin += bytes * weight / sum;
    }
}

/// What the process allocated per second in each bin.
fn weights(analysis: &Analysis, bin_us: u64) -> Vec<f64> {
    let points: Vec<Point> =
        analysis.timeline.iter().map(|point| (point.time_us as f64, point.allocated_bytes as f64)).collect();
    series::rates(&points, bin_us as f64).per_second
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
        assert_eq!(rates(&series, &[1, 2], &[], 1_500_000), [200.0, 50.0]);
        assert_eq!(rates(&series, &[7], &[], 1_500_000), [0.0, 0.0]);
    }

    #[test]
    fn what_is_told_every_half_second_is_spread_as_the_process_s_total() {
        let cell = ThreadCell { thread: 1, bin: 6, allocated_bytes: 800, ..ThreadCell::default() };
        let series = ThreadSeries { bin_us: 100_000, bins: 8, cells: vec![cell] };
        let weights = [9.0, 0.0, 0.0, 1.0, 3.0, 0.0, 4.0];
        let rates = rates(&series, &[1], &weights, 800_000);
        assert_eq!(rates, [0.0, 0.0, 0.0, 1_000.0, 3_000.0, 0.0, 4_000.0, 0.0]);
    }
}
