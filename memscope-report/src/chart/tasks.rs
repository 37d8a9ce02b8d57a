//! The task instances that hold most, or held most at the process's peak: estimates with their intervals, each with where it was made a task.

use super::canvas::Head;
use super::rows::{self, Bar, Columns, Row};
use super::text::{certainty, shorten_middle};
use super::theme::Role;
use super::{Chart, DrawError, canvas};
use crate::analysis::{Analysis, TaskFigures};
use crate::units;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "tasks", title: "Tasks", draw };

/// Most tasks with a row.
const MOST_TASKS: usize = 20;
/// Columns that a name may take.
const NAME_COLUMNS: usize = 52;

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let tasks = &analysis.tasks[..analysis.tasks.len().min(MOST_TASKS)];
    if tasks.is_empty() {
        return canvas::draw_empty(
            title,
            "No task is known one by one in this trace.",
            "Make futures tasks with memscope::task, or memscope's feature tokio, to see what each instance holds.",
        );
    }
    let live: Vec<_> = tasks.iter().map(TaskFigures::most_live).collect();
    let head = Head {
        title,
        subtitle: format!(
            "{} {} tasks ran; those that hold or held most.",
            certainty(analysis, &live),
            units::count(analysis.task_totals.started.max(tasks.len() as u64) as f64)
        ),
        legend: &[(Role::Estimate, "live at the peak"), (Role::Live, "live at the end")],
    };
    let rows: Vec<Row> = tasks.iter().map(row).collect();
    rows::draw(&head, &Columns { names: 380, figures: 230, monospaced: true }, &rows)
}

fn row(task: &TaskFigures) -> Row {
    let most = task.most_live();
    let bar = |role, value, top, bottom| Bar { role, value, top, bottom };
    Row {
        name: shorten_middle(&task.label(), NAME_COLUMNS),
        figure: format!(
            "{} ({}), {}",
            units::bytes(most.value),
            units::range(most.low, most.high, units::bytes),
            task.state.describe()
        ),
        bars: vec![
            bar(Role::Estimate, task.peak_bytes.value, 0.16, 0.84),
            bar(Role::Live, task.live_bytes.value, 0.3, 0.7),
        ],
        interval: Some((most.low, most.high)),
        tip: tip(task),
    }
}

fn tip(task: &TaskFigures) -> String {
    let lived = task.ended_us.map_or_else(String::new, |ended_us| {
        format!(" after {}", units::duration_us(ended_us.saturating_sub(task.started_us)))
    });
    format!(
        "{}, made a task at {}:{}, polled first at {}, {}{lived}; {} polls, busy {}; {} allocations of {} bytes, {} frees of {} bytes",
        task.label(),
        task.file,
        task.line,
        units::duration_us(task.started_us),
        task.state.describe(),
        units::digits(task.polls),
        units::duration_us(task.busy_us),
        units::digits(task.allocations),
        units::digits(task.allocated_bytes),
        units::digits(task.frees),
        units::digits(task.freed_bytes),
    )
}
