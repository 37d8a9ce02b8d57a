//! The charts inside the page.
//!
//! A standalone SVG and one inside HTML are not the same. The page has a style sheet and headings of its own,
//! so a chart leaves its style and its title line behind. The flame graph also leaves its script and its
//! `id`s, which would be those of the whole page: only its frames come along, and the page's script zooms and
//! searches them.
//!
//! There are many of them, so they stand in groups. The script makes tabs of the groups; without it, and on paper, they follow
//! each other under their headings.

use super::html::escape;
use crate::chart::{Drawing, TITLE_HEIGHT};
use std::io::{self, Write};

/// How inferno's document begins the part with the frames.
const FRAMES: &str = r#"<svg id="frames""#;

/// How the line below inferno's title begins.
const SUBTITLE: &str = "<text id=\"subtitle\"";

/// Groups of charts: `id`, heading, and the beginnings of the names of the charts in it.
const GROUPS: [(&str, &str, &[&str]); 7] = [
    (
        "time",
        "Over time",
        &[
            "memory_over_time",
            "reconciliation",
            "allocation_rate",
            "live_by",
            "sites_over_time",
            "stacked",
            "resources",
        ],
    ),
    ("where", "Where", &["call_sites", "treemap", "modules"]),
    ("stacks", "Flame graphs", &["flame"]),
    ("icicles", "Icicles", &["icicle"]),
    ("who", "Threads", &["thread", "heat"]),
    ("scoped", "Scopes and tasks", &["scope", "task"]),
    ("sizes", "Sizes and lifetimes", &["size", "lifetime"]),
];
/// The group of every other chart.
const OTHERS: (&str, &str) = ("sampling", "Sampling");

/// The group of a chart, by its place; one behind the last where it is in none.
fn group_of(drawing: &Drawing) -> usize {
    let fits =
        |(_, _, names): &(&str, &str, &[&str])| names.iter().any(|name| drawing.name.starts_with(name));
    GROUPS.iter().position(fits).unwrap_or(GROUPS.len())
}

