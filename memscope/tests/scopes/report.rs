//! What the report makes of the same trace: its exact figures are the trace's, of every scope and every task.

use super::{Figures, Scopes};
use memscope_report::analysis::TaskState;
use memscope_report::{Profile, SymbolizeOptions, analyze, symbolize};
use std::path::Path;

/// Reads the trace once more, as the report does, and compares.
pub(super) fn agrees(trace: &Path, scopes: &Scopes) {
    let profile = Profile::open(trace).expect("a trace");
    let analysis = analyze(&profile, &symbolize(&profile, &SymbolizeOptions::default()));
    for scope in &analysis.scopes {
        let (course, frees) = (scope.course.unwrap_or_default(), scope.frees.unwrap_or_default());
        let found = Figures {
            calls: scope.calls,
            allocations: scope.allocations,
            allocated_bytes: scope.allocated_bytes,
            own_allocations: scope.own_allocations,
            own_allocated_bytes: scope.own_allocated_bytes,
            cancelled: course.cancelled,
            polls: course.polls,
            busy_us: course.busy_us,
            wall_us: course.wall_us,
            frees: frees.frees,
            freed_bytes: frees.freed_bytes,
            own_frees: frees.own_frees,
            own_freed_bytes: frees.own_freed_bytes,
            most_bytes: scope.per_call.and_then(|per_call| per_call.max).unwrap_or(0),
            sized_calls: profile
                .scopes
                .iter()
                .filter(|totals| totals.scope.id == scope.id)
                .map(|totals| totals.sizes.calls())
                .sum(),
        };
        assert_eq!(found, scopes.figures.get(&scope.id).copied().unwrap_or_default(), "{}", scope.name);
        let parent = scopes.parents.get(&scope.id).copied().filter(|&parent| parent != 0);
        assert_eq!(scope.parent, parent, "{}", scope.name);
        let [p50, p99, max] = scope.per_call.map_or([None; 3], |call| [call.p50, call.p99, call.max]);
        assert!(p50 <= p99 && p99 <= max, "{}: {p50:?} {p99:?} {max:?}", scope.name);
    }
    assert_eq!(profile.tasks.len(), scopes.tasks.len());
    for task in &analysis.tasks {
        let known = &scopes.tasks[&task.id];
        let four = [task.allocations, task.allocated_bytes, task.frees, task.freed_bytes];
        assert_eq!(
            (four, task.polls, &task.name, task.line),
            (known.four, known.polls, &known.name, known.line)
        );
        assert_eq!(
            (task.ended_us.is_some(), task.state == TaskState::Alive),
            (known.end.is_some(), known.end.is_none())
        );
        // What is live now was allocated before.
        let allocated = scopes.sampled_bytes.get(&task.id).copied().unwrap_or(0) as f64;
        if task.live_bytes.low == task.live_bytes.high {
            assert!(task.live_bytes.value <= allocated, "{task:?}");
        }
    }
}
