//! What changed between two traces.

use super::json;
use super::layout::{Table, TextOptions, Tone, figure, growth, signed, signed_interval, signed_percent};
use crate::compare::{By, Change, Comparison, ExactChange, Verdict};
use crate::units;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes the exact totals, the rows that changed, and `others` of those that are not distinguishable.
///
/// # Errors
/// What `out` gives.
pub fn write_diff(
    out: &mut dyn Write,
    comparison: &Comparison,
    others: usize,
    options: &TextOptions,
) -> io::Result<()> {
    let mut totals = Table::new(&["old", "new", "change", "", "exact totals"]);
    for total in &comparison.totals {
        totals.push(Tone::Plain, exact_figures(total), total.name);
    }
    totals.write(out, options)?;
    writeln!(out)?;
    for note in &comparison.notes {
        options.write_wrapped(out, Tone::Bad, note)?;
    }
    let is_bytes = comparison.figure.is_bytes();
    let noun = match comparison.by {
        By::Site => "call paths",
        By::Function => "functions",
    };
    let changed: Vec<&Change> = comparison.changes().collect();
    let title = format!(
        "{} of {} {noun} changed in {}, with intervals that hold for all of them together (95%)",
        changed.len(),
        comparison.rows.len(),
        comparison.figure.describe()
    );
    options.write_wrapped(out, Tone::Plain, &title)?;
    if !changed.is_empty() {
        rows(&changed, is_bytes).write(out, options)?;
    }
    let alike: Vec<&Change> =
        comparison.rows.iter().filter(|row| row.verdict == Verdict::NotDistinguishable).collect();
    if alike.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let shown = &alike[..others.min(alike.len())];
    let note = format!(
        "{} {noun} are not distinguishable: their samples do not tell the two traces apart{}",
        alike.len(),
        if shown.is_empty() { "." } else { "; those with the largest difference:" }
    );
    options.write_wrapped(out, Tone::Faint, &note)?;
    if !shown.is_empty() {
        rows(shown, is_bytes).write(out, options)?;
    }
    Ok(())
}

fn rows(changes: &[&Change], is_bytes: bool) -> Table {
    let mut table = Table::new(&["old", "new", "change", "95% interval", "function"]);
    for change in changes {
        let difference = &change.difference;
        let tone = match change.verdict {
            Verdict::Grew => Tone::Bad,
            Verdict::Shrank => Tone::Good,
            Verdict::NotDistinguishable => Tone::Plain,
        };
        let ratio = ratio(change.old.value, change.new.value);
        let figures = vec![
            figure(change.old.value, is_bytes),
            figure(change.new.value, is_bytes),
            growth(ratio),
            signed_interval(difference, is_bytes),
        ];
        table.push(tone, figures, &change.name);
    }
    table
}

fn ratio(old: f64, new: f64) -> f64 {
    match (old > 0.0, new > 0.0) {
        (true, _) => new / old,
        (false, true) => f64::INFINITY,
        (false, false) => 1.0,
    }
}

pub(super) fn exact_figures(total: &ExactChange) -> Vec<String> {
    let figure = |value: i64| figure(value as f64, total.is_bytes);
    let difference = total.difference() as f64;
    let change = if total.is_bytes { signed(difference, true) } else { signed_digits(total.difference()) };
    vec![figure(total.old), figure(total.new), change, total.growth().map(signed_percent).unwrap_or_default()]
}

fn signed_digits(value: i64) -> String {
    let plus = if value > 0 { "+" } else { "" };
    plus.to_owned() + &units::digits(value)
}

/// Writes all rows as JSON, with the `warnings` of the old and of the new trace ([`warnings`](crate::analysis::warnings)).
///
/// # Errors
/// What `out` gives.
pub fn write_diff_json(
    out: &mut dyn Write,
    comparison: &Comparison,
    [old, new]: [&[String]; 2],
) -> io::Result<()> {
    let rows: Vec<Value> = comparison
        .rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name,
                "path": row.path,
                "old": json::estimate(&row.old),
                "new": json::estimate(&row.new),
                "difference": json::estimate(&row.difference),
                "samples": { "old": row.old.samples, "new": row.new.samples },
                "verdict": match row.verdict {
                    Verdict::Grew => "grew",
                    Verdict::Shrank => "shrank",
                    Verdict::NotDistinguishable => "not distinguishable",
                },
            })
        })
        .collect();
    let value = json!({
        "figure": comparison.figure.describe(),
        "totals": totals(comparison.totals.iter()),
        "compared": comparison.compared,
        "notes": comparison.notes,
        "rows": rows,
        "warnings": { "old": old, "new": new },
    });
    json::write(out, &value)
}

pub(super) fn totals<'a>(totals: impl Iterator<Item = &'a ExactChange>) -> Vec<Value> {
    totals
        .map(|total| json!({ "name": total.name, "old": total.old, "new": total.new, "difference": total.difference() }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_shown() {
        assert_eq!(
            [signed(1536.0, true), signed(-3072.0, true), signed(0.0, true)],
            ["+1.5 KiB", "-3 KiB", "0 B"]
        );
        assert_eq!([signed_digits(1_234), signed_digits(-5), signed_digits(0)], ["+1,234", "-5", "0"]);
    }
}
