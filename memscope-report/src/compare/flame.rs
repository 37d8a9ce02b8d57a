//! The differential flame graph: the new trace's stacks, coloured by what changed.
//!
//! It is inferno's: each frame as wide as its figure in the new trace, red where that is more than in the old one, blue where it is less,
//! the deeper the more. A stack that is not distinguishable from the old one counts as unchanged, so colour stands for
//! changes only. What is gone has no width in the new trace; the table has it.

use super::{Comparison, Verdict};
use crate::chart::DrawError;
use crate::chart::flame::{folded_name, restored};
use crate::units;
use inferno::flamegraph::{Options, TextTruncateDirection, from_lines};

/// Narrowest frame, percent of the whole.
const LEAST_WIDTH_PERCENT: f64 = 0.1;
/// Greatest sum of counts: small enough that inferno's percentages are exact.
const MOST_COUNTS: f64 = 1e15;
const COUNT_NAME: &str = "bytes";
/// What has not changed is nearly white: its edges are drawn.
const EDGES: &str = "#frames rect{stroke:#AEB6BE;stroke-width:.5}</style>";

/// The graph of a comparison [`By::Site`](super::By::Site), an SVG document.
///
/// # Errors
/// [`DrawError`] where inferno refuses.
pub fn differential_flame_graph(comparison: &Comparison) -> Result<String, DrawError> {
    let (lines, scale) = lines(comparison);
    let changes = comparison.changes().count();
    let mut options = Options::default();
    options.title = format!("What changed in {}", comparison.figure.describe());
    options.subtitle = Some(match changes {
        0 => "No stack changed for certain. As wide as in the new trace.".to_owned(),
        1 => "One stack changed for certain: red more, blue less. As wide as in the new trace.".to_owned(),
        _ => {
            format!("{changes} stacks changed for certain: red more, blue less. As wide as in the new trace.")
        }
    });
    options.count_name = COUNT_NAME.to_owned();
    options.name_type = String::new();
    options.factor = scale;
    options.min_width = LEAST_WIDTH_PERCENT;
    options.deterministic = true;
    // The widest of the common monospace fonts, so that no text runs into the next frame.
    options.font_width = 0.62;
    options.text_truncate_direction = TextTruncateDirection::Right;
    let mut svg = Vec::new();
    // inferno refuses to draw nothing.
    let lines =
        if lines.is_empty() { vec![format!("{} 1 1", folded_name("nothing was sampled"))] } else { lines };
    from_lines(&mut options, lines.iter().map(String::as_str), &mut svg).map_err(DrawError::FlameGraph)?;
    let svg = String::from_utf8_lossy(&svg);
    let svg = restored(&human_units(&svg, comparison.figure.is_bytes()));
    Ok(svg.replacen("</style>", EDGES, 1))
}

/// One line per stack, `outermost;...;innermost old new`, and by what the numbers must be multiplied.
fn lines(comparison: &Comparison) -> (Vec<String>, f64) {
    let total = |value: fn(&super::Change) -> f64| comparison.rows.iter().map(value).sum::<f64>();
    let most = total(|row| row.old.value).max(total(|row| row.new.value));
    let scale = (most / MOST_COUNTS).max(1.0);
    let line = |row: &super::Change| {
        let new = (row.new.value / scale).round();
        let old = match row.verdict {
            Verdict::NotDistinguishable => new,
            _ => (row.old.value / scale).round(),
        };
        let path: Vec<String> = row.path.iter().map(|name| named(name)).collect();
        (new >= 1.0).then(|| format!("{} {old:.0} {new:.0}", path.join(";")))
    };
    (comparison.rows.iter().filter_map(line).collect(), scale)
}

fn named(name: &str) -> String {
    folded_name(&crate::chart::text::shorten_symbol(
        if name.trim().is_empty() { "(unknown)" } else { name },
        120,
    ))
}

/// The tooltips, `name (1,234,567 bytes, 12.34%; +5.67%)`, with figures as a person reads them.
fn human_units(svg: &str, is_bytes: bool) -> String {
    let mut pieces = svg.split("<title>");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out.push_str("<title>");
        match piece.split_once("</title>") {
            Some((tooltip, after)) => {
                out.push_str(&human_tooltip(tooltip, is_bytes).unwrap_or_else(|| tooltip.to_owned()));
                out.push_str("</title>");
                out.push_str(after);
            }
            None => out.push_str(piece),
        }
    }
    out
}

/// The last parenthesis is inferno's, whatever the function's name holds.
fn human_tooltip(tooltip: &str, is_bytes: bool) -> Option<String> {
    let (name, figures) = tooltip.rsplit_once(" (")?;
    let (number, shares) = figures.split_once(" bytes, ")?;
    let number: f64 = number.replace(',', "").parse().ok()?;
    let number = if is_bytes { units::bytes(number) } else { units::count(number) };
    Some(format!("{name} ({number}, {shares}"))
}

#[cfg(test)]
mod tests {
    use super::super::{By, Change, Figure};
    use super::*;
    use crate::statistics::Estimate;

    fn change(path: &[&str], old: f64, new: f64, verdict: Verdict) -> Change {
        let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
        Change {
            name: path.last().cloned().unwrap_or_default(),
            path,
            old: Estimate::exact(old),
            new: Estimate::exact(new),
            difference: Estimate::exact(new - old),
            verdict,
        }
    }

    fn drawn(rows: Vec<Change>) -> String {
        let comparison = Comparison {
            figure: Figure::Bytes,
            by: By::Site,
            totals: Vec::new(),
            compared: rows.len(),
            notes: Vec::new(),
            rows,
        };
        differential_flame_graph(&comparison).unwrap()
    }

    #[test]
    fn only_what_changed_for_certain_is_told_as_a_change() {
        let svg = drawn(vec![
            change(&["main", "grew"], 1024.0, 3072.0, Verdict::Grew),
            change(&["main", "noisy"], 900.0, 1024.0, Verdict::NotDistinguishable),
            change(&["main", "gone"], 500.0, 0.0, Verdict::Shrank),
        ]);
        assert!(svg.contains("<title>grew (3 KiB, 75.00%; +50.00%)</title>"), "{svg}");
        assert!(svg.contains("<title>noisy (1 KiB, 25.00%; 0.00%)</title>"), "{svg}");
        assert!(!svg.contains(">gone (") && svg.contains("2 stacks changed for certain"));
    }

    #[test]
    fn hostile_names_and_nothing_at_all_are_drawn() {
        let svg = drawn(vec![change(
            &["a b;c\u{1b}", "<script>alert(1)</script> (9 bytes, 1%)"],
            1.0,
            2048.0,
            Verdict::Grew,
        )]);
        assert!(
            !svg.contains("<script>alert") && !svg.contains('\u{1b}') && svg.contains("a b;c\u{fffd} (2 KiB"),
            "{svg}"
        );
        assert!(drawn(Vec::new()).contains("nothing was sampled"));
    }
}
