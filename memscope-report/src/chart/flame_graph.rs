//! The flame graph: every sampled stack, the outermost function at the bottom, as wide as what it allocated.
//!
//! inferno lays it out and draws it. Its input is folded lines, `outermost;...;innermost bytes`, in which a
//! function's name must hold no `;` and no space: those (`[u8; 8]`, `dyn Fn() -> T`) travel as private-use
//! characters and are turned back afterwards. Counts are whole numbers whose sum must fit, so an immense
//! total is scaled down.

use super::canvas;
use super::origin::Origin;
use super::text::shorten_symbol;
use super::theme::variables;
use super::{Chart, DrawError};
use crate::analysis::{Analysis, Frame, SiteFigures};
use crate::units;
use inferno::flamegraph::color::{BackgroundColor, Color, PaletteMap};
use inferno::flamegraph::{Options, TextTruncateDirection, from_lines};

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "flame_graph", title: "Flame graph of allocated bytes", draw };

/// Most stacks that are drawn; what is beyond them is one frame. The narrowest of so many would be invisible.
const MOST_STACKS: usize = 5_000;
/// Narrowest frame, percent of the whole.
const LEAST_WIDTH_PERCENT: f64 = 0.1;
/// Columns of a function's name in a tooltip.
const NAME_COLUMNS: usize = 160;
/// Greatest sum of counts: small enough that inferno's percentages are exact.
const MOST_COUNTS: f64 = 1e15;
/// Stands for `;` in a name.
const SEMICOLON: char = '\u{F8FE}';
/// Stands for a space in a name.
const SPACE: char = '\u{F8FD}';
/// What inferno counts; replaced with human units.
const COUNT_NAME: &str = "bytes";

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let (lines, scale) = folded(&analysis.sites);
    if lines.is_empty() {
        return canvas::draw_without_samples(
            title,
            "No allocation was sampled, so there is no stack to draw.",
        );
    }
    let mut svg = Vec::new();
    let exact = analysis.sites.iter().all(|site| site.allocated_bytes.low >= site.allocated_bytes.high);
    let certainty = if exact { "Exact." } else { "Estimated." };
    let mut colors = colors(&analysis.sites);
    let mut options = options(title, certainty, scale);
    options.palette_map = Some(&mut colors);
    from_lines(&mut options, lines.iter().map(String::as_str), &mut svg).map_err(DrawError::FlameGraph)?;
    let svg = String::from_utf8_lossy(&svg).replace(SEMICOLON, ";").replace(SPACE, " ");
    Ok(themed(&human_units(&svg)))
}

fn options<'a>(title: &str, certainty: &str, scale: f64) -> Options<'a> {
    let mut options = Options::default();
    options.title = title.to_owned();
    options.subtitle = Some(format!(
        "{certainty} Blue: your code and its crates. Orange: std, core and alloc. Grey: not Rust. Click to zoom."
    ));
    options.count_name = COUNT_NAME.to_owned();
    options.name_type = String::new();
    options.factor = scale;
    options.min_width = LEAST_WIDTH_PERCENT;
    options.bgcolors = Some(BackgroundColor::Flat(Color { r: 255, g: 255, b: 255 }));
    options.deterministic = true;
    options.text_truncate_direction = TextTruncateDirection::Right;
    options
}

/// The colour of every frame that is drawn, by the name that it is given.
fn colors(sites: &[SiteFigures]) -> PaletteMap {
    let mut colors = PaletteMap::default();
    for frame in sites.iter().take(MOST_STACKS).flat_map(|site| &site.frames) {
        let name = frame_name(frame);
        if colors.get(&name).is_none() {
            let color = color(Origin::of(frame), &name);
            colors.insert(name, color);
        }
    }
    // The frame of everything has no name, and that of a stack that is not known has its site's.
    colors.insert("", color(Origin::Foreign, ""));
    for site in sites.iter().filter(|site| site.frames.is_empty()) {
        colors.insert(folded_name(&site.label), color(Origin::Foreign, &site.label));
    }
    colors.insert(rest_name(sites), color(Origin::Foreign, ""));
    colors
}

/// A hue for whose code it is, in one of five shades, so that neighbours differ. Which one depends on the name alone
/// (by FNV-1a): a function looks the same in every graph.
fn color(origin: Origin, name: &str) -> Color {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let brightness = 1.0 - 0.05 * ((hash >> 32) % 5) as f64;
    let shade = |channel: u8| (f64::from(channel) * brightness) as u8;
    let [red, green, blue] = match origin {
        Origin::Program => [0x8C, 0xC8, 0xF0],
        Origin::Library => [0xF7, 0xBE, 0x6A],
        Origin::Foreign => [0xCD, 0xD3, 0xD9],
    };
    Color { r: shade(red), g: shade(green), b: shade(blue) }
}

/// One line per stack, and by what the counts must be multiplied to be bytes.
fn folded(sites: &[SiteFigures]) -> (Vec<String>, f64) {
    let total: f64 = sites.iter().map(value).sum();
    let scale = (total / MOST_COUNTS).max(1.0);
    let (drawn, rest) = sites.split_at(sites.len().min(MOST_STACKS));
    let mut lines: Vec<String> = drawn
        .iter()
        .filter(|site| value(site) / scale >= 0.5)
        .map(|site| format!("{} {:.0}", stack(site), value(site) / scale))
        .collect();
    let rest_bytes = rest.iter().map(value).sum::<f64>() / scale;
    if rest_bytes >= 0.5 {
        lines.push(format!("{} {rest_bytes:.0}", rest_name(sites)));
    }
    (lines, scale)
}

/// The frame of the sites that are not drawn.
fn rest_name(sites: &[SiteFigures]) -> String {
    folded_name(&format!("({} smaller call sites)", sites.len().saturating_sub(MOST_STACKS)))
}

