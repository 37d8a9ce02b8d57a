//! Flame graphs and icicles: every sampled stack, each frame as wide as what its measure says of it.
//!
//! A flame graph has the outermost function at the bottom, an icicle at the top; both come for each of five measures, for
//! "who allocates most" and "who holds the peak" are different questions with different answers. inferno lays
//! them out and draws them; `tree` makes its input, `document` mends its output.

mod document;
mod tree;

#[cfg(feature = "tools")]
pub(crate) use document::restored;
#[cfg(feature = "tools")]
pub(crate) use tree::folded_name;

use super::origin::Origin;
use super::text::fnv1a;
use super::{Chart, DrawError, canvas};
use crate::analysis::{Analysis, SiteFigures};
use crate::statistics::Estimate;
use crate::units;
use inferno::flamegraph::color::{BackgroundColor, Color, PaletteMap};
use inferno::flamegraph::{Direction, Options, TextTruncateDirection, from_lines};
use tree::Tree;

/// What the frames are as wide as.
#[derive(Clone, Copy)]
struct Measure {
    /// The figure of a call site.
    figure: fn(&SiteFigures) -> Estimate,
    /// Why there may be nothing to draw though there are samples.
    none: &'static str,
    /// What that means.
    meaning: &'static str,
}

const ALLOCATED_BYTES: Measure = Measure {
    figure: |site| site.allocated_bytes,
    none: "No sampled allocation has a size.",
    meaning: "Only allocations of no bytes were sampled.",
};
const PEAK_BYTES: Measure = Measure {
    figure: |site| site.peak_bytes,
    none: "Nothing that was sampled was live at the peak.",
    meaning: "The peak was made of what is too small or too little to be sampled, or the trace has no peak.",
};
const LIVE_BYTES: Measure = Measure {
    figure: |site| site.live_bytes,
    none: "Nothing that was sampled was live at the end.",
    meaning: "Everything that was sampled has been freed: there is no leak to look for here.",
};
const TEMPORARY_BYTES: Measure = Measure {
    figure: |site| site.temporary_bytes,
    none: "No sampled allocation was temporary.",
    meaning: "None was freed within a millisecond by the thread that made it.",
};
const COPIED_BYTES: Measure = Measure {
    figure: |site| site.copied_bytes,
    none: "No sampled realloc copied anything.",
    meaning: "No collection outgrew its place, or each one grew where it was.",
};

/// The flame graph of each measure.
pub(super) const FLAME_ALLOCATED: Chart =
    Chart { name: "flame_graph", title: "Flame graph of allocated bytes", draw: draw_allocated };
pub(super) const FLAME_PEAK: Chart = Chart {
    name: "flame_peak",
    title: "Flame graph of bytes live at the peak",
    draw: |analysis, title| draw(analysis, title, PEAK_BYTES, Direction::Straight),
};
pub(super) const FLAME_LIVE: Chart = Chart {
    name: "flame_live",
    title: "Flame graph of bytes live at the end",
    draw: |analysis, title| draw(analysis, title, LIVE_BYTES, Direction::Straight),
};
pub(super) const FLAME_TEMPORARY: Chart = Chart {
    name: "flame_temporary",
    title: "Flame graph of temporary bytes",
    draw: |analysis, title| draw(analysis, title, TEMPORARY_BYTES, Direction::Straight),
};
pub(super) const FLAME_COPIED: Chart = Chart {
    name: "flame_copied",
    title: "Flame graph of bytes copied by realloc",
    draw: |analysis, title| draw(analysis, title, COPIED_BYTES, Direction::Straight),
};
/// The icicle of each measure.
pub(super) const ICICLE_ALLOCATED: Chart = Chart {
    name: "icicle_allocated",
    title: "Icicle of allocated bytes",
    draw: |analysis, title| draw(analysis, title, ALLOCATED_BYTES, Direction::Inverted),
};
pub(super) const ICICLE_PEAK: Chart = Chart {
    name: "icicle_peak",
    title: "Icicle of bytes live at the peak",
    draw: |analysis, title| draw(analysis, title, PEAK_BYTES, Direction::Inverted),
};
pub(super) const ICICLE_LIVE: Chart = Chart {
    name: "icicle_live",
    title: "Icicle of bytes live at the end",
    draw: |analysis, title| draw(analysis, title, LIVE_BYTES, Direction::Inverted),
};
pub(super) const ICICLE_TEMPORARY: Chart = Chart {
    name: "icicle_temporary",
    title: "Icicle of temporary bytes",
    draw: |analysis, title| draw(analysis, title, TEMPORARY_BYTES, Direction::Inverted),
};
pub(super) const ICICLE_COPIED: Chart = Chart {
    name: "icicle_copied",
    title: "Icicle of bytes copied by realloc",
    draw: |analysis, title| draw(analysis, title, COPIED_BYTES, Direction::Inverted),
};