/// Every chart as a figure, `chart-` and its name as `id`, in groups.
pub(super) fn write(out: &mut dyn Write, all: &[Drawing]) -> io::Result<()> {
    writeln!(out, r#"<section id="charts"><h2>Charts</h2>"#)?;
    let headings = GROUPS.iter().map(|(id, heading, _)| (*id, *heading)).chain([OTHERS]);
    let groups: Vec<(&str, &str, Vec<&Drawing>)> = headings
        .enumerate()
        .map(|(group, (id, heading))| (id, heading, all.iter().filter(|d| group_of(d) == group).collect()))
        .filter(|(_, _, drawings): &(_, _, Vec<_>)| !drawings.is_empty())
        .collect();
    writeln!(out, r#"<div role="tablist" aria-label="Groups of charts" hidden>"#)?;
    for (id, heading, _) in &groups {
        writeln!(
            out,
            r#"<button type="button" role="tab" id="tab-{id}" aria-controls="group-{id}">{heading}</button>"#
        )?;
    }
    writeln!(out, "</div>")?;
    for (id, heading, drawings) in &groups {
        writeln!(
            out,
            r#"<div role="tabpanel" id="group-{id}" aria-labelledby="tab-{id}"><h3>{heading}</h3>"#
        )?;
        let folds = id == &"stacks" || id == &"icicles";
        for (index, drawing) in drawings.iter().enumerate() {
            if folds {
                let open = if index == 0 { " open" } else { "" };
                writeln!(
                    out,
                    r#"<details class="chart"{open}><summary>{}</summary>"#,
                    escape(&drawing.title)
                )?;
            }
            match frames(&drawing.svg) {
                Some(frames) => write_flame_graph(out, drawing, &frames, mirrored(all, drawing))?,
                None => write_figure(out, drawing)?,
            }
            if folds {
                writeln!(out, "</details>")?;
            }
        }
        writeln!(out, "</div>")?;
    }
    writeln!(out, "</section>")
}

fn write_figure(out: &mut dyn Write, drawing: &Drawing) -> io::Result<()> {
    let (name, title) = (drawing.name, escape(&drawing.title));
    writeln!(out, r#"<figure id="chart-{name}"><figcaption>{title}</figcaption>"#)?;
    writeln!(out, "{}</figure>", inline(&drawing.svg))
}

/// The controls of every flame graph: the script finds them by their elements and classes.
const FLAME_GRAPH_CONTROLS: &str = r#"<div class="controls">
<input type="search" placeholder="Find a function" aria-label="Find a function">
<button type="button" class="reset" disabled>Show all</button><output class="muted"></output>
</div>"#;

/// The flame graph that an icicle is the mirror image of. Only one of the two is in the page, whose script mirrors it: their
/// frames are most of the page.
fn mirrored<'a>(all: &'a [Drawing], drawing: &Drawing) -> Option<&'a str> {
    let measure = drawing.name.strip_prefix("icicle_")?;
    let is_mirror = |name: &str| match name.strip_prefix("flame_") {
        Some("graph") => measure == "allocated",
        name => name == Some(measure),
    };
    all.iter().find(|other| is_mirror(other.name) && frames(&other.svg).is_some()).map(|other| other.name)
}

fn write_flame_graph(
    out: &mut dyn Write,
    drawing: &Drawing,
    frames: &Frames<'_>,
    mirrors: Option<&str>,
) -> io::Result<()> {
    let (name, title) = (drawing.name, escape(&drawing.title));
    let of = mirrors.map(|flame| format!(r#" data-mirrors="chart-{flame}""#)).unwrap_or_default();
    writeln!(out, r#"<figure id="chart-{name}" class="flame-graph"{of}><figcaption>{title}</figcaption>"#)?;
    writeln!(out, "{FLAME_GRAPH_CONTROLS}")?;
    let Frames { subtitle, total, top, bottom, elements } = frames;
    writeln!(out, r#"<div class="controls muted">{subtitle}</div>"#)?;
    // Above the first row inferno has its title, below the last its details: the page has its own.
    let height = bottom - top;
    write!(out, r#"<div class="flame"><svg height="{height}" role="group" aria-label="{title}">"#)?;
    write!(out, r#"<svg y="-{top}" height="{bottom}" width="100%" total_samples="{total}">"#)?;
    let elements = if mirrors.is_some() { "" } else { elements };
    writeln!(out, "{elements}</svg></svg></div>")?;
    writeln!(out, r#"<div class="hovered" aria-hidden="true"></div></figure>"#)
}

/// The drawing without its style and its title line, as wide as its place.
fn inline(svg: &str) -> String {
    let without_style = match (svg.find("<style>"), svg.find("</style>")) {
        (Some(start), Some(end)) if start < end => {
            format!("{}{}", &svg[..start], &svg[end + "</style>".len()..])
        }
        _ => svg.to_owned(),
    };
    cropped(&without_style).unwrap_or(without_style)
}

/// `<svg ... width="W" height="H" viewBox="0 0 W H"` as `<svg ... viewBox="0 TITLE W H-TITLE"`.
fn cropped(svg: &str) -> Option<String> {
    let (before, rest) = svg.split_once(r#" width=""#)?;
    let (width, rest) = rest.split_once(r#"" height=""#)?;
    let (height, rest) = rest.split_once(r#"" viewBox=""#)?;
    let (_, after) = rest.split_once('"')?;
    let height = height.parse::<u32>().ok()?.checked_sub(TITLE_HEIGHT)?;
    Some(format!(r#"{before} viewBox="0 {TITLE_HEIGHT} {width} {height}"{after}"#))
}

/// The frames of a flame graph.
struct Frames<'a> {
    /// One line on how to read it, escaped.
    subtitle: &'a str,
    /// The sum of all counts.
    total: u64,
    /// Upper edge of the highest row, pixels.
    top: u64,
    /// Lower edge of the lowest row, pixels.
    bottom: u64,
    /// A `<g>` per frame.
    elements: &'a str,
}

/// The frames in inferno's document; `None` where it is not one of inferno's.
fn frames(svg: &str) -> Option<Frames<'_>> {
    let (opening, elements) = svg[svg.find(FRAMES)? + FRAMES.len()..].split_once('>')?;
    let elements = elements.strip_suffix("</svg></svg>")?;
    let rows = || {
        elements
            .split("<rect ")
            .skip(1)
            .filter_map(|rect| Some((number(rect, "y")?, number(rect, "height")?)))
    };
    let (_, subtitle) = svg.split_once(SUBTITLE)?.1.split_once('>')?;
    Some(Frames {
        subtitle: subtitle.split_once('<')?.0,
        total: number(opening, "total_samples")?,
        top: rows().map(|(y, _)| y).min()?,
        bottom: rows().map(|(y, height)| y + height).max()?,
        elements,
    })
}

/// The whole number that is the value of an attribute.
fn number(attributes: &str, name: &str) -> Option<u64> {
    let (_, value) = attributes.split_once(&format!(r#" {name}=""#))?;
    value.split_once('"')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Analysis, Frame, SiteFigures};
    use crate::chart::draw_all;
    use crate::statistics::Estimate;

    fn page_of(analysis: &Analysis) -> String {
        let mut out = Vec::new();
        write(&mut out, &draw_all(analysis).expect("drawn")).expect("written");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_chart_leaves_its_style_size_and_title_line_behind() {
        let page = page_of(&Analysis::default());
        assert!(!page.contains("<style"));
        for tag in page.split("<svg").skip(1).filter_map(|svg| svg.split('>').next()) {
            assert!(!tag.contains(" width=") && !tag.contains(" height="), "{tag}");
        }
        assert_eq!(
            page.matches(&format!("viewBox=\"0 {TITLE_HEIGHT} 1000 ")).count(),
            page.matches("<figure").count()
        );
    }

    #[test]
    fn a_flame_graph_brings_its_frames_but_no_script_and_no_id() {
        let frame = |function: &str| Frame { function: function.to_owned(), ..Frame::default() };
        let site = SiteFigures {
            frames: vec![frame("leaf</svg></svg>"), frame("main")],
            allocated_bytes: Estimate { value: 4096.0, low: 4096.0, high: 4096.0, samples: 1 },
            ..SiteFigures::default()
        };
        let page = page_of(&Analysis { sites: vec![site], ..Analysis::default() });
        let (_, figure) = page.split_once("<figure id=\"chart-flame_graph\"").expect("a flame graph");
        let figure = &figure[..figure.find("</figure>").expect("its end")];
        assert!(figure.contains("<title>leaf&lt;/svg&gt;&lt;/svg&gt; (4 KiB, 100.00%)</title>"));
        assert!(figure.contains("total_samples=\"4096\""));
        assert!(!figure.contains("<script") && !figure.contains(" id=") && !figure.contains("onload"));
        assert_eq!(figure.matches("<svg").count(), figure.matches("</svg>").count());
    }
}
