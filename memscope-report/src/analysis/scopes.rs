//! Figures of each scope: exact ones, and estimates of what only samples tell.

use super::group::scope_sums;
use super::scope_tree;
use super::sums::Sums;
use super::types::{BytesPerCall, SampledFigures, ScopeCourse, ScopeFigures, ScopeFreeFigures, ScopePath};
use crate::load::{PathTotals, Profile, ScopeTotals};
use std::cmp::Reverse;

/// The scopes, most allocated bytes first.
///
/// ```
/// use memscope_report::{Profile, analysis};
/// assert!(analysis::scopes(&Profile::default()).is_empty());
/// ```
#[must_use]
pub fn scopes(profile: &Profile) -> Vec<ScopeFigures> {
    let (losses, sums) = (profile.losses(), scope_sums(profile));
    let mut all = Sums::default();
    sums.values().for_each(|sums| all.merge(sums));
    let mut scopes: Vec<ScopeFigures> = profile
        .scopes
        .iter()
        .map(|totals| ScopeFigures {
            sampled: match sums.get(&totals.scope.id) {
                Some(sums) => sums.figures(losses),
                // Its calls say that there is nothing.
                None if totals.calls > 0 && totals.own_allocated_bytes == 0 => SampledFigures::default(),
                // Nothing of it was sampled, which does not say that it allocated nothing.
                None => all.nothing_seen(losses),
            },
            ..exact(totals)
        })
        .collect();
    if profile.scope_troubles.refused_paths > 0 {
        scopes.iter_mut().for_each(|scope| scope.paths.extend(scope_tree::rest(scope)));
    }
    scopes.sort_by(|one, other| {
        let key = |scope: &ScopeFigures| Reverse((scope.allocated_bytes, scope.own_allocated_bytes));
        key(one).cmp(&key(other)).then_with(|| one.name.cmp(&other.name))
    });
    scopes
}

/// What the trace counts.
fn exact(totals: &ScopeTotals) -> ScopeFigures {
    let scope = &totals.scope;
    ScopeFigures {
        id: scope.id,
        name: match scope.name.as_str() {
            "" => format!("(scope {})", scope.id),
            name => name.to_owned(),
        },
        file: scope.file.clone(),
        line: scope.line,
        parent: totals.details.map(|details| details.parent).filter(|&parent| parent != 0),
        calls: totals.calls,
        allocations: totals.allocations,
        allocated_bytes: totals.allocated_bytes,
        own_allocations: totals.own_allocations,
        own_allocated_bytes: totals.own_allocated_bytes,
        frees: totals.frees.map(|frees| ScopeFreeFigures {
            frees: frees.frees,
            freed_bytes: frees.freed_bytes,
            own_frees: frees.own_frees,
            own_freed_bytes: frees.own_freed_bytes,
        }),
        course: totals.details.map(|details| ScopeCourse {
            polls: details.polls,
            cancelled: details.cancelled,
            busy_us: details.busy_us,
            wall_us: details.wall_us,
        }),
        per_call: per_call(totals),
        sampled: SampledFigures::default(),
        paths: totals.paths.iter().map(path).collect(),
    }
}

fn path(totals: &PathTotals) -> ScopePath {
    ScopePath {
        id: totals.id,
        above: Some(totals.above).filter(|&id| id != 0),
        calls: totals.calls,
        allocations: totals.allocations,
        allocated_bytes: totals.allocated_bytes,
        own_allocations: totals.own_allocations,
        own_allocated_bytes: totals.own_allocated_bytes,
        frees: totals.frees,
        freed_bytes: totals.freed_bytes,
        course: ScopeCourse {
            polls: totals.polls,
            cancelled: totals.cancelled,
            busy_us: totals.busy_us,
            wall_us: totals.wall_us,
        },
    }
}

/// What was wrong with scopes while the program ran, and what it means for the figures.
pub(super) fn warnings(profile: &Profile, warnings: &mut Vec<String>) {
    let troubles = &profile.scope_troubles;
    if troubles.refused_names > 0 {
        warnings.push(format!(
            "{} times a scope's name found no place any more; what was done there counts as `(other scopes)`. Give \
             scopes names of which there are few: a route, not a request.",
            troubles.refused_names
        ));
    }
    if troubles.refused_paths > 0 {
        warnings.push(format!(
            "{} times there was no room to tell from where a scope was entered; what was done there stands as \
             `(other callers)`. Give scopes names of which there are few.",
            troubles.refused_paths
        ));
    }
    if troubles.out_of_order > 0 {
        warnings.push(format!(
            "{} scopes were left in another order than that in which they were entered; where they overlap, their \
             figures may count for one another. Drop guards in the reverse order, on the thread that entered.",
            troubles.out_of_order
        ));
    }
}

fn per_call(totals: &ScopeTotals) -> Option<BytesPerCall> {
    // A call inside another one of the same scope is part of it, in the bytes as in the histogram.
    let outermost = totals.sizes.calls();
    let calls = if outermost > 0 { outermost } else { totals.calls };
    let max = totals.details.filter(|_| outermost > 0).map(|details| details.most_bytes);
    let quantile = |share| totals.sizes.quantile(share, max?);
    (calls > 0).then(|| BytesPerCall {
        mean: totals.allocated_bytes as f64 / calls as f64,
        p50: quantile(0.5),
        p99: quantile(0.99),
        max,
    })
}
