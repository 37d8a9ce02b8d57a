//! Limits on exact figures.

use super::Limits;
use crate::error::ReportError;
use crate::load::{Profile, live_bytes};

/// One limit and the figure beside it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LimitCheck {
    /// What is limited: `peak`, `live at the end`, or `allocations per call of` a scope.
    pub name: String,
    /// Whether it is a number of bytes.
    pub is_bytes: bool,
    /// The figure.
    pub found: f64,
    /// The most that it may be.
    pub limit: f64,
    /// Whether it is.
    pub kept: bool,
}

impl LimitCheck {
    fn bytes(name: &str, found: i64, limit: u64) -> Self {
        let kept = i128::from(found) <= i128::from(limit);
        Self { name: name.to_owned(), is_bytes: true, found: found as f64, limit: limit as f64, kept }
    }
}

pub(super) fn check(profile: &Profile, limits: &Limits) -> Result<Vec<LimitCheck>, ReportError> {
    let mut checks = Vec::new();
    let peak_bytes = i64::try_from(profile.totals.peak_bytes).unwrap_or(i64::MAX);
    checks.extend(limits.max_peak_bytes.map(|limit| LimitCheck::bytes("peak", peak_bytes, limit)));
    let live_bytes = live_bytes(&profile.totals);
    checks.extend(limits.max_live_bytes.map(|limit| LimitCheck::bytes("live at the end", live_bytes, limit)));
    for (scope, limit) in &limits.max_allocations_per_call {
        checks.push(per_call(profile, scope, *limit)?);
    }
    Ok(checks)
}

/// Scopes of one name are taken together.
fn per_call(profile: &Profile, name: &str, limit: f64) -> Result<LimitCheck, ReportError> {
    let named = profile.scopes.iter().filter(|totals| totals.scope.name == name);
    let (calls, allocations) = named.fold((0.0, 0.0), |(calls, allocations), totals| {
        (calls + totals.calls as f64, allocations + totals.allocations as f64)
    });
    if calls <= 0.0 {
        let with_calls = profile.scopes.iter().filter(|totals| totals.calls > 0);
        let mut known: Vec<String> = with_calls.map(|totals| totals.scope.name.clone()).collect();
        known.sort_unstable();
        known.dedup();
        return Err(ReportError::UnknownScope { name: name.to_owned(), known });
    }
    Ok(LimitCheck {
        name: format!("allocations per call of {name}"),
        is_bytes: false,
        found: allocations / calls,
        limit,
        kept: allocations <= limit * calls,
    })
}
