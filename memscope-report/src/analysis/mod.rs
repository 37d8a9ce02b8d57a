//! From a [`Profile`] and its [`Symbols`] to what a person reads: a pure function, one file for each part.
//!
//! What the trace counts exactly (process, threads, scopes) stays exact; what it samples (call sites, sizes) becomes
//! estimates with intervals ([`crate::statistics`]). Findings are drawn from the finished figures.

mod callers;
mod findings;
mod flows;
mod group;
mod growth;
mod lifetimes;
mod overview;
mod reconciliation;
mod resources;
mod scope_sites;
mod scope_tree;
mod scopes;
mod site_lifetimes;
mod sites;
mod sizes;
mod slices;
pub(crate) mod stack_trie;
mod sums;
mod tasks;
mod thread_series;
mod threads;
mod timeline;
mod types;
mod warnings;

pub use group::{GroupBy, crate_of, group};
pub use scope_tree::{ScopeRow, largest_scope_rows, scope_tree};
pub use scopes::scopes;
pub use site_lifetimes::site_lifetimes;
#[cfg(feature = "charts")]
pub(crate) use sites::label as site_label;
pub use types::*;
pub use warnings::warnings;

use crate::load::Profile;
use crate::parallel::in_parallel;
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
    let trie = stack_trie::StackTrie::new(&profile.stacks, symbols);
    let stack_of = trie.of_sites(profile);
    let (sites, (modules, sizes, scopes, by_size)) = in_parallel(
        || sites::sites(profile, &trie, &stack_of, losses),
        || {
            (
                group::modules(profile, &trie, &stack_of, losses),
                sizes::sizes(profile, losses),
                scopes(profile),
                lifetimes::by_size(&profile.ownership, losses),
            )
        },
    );
    let mut analysis = Analysis {
        session: overview::session(profile, symbols),
        totals: overview::totals(profile),
        timeline: timeline::timeline(profile),
        threads: threads::threads(profile, losses),
        slices: slices::slices(profile, &sites, losses),
        sites: sites.figures,
        site_of_row: sites.place_of,
        site_lifetimes: Vec::new(),
        sizes,
        lifetimes: lifetimes::lifetimes(&profile.ownership.lifetimes, losses),
        lifetimes_by_size: by_size,
        flows: flows::flows(&profile.ownership.flows, losses),
        scopes,
        tasks: tasks::tasks(profile, losses),
        task_totals: tasks::totals(profile),
        modules,
        thread_series: thread_series::thread_series(profile),
        resources: resources::resources(profile),
        reconciliation: reconciliation::reconciliation(profile),
        findings: Vec::new(),
        warnings: warnings::warnings(profile, symbols),
    };
    analysis.findings = findings::findings(&analysis);
    analysis
}
