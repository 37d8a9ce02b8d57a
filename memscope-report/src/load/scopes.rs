//! The exact figures of scopes, record by record. All are cumulative: the last that a trace tells hold.
//!
//! Traces of format 1.0 know calls and allocations only; what they do not tell is `None`, not 0.

use super::call_sizes::CallSizes;
use memscope_trace::{Scope, ScopeCounters, ScopeDetails, ScopeFrees, ScopePaths, ScopeSizes, Scopes};
use std::collections::BTreeMap;

/// A scope (an annotated function, a span, a task, what is entered by hand) with its exact figures.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ScopeTotals {
    /// The function; only its id is set where the trace does not name it.
    pub scope: Scope,
    /// Calls that returned.
    pub calls: u64,
    /// Allocations, those of inner scopes included.
    pub allocations: u64,
    /// Bytes allocated, those of inner scopes included.
    pub allocated_bytes: u64,
    /// Allocations outside inner scopes.
    pub own_allocations: u64,
    /// Bytes allocated outside inner scopes.
    pub own_allocated_bytes: u64,
    /// How its calls went; `None` where the trace does not tell.
    pub details: Option<CallDetails>,
    /// What was freed while inside; `None` where the trace does not tell.
    pub frees: Option<FreeTotals>,
    /// Calls by the bytes that they allocated, inner scopes included; empty where the trace does not tell.
    pub sizes: CallSizes,
    /// The same figures by where it was entered; empty where the trace does not tell.
    pub paths: Vec<PathTotals>,
}

/// What a scope did on one path: below the scopes that were around it when it was entered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathTotals {
    /// The path's id in the trace, from 1.
    pub id: u32,
    /// The path around it, a lower id; 0 outside any scope.
    pub above: u32,
    /// Calls that ended.
    pub calls: u64,
    /// Calls of these whose future was dropped before it was done.
    pub cancelled: u64,
    /// Times that it was entered.
    pub polls: u64,
    /// Time inside, microseconds.
    pub busy_us: u64,
    /// Time from the beginning of each call to its end, microseconds, over all calls.
    pub wall_us: u64,
    /// Allocations, those of inner scopes included.
    pub allocations: u64,
    /// Bytes allocated, those of inner scopes included.
    pub allocated_bytes: u64,
    /// Allocations outside inner scopes.
    pub own_allocations: u64,
    /// Bytes allocated outside inner scopes.
    pub own_allocated_bytes: u64,
    /// Frees, those in inner scopes included.
    pub frees: u64,
    /// Bytes freed, those in inner scopes included.
    pub freed_bytes: u64,
}

/// How the calls of a scope went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallDetails {
    /// The id of the scope that it was entered from last; 0 outside any.
    pub parent: u32,
    /// Calls whose future was dropped before it was done.
    pub cancelled: u64,
    /// Times that it was entered: once for each call of a function, once for each poll of a future.
    pub polls: u64,
    /// Time inside, microseconds.
    pub busy_us: u64,
    /// Time from the beginning of each call to its end, microseconds, over all calls.
    pub wall_us: u64,
    /// The most bytes that one call allocated.
    pub most_bytes: u64,
}

/// What was freed inside a scope, whoever had allocated it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FreeTotals {
    /// Frees, those in inner scopes included.
    pub frees: u64,
    /// Bytes freed, those in inner scopes included.
    pub freed_bytes: u64,
    /// Frees outside inner scopes.
    pub own_frees: u64,
    /// Bytes freed outside inner scopes.
    pub own_freed_bytes: u64,
}

/// What went wrong with scopes while the program ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScopeTroubles {
    /// Times that a name found no place any more among the scopes, and counted as `(other scopes)`.
    pub refused_names: u64,
    /// Scopes that were left in another order than that in which they were entered.
    pub out_of_order: u64,
    /// Times that a path found no place any more: what was done there is in the scope's own figures only.
    pub refused_paths: u64,
}

/// The scopes in the making.
#[derive(Debug, Default)]
pub(super) struct ScopeFold {
    by_id: BTreeMap<u32, ScopeTotals>,
    /// Paths by their ids, each with its scope.
    paths: BTreeMap<u32, (u32, PathTotals)>,
    troubles: ScopeTroubles,
}

impl ScopeFold {
    fn at(&mut self, id: u32) -> &mut ScopeTotals {
        self.by_id.entry(id).or_insert_with(|| {
            let mut totals = ScopeTotals::default();
            totals.scope.id = id;
            totals
        })
    }

    pub(super) fn names(&mut self, record: Scopes) {
        for scope in record.scopes {
            let id = scope.id;
            self.at(id).scope = scope;
        }
    }

