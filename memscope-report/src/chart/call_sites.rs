//! The call sites that allocated most: estimates, each with its 95% interval, and how much of it is live at
//! the end.

use super::canvas::Head;
use super::rows::{self, Bar, Columns, Row};
use super::text::{certainty, clean, columns, shorten_symbol};
use super::theme::Role;
use super::{Chart, DrawError, canvas};
use crate::analysis::{Analysis, SiteFigures};
use crate::units;
use std::collections::HashMap;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "call_sites", title: "Top call sites", draw };

/// Most call sites with a row.
const MOST_SITES: usize = 20;
/// Columns that a site's name may take, at 7.3 pixels each.
const NAME_COLUMNS: usize = 56;
/// Columns of it that a file and line may take.
const PLACE_COLUMNS: usize = 28;
/// Columns of it that a caller may take.
const RELATED_COLUMNS: usize = 24;
/// Between a site and its caller.
const CALLED_BY: &str = " ‹ ";
/// Between a site and what it calls.
const CALLS: &str = " › ";

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let sites = &analysis.sites[..analysis.sites.len().min(MOST_SITES)];
    if sites.is_empty() {
        return canvas::draw_without_samples(title, "No allocation was sampled, so no call site is known.");
    }
    let names = names(&sites.iter().collect::<Vec<_>>());
    let rows: Vec<Row> = names.into_iter().zip(sites).map(|(name, site)| row(name, site)).collect();
    let head = Head {
        title,
        subtitle: subtitle(analysis),
        legend: &[(Role::Estimate, "allocated"), (Role::Live, "of it live at the end")],
    };
    rows::draw(&head, &Columns { names: 410, figures: 205, monospaced: true }, &rows)
}

fn subtitle(analysis: &Analysis) -> String {
    let shown = analysis.sites.len().min(MOST_SITES);
    let all = units::count(analysis.sites.len() as f64);
    let certainty = certainty(analysis, analysis.sites.iter().map(|site| &site.allocated_bytes));
    format!("{certainty} {shown} of {all} sites.")
}

fn row(name: String, site: &SiteFigures) -> Row {
    let allocated = site.allocated_bytes;
    let mut figure = units::bytes(allocated.value);
    if allocated.high > allocated.low {
        figure += &format!(" ({})", units::range(allocated.low, allocated.high, units::bytes));
    }
    let bar = |role, value| Bar { role, value, top: 0.16, bottom: 0.84 };
    let live = site.live_bytes.value.min(allocated.value);
    Row {
        name,
        figure,
        bars: vec![bar(Role::Estimate, allocated.value), bar(Role::Live, live)],
        interval: Some((allocated.low, allocated.high)),
        tip: site.label.clone(),
    }
}

/// What to call each site. Several stacks may have one label: then the nearest frame in which they differ is
/// named too, a caller where there is one.
pub(super) fn names(sites: &[&SiteFigures]) -> Vec<String> {
    let mut same: HashMap<&str, Vec<&SiteFigures>> = HashMap::new();
    for &site in sites {
        same.entry(&site.label).or_default().push(site);
    }
    sites.iter().map(|site| name(site, &same[site.label.as_str()])).collect()
}

fn name(site: &SiteFigures, namesakes: &[&SiteFigures]) -> String {
    let label = if site.label.is_empty() { "(unknown)" } else { &site.label };
    let (function, place) = split_place(label);
    let addition = match difference(site, namesakes) {
        Some((relation, related)) => relation.to_owned() + &shorten_symbol(related, RELATED_COLUMNS),
        None if columns(place) <= PLACE_COLUMNS => clean(place).into_owned(),
        None => String::new(),
    };
    shorten_symbol(function, NAME_COLUMNS - columns(&addition)) + &addition
}

/// A label's function, and where it is (` (src/cache.rs:12)`, or nothing).
fn split_place(label: &str) -> (&str, &str) {
    match label.rfind(" (") {
        Some(at) if at > 0 && label.ends_with(')') => label.split_at(at),
        _ => (label, ""),
    }
}

