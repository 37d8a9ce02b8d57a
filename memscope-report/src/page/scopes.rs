//! The table of scopes: the tree of the program's annotated functions, spans and tasks.
//!
//! Rows come in the order of the tree, indented; a click on the first heading goes back to that order from any other, in which nothing is indented.

use super::data::NAME_COLUMNS;
use super::html::escape;
use super::sites::write_estimate;
use super::tables::{MOST_ROWS, write_cut, write_foot, write_head, write_number};
use crate::analysis::{Analysis, ScopeFigures, largest_scope_rows, scope_tree};
use crate::chart::text::shorten_symbol;
use crate::statistics::Estimate;
use crate::units::{bytes, count, duration_us};
use std::io::{self, Write};

/// Levels that are indented; what lies deeper stands below them.
const MOST_LEVELS: usize = 12;

/// What stands in a column.
#[derive(Clone, Copy)]
enum Column {
    /// An exact figure: how it reads, and what it is; `None` is not known.
    Exact(fn(f64) -> String, fn(&ScopeFigures) -> Option<f64>),
    /// Bytes that are estimated.
    Sampled(fn(&ScopeFigures) -> &Estimate),
}

use Column::{Exact, Sampled};

/// What is asked for most comes first: a page is not as wide as all of them.
const COLUMNS: [(&str, Column); 16] = [
    ("Calls", Exact(count, |scope| Some(scope.calls as f64))),
    ("Allocated", Exact(bytes, |scope| Some(scope.allocated_bytes as f64))),
    ("Own", Exact(bytes, |scope| Some(scope.own_allocated_bytes as f64))),
    ("Live at the end", Sampled(|scope| &scope.sampled.live_bytes)),
    ("Live at the peak", Sampled(|scope| &scope.sampled.peak_bytes)),
    ("p50", Exact(bytes, |scope| Some(scope.per_call?.p50? as f64))),
    ("p99", Exact(bytes, |scope| Some(scope.per_call?.p99? as f64))),
    ("Most", Exact(bytes, |scope| Some(scope.per_call?.max? as f64))),
    ("Mean", Exact(bytes, |scope| Some(scope.per_call?.mean))),
    ("Busy", Exact(duration, |scope| Some(scope.course?.busy_us as f64))),
    ("In all", Exact(duration, |scope| Some(scope.course?.wall_us as f64))),
    ("Polls", Exact(count, |scope| Some(scope.course?.polls as f64))),
    ("Cancelled", Exact(count, |scope| Some(scope.course?.cancelled as f64))),
    ("Freed", Exact(bytes, |scope| Some(scope.frees?.freed_bytes as f64))),
    ("Temporary", Sampled(|scope| &scope.sampled.temporary_bytes)),
    ("Freed elsewhere", Sampled(|scope| &scope.sampled.cross_thread_bytes)),
];
/// Columns that only futures need.
const OF_FUTURES: [&str; 2] = ["Polls", "Cancelled"];

fn duration(us: f64) -> String {
    duration_us(us as u64)
}

/// The columns that any of the scopes needs.
fn columns(scopes: &[ScopeFigures]) -> Vec<(&'static str, Column)> {
    let is_future = |scope: &ScopeFigures| {
        scope.course.is_some_and(|course| course.cancelled > 0 || course.polls > scope.calls)
    };
    let any_future = scopes.iter().any(is_future);
    let is_needed = |(name, column): &(&str, Column)| {
        let is_known = match column {
            Exact(_, figure) => scopes.iter().any(|scope| figure(scope).is_some()),
            Sampled(_) => true,
        };
        is_known && (any_future || !OF_FUTURES.contains(name))
    };
    COLUMNS.into_iter().filter(is_needed).collect()
}

/// Every scope, below the one that entered it.
pub(super) fn write(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    writeln!(out, r#"<section id="scopes"><h2>Scopes</h2>"#)?;
    let scopes = &analysis.scopes;
    if scopes.is_empty() {
        return writeln!(
            out,
            "<p class=\"muted\">No scope was entered. Put <code>#[memscope::profile]</code> on a function \
             to see its calls and exactly what they allocate.</p></section>"
        );
    }
    writeln!(
        out,
        r#"<p class="caption">Each scope below those that entered it, with what it did there (in a trace of format 1.3 or older below the one that entered it last). Of a scope with several rows, what is known of it as a whole only, p50, p99, most and what is estimated, stands in the row with most bytes. Calls, bytes and times are exact, with those of inner scopes; own leaves these out. p50, p99, most and mean are bytes of a call; the first two are never too low and less than a quarter too high. Busy is the time inside, of a future that of its polls; in all is from each call's beginning to its end. Live, temporary and freed elsewhere (by another thread) are estimated, with 95% intervals, of what the scope owns: what it allocated outside inner scopes, whoever frees it.</p>"#
    )?;
    let rows = largest_scope_rows(scopes, MOST_ROWS);
    write_cut(out, rows.len(), scope_tree(scopes).len(), "rows, most bytes first")?;
    let columns = columns(scopes);
    let headings: Vec<&str> = std::iter::once("Scope").chain(columns.iter().map(|column| column.0)).collect();
    // Sorted by none of them: by the tree.
    write_head(out, &headings, headings.len())?;
    for (at, row) in rows.iter().enumerate() {
        let scope = &row.figures(scopes);
        let name = escape(&shorten_symbol(&scope.name, NAME_COLUMNS));
        let depth = row.depth.min(MOST_LEVELS);
        write!(
            out,
            r#"<tr><td class="name" data-value="{at}"><code style="--depth:{depth}">{name}</code></td>"#
        )?;
        for (_, column) in &columns {
            match column {
                Exact(unit, figure) => match figure(scope) {
                    Some(value) => write_number(out, &unit(value), value)?,
                    None => write!(out, r#"<td class="n muted" data-value="-1">–</td>"#)?,
                },
                Sampled(_) if !row.is_main => write!(out, r#"<td class="n muted" data-value="-1">–</td>"#)?,
                Sampled(estimate) => write_estimate(out, estimate(scope), bytes, "")?,
            }
        }
        writeln!(out, "</tr>")?;
    }
    write_foot(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::ScopeCourse;

    #[test]
    fn a_trace_without_futures_has_no_columns_of_theirs() {
        let mut scope = ScopeFigures { calls: 2, ..ScopeFigures::default() };
        let names = |scope: &ScopeFigures| -> Vec<&str> {
            columns(std::slice::from_ref(scope)).iter().map(|column| column.0).collect()
        };
        let without_details = names(&scope);
        assert!(!without_details.contains(&"Busy") && without_details.contains(&"Live at the end"));
        scope.course = Some(ScopeCourse { polls: 2, ..ScopeCourse::default() });
        assert!(names(&scope).contains(&"Busy") && !names(&scope).contains(&"Polls"));
        scope.course = Some(ScopeCourse { polls: 3, ..ScopeCourse::default() });
        assert!(OF_FUTURES.iter().all(|name| names(&scope).contains(name)));
    }
}
