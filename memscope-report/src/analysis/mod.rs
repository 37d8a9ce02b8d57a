//! From a [`Profile`] and its [`Symbols`] to what a person reads: a pure function, one file for each part.
//!
//! What the trace counts exactly (process, threads, scopes) stays exact; what it samples (call sites, sizes) becomes
//! estimates with intervals ([`crate::statistics`]). Findings are drawn from the finished figures.

mod findings;
mod flows;
mod group;
mod growth;
mod lifetimes;
mod overview;
mod reconciliation;
mod resources;
mod scopes;
mod sites;
mod sizes;
mod slices;
pub(crate) mod stack_trie;
mod thread_series;
mod threads;
mod timeline;
mod types;
mod warnings;

pub use group::{GroupBy, crate_of, group};
#[cfg(feature = "tools")]
pub(crate) use sites::label as site_label;
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
    let sites = sites::sites(profile, symbols, losses);
    let mut analysis = Analysis {
        session: overview::session(profile, symbols),
        totals: overview::totals(profile),
        timeline: timeline::timeline(profile),
        threads: threads::threads(profile, losses),
        slices: slices::slices(profile, &sites, losses),
        sites: sites.figures,
        sizes: sizes::sizes(profile, losses),
        lifetimes: lifetimes::lifetimes(&profile.ownership.lifetimes, losses),
        lifetimes_by_size: lifetimes::by_size(&profile.ownership, losses),
        flows: flows::flows(&profile.ownership.flows, losses),
        scopes: scopes::scopes(profile, losses),
        modules: group(profile, symbols, GroupBy::Module),
        thread_series: thread_series::thread_series(profile),
        resources: resources::resources(profile),
        reconciliation: reconciliation::reconciliation(profile),
        findings: Vec::new(),
        warnings: warnings::warnings(profile, symbols),
    };
    analysis.findings = findings::findings(&analysis);
    analysis
}