/// The frame nearest to the labelled one that tells `site` from its namesakes, outwards first, for who calls says
/// more than what is called: one in which it differs from all of them, or else from one.
fn difference<'a>(site: &'a SiteFigures, namesakes: &[&SiteFigures]) -> Option<(&'static str, &'a str)> {
    let labelled = labelled_frame(site);
    let differs = |other: &SiteFigures, step| {
        function_at(other, labelled_frame(other), step) != function_at(site, labelled, step)
    };
    let others: Vec<_> = namesakes.iter().filter(|other| !std::ptr::eq(**other, site)).collect();
    let from_all = |step: &isize| !others.is_empty() && others.iter().all(|other| differs(other, *step));
    let from_one = |step: &isize| others.iter().any(|other| differs(other, *step));
    let outwards = || 1..(site.frames.len() - labelled) as isize;
    let inwards = || (1..=labelled as isize).map(|step| -step);
    let step = outwards()
        .find(from_all)
        .or_else(|| inwards().find(from_all))
        .or_else(|| outwards().find(from_one))
        .or_else(|| inwards().find(from_one))?;
    let relation = if step > 0 { CALLED_BY } else { CALLS };
    Some((relation, function_at(site, labelled, step)?))
}

/// Where in its frames a site's label is; the innermost frame where it is in none.
pub(super) fn labelled_frame(site: &SiteFigures) -> usize {
    let (function, _) = split_place(&site.label);
    site.frames.iter().position(|frame| frame.function == function).unwrap_or(0)
}

/// The function `step` frames outwards (inwards where negative) from the frame at `from`.
fn function_at(site: &SiteFigures, from: usize, step: isize) -> Option<&str> {
    site.frames.get(from.checked_add_signed(step)?).map(|frame| frame.function.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Frame;

    fn names(sites: &[SiteFigures]) -> Vec<String> {
        super::names(&sites.iter().collect::<Vec<_>>())
    }

    fn site(label: &str, functions: &[&str]) -> SiteFigures {
        let frame = |function: &&str| Frame { function: (*function).to_owned(), ..Frame::default() };
        SiteFigures {
            label: label.to_owned(),
            frames: functions.iter().map(frame).collect(),
            ..SiteFigures::default()
        }
    }

    #[test]
    fn sites_of_one_function_are_told_apart_by_the_caller_in_which_they_differ() {
        let sites = [
            site("app::push", &["alloc::grow", "app::push", "app::run", "app::ingest"]),
            site("app::push", &["alloc::grow", "app::push", "app::run", "app::query"]),
            site("app::other", &["app::other", "app::run"]),
        ];
        assert_eq!(names(&sites), ["app::push ‹ app::ingest", "app::push ‹ app::query", "app::other"]);
    }

    #[test]
    fn sites_with_the_same_callers_are_told_apart_by_what_they_call() {
        let sites = [
            site("app::push", &["alloc::grow", "app::push", "app::run"]),
            site("app::push", &["hash::rehash", "hash::insert", "app::push", "app::run"]),
            site("app::push", &["app::push", "app::run"]),
        ];
        assert_eq!(names(&sites), ["app::push › alloc::grow", "app::push › hash::insert", "app::push"]);
    }

    #[test]
    fn of_several_differences_the_one_from_all_is_named() {
        let sites = [site("f", &["f", "a", "x"]), site("f", &["f", "b", "y"]), site("f", &["f", "a", "z"])];
        assert_eq!(names(&sites), ["f ‹ x", "f ‹ b", "f ‹ z"]);
    }

    #[test]
    fn names_fit_their_column() {
        let long = "krate::module::Type<krate::other::Argument<u64>>::method".repeat(6);
        for name in names(&[
            site(&long, &[&long, "a"]),
            site(&long, &[&long, &long.replace('k', "c")]),
            site("", &[]),
        ]) {
            assert!(!name.is_empty() && columns(&name) <= NAME_COLUMNS, "{name}");
        }
    }
}
