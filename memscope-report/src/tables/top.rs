//! The largest of something.

use super::json;
use super::layout::{Table, TextOptions, Tone, figure, interval, share};
use crate::rank::{Sort, TopRow};
use serde_json::{Value, json};
use std::io::{self, Write};

/// What is ranked, and of how much in all.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct TopTitle<'a> {
    /// The rows' noun, in the plural: `functions`.
    pub rows: &'a str,
    /// What the rank is by.
    pub sort: Sort,
    /// The process's exact figure.
    pub whole: f64,
}

impl<'a> TopTitle<'a> {
    /// With these figures.
    #[must_use]
    pub fn new(rows: &'a str, sort: Sort, whole: f64) -> Self {
        Self { rows, sort, whole }
    }
}

/// Writes the first `most` of `rows`.
///
/// # Errors
/// What `out` gives.
pub fn write_top(
    out: &mut dyn Write,
    rows: &[TopRow],
    title: TopTitle<'_>,
    most: usize,
    options: &TextOptions,
) -> io::Result<()> {
    let is_bytes = title.sort.is_bytes();
    let headline = format!(
        "{} by {}; the process has {}",
        capitalized(title.rows),
        title.sort.describe(),
        figure(title.whole, is_bytes)
    );
    options.write_wrapped(out, Tone::Plain, &headline)?;
    if rows.is_empty() {
        return writeln!(out, "None: nothing was sampled.");
    }
    let has_calls = rows.iter().any(|row| row.exact.is_some_and(|exact| exact.calls.is_some()));
    let mut heads = vec![if is_bytes { "bytes" } else { "count" }, "95% interval", "share"];
    // Traces of format 1.0 do not have them.
    let has_bytes_per_call = rows
        .iter()
        .any(|row| row.exact.is_some_and(|exact| exact.per_call.is_some_and(|calls| calls.p50.is_some())));
    let of_calls = if has_bytes_per_call { CALLS.len() } else { 1 };
    heads.extend(if has_calls { &CALLS[..of_calls] } else { &[] });
    heads.push("");
    let mut table = Table::new(&heads);
    for row in rows.iter().take(most) {
        let found = row.figure(title.sort);
        let mut figures =
            vec![figure(found.value, is_bytes), interval(&found, is_bytes), share(found.value, title.whole)];
        if has_calls {
            figures.extend(calls(row).into_iter().take(of_calls));
        }
        table.push(Tone::Plain, figures, &row.name);
    }
    table.write(out, options)?;
    if has_bytes_per_call {
        let note = "p50, p99: bytes that half, and 99 of 100, of the calls stay below, with what is called from them.";
        options.write_wrapped(out, Tone::Faint, note)?;
    }
    if rows.len() > most {
        let note = format!("{} more: -n 0 shows all.", rows.len() - most);
        options.write_wrapped(out, Tone::Faint, &note)?;
    }
    Ok(())
}

/// What rows of scopes tell besides: calls, and the bytes that half and 99 of 100 of them stay below.
const CALLS: [&str; 3] = ["calls", "p50", "p99"];

/// What is not known is left empty.
fn calls(row: &TopRow) -> [String; 3] {
    let exact = row.exact.unwrap_or_default();
    let per_call = exact.per_call.unwrap_or_default();
    let text = |number: Option<u64>, is_bytes| {
        number.map_or_else(String::new, |number| figure(number as f64, is_bytes))
    };
    [text(exact.calls, false), text(per_call.p50, true), text(per_call.p99, true)]
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Writes the first `most` of `rows` as JSON, each with all its figures, with the trace's `warnings`
/// ([`warnings`](crate::analysis::warnings)).
///
/// # Errors
/// What `out` gives.
pub fn write_top_json(
    out: &mut dyn Write,
    rows: &[TopRow],
    title: TopTitle<'_>,
    most: usize,
    warnings: &[String],
) -> io::Result<()> {
    let rows_shown: Vec<Value> = rows.iter().take(most).map(row).collect();
    let value = json!({
        "by": title.rows,
        "sort": title.sort.describe(),
        "process": title.whole as u64,
        "rows_in_all": rows.len(),
        "rows": rows_shown,
        "warnings": warnings,
    });
    json::write(out, &value)
}

fn row(row: &TopRow) -> Value {
    let sampled = &row.sampled;
    let mut value = json!({
        "name": row.name,
        "samples": sampled.samples,
        "allocations": json::estimate(&sampled.allocations),
        "allocated_bytes": json::estimate(&sampled.allocated_bytes),
        "live_bytes": json::estimate(&sampled.live_bytes),
        "peak_bytes": json::estimate(&sampled.peak_bytes),
        "temporary_bytes": json::estimate(&sampled.temporary_bytes),
        "cross_thread_bytes": json::estimate(&sampled.cross_thread_bytes),
    });
    if let Some(id) = row.id {
        value["id"] = json!(id);
    }
    if let Some(exact) = &row.exact {
        let mut figures =
            json!({ "allocations": exact.allocations, "allocated_bytes": exact.allocated_bytes });
        figures["freed_bytes"] = json!(exact.freed_bytes);
        if let Some(calls) = exact.calls {
            figures["calls"] = json!(calls);
            figures["per_call"] = json!(exact.per_call);
        }
        value["exact"] = figures;
    }
    value
}
