//! The call tree, drawn with lines.

use super::json;
use super::layout::{Line, Table, TextOptions, Tone, figure, interval, share};
use crate::compare::Figure;
use crate::tree::CallTree;
use crate::units;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes the nodes with at least `least_share` of the whole (0 to 1), `depth` levels at most.
///
/// # Errors
/// What `out` gives.
pub fn write_tree(
    out: &mut dyn Write,
    tree: &CallTree,
    figure_shown: Figure,
    (least_share, depth): (f64, usize),
    options: &TextOptions,
) -> io::Result<()> {
    let is_bytes = figure_shown.is_bytes();
    let title = format!(
        "Call tree by {}: {} in all ({}), from {}",
        figure_shown.describe(),
        figure(tree.total.value, is_bytes),
        interval(&tree.total, is_bytes),
        units::things(tree.total.samples, "sample")
    );
    options.write_wrapped(out, Tone::Plain, &title)?;
    if tree.roots.is_empty() {
        return writeln!(out, "No call sites: nothing of that was sampled.");
    }
    let mut table = Table::new(&[if is_bytes { "bytes" } else { "count" }, "share", "+-", "function"]);
    let rows = tree.rows(least_share, depth);
    for row in &rows {
        let node = &tree.nodes[row.node];
        let name = match row.left_out {
            0 => node.name.clone(),
            left_out => format!("{} [+{left_out}]", node.name),
        };
        table.lines.push(Line {
            figures: vec![
                figure(node.total.value, is_bytes),
                share(node.total.value, tree.total.value),
                half_width(&node.total),
            ],
            before_name: branches(&row.open),
            name,
            tone: Tone::Plain,
        });
    }
    table.write(out, options)?;
    let left_out = |row: &crate::tree::TreeRow| row.left_out > 0;
    if rows.iter().any(left_out) || rows.len() < tree.roots.len() {
        let note =
            "[+2]: so many functions below are left out, for being small (--min-share) or deep (--depth).";
        options.write_wrapped(out, Tone::Faint, note)?;
    }
    Ok(())
}

/// Half of the interval as a share of the value; empty where the figure is exact.
fn half_width(estimate: &crate::statistics::Estimate) -> String {
    let half = (estimate.high - estimate.low) / 2.0;
    if half > 0.0 { share(half, estimate.value) } else { String::new() }
}

/// The lines to the left of a node. A tree without branches is indented by one column a level, so that a deep chain stays readable.
pub(super) fn branches(open: &[bool]) -> String {
    let Some((last, outer)) = open.split_last() else { return String::new() };
    if outer.is_empty() {
        return String::new();
    }
    let mut text: String = outer[1..].iter().map(|&more| if more { "│ " } else { "  " }).collect();
    text.push_str(if *last { "├ " } else { "└ " });
    text
}

/// Writes the same nodes as JSON, depth first, with the trace's `warnings` ([`warnings`](crate::analysis::warnings)).
///
/// # Errors
/// What `out` gives.
pub fn write_tree_json(
    out: &mut dyn Write,
    tree: &CallTree,
    figure_shown: Figure,
    (least_share, depth): (f64, usize),
    warnings: &[String],
) -> io::Result<()> {
    let rows = tree.rows(least_share, depth);
    let nodes: Vec<Value> = rows
        .iter()
        .map(|row| {
            let node = &tree.nodes[row.node];
            json!({
                "function": node.name,
                "depth": node.depth,
                "total": json::estimate(&node.total),
                "samples": node.total.samples,
                "left_out": row.left_out,
            })
        })
        .collect();
    let value = json!({
        "figure": figure_shown.describe(),
        "total": json::estimate(&tree.total),
        "samples": tree.total.samples,
        "nodes": nodes,
        "warnings": warnings,
    });
    json::write(out, &value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_join_what_belongs_together() {
        assert_eq!(branches(&[true]), "");
        assert_eq!(branches(&[true, true]), "├ ");
        assert_eq!(branches(&[false, true, false]), "│ └ ");
        assert_eq!(branches(&[false, false, true, true]), "  │ ├ ");
    }
}
