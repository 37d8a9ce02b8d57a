//! The table of scopes: the tree of the program's annotated functions, spans and tasks.
//!
//! Rows come in the order of the tree, indented; a click on the first heading goes back to that order from any other, in which nothing is indented.

use super::data::NAME_COLUMNS;
use super::html::escape;
use super::sites::write_estimate;
use super::tables::{MOST_ROWS, write_cut, write_foot, write_head, write_number};
use crate::analysis::{Analysis, ScopeFigures, scope_tree};
use crate::chart::text::shorten_symbol;
use crate::units::{bytes, count, duration_us};
use std::io::{self, Write};

/// Levels that are indented; what lies deeper stands below them.
const MOST_LEVELS: usize = 12;

/// A column of exact figures: its heading, how it reads, and its figure; `None` is not known.
type Column = (&'static str, fn(f64) -> String, fn(&ScopeFigures) -> Option<f64>);

const MEMORY: [Column; 8] = [
    ("Calls", count, |scope| Some(scope.calls as f64)),
    ("Allocated", bytes, |scope| Some(scope.allocated_bytes as f64)),
    ("Own", bytes, |scope| Some(scope.own_allocated_bytes as f64)),
    ("Freed", bytes, |scope| Some(scope.frees?.freed_bytes as f64)),
    ("Mean of a call", bytes, |scope| Some(scope.per_call?.mean)),
    ("p50", bytes, |scope| Some(scope.per_call?.p50? as f64)),
    ("p99", bytes, |scope| Some(scope.per_call?.p99? as f64)),
    ("Most", bytes, |scope| Some(scope.per_call?.max? as f64)),
];
const TIME: [Column; 2] = [
    ("Busy", duration, |scope| Some(scope.course?.busy_us as f64)),
    ("In all", duration, |scope| Some(scope.course?.wall_us as f64)),
];
/// Of futures.
const FUTURES: [Column; 2] = [
    ("Polls", count, |scope| Some(scope.course?.polls as f64)),
    ("Cancelled", count, |scope| Some(scope.course?.cancelled as f64)),
];
const SAMPLED: [&str; 4] = ["Live at the peak", "Live at the end", "Temporary", "Freed elsewhere"];

fn duration(us: f64) -> String {
    duration_us(us as u64)
}

/// Those of the figures above that any scope has.
fn columns(scopes: &[ScopeFigures]) -> Vec<Column> {
    let is_known = |column: &Column| scopes.iter().any(|scope| (column.2)(scope).is_some());
    let is_future = |scope: &ScopeFigures| {
        scope.course.is_some_and(|course| course.cancelled > 0 || course.polls > scope.calls)
    };
    let futures = if scopes.iter().any(is_future) { &FUTURES[..] } else { &[] };
    MEMORY.iter().chain(&TIME).chain(futures).copied().filter(is_known).collect()
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
        r#"<p class="caption">Each scope below the one that entered it last. Calls, bytes and times are exact, with those of inner scopes; own leaves these out. p50 and p99 are the bytes that half and 99 of 100 calls stay below: never too low, less than a quarter too high. Busy is the time inside, of a future that of its polls; in all is from each call's beginning to its end. The last columns are estimated, with 95% intervals: what the scope owns, that is what it allocated outside inner scopes, whoever frees it.</p>"#
    )?;
    let rows = scope_tree(&scopes[..scopes.len().min(MOST_ROWS)]);
    write_cut(out, rows.len(), scopes.len(), "scopes, most bytes first")?;
    let columns = columns(scopes);
    let headings: Vec<&str> =
        std::iter::once("Scope").chain(columns.iter().map(|column| column.0)).chain(SAMPLED).collect();
    // Sorted by none of them: by the tree.
    write_head(out, &headings, headings.len())?;
    for (at, row) in rows.iter().enumerate() {
        let scope = &scopes[row.scope];
        let name = escape(&shorten_symbol(&scope.name, NAME_COLUMNS));
        let depth = row.depth.min(MOST_LEVELS);
        write!(
            out,
            r#"<tr><td class="name" data-value="{at}"><code style="--depth:{depth}">{name}</code></td>"#
        )?;
        for (_, unit, figure) in &columns {
            match figure(scope) {
                Some(value) => write_number(out, &unit(value), value)?,
                None => write!(out, r#"<td class="n muted" data-value="-1">–</td>"#)?,
            }
        }
        let sampled = &scope.sampled;
        for estimate in
            [&sampled.peak_bytes, &sampled.live_bytes, &sampled.temporary_bytes, &sampled.cross_thread_bytes]
        {
            write_estimate(out, estimate, bytes, "")?;
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
        assert_eq!(names(&scope), ["Calls", "Allocated", "Own"]);
        scope.course = Some(ScopeCourse { polls: 2, ..ScopeCourse::default() });
        assert!(names(&scope).ends_with(&["Busy", "In all"]));
        scope.course = Some(ScopeCourse { polls: 3, ..ScopeCourse::default() });
        assert!(names(&scope).ends_with(&["Polls", "Cancelled"]));
    }
}
