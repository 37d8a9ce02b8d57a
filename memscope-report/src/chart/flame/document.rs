//! inferno's document, mended: names as they were, figures in human units with their intervals, colours that follow the
//! reader's scheme.

use super::super::theme::variables;
use super::tree::{NUMBER, SEMICOLON, SPACE, Tree};
use crate::statistics::Estimate;
use crate::units;

/// What inferno counts; replaced with human units.
pub(super) const COUNT_NAME: &str = "bytes";

/// inferno's document as it is to be.
pub(super) fn mend(svg: &str, tree: &Tree<'_>) -> String {
    restored(&without_numbers(&human_units(svg, tree)))
}

/// The document with the names as they were, in the reader's colours.
pub(crate) fn restored(svg: &str) -> String {
    themed(&svg.replace(SEMICOLON, ";").replace(SPACE, " "))
}

/// The tooltips, `name (1,234,567 bytes, 12.34%)`, with the bytes as a person reads them.
fn human_units(svg: &str, tree: &Tree<'_>) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some((before, after)) = rest.split_once("<title>") {
        let (tooltip, after) = after.split_once("</title>").unwrap_or((after, ""));
        out.push_str(before);
        out.push_str("<title>");
        out.push_str(&human_tooltip(tooltip, tree).unwrap_or_else(|| tooltip.to_owned()));
        out.push_str("</title>");
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The last parenthesis is inferno's, whatever the function's name holds.
fn human_tooltip(tooltip: &str, tree: &Tree<'_>) -> Option<String> {
    let (name, figures) = tooltip.rsplit_once(" (")?;
    let (bytes, share) = figures.split_once(" bytes, ")?;
    let (name, estimate) = match name.rsplit_once(NUMBER) {
        Some((name, node)) => (name, tree.estimate(node.parse().ok()?)?),
        // What is too narrow to be drawn has no node, and what is drawn of it is in no other frame.
        None if name == "all" => (name, tree.total()),
        None => (name, Estimate::exact(bytes.replace(',', "").parse().ok()?)),
    };
    Some(format!("{name} ({}, {share}", figure(&estimate)))
}

/// A figure with its interval, without parentheses: scripts cut a name off at the last one.
fn figure(estimate: &Estimate) -> String {
    let value = units::bytes(estimate.value);
    if estimate.high > estimate.low {
        format!("{value}, 95%: {}", units::range(estimate.low, estimate.high, units::bytes))
    } else {
        value
    }
}

/// Takes the nodes' numbers off the names, whole or cut in the middle (`name1..`).
fn without_numbers(svg: &str) -> String {
    let mut pieces = svg.split(NUMBER);
    let mut out = String::with_capacity(svg.len());
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit());
        out.push_str(rest.strip_prefix("..").unwrap_or(rest));
    }
    out
}

/// inferno's document, its sheet following the reader's colour scheme. The frames keep light colours with
/// dark letters in both.
fn themed(svg: &str) -> String {
    let style = format!(
        "</style><style>\n{}\
         rect[fill=\"url(#background)\"]{{fill:var(--memscope-paper)}}\n\
         #title,#details,#search,#matched,#unzoom{{fill:var(--memscope-ink)}}\n\
         #subtitle{{fill:var(--memscope-muted);text-anchor:middle}}\n\
         #title,#subtitle{{font-family:system-ui,sans-serif}}\n\
         #search{{opacity:1;text-decoration:underline}}\n\
         #frames text{{fill:#15191E}}.parent{{opacity:.8}}\n</style>",
        variables()
    );
    svg.replacen("</style>", &style, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_off_whole_or_cut() {
        let text = format!("<text>main{NUMBER}12</text><text>a{NUMBER}1..</text><text>b..</text>");
        assert_eq!(without_numbers(&text), "<text>main</text><text>a</text><text>b..</text>");
    }
}
