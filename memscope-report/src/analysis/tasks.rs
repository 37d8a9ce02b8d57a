//! Instances of tasks, those that hold or held most first.

use super::types::{TaskFigures, TaskState, TaskTotals};
use crate::load::{Profile, TaskInstance};
use crate::statistics::{Estimate, Losses, Total};
use memscope_trace::TaskEnd;

/// Tasks that are shown at most.
const TASKS_MAX: usize = 1_000;

/// The tasks with most bytes live at the end or at the peak; those that tie by the bytes that they allocated.
pub(super) fn tasks(profile: &Profile, losses: Losses) -> Vec<TaskFigures> {
    let most = |task: &TaskInstance| task.samples.live.value().max(task.samples.at_peak.value());
    let mut ranked: Vec<&TaskInstance> = profile.tasks.iter().collect();
    ranked.sort_by(|one, other| {
        most(other)
            .total_cmp(&most(one))
            .then(other.allocated_bytes.cmp(&one.allocated_bytes))
            .then(one.id.cmp(&other.id))
    });
    let mut all = Total::default();
    profile.tasks.iter().for_each(|task| all.merge(&task.samples.allocated));
    let all = all.thinned(losses);
    ranked.into_iter().take(TASKS_MAX).map(|task| figures(task, losses, &all)).collect()
}

/// The figures of a task; `all` is what all tasks' samples come to.
fn figures(task: &TaskInstance, losses: Losses, all: &Total) -> TaskFigures {
    let own = task.samples.allocated.thinned(losses);
    let whole = if own.samples() > 0 { &own } else { all };
    let part = |total: &Total| {
        let estimate = total.thinned(losses).estimate_within(whole);
        // No more can be live than it allocated; of one that has ended that is known to the last byte.
        let most = if task.end.is_some() { task.allocated_bytes as f64 } else { f64::INFINITY };
        let (value, high) = (estimate.value.min(most), estimate.high.min(most));
        // Where even the lower end is above that, what was seen is all that is sure.
        let low = if estimate.low <= value { estimate.low } else { total.seen().min(value) };
        Estimate { value, low, high, ..estimate }
    };
    let some = |id: u32| (id != 0).then_some(id);
    TaskFigures {
        id: task.id,
        name: task.name.clone(),
        file: task.file.clone(),
        line: task.line,
        scope: some(task.scope),
        parent: some(task.parent),
        started_us: task.started_us,
        ended_us: task.end.map(|(_, time_us)| time_us),
        state: match task.end.map(|(end, _)| end) {
            None => TaskState::Alive,
            Some(TaskEnd::Done) => TaskState::Done,
            Some(TaskEnd::Cancelled) => TaskState::Cancelled,
            Some(TaskEnd::Panicked) => TaskState::Panicked,
        },
        polls: task.polls,
        busy_us: task.busy_us,
        allocations: task.allocations,
        allocated_bytes: task.allocated_bytes,
        frees: task.frees,
        freed_bytes: task.freed_bytes,
        samples: task.samples.allocated.samples(),
        live_bytes: part(&task.samples.live),
        peak_bytes: part(&task.samples.at_peak),
    }
}

/// How many tasks there were.
pub(super) fn totals(profile: &Profile) -> TaskTotals {
    let count = &profile.task_count;
    TaskTotals {
        started: count.started,
        ended: count.ended,
        cancelled: count.cancelled,
        unnumbered: count.unnumbered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_has_ended_holds_no_more_than_it_allocated() {
        let mut task = TaskInstance { allocated_bytes: 100, ..TaskInstance::default() };
        // Of 10 bytes, one in a hundred of which is sampled.
        task.samples.allocated.add(10.0, 0.01);
        task.samples.live.add(10.0, 0.01);
        let live = |task: &TaskInstance| figures(task, Losses::default(), &Total::default()).live_bytes;
        let told = live(&task);
        assert!(told.value == 1000.0 && told.high > 1000.0, "{told:?}");
        task.end = Some((TaskEnd::Done, 5));
        let told = live(&task);
        assert!(told.value <= 100.0 && told.high <= 100.0 && told.low <= told.value, "{told:?}");
    }
}
