//! The tables of what the program's allocations were made for: its scopes, and the instances of its tasks.

use super::super::ExportError;
use super::super::source::ExportSource;
use super::column::{Table, Value};
use crate::load::TaskInstance;
use memscope_trace::TaskEnd;
use std::io::Write;

const SCOPES: &str = "message scopes {
    required int64 scope_id;
    required binary name (STRING);
    required binary file (STRING);
    required int64 line;
    optional int64 parent_scope_id;
    required int64 calls;
    required int64 allocations;
    required int64 allocated_bytes;
    required int64 own_allocations;
    required int64 own_allocated_bytes;
    optional int64 frees;
    optional int64 freed_bytes;
    optional int64 own_frees;
    optional int64 own_freed_bytes;
    optional int64 polls;
    optional int64 cancelled;
    optional int64 busy_us;
    optional int64 wall_us;
    optional int64 most_call_bytes;
}";

const TASKS: &str = "message tasks {
    required int64 task_id;
    required binary name (STRING);
    required binary file (STRING);
    required int64 line;
    optional int64 scope_id;
    optional int64 parent_task_id;
    required int64 started_us;
    optional int64 ended_us;
    required binary state (STRING);
    required int64 polls;
    required int64 busy_us;
    required int64 allocations;
    required int64 allocated_bytes;
    required int64 frees;
    required int64 freed_bytes;
}";

/// The id; null for 0, which is none.
fn id<'a>(id: u32) -> Value<'a> {
    Some(id).filter(|&id| id != 0).into()
}

/// A row for each scope.
pub(super) fn scopes(source: &ExportSource, out: &mut (impl Write + Send)) -> Result<(), ExportError> {
    let mut table = Table::new(out, SCOPES)?;
    for totals in &source.profile().scopes {
        let (scope, details, frees) = (&totals.scope, &totals.details, &totals.frees);
        table.push([
            scope.id.into(),
            scope.name.as_str().into(),
            scope.file.as_str().into(),
            scope.line.into(),
            details.map_or(Value::Null, |details| id(details.parent)),
            totals.calls.into(),
            totals.allocations.into(),
            totals.allocated_bytes.into(),
            totals.own_allocations.into(),
            totals.own_allocated_bytes.into(),
            frees.map(|frees| frees.frees).into(),
            frees.map(|frees| frees.freed_bytes).into(),
            frees.map(|frees| frees.own_frees).into(),
            frees.map(|frees| frees.own_freed_bytes).into(),
            details.map(|details| details.polls).into(),
            details.map(|details| details.cancelled).into(),
            details.map(|details| details.busy_us).into(),
            details.map(|details| details.wall_us).into(),
            details.map(|details| details.most_bytes).into(),
        ])?;
    }
    Ok(table.finish()?)
}

/// A row for each instance of a task that the trace tells of.
pub(super) fn tasks(source: &ExportSource, out: &mut (impl Write + Send)) -> Result<(), ExportError> {
    let mut table = Table::new(out, TASKS)?;
    for task in &source.profile().tasks {
        table.push([
            task.id.into(),
            task.name.as_str().into(),
            task.file.as_str().into(),
            task.line.into(),
            id(task.scope),
            id(task.parent),
            task.started_us.into(),
            task.end.map(|(_, time_us)| time_us).into(),
            state(task).into(),
            task.polls.into(),
            task.busy_us.into(),
            task.allocations.into(),
            task.allocated_bytes.into(),
            task.frees.into(),
            task.freed_bytes.into(),
        ])?;
    }
    Ok(table.finish()?)
}

/// What had become of it when the trace ended.
fn state(task: &TaskInstance) -> &'static str {
    match task.end {
        None => "alive",
        Some((TaskEnd::Done, _)) => "done",
        Some((TaskEnd::Cancelled, _)) => "cancelled",
        Some((TaskEnd::Panicked, _)) => "panicked",
    }
}
