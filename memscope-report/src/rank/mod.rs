//! The largest: call sites, functions, crates, threads and scopes by any figure.
//!
//! Threads and scopes have exact numbers of allocations and bytes beside their estimates; where a rank is by these, it is exact. A
//! scope's figures are those outside inner scopes, so that scopes do not overlap.

use crate::analysis::{self, BytesPerCall, GroupBy, GroupFigures, SampledFigures, ScopeFigures, group};
use crate::load::Profile;
use crate::statistics::Estimate;
use crate::symbolize::Symbols;
use std::collections::HashMap;

/// What the rank is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Sort {
    /// Bytes allocated.
    #[default]
    Bytes,
    /// Bytes live at the end.
    Live,
    /// Bytes live at the process's peak.
    Peak,
    /// Bytes that are live at the end for certain: the lower end of their interval.
    Leaked,
    /// Bytes freed within a millisecond by the thread that allocated them.
    Temporary,
    /// Allocations.
    Count,
}

impl Sort {
    /// What it is, as a noun.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Bytes => "bytes allocated",
            Self::Live => "bytes live at the end",
            Self::Peak => "bytes live at the peak",
            Self::Leaked => "bytes live at the end for certain",
            Self::Temporary => "temporary bytes",
            Self::Count => "allocations",
        }
    }

    /// Whether it is a number of bytes.
    #[must_use]
    pub fn is_bytes(self) -> bool {
        self != Self::Count
    }

    /// The process's exact figure that rows are a part of.
    #[must_use]
    pub fn whole(self, profile: &Profile) -> f64 {
        let totals = &profile.totals;
        match self {
            Self::Bytes | Self::Temporary => totals.allocated_bytes as f64,
            Self::Live | Self::Leaked => crate::load::live_bytes(totals).max(0) as f64,
            Self::Peak => totals.peak_bytes as f64,
            Self::Count => totals.allocations as f64,
        }
    }
}

/// What is known exactly of a thread or a scope.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct ExactFigures {
    /// Calls of a scope that returned; `None` for threads.
    pub calls: Option<u64>,
    /// Allocations.
    pub allocations: u64,
    /// Bytes allocated.
    pub allocated_bytes: u64,
    /// Bytes freed inside, whoever had allocated them; `None` where the trace does not say. A scope's are those outside inner scopes.
    pub freed_bytes: Option<u64>,
    /// Bytes per call of a scope, those of inner scopes included; `None` for threads.
    pub per_call: Option<BytesPerCall>,
}

/// A row of the rank.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct TopRow {
    /// The call site, function, crate, thread or scope.
    pub name: String,
    /// The id in the trace of a thread or a scope.
    pub id: Option<u32>,
    /// What is exact; `None` for what is only sampled.
    pub exact: Option<ExactFigures>,
    /// What is estimated.
    pub sampled: SampledFigures,
}

impl TopRow {
    /// The figure that `sort` ranks by; exact where it is known.
    #[must_use]
    pub fn figure(&self, sort: Sort) -> Estimate {
        match (sort, &self.exact) {
            (Sort::Bytes, Some(exact)) => Estimate::exact(exact.allocated_bytes as f64),
            (Sort::Count, Some(exact)) => Estimate::exact(exact.allocations as f64),
            (Sort::Bytes, None) => self.sampled.allocated_bytes,
            (Sort::Count, None) => self.sampled.allocations,
            (Sort::Live | Sort::Leaked, _) => self.sampled.live_bytes,
            (Sort::Peak, _) => self.sampled.peak_bytes,
            (Sort::Temporary, _) => self.sampled.temporary_bytes,
        }
    }

    fn rank(&self, sort: Sort) -> f64 {
        let figure = self.figure(sort);
        if sort == Sort::Leaked { figure.low } else { figure.value }
    }
}

/// All rows, largest first.
///
/// ```
/// use memscope_report::analysis::GroupBy;
/// use memscope_report::rank::{Sort, top};
/// use memscope_report::{Profile, SymbolizeOptions, symbolize};
/// let profile = Profile::default();
/// let symbols = symbolize(&profile, &SymbolizeOptions::default());
/// assert!(top(&profile, &symbols, GroupBy::Function, Sort::Live).is_empty());
/// ```
#[must_use]
pub fn top(profile: &Profile, symbols: &Symbols, by: GroupBy, sort: Sort) -> Vec<TopRow> {
    let groups = group(profile, symbols, by);
    let mut rows = match by {
        GroupBy::Thread => with_exact(groups, threads(profile), "(thread not known)"),
        GroupBy::Scope => with_exact(groups, scopes(profile), "(outside any scope)"),
        _ => groups.into_iter().map(sampled_only).collect(),
    };
    rows.sort_by(|one, other| {
        other.rank(sort).total_cmp(&one.rank(sort)).then_with(|| one.name.cmp(&other.name))
    });
    rows
}

fn sampled_only(group: GroupFigures) -> TopRow {
    TopRow { name: group.name, id: group.id, exact: None, sampled: group.sampled }
}

/// Exact figures with the estimates of the same id; groups without exact figures are called `other`.
fn with_exact(groups: Vec<GroupFigures>, exact: Vec<TopRow>, other: &str) -> Vec<TopRow> {
    let mut rows = exact;
    let by_id: HashMap<Option<u32>, usize> = rows.iter().enumerate().map(|(at, row)| (row.id, at)).collect();
    for group in groups {
        match by_id.get(&group.id) {
            Some(&at) => rows[at].sampled = group.sampled,
            None => {
                let name = if group.name.is_empty() { other.to_owned() } else { group.name };
                rows.push(TopRow { name, id: group.id, exact: None, sampled: group.sampled });
            }
        }
    }
    rows
}

fn threads(profile: &Profile) -> Vec<TopRow> {
    let row = |thread: &crate::load::ThreadTotals| TopRow {
        name: if thread.name.is_empty() { format!("thread {}", thread.id) } else { thread.name.clone() },
        id: Some(thread.id),
        exact: Some(ExactFigures {
            calls: None,
            allocations: thread.allocations,
            allocated_bytes: thread.allocated_bytes,
            freed_bytes: Some(thread.freed_bytes),
            per_call: None,
        }),
        sampled: SampledFigures::default(),
    };
    profile.threads.iter().map(row).collect()
}

fn scopes(profile: &Profile) -> Vec<TopRow> {
    let row = |scope: ScopeFigures| TopRow {
        name: scope.name,
        id: Some(scope.id),
        exact: Some(ExactFigures {
            calls: Some(scope.calls),
            allocations: scope.own_allocations,
            allocated_bytes: scope.own_allocated_bytes,
            freed_bytes: scope.frees.map(|freed| freed.own_freed_bytes),
            per_call: scope.per_call,
        }),
        sampled: scope.sampled,
    };
    analysis::scopes(profile).into_iter().map(row).collect()
}
