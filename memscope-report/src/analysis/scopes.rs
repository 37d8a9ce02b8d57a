//! Exact figures of each annotated function, and estimates of what only samples tell.

use super::group::scope_sums;
use super::types::ScopeFigures;
use crate::load::Profile;
use crate::statistics::Losses;
use std::cmp::Reverse;

/// The scopes, most allocated bytes first.
pub(super) fn scopes(profile: &Profile, losses: Losses) -> Vec<ScopeFigures> {
    let sums = scope_sums(profile);
    let mut scopes: Vec<ScopeFigures> = profile
        .scopes
        .iter()
        .map(|totals| ScopeFigures {
            id: totals.scope.id,
            name: match totals.scope.name.as_str() {
                "" => format!("(scope {})", totals.scope.id),
                name => name.to_owned(),
            },
            calls: totals.calls,
            allocations: totals.allocations,
            allocated_bytes: totals.allocated_bytes,
            own_allocations: totals.own_allocations,
            own_allocated_bytes: totals.own_allocated_bytes,
            sampled: sums.get(&totals.scope.id).map(|sums| sums.figures(losses)).unwrap_or_default(),
        })
        .collect();
    scopes.sort_by(|one, other| {
        let key = |scope: &ScopeFigures| Reverse((scope.allocated_bytes, scope.own_allocated_bytes));
        key(one).cmp(&key(other)).then_with(|| one.name.cmp(&other.name))
    });
    scopes
}