/// The flame graph of allocated bytes of the call sites of `analysis`.
pub(super) fn draw_allocated(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    draw(analysis, title, ALLOCATED_BYTES, Direction::Straight)
}

fn draw(
    analysis: &Analysis,
    title: &str,
    measure: Measure,
    direction: Direction,
) -> Result<String, DrawError> {
    if analysis.sites.is_empty() {
        return canvas::draw_without_samples(
            title,
            "No allocation was sampled, so there is no stack to draw.",
        );
    }
    let tree = Tree::new(&analysis.sites, measure);
    let lines = tree.folded();
    if lines.is_empty() {
        return canvas::draw_empty(title, measure.none, measure.meaning);
    }
    let mut svg = Vec::new();
    let mut colors = colors(&tree);
    let mut options = options(title, &tree, direction);
    options.palette_map = Some(&mut colors);
    from_lines(&mut options, lines.iter().map(String::as_str), &mut svg).map_err(DrawError::FlameGraph)?;
    Ok(document::mend(&String::from_utf8_lossy(&svg), &tree))
}

fn options<'a>(title: &str, tree: &Tree<'_>, direction: Direction) -> Options<'a> {
    let mut options = Options::default();
    options.title = title.to_owned();
    options.subtitle = Some(format!(
        "{} Blue: your code and its crates. Orange: std, core and alloc. Grey: not Rust. Click to zoom.",
        certainty(&tree.total())
    ));
    options.count_name = document::COUNT_NAME.to_owned();
    options.name_type = String::new();
    options.factor = tree.scale();
    options.min_width = 0.0;
    options.bgcolors = Some(BackgroundColor::Flat(Color { r: 255, g: 255, b: 255 }));
    options.deterministic = true;
    options.direction = direction;
    // The widest of the common monospace fonts, so that no text runs into the next frame.
    options.font_width = 0.62;
    options.text_truncate_direction = TextTruncateDirection::Right;
    options
}

/// The whole, and how sure it is.
fn certainty(total: &Estimate) -> String {
    let value = units::bytes(total.value);
    if total.high > total.low {
        let range = units::range(total.low, total.high, units::bytes);
        format!("{value} in all, estimated (95%: {range}).")
    } else {
        format!("{value} in all, exact.")
    }
}

/// The colour of every frame that is drawn, by the name that it is given.
fn colors(tree: &Tree<'_>) -> PaletteMap {
    let mut colors = PaletteMap::default();
    for (folded, name, origin) in tree.frames() {
        colors.insert(folded, color(origin, &name));
    }
    // The frame of everything has no name.
    colors.insert("", color(Origin::Foreign, ""));
    colors
}

/// A hue for whose code it is, in one of five shades, so that neighbours differ. Which one depends on the name alone:
/// a function looks the same in every graph.
fn color(origin: Origin, name: &str) -> Color {
    let brightness = 1.0 - 0.05 * ((fnv1a(name) >> 32) % 5) as f64;
    let shade = |channel: u8| (f64::from(channel) * brightness) as u8;
    let [red, green, blue] = match origin {
        Origin::Program => [0x8C, 0xC8, 0xF0],
        Origin::Library => [0xF7, 0xBE, 0x6A],
        Origin::Foreign => [0xCD, 0xD3, 0xD9],
    };
    Color { r: shade(red), g: shade(green), b: shade(blue) }
}

#[cfg(test)]
mod tests {
    use super::tree::{NUMBER, SPACE};
    use super::*;
    use crate::analysis::Frame;

