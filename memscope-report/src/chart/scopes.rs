//! Annotated functions: how often they were called, and what they allocated, exactly.
//!
//! The bar is all that was allocated while the scope was open, inner scopes included; its dark part is what it allocated
//! itself. What a call costs stands beside it.

use super::canvas::Head;
use super::rows::{self, Bar, Columns, Row};
use super::text::shorten_symbol;
use super::theme::Role;
use super::{Chart, DrawError, canvas};
use crate::analysis::{Analysis, ScopeFigures};
use crate::units;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "scopes", title: "Scopes", draw };

/// Most scopes with a row of their own.
const MOST_SCOPES: usize = 24;
/// Columns that a name may take.
const NAME_COLUMNS: usize = 38;

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let scopes = &analysis.scopes;
    if scopes.is_empty() {
        return canvas::draw_empty(
            title,
            "No annotated function was called while the session was active.",
            "Put #[memscope::profile] on the functions whose calls, allocations and bytes you want counted exactly.",
        );
    }
    let (shown, rest) = scopes.split_at(scopes.len().min(MOST_SCOPES));
    let rows: Vec<Row> = shown.iter().map(row).collect();
    let cut = match rest.len() {
        0 => String::new(),
        rest => format!(" {rest} scopes with fewer bytes are not shown."),
    };
    let head = Head {
        title,
        subtitle: format!("Exact, most bytes first.{cut}"),
        legend: &[(Role::Estimate, "inner scopes included"), (Role::Live, "by the scope itself")],
    };
    rows::draw(&head, &Columns { names: 290, figures: 370, monospaced: true }, &rows)
}

fn row(scope: &ScopeFigures) -> Row {
    let (all, own) = (scope.allocated_bytes as f64, scope.own_allocated_bytes as f64);
    let bar = |role, value| Bar { role, value, top: 0.16, bottom: 0.84 };
    Row {
        name: shorten_symbol(&scope.name, NAME_COLUMNS),
        figure: figure(scope),
        bars: vec![bar(Role::Estimate, all), bar(Role::Live, own.min(all))],
        interval: None,
        tip: format!(
            "{}: {} calls, {} allocations, {} bytes; outside inner scopes {} allocations, {} bytes",
            scope.name,
            units::digits(scope.calls),
            units::digits(scope.allocations),
            units::digits(scope.allocated_bytes),
            units::digits(scope.own_allocations),
            units::digits(scope.own_allocated_bytes),
        ),
    }
}

/// The total, the calls, and the mean of a call.
fn figure(scope: &ScopeFigures) -> String {
    let total = units::bytes(scope.allocated_bytes as f64);
    if scope.calls == 0 {
        return format!("{total}, no call has returned");
    }
    let calls = scope.calls as f64;
    let of = |count: f64, one: &str| match units::count(count).as_str() {
        "1" => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    format!(
        "{total} in {}, each {} in {}",
        of(calls, "call"),
        units::bytes(scope.allocated_bytes as f64 / calls),
        of(scope.allocations as f64 / calls, "allocation"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_a_call_costs() {
        let mut scope =
            ScopeFigures { calls: 4, allocations: 10, allocated_bytes: 8192, ..ScopeFigures::default() };
        assert_eq!(figure(&scope), "8 KiB in 4 calls, each 2 KiB in 2.5 allocations");
        (scope.calls, scope.allocations) = (1, 1);
        assert_eq!(figure(&scope), "8 KiB in 1 call, each 8 KiB in 1 allocation");
        scope.calls = 0;
        assert_eq!(figure(&scope), "8 KiB, no call has returned");
    }
}
