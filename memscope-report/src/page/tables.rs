//! The table of threads, and what tables have in common. A click on a heading sorts.

use super::data::NAME_COLUMNS;
use super::html::escape;
use super::sites::write_estimate;
use crate::analysis::{Analysis, SampledFigures};
use crate::chart::text::shorten_middle;
use crate::units::{bytes, count, duration_us};
use std::io::{self, Write};

/// Most rows: a page with more is slow to open, and nobody reads on.
pub(super) const MOST_ROWS: usize = 1_000;

/// The head of a table whose first column is text and whose others are numbers, sorted by column `sorted`. The script sorts it
/// and folds it where it is long.
pub(super) fn write_head(out: &mut dyn Write, columns: &[&str], sorted: usize) -> io::Result<()> {
    write!(out, r#"<div class="table"><table class="plain"><thead><tr>"#)?;
    for (index, column) in columns.iter().enumerate() {
        let class = if index == 0 { "" } else { r#" class="n""# };
        let order = if index == sorted { r#" aria-sort="descending""# } else { "" };
        write!(out, r#"<th scope="col"{class}{order}><button type="button">{column}</button></th>"#)?;
    }
    writeln!(out, "</tr></thead><tbody>")
}

/// The end of what [`write_head`] began.
pub(super) fn write_foot(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "</tbody></table></div></section>")
}

/// "Showing the first 200 of 1234 things." where not all are shown.
pub(super) fn write_cut(out: &mut dyn Write, shown: usize, all: usize, things: &str) -> io::Result<()> {
    if shown < all {
        writeln!(out, r#"<p class="caption">Showing the first {shown} of {all} {things}.</p>"#)?;
    }
    Ok(())
}

/// A number's cell: how it reads, and what it is sorted by.
pub(super) fn write_number(out: &mut dyn Write, text: &str, value: f64) -> io::Result<()> {
    write!(out, r#"<td class="n" data-value="{value:.0}">{text}</td>"#)
}

/// A thread's name, with its id where others have the same; `thread 7` where it has none.
pub(super) fn thread_name(analysis: &Analysis, id: u32) -> String {
    let named = analysis.threads.iter().find(|thread| thread.id == id);
    let named = named.map(|thread| thread.name.trim()).filter(|name| !name.is_empty());
    let Some(named) = named else { return format!("thread {id}") };
    let same = analysis.threads.iter().filter(|thread| thread.name.trim() == named);
    let name = shorten_middle(named, NAME_COLUMNS);
    if same.take(2).count() > 1 { format!("{name} #{id}") } else { name }
}

/// Every thread, most allocated bytes first.
pub(super) fn write_threads(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    writeln!(out, r#"<section id="threads"><h2>Threads</h2>"#)?;
    if analysis.threads.is_empty() {
        return writeln!(out, r#"<p class="muted">No thread allocated or freed.</p></section>"#);
    }
    let shown = analysis.threads.len().min(MOST_ROWS);
    writeln!(
        out,
        r#"<p class="caption">What was allocated and freed is exact. Kept is what a thread allocated less what it freed. Processor time, and time spent waiting for a processor, are those at the last look at the thread: at the end, or a second or more before it ended. The last three columns are estimated, with 95% intervals, of what the thread allocated, whoever freed it.</p>"#
    )?;
    write_cut(out, shown, analysis.threads.len(), "threads")?;
    let columns = [
        "Thread",
        "Id",
        "OS id",
        "Allocations",
        "Allocated",
        "Frees",
        "Freed",
        "Kept",
        "Processor time",
        "Waited for it",
        "Live at the peak",
        "Live at the end",
        "Temporary",
    ];
    write_head(out, &columns, 4)?;
    for thread in &analysis.threads[..shown] {
        write!(out, r#"<tr><td class="name">{}</td>"#, escape(&thread_name(analysis, thread.id)))?;
        write_number(out, &thread.id.to_string(), f64::from(thread.id))?;
        write_number(out, &thread.os_id.to_string(), thread.os_id as f64)?;
        for (number, is_bytes) in [
            (thread.allocations as f64, false),
            (thread.allocated_bytes as f64, true),
            (thread.frees as f64, false),
            (thread.freed_bytes as f64, true),
            (thread.allocated_bytes as f64 - thread.freed_bytes as f64, true),
        ] {
            write_number(out, &if is_bytes { bytes(number) } else { count(number) }, number)?;
        }
        for time_us in [thread.cpu_us, thread.wait_us] {
            // What is not known is sorted behind what is.
            let known = time_us.map(|us| (duration_us(us), us as f64));
            let (text, value) = known.unwrap_or_else(|| ("\u{2013}".to_owned(), -1.0));
            write_number(out, &text, value)?;
        }
        write_sampled(out, &thread.sampled)?;
        writeln!(out, "</tr>")?;
    }
    write_foot(out)
}

/// What sampling tells of a thread: live at the peak, live at the end, temporary.
fn write_sampled(out: &mut dyn Write, sampled: &SampledFigures) -> io::Result<()> {
    for estimate in [&sampled.peak_bytes, &sampled.live_bytes, &sampled.temporary_bytes] {
        write_estimate(out, estimate, bytes, "")?;
    }
    Ok(())
}
