//! The table of task instances, those that hold or held most first.

use super::data::NAME_COLUMNS;
use super::html::escape;
use super::sites::write_estimate;
use super::tables::{write_cut, write_foot, write_head, write_number};
use crate::analysis::{Analysis, TaskFigures};
use crate::chart::text::{shorten_middle, shorten_symbol};
use crate::units::{bytes, count, duration_us};
use std::collections::HashMap;
use std::io::{self, Write};

/// Most rows.
const MOST_ROWS: usize = 300;

/// Task instances with what each holds.
pub(super) fn write(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    writeln!(out, r#"<section id="tasks"><h2>Tasks</h2>"#)?;
    let (tasks, totals) = (&analysis.tasks, &analysis.task_totals);
    if tasks.is_empty() {
        return writeln!(
            out,
            "<p class=\"muted\">No task is known one by one. Make futures tasks with <code>memscope::task</code> to see \
             what each instance holds, and where it was made.</p></section>"
        );
    }
    let unnumbered = match totals.unnumbered {
        0 => String::new(),
        tasks => format!(" Of {} nothing is known, since too many lived at once.", count(tasks as f64)),
    };
    writeln!(
        out,
        r#"<p class="caption">{} tasks were polled, {} have ended, {} of these before they were done.{unnumbered} Counts, bytes allocated and freed, and times are exact. What is live of what a task allocated, whoever holds it, is estimated, with 95% intervals.</p>"#,
        count(totals.started.max(tasks.len() as u64) as f64),
        count(totals.ended as f64),
        count(totals.cancelled as f64),
    )?;
    let shown = tasks.len().min(MOST_ROWS);
    write_cut(out, shown, tasks.len(), "tasks, most live bytes first")?;
    let columns = [
        "Task",
        "State",
        "First polled",
        "Alive for",
        "Polls",
        "Busy",
        "Allocations",
        "Allocated",
        "Freed",
        "Live at the peak",
        "Live at the end",
    ];
    write_head(out, &columns, columns.len())?;
    let scopes: HashMap<u32, &str> =
        analysis.scopes.iter().map(|scope| (scope.id, scope.name.as_str())).collect();
    for (at, task) in tasks.iter().take(shown).enumerate() {
        write_row(out, analysis, at, task, task.scope.and_then(|id| scopes.get(&id).copied()))?;
    }
    write_foot(out)
}

fn write_row(
    out: &mut dyn Write,
    analysis: &Analysis,
    at: usize,
    task: &TaskFigures,
    scope: Option<&str>,
) -> io::Result<()> {
    let name = escape(&shorten_middle(&task.label(), NAME_COLUMNS));
    let place = escape(&format!("{}:{}", task.file, task.line));
    write!(out, r#"<tr><td class="name" data-value="{at}"><code title="{place}">{name}</code>"#)?;
    if let Some(scope) = scope {
        write!(out, r#"<span class="interval">in {}</span>"#, escape(&shorten_symbol(scope, NAME_COLUMNS)))?;
    }
    write!(out, r#"</td><td class="n">{}</td>"#, task.state.describe())?;
    let end_us = task.ended_us.unwrap_or(analysis.session.duration_us);
    let alive_us = end_us.saturating_sub(task.started_us);
    for (text, value) in [
        (duration_us(task.started_us), task.started_us),
        (duration_us(alive_us), alive_us),
        (count(task.polls as f64), task.polls),
        (duration_us(task.busy_us), task.busy_us),
        (count(task.allocations as f64), task.allocations),
        (bytes(task.allocated_bytes as f64), task.allocated_bytes),
        (bytes(task.freed_bytes as f64), task.freed_bytes),
    ] {
        write_number(out, &text, value as f64)?;
    }
    write_estimate(out, &task.peak_bytes, bytes, "")?;
    write_estimate(out, &task.live_bytes, bytes, "")?;
    writeln!(out, "</tr>")
}
