//! Tooltips: what an element says when the pointer rests on it.
//!
//! plotters draws shapes and text, but no `<title>` in them. Each tip knows where the element that it belongs to begins, and is
//! put into it once the document is there. A shape under a text has the tip of its own: text stays selectable.

use super::text::escape;
use std::collections::HashMap;
use std::fmt::Write;

/// A tip for the rectangle whose upper left corner, or the text whose anchor, is at `at`.
pub(super) struct Tip {
    pub(super) at: (i32, i32),
    pub(super) text: String,
}

/// plotters' document with `tips` in its rectangles and texts.
pub(super) fn insert(svg: &str, tips: &[Tip]) -> String {
    if tips.is_empty() {
        return svg.to_owned();
    }
    let texts: HashMap<(i32, i32), &str> = tips.iter().map(|tip| (tip.at, tip.text.as_str())).collect();
    let mut out = String::with_capacity(svg.len() + tips.len() * 60);
    for element in svg.split_inclusive('>') {
        match place(element).and_then(|at| texts.get(&at)) {
            // Writing to a string cannot fail.
            Some(text) if element.ends_with("/>") => {
                let open = &element[..element.len() - 2];
                let _ = write!(out, "{open}><title>{}</title></rect>", escape(text));
            }
            Some(text) => {
                let _ = write!(out, "{element}<title>{}</title>", escape(text));
            }
            None => out.push_str(element),
        }
    }
    out
}

/// Where a rectangle or a text begins.
fn place(element: &str) -> Option<(i32, i32)> {
    let start = element.rfind('<')?;
    let attributes = element[start..]
        .strip_prefix("<rect x=\"")
        .or_else(|| element[start..].strip_prefix("<text x=\""))?;
    let (x, rest) = attributes.split_once("\" y=\"")?;
    Some((x.parse().ok()?, rest.split_once('"')?.0.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tip_is_put_into_what_begins_at_its_place() {
        let svg = "<svg><rect x=\"1\" y=\"2\" width=\"3\"/>\n<text x=\"4\" y=\"5\" dy=\"1\">\na\n</text><rect x=\"9\" y=\"2\"/></svg>";
        let tips = [((1, 2), "one"), ((4, 5), "<two>")].map(|(at, text)| Tip { at, text: text.to_owned() });
        assert_eq!(
            insert(svg, &tips),
            "<svg><rect x=\"1\" y=\"2\" width=\"3\"><title>one</title></rect>\n\
             <text x=\"4\" y=\"5\" dy=\"1\"><title>&lt;two&gt;</title>\na\n</text><rect x=\"9\" y=\"2\"/></svg>"
        );
    }
}