fn value(site: &SiteFigures) -> f64 {
    let value = site.allocated_bytes.value;
    if value.is_finite() { value.max(0.0) } else { 0.0 }
}

/// The frames of a site, outermost first, joined as inferno wants them.
fn stack(site: &SiteFigures) -> String {
    if site.frames.is_empty() {
        return folded_name(&site.label);
    }
    site.frames.iter().rev().map(frame_name).collect::<Vec<_>>().join(";")
}

fn frame_name(frame: &Frame) -> String {
    let name = folded_name(&frame.function);
    if frame.inlined { format!("{name}{SPACE}(inlined)") } else { name }
}

/// A name that inferno reads back as one frame, whatever is in it.
fn folded_name(name: &str) -> String {
    let name = if name.trim().is_empty() { "(unknown)" } else { name };
    shorten_symbol(name, NAME_COLUMNS)
        .chars()
        .map(|c| match c {
            ';' => SEMICOLON,
            c if c.is_whitespace() => SPACE,
            SEMICOLON | SPACE => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// The tooltips, `name (1,234,567 bytes, 12.34%)`, with the bytes as a person reads them.
fn human_units(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some((before, after)) = rest.split_once("<title>") {
        let (tooltip, after) = after.split_once("</title>").unwrap_or((after, ""));
        out.push_str(before);
        out.push_str("<title>");
        out.push_str(&human_tooltip(tooltip).unwrap_or_else(|| tooltip.to_owned()));
        out.push_str("</title>");
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The last parenthesis is inferno's, whatever the function's name holds.
fn human_tooltip(tooltip: &str) -> Option<String> {
    let (name, figures) = tooltip.rsplit_once(" (")?;
    let (bytes, share) = figures.split_once(" bytes, ")?;
    let bytes: f64 = bytes.replace(',', "").parse().ok()?;
    Some(format!("{name} ({}, {share}", units::bytes(bytes)))
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
    use crate::statistics::Estimate;

    fn site(functions: &[&str], bytes: f64) -> SiteFigures {
        let frame = |function: &&str| Frame { function: (*function).to_owned(), ..Frame::default() };
        SiteFigures {
            frames: functions.iter().map(frame).collect(),
            allocated_bytes: Estimate { value: bytes, low: bytes, high: bytes, samples: 1 },
            ..SiteFigures::default()
        }
    }

    fn drawn(sites: Vec<SiteFigures>) -> String {
        draw(&Analysis { sites, ..Analysis::default() }, "Flame").expect("drawn")
    }

    #[test]
    fn tooltips_have_human_units() {
        let svg =
            drawn(vec![site(&["leaf", "main"], 3.0 * 1024.0 * 1024.0), site(&["main"], 1024.0 * 1024.0)]);
        assert!(svg.contains("<title>leaf (3 MiB, 75.00%)</title>"));
        assert!(svg.contains("<title>main (4 MiB, 100.00%)</title>"));
        assert!(svg.contains("<title>all (4 MiB, 100%)</title>"));
    }

    #[test]
    fn names_with_separators_spaces_and_numbers_at_the_end_stay_one_frame() {
        let svg = drawn(vec![site(&["<[u8; 8] as T>::f 12", "# main"], 2048.0)]);
        assert!(svg.contains("<title>&lt;[u8; 8] as T&gt;::f 12 (2 KiB, 100.00%)</title>"));
        assert!(svg.contains("<title># main (2 KiB, 100.00%)</title>"));
    }

    #[test]
    fn a_name_that_looks_like_figures_does_not_fool_the_tooltip() {
        let svg = drawn(vec![site(&["f (1 bytes, 2%)"], 2048.0)]);
        assert!(svg.contains("<title>f (1 bytes, 2%) (2 KiB, 100.00%)</title>"));
    }

    #[test]
    fn an_inlined_frame_says_so() {
        let mut inlined = site(&["leaf", "main"], 1.0);
        inlined.frames[0].inlined = true;
        assert!(drawn(vec![inlined]).contains("<title>leaf (inlined) (1 B, 100.00%)</title>"));
    }

    #[test]
    fn immense_and_impossible_figures_are_drawn() {
        let immense = u64::MAX as f64;
        let svg = drawn(vec![
            site(&["a"], immense),
            site(&["b"], immense),
            site(&["c"], f64::NAN),
            site(&["d"], -1.0),
        ]);
        assert!(svg.contains("<title>a (16 EiB, 50.00%)</title>"));
        assert!(!svg.contains(">c (") && !svg.contains(">d ("));
    }

    #[test]
    fn colours_say_whose_code_it_is_and_vary_a_little() {
        let names: Vec<String> = (0..20).map(|i| format!("app::f{i}")).collect();
        let mut shades: Vec<Color> = names.iter().map(|name| color(Origin::Program, name)).collect();
        shades.sort_unstable_by_key(|color| color.b);
        shades.dedup();
        assert!((3..=5).contains(&shades.len()), "{shades:?}");
        assert!(shades.iter().all(|color| color.b > color.r));
        assert!(names.iter().map(|name| color(Origin::Library, name)).all(|color| color.r > color.b));
    }

    #[test]
    fn more_stacks_than_can_be_seen_are_one_frame() {
        let sites = (0..MOST_STACKS + 10).map(|i| site(&[&format!("f{i}")], 1024.0)).collect();
        assert!(drawn(sites).contains("<title>(10 smaller call sites) (10 KiB, 0.20%)</title>"));
    }

    #[test]
    fn the_same_sites_give_the_same_bytes() {
        let sites = || (0..50).map(|i| site(&[&format!("f{i}::g"), "main"], 10.0 + f64::from(i))).collect();
        assert_eq!(drawn(sites()), drawn(sites()));
    }
}