    pub(super) fn counters(&mut self, record: &ScopeCounters) {
        for (row, &id) in record.scopes.iter().enumerate() {
            let totals = self.at(id);
            totals.calls = record.calls[row];
            totals.allocations = record.allocations[row];
            totals.allocated_bytes = record.allocated_bytes[row];
            totals.own_allocations = record.own_allocations[row];
            totals.own_allocated_bytes = record.own_allocated_bytes[row];
        }
    }

    pub(super) fn details(&mut self, record: &ScopeDetails) {
        (self.troubles.refused_names, self.troubles.out_of_order) =
            (record.refused_names, record.out_of_order);
        for (row, &id) in record.scopes.iter().enumerate() {
            self.at(id).details = Some(CallDetails {
                parent: record.parents[row],
                cancelled: record.cancelled[row],
                polls: record.polls[row],
                busy_us: record.busy_us[row],
                wall_us: record.wall_us[row],
                most_bytes: record.most_bytes[row],
            });
        }
    }

    pub(super) fn frees(&mut self, record: &ScopeFrees) {
        for (row, &id) in record.scopes.iter().enumerate() {
            self.at(id).frees = Some(FreeTotals {
                frees: record.frees[row],
                freed_bytes: record.freed_bytes[row],
                own_frees: record.own_frees[row],
                own_freed_bytes: record.own_freed_bytes[row],
            });
        }
    }

    /// All buckets of a scope stand in one record, which replaces what an earlier one said of it.
    pub(super) fn sizes(&mut self, record: &ScopeSizes) {
        for &id in &record.scopes {
            self.at(id).sizes.clear();
        }
        for (row, &id) in record.scopes.iter().enumerate() {
            self.at(id).sizes.insert(record.from_bytes[row], record.calls[row]);
        }
    }

    pub(super) fn paths(&mut self, record: &ScopePaths) {
        self.troubles.refused_paths = record.refused;
        for (row, (&id, &scope)) in record.paths.iter().zip(&record.scopes).enumerate() {
            // One that is not below its own number is none.
            let above = Some(record.above[row]).filter(|&above| above < id).unwrap_or(0);
            let totals = PathTotals {
                id,
                above,
                calls: record.calls[row],
                cancelled: record.cancelled[row],
                polls: record.polls[row],
                busy_us: record.busy_us[row],
                wall_us: record.wall_us[row],
                allocations: record.allocations[row],
                allocated_bytes: record.allocated_bytes[row],
                own_allocations: record.own_allocations[row],
                own_allocated_bytes: record.own_allocated_bytes[row],
                frees: record.frees[row],
                freed_bytes: record.freed_bytes[row],
            };
            self.paths.insert(id, (scope, totals));
        }
    }

    /// The scopes by id, and what went wrong.
    pub(super) fn finish(mut self) -> (Vec<ScopeTotals>, ScopeTroubles) {
        for (scope, totals) in std::mem::take(&mut self.paths).into_values() {
            self.at(scope).paths.push(totals);
        }
        (self.by_id.into_values().collect(), self.troubles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_records_replace_earlier_ones_and_what_is_not_told_is_not_known() {
        let mut fold = ScopeFold::default();
        let sizes = |rows: &[(u32, u64, u64)]| ScopeSizes {
            time_us: 0,
            scopes: rows.iter().map(|row| row.0).collect(),
            from_bytes: rows.iter().map(|row| row.1).collect(),
            calls: rows.iter().map(|row| row.2).collect(),
        };
        fold.sizes(&sizes(&[(1, 64, 5), (1, 80, 1), (2, 0, 9)]));
        fold.sizes(&sizes(&[(1, 64, 7)]));
        let counters = |calls| ScopeCounters {
            scopes: vec![1],
            calls: vec![calls],
            allocations: vec![2],
            allocated_bytes: vec![3],
            own_allocations: vec![4],
            own_allocated_bytes: vec![5],
            ..ScopeCounters::default()
        };
        fold.counters(&counters(1));
        fold.counters(&counters(9));
        fold.names(Scopes { scopes: vec![Scope { id: 3, name: "third".to_owned(), ..Scope::default() }] });
        fold.details(&ScopeDetails { refused_names: 8, out_of_order: 2, ..ScopeDetails::default() });
        let (scopes, troubles) = fold.finish();
        assert_eq!(troubles, ScopeTroubles { refused_names: 8, out_of_order: 2, refused_paths: 0 });
        assert_eq!(scopes.iter().map(|totals| totals.scope.id).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((scopes[0].calls, scopes[0].sizes.calls(), scopes[1].sizes.calls()), (9, 7, 9));
        assert!(scopes.iter().all(|totals| totals.details.is_none() && totals.frees.is_none()));
    }
}
