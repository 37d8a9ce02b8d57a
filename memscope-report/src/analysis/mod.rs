//! From a [`Profile`] and its [`Symbols`] to what a person reads: a pure function, one file for each part.
//!
//! What the trace counts exactly (process, threads, scopes) stays exact; what it samples (call sites, sizes) becomes
//! estimates with intervals ([`crate::statistics`]). Findings are drawn from the finished figures.

mod findings;
mod flows;
mod growth;
mod lifetimes;
mod overview;
mod scopes;
mod sites;
mod sizes;
pub(crate) mod stack_trie;
mod threads;
mod timeline;
mod types;
mod warnings;

pub use types::*;

use crate::load::Profile;
use crate::symbolize::Symbols;

/// Works out everything that charts, page and summary show. The same profile and symbols give the same analysis.
///
/// ```
/// use memscope_report::{Profile, analyze, symbolize, SymbolizeOptions};
/// let profile = Profile::default();
/// let analysis = analyze(&profile, &symbolize(&profile, &SymbolizeOptions::default()));
/// assert_eq!(analysis.totals.allocations, 0);
/// ```
#[must_use]
pub fn analyze(profile: &Profile, symbols: &Symbols) -> Analysis {
    let losses = profile.losses();
    let mut analysis = Analysis {
        session: overview::session(profile, symbols),
        totals: overview::totals(profile),
        timeline: timeline::timeline(profile),
        threads: threads::threads(profile),
        sites: sites::sites(profile, symbols, losses),
        sizes: sizes::sizes(profile, losses),
        lifetimes: lifetimes::lifetimes(&profile.ownership.lifetimes, losses),
        flows: flows::flows(&profile.ownership.flows, losses),
        scopes: scopes::scopes(profile),
        findings: Vec::new(),
        warnings: warnings::warnings(profile, symbols),
    };
    analysis.findings = findings::findings(&analysis);
    analysis
}
