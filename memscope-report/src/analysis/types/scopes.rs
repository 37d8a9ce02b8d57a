//! Scopes: what was counted of each, exactly, and what sampling tells besides.

use super::SampledFigures;
use crate::statistics::Estimate;
use serde::Serialize;

/// The figures of one scope: an annotated function, a span, a task, or what was entered by hand.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ScopeFigures {
    /// Id in the trace.
    pub id: u32,
    /// Path of the function, or the name that was given.
    pub name: String,
    /// Source file; empty where the trace does not say.
    pub file: String,
    /// Line in it; 0 where the trace does not say.
    pub line: u32,
    /// The id of the scope that it was entered from last; `None` outside any, or where the trace does not say.
    pub parent: Option<u32>,
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
    /// What was freed while inside; `None` where the trace does not say.
    pub frees: Option<ScopeFreeFigures>,
    /// How its calls went; `None` where the trace does not say.
    pub course: Option<ScopeCourse>,
    /// Bytes per call; `None` where no call has returned.
    pub per_call: Option<BytesPerCall>,
    /// Estimates of what sampling tells besides, of allocations outside inner scopes: live, at the peak, temporary. What the scope
    /// allocated is its own whoever frees it, and wherever.
    pub sampled: SampledFigures,
    /// The exact figures by where it was entered, in the order of the trace; empty where the trace does not say.
    pub paths: Vec<ScopePath>,
}

/// What a scope did where it was entered from certain others: exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ScopePath {
    /// The path's id in the trace; 0 for all that found no room to be told apart.
    pub id: u32,
    /// The id of the path around it; `None` outside any scope.
    pub above: Option<u32>,
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
    /// Frees, those in inner scopes included.
    pub frees: u64,
    /// Bytes freed, those in inner scopes included.
    pub freed_bytes: u64,
    /// How its calls went.
    pub course: ScopeCourse,
}

/// What was freed inside a scope, whoever had allocated it: exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ScopeFreeFigures {
    /// Frees, those in inner scopes included.
    pub frees: u64,
    /// Bytes freed, those in inner scopes included.
    pub freed_bytes: u64,
    /// Frees outside inner scopes.
    pub own_frees: u64,
    /// Bytes freed outside inner scopes.
    pub own_freed_bytes: u64,
}

/// How the calls of a scope went: exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ScopeCourse {
    /// Times that it was entered: once for each call of a function, once for each poll of a future.
    pub polls: u64,
    /// Calls whose future was dropped before it was done.
    pub cancelled: u64,
    /// Time inside, microseconds, over all calls: of a future the time of its polls.
    pub busy_us: u64,
    /// Time from the beginning of each call to its end, microseconds, over all calls: of a future with all that it waited for.
    pub wall_us: u64,
}

/// Bytes that a call allocated, inner scopes included. A call inside another call of the same scope is part of that one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BytesPerCall {
    /// Their mean.
    pub mean: f64,
    /// Half of the calls allocated no more: never too low, and less than a quarter too high. `None` where the trace does not say.
    pub p50: Option<u64>,
    /// 99 of 100 calls allocated no more: never too low, and less than a quarter too high. `None` where the trace does not say.
    pub p99: Option<u64>,
    /// The most that one call allocated. `None` where the trace does not say.
    pub max: Option<u64>,
}

/// What a scope allocated at one call site.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScopeSite {
    /// An index into [`Analysis::sites`](super::Analysis::sites), or [`Slices::FURTHER`](super::Slices::FURTHER) for those that are not
    /// told apart.
    pub site: u32,
    /// Bytes allocated there outside inner scopes.
    pub allocated_bytes: Estimate,
    /// Those of them that are live at the end.
    pub live_bytes: Estimate,
}