    pub(super) fn site(functions: &[&str], bytes: f64) -> SiteFigures {
        let frame = |function: &&str| Frame { function: (*function).to_owned(), ..Frame::default() };
        SiteFigures {
            frames: functions.iter().map(frame).collect(),
            allocated_bytes: Estimate { value: bytes, low: bytes, high: bytes, samples: 1 },
            ..SiteFigures::default()
        }
    }

    fn drawn(sites: Vec<SiteFigures>) -> String {
        draw(&Analysis { sites, ..Analysis::default() }, "Flame", ALLOCATED_BYTES, Direction::Straight)
            .expect("drawn")
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
    fn tooltips_of_estimates_have_their_interval() {
        let mut sites = vec![site(&["leaf", "main"], 3072.0)];
        sites[0].allocated_bytes = Estimate { value: 3072.0, low: 2048.0, high: 5120.0, samples: 3 };
        let svg = drawn(sites);
        assert!(svg.contains("<title>leaf (3 KiB, 95%: 2 to 5 KiB, 100.00%)</title>"), "{svg}");
        assert!(svg.contains("<title>all (3 KiB, 95%: 2 to 5 KiB, 100%)</title>"));
    }

    #[test]
    fn names_with_separators_spaces_and_numbers_at_the_end_stay_one_frame() {
        let svg = drawn(vec![site(&["<[u8; 8] as T>::f 12", "# main"], 2048.0)]);
        assert!(svg.contains("<title>&lt;[u8; 8] as T&gt;::f 12 (2 KiB, 100.00%)</title>"));
        assert!(svg.contains("<title># main (2 KiB, 100.00%)</title>"));
        assert!(!svg.contains(NUMBER) && !svg.contains(SPACE));
    }

    #[test]
    fn a_name_that_looks_like_figures_does_not_fool_the_tooltip() {
        let svg = drawn(vec![site(&["f (1 bytes, 2%)"], 2048.0)]);
        assert!(svg.contains("<title>f (1 bytes, 2%) (2 KiB, 100.00%)</title>"));
        let svg = drawn(vec![site(&[&format!("f{NUMBER}7")], 2048.0)]);
        assert!(svg.contains("<title>f\u{FFFD}7 (2 KiB, 100.00%)</title>"));
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
        let sites = (0..tree::MOST_STACKS + 10).map(|i| site(&[&format!("f{i}"), "main"], 1024.0)).collect();
        assert!(drawn(sites).contains("<title>(10 smaller call sites) (10 KiB, 0.20%)</title>"));
    }

    #[test]
    fn an_icicle_has_the_frames_of_the_flame_graph_upside_down() {
        let analysis = Analysis { sites: vec![site(&["leaf", "main"], 64.0)], ..Analysis::default() };
        let y = |direction, name: &str| -> f64 {
            let svg = draw(&analysis, "T", ALLOCATED_BYTES, direction).expect("drawn");
            let frame = svg.split_once(&format!("<title>{name} (")).expect("the frame").1;
            frame
                .split_once(" y=\"")
                .expect("its place")
                .1
                .split_once('"')
                .expect("its end")
                .0
                .parse()
                .expect("a number")
        };
        assert!(y(Direction::Straight, "leaf") < y(Direction::Straight, "main"));
        assert!(y(Direction::Inverted, "leaf") > y(Direction::Inverted, "main"));
    }

    #[test]
    fn functions_whose_names_begin_alike_are_one_frame_each() {
        let svg = drawn(vec![site(&["main"], 1.0), site(&["x", "main2"], 1.0), site(&["y", "main"], 1.0)]);
        assert_eq!(svg.matches("<title>main (").count(), 1);
    }

    #[test]
    fn a_measure_that_is_empty_says_so() {
        let analysis = Analysis { sites: vec![site(&["leaf"], 64.0)], ..Analysis::default() };
        for measure in [PEAK_BYTES, LIVE_BYTES, TEMPORARY_BYTES, COPIED_BYTES] {
            let svg = draw(&analysis, "T", measure, Direction::Straight).expect("drawn");
            assert!(svg.contains(measure.none) && svg.contains(measure.meaning));
        }
    }

    #[test]
    fn the_same_sites_give_the_same_bytes() {
        let sites = || (0..50).map(|i| site(&[&format!("f{i}::g"), "main"], 10.0 + f64::from(i))).collect();
        assert_eq!(drawn(sites()), drawn(sites()));
    }
}
