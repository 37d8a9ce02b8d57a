//! The tree of scopes: what each allocated, exactly, and what its calls cost.
//!
//! A scope stands below each of those that it was entered from, so the chart reads like the program. The bar is all that was allocated while the scope
//! was open, inner scopes included; its dark part is what it allocated itself. What calls cost stands beside it: most stay below the median, and the
//! last hundredth of them goes beyond p99.

use super::canvas::Head;
use super::rows::{self, Bar, Columns, Row};
use super::text::shorten_symbol;
use super::theme::Role;
use super::{Chart, DrawError, canvas};
use crate::analysis::{Analysis, BytesPerCall, ScopeFigures, largest_scope_rows};
use crate::units;
use std::collections::HashSet;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "scopes", title: "Scopes", draw };

/// What charts of scopes say where there are none.
pub(super) const NONE: &str = "No scope was entered while the session was active.";
pub(super) const ADVICE: &str =
    "Put #[memscope::profile] on the functions whose calls, allocations and bytes you want counted exactly.";

/// Most rows.
const MOST_ROWS: usize = 24;
/// Columns that a name may take, with what indents it.
const NAME_COLUMNS: usize = 36;
/// Levels that are indented; what lies deeper stands below them.
const MOST_LEVELS: usize = 8;
/// What indents a level. (An SVG swallows ordinary spaces.)
const INDENT: &str = "\u{a0}\u{a0}";

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let scopes = &analysis.scopes;
    if scopes.is_empty() {
        return canvas::draw_empty(title, NONE, ADVICE);
    }
    // Those with most bytes, in the order of the tree.
    let tree = largest_scope_rows(scopes, MOST_ROWS);
    let rows: Vec<Row> = tree.iter().map(|line| row(&line.figures(scopes), line.depth)).collect();
    let shown: HashSet<usize> = tree.iter().map(|line| line.scope).collect();
    let cut = match scopes.len() - shown.len() {
        0 => String::new(),
        rest => format!(" {rest} scopes with fewer bytes are not shown."),
    };
    let place = if tree.iter().any(|line| line.path.is_some()) {
        "Each below those that entered it, with what it did there."
    } else {
        "Each below what entered it last."
    };
    let head = Head {
        title,
        subtitle: format!("Exact. {place}{cut}"),
        legend: &[(Role::Estimate, "inner scopes included"), (Role::Live, "by the scope itself")],
    };
    rows::draw(&head, &Columns { names: 290, figures: 330, monospaced: true }, &rows)
}

fn row(scope: &ScopeFigures, depth: usize) -> Row {
    let (all, own) = (scope.allocated_bytes as f64, scope.own_allocated_bytes as f64);
    let bar = |role, value| Bar { role, value, top: 0.16, bottom: 0.84 };
    let indent = INDENT.repeat(depth.min(MOST_LEVELS));
    let room = NAME_COLUMNS - 2 * depth.min(MOST_LEVELS);
    Row {
        name: indent + &shorten_symbol(&scope.name, room),
        figure: figure(scope),
        bars: vec![bar(Role::Estimate, all), bar(Role::Live, own.min(all))],
        interval: None,
        tip: tip(scope),
    }
}

/// The total, the calls, and what a call allocates.
fn figure(scope: &ScopeFigures) -> String {
    let total = units::bytes(scope.allocated_bytes as f64);
    let Some(per_call) = &scope.per_call else { return format!("{total}, no call has returned") };
    let calls = match units::count(scope.calls as f64).as_str() {
        "1" => "1 call".to_owned(),
        count => format!("{count} calls"),
    };
    match (per_call.p50, per_call.p99) {
        (Some(p50), Some(p99)) => {
            format!("{total} in {calls}, p50 {}, p99 {}", units::bytes(p50 as f64), units::bytes(p99 as f64))
        }
        _ => format!("{total} in {calls}, each {}", units::bytes(per_call.mean)),
    }
}

/// Everything that is known exactly, in full.
fn tip(scope: &ScopeFigures) -> String {
    let mut tip = format!(
        "{}: {} calls, {} allocations, {} bytes; outside inner scopes {} allocations, {} bytes",
        scope.name,
        units::digits(scope.calls),
        units::digits(scope.allocations),
        units::digits(scope.allocated_bytes),
        units::digits(scope.own_allocations),
        units::digits(scope.own_allocated_bytes),
    );
    if let Some(freed) = &scope.frees {
        let frees = [freed.frees, freed.freed_bytes].map(units::digits);
        tip += &format!("; {} frees of {} bytes", frees[0], frees[1]);
    }
    if let Some(BytesPerCall { mean, max: Some(max), .. }) = &scope.per_call {
        tip +=
            &format!("; a call {} in the mean, {} at most", units::bytes(*mean), units::bytes(*max as f64));
    }
    if let Some(course) = &scope.course {
        tip += &format!(
            "; busy {} of {}, {} polls, {} cancelled",
            units::duration_us(course.busy_us),
            units::duration_us(course.wall_us),
            units::digits(course.polls),
            units::digits(course.cancelled)
        );
    }
    tip
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_a_call_costs() {
        let mut scope = ScopeFigures { calls: 4, allocated_bytes: 8192, ..ScopeFigures::default() };
        assert_eq!(figure(&scope), "8 KiB, no call has returned");
        scope.per_call = Some(BytesPerCall { mean: 2048.0, ..BytesPerCall::default() });
        assert_eq!(figure(&scope), "8 KiB in 4 calls, each 2 KiB");
        let (p50, p99) = (Some(1024), Some(4096));
        scope.per_call = Some(BytesPerCall { mean: 2048.0, p50, p99, max: p99 });
        assert_eq!(figure(&scope), "8 KiB in 4 calls, p50 1 KiB, p99 4 KiB");
    }

    #[test]
    fn what_lies_deep_is_indented_and_short() {
        let scope = ScopeFigures { name: "module::function::".repeat(9), ..ScopeFigures::default() };
        let names: Vec<String> = [0, 1, 500].map(|depth| row(&scope, depth).name).into();
        assert!(names.iter().all(|name| name.chars().count() <= NAME_COLUMNS), "{names:?}");
        assert!(!names[0].starts_with(INDENT) && names[2].starts_with(&INDENT.repeat(MOST_LEVELS)));
    }
}
