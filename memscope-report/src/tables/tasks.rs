//! Instances of tasks.

use super::json;
use super::layout::{Table, TextOptions, Tone, interval};
use crate::analysis::{Analysis, TaskFigures};
use crate::units;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes the `most` tasks of `analysis` that hold or held most.
///
/// # Errors
/// What `out` gives.
pub fn write_tasks(
    out: &mut dyn Write,
    analysis: &Analysis,
    most: usize,
    options: &TextOptions,
) -> io::Result<()> {
    let totals = &analysis.task_totals;
    if analysis.tasks.is_empty() {
        return writeln!(
            out,
            "No tasks: the trace knows none one by one. Make futures tasks with .in_task(\"name\") of memscope::FutureExt."
        );
    }
    let count = |number: u64| units::count(number as f64);
    let title = format!(
        "{} tasks were polled, {} have ended, {} of these before they were done, {} are not told apart",
        count(totals.started.max(analysis.tasks.len() as u64)),
        count(totals.ended),
        count(totals.cancelled),
        count(totals.unnumbered)
    );
    options.write_wrapped(out, Tone::Plain, &title)?;
    let mut table = Table::new(&[
        "at the end",
        "95% interval",
        "at the peak",
        "allocated",
        "freed",
        "polls",
        "busy",
        "state",
        "task",
    ]);
    for task in analysis.tasks.iter().take(most) {
        table.push(Tone::Plain, figures(task), &task.label());
    }
    table.write(out, options)?;
    if analysis.tasks.len() > most {
        let note = format!("{} more: -n 0 shows all.", analysis.tasks.len() - most);
        options.write_wrapped(out, Tone::Faint, &note)?;
    }
    Ok(())
}

fn figures(task: &TaskFigures) -> Vec<String> {
    vec![
        units::bytes(task.live_bytes.value),
        interval(&task.live_bytes, true),
        units::bytes(task.peak_bytes.value),
        units::bytes(task.allocated_bytes as f64),
        units::bytes(task.freed_bytes as f64),
        units::count(task.polls as f64),
        units::duration_us(task.busy_us),
        task.state.describe().to_owned(),
    ]
}

/// Writes the same tasks as JSON.
///
/// # Errors
/// What `out` gives.
pub fn write_tasks_json(out: &mut dyn Write, analysis: &Analysis, most: usize) -> io::Result<()> {
    let tasks: Vec<Value> = analysis.tasks.iter().take(most).map(task).collect();
    let value = json!({
        "totals": analysis.task_totals,
        "tasks_in_all": analysis.tasks.len(),
        "tasks": tasks,
        "warnings": analysis.warnings,
    });
    json::write(out, &value)
}

fn task(task: &TaskFigures) -> Value {
    let mut value = json!(task);
    value["live_bytes"] = json::estimate(&task.live_bytes);
    value["peak_bytes"] = json::estimate(&task.peak_bytes);
    value
}
