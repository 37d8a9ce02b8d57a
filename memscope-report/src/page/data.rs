//! What the page's script works with, as JSON in a `<script>` that is never run.
//!
//! | member | holds |
//! | --- | --- |
//! | `strings` | every text once; the others name texts by their place in it |
//! | `frames` | `[name, place or -1, inlined, library]` |
//! | `sites` | the call sites with their figures, estimates as `[value, low, high]`; `stack` lists frames, innermost first |
//! | `threads`, `scopes` | the names that cells refer to, by place |
//! | `timeline` | `[times, live bytes]`, exact, thinned |
//! | `peak` | when the heap peaked, microseconds |
//! | `slices` | the cells of call site x thread x scope x time: see `cells.rs` |
//!
//! Its size is bounded: so many sites ([`MOST_SITES`]), so many letters a name, so many cells.

use super::cells::{self, Cells};
use super::json::{list, number, object, string};
use super::module::module_of;
use super::places::place;
use super::tables::thread_name;
use crate::analysis::{Analysis, Frame, LifetimeBucket, SiteFigures, TimelinePoint};
use crate::chart::origin::Origin;
use crate::chart::text::shorten_symbol;
use crate::statistics::Estimate;
use std::collections::HashMap;
use std::hash::Hash;
use std::io::{self, Write};

/// Most call sites that the page knows.
pub(crate) const MOST_SITES: usize = 1_000;
/// Columns of a function's name: beyond that are generic arguments of generic arguments.
pub(super) const NAME_COLUMNS: usize = 240;
/// Most points of the live heap over time.
const MOST_POINTS: usize = 600;

/// The call sites that the page knows, most bytes first.
pub(super) fn known_sites(analysis: &Analysis) -> &[SiteFigures] {
    &analysis.sites[..analysis.sites.len().min(MOST_SITES)]
}

/// Writes the element with the data.
pub(super) fn write(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    let mut texts = Texts::default();
    let sites = known_sites(analysis).iter().enumerate();
    let sites: Vec<String> =
        sites.map(|(at, site)| texts.site(site, analysis.site_lifetimes.get(at))).collect();
    let cells = Cells::new(analysis, known_sites(analysis).len());
    let threads: Vec<usize> =
        cells.threads.iter().map(|id| texts.strings.index(thread_of(analysis, *id))).collect();
    let scopes: Vec<usize> =
        cells.scopes.iter().map(|id| texts.strings.index(scope_of(analysis, *id))).collect();
    let numbers = |items: Vec<usize>| list(items.into_iter().map(|item| item.to_string()));
    let json = object([
        ("strings", list(texts.strings.items.iter().map(|text| string(text)))),
        ("frames", list(texts.frames.items.iter().map(frame))),
        ("sites", list(sites)),
        ("threads", numbers(threads)),
        ("scopes", numbers(scopes)),
        ("timeline", timeline(&analysis.timeline)),
        ("peak", analysis.totals.peak_us.to_string()),
        ("slices", cells.json(analysis)),
    ]);
    writeln!(out, r#"<script type="application/json" id="data">{json}</script>"#)
}

fn thread_of(analysis: &Analysis, id: u32) -> String {
    match id {
        0 => "unknown thread".to_owned(),
        cells::FURTHER => "other threads".to_owned(),
        id => thread_name(analysis, id),
    }
}

fn scope_of(analysis: &Analysis, id: u32) -> String {
    if id == 0 {
        return "outside any scope".to_owned();
    }
    let named = analysis.scopes.iter().find(|scope| scope.id == id);
    named.map_or_else(|| format!("scope {id}"), |scope| shorten_symbol(&scope.name, NAME_COLUMNS))
}

/// `[times, live bytes]`: of each stretch of time the point with most live bytes, so that no peak is lost.
fn timeline(points: &[TimelinePoint]) -> String {
    let stretch = points.len().div_ceil(MOST_POINTS).max(1);
    let kept: Vec<&TimelinePoint> = points
        .chunks(stretch)
        .filter_map(|chunk| chunk.iter().max_by_key(|point| point.live_bytes))
        .collect();
    list([
        list(kept.iter().map(|point| point.time_us.to_string())),
        list(kept.iter().map(|point| point.live_bytes.to_string())),
    ])
}

/// Whether a frame is not what a reader looks for: the standard library's, or that of the tables in it.
fn is_plumbing(frame: &Frame) -> bool {
    let of_a_table = frame.function.trim_start_matches(['<', '&']).starts_with("hashbrown::");
    of_a_table || Origin::of(frame) == Origin::Library
}

/// A frame's name and place (by number), and whether it is inlined and of the standard library.
type FrameKey = (usize, Option<usize>, bool, bool);

fn frame(&(name, place, inlined, library): &FrameKey) -> String {
    let place = place.map_or_else(|| "-1".to_owned(), |place| place.to_string());
    format!("[{name},{place},{},{}]", u8::from(inlined), u8::from(library))
}

/// The texts and frames of all sites, each once.
#[derive(Default)]
struct Texts {
    strings: Table<String>,
    frames: Table<FrameKey>,
}

impl Texts {
    fn site(&mut self, site: &SiteFigures, lifetimes: Option<&Vec<LifetimeBucket>>) -> String {
        let label = if site.label.is_empty() { "(unknown)" } else { &site.label };
        let label = self.strings.index(shorten_symbol(label, NAME_COLUMNS));
        let module = self.strings.index(shorten_symbol(module_of(&site.label), NAME_COLUMNS));
        let stack = list(site.frames.iter().map(|frame| {
            let name = self.strings.index(shorten_symbol(&frame.function, NAME_COLUMNS));
            let place = place(frame).map(|place| self.strings.index(place));
            let library = is_plumbing(frame);
            self.frames.index((name, place, frame.inlined, library)).to_string()
        }));
        let time = |us: Option<f64>| us.map_or_else(|| "null".to_owned(), number);
        object([
            ("label", label.to_string()),
            ("module", module.to_string()),
            ("stack", stack),
            ("samples", site.samples.to_string()),
            ("allocations", estimate(&site.allocations)),
            ("allocated", estimate(&site.allocated_bytes)),
            ("peak", estimate(&site.peak_bytes)),
            ("live", estimate(&site.live_bytes)),
            ("temporary", estimate(&site.temporary_bytes)),
            ("crossed", estimate(&site.cross_thread_bytes)),
            ("copied", estimate(&site.copied_bytes)),
            ("lifetime", time(site.mean_lifetime_us)),
            ("age", time(site.mean_live_age_us)),
            ("lifetimes", lifetimes.map_or_else(|| "null".to_owned(), |classes| site_lifetimes(classes))),
        ])
    }
}

/// The classes that have samples: `[class begins, ends (-1: never), bytes freed, bytes live, share that survives]`.
fn site_lifetimes(classes: &[LifetimeBucket]) -> String {
    let begins = std::iter::once(Some(0)).chain(classes.iter().map(|class| class.up_to_us));
    let filled =
        begins.zip(classes).filter(|(_, class)| class.freed_bytes.samples + class.live_bytes.samples > 0);
    list(filled.map(|(begin_us, class)| {
        list([
            begin_us.unwrap_or(0).to_string(),
            class.up_to_us.map_or_else(|| "-1".to_owned(), |up_to_us| up_to_us.to_string()),
            estimate(&class.freed_bytes),
            estimate(&class.live_bytes),
            number(class.surviving_bytes),
        ])
    }))
}

fn estimate(estimate: &Estimate) -> String {
    list([estimate.value, estimate.low, estimate.high].map(number))
}

/// Each item once, in the order in which it was first asked for.
struct Table<T> {
    items: Vec<T>,
    indices: HashMap<T, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { items: Vec::new(), indices: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    fn index(&mut self, item: T) -> usize {
        if let Some(index) = self.indices.get(&item) {
            return *index;
        }
        self.items.push(item.clone());
        self.indices.insert(item, self.items.len() - 1);
        self.items.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_share_their_strings_and_frames() {
        let frame = |function: &&str| Frame {
            function: (*function).to_owned(),
            file: Some("src/main.rs".to_owned()),
            line: Some(7),
            inlined: false,
        };
        let site = |functions: &[&str]| SiteFigures {
            label: functions[0].to_owned(),
            frames: functions.iter().map(frame).collect(),
            ..SiteFigures::default()
        };
        let sites = vec![site(&["core::a", "</script>", "main"]), site(&["main"])];
        let mut out = Vec::new();
        write(&mut out, &Analysis { sites, ..Analysis::default() }).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        let start = "<script type=\"application/json\" id=\"data\">\
             {\"strings\":[\"core::a\",\"core\",\"src/main.rs:7\",\"\\u003c/script\\u003e\",\"main\",\"\"],\
             \"frames\":[[0,2,0,1],[3,2,0,0],[4,2,0,0]],\"sites\":[{\"label\":0,\"module\":1,\"stack\":[0,1,2],";
        assert!(text.starts_with(start), "{text}");
    }

    #[test]
    fn a_long_timeline_keeps_its_peak() {
        let point = |at: u64| TimelinePoint {
            time_us: at,
            live_bytes: if at == 54_321 { 9_999 } else { 5 },
            ..TimelinePoint::default()
        };
        let points: Vec<TimelinePoint> = (0..100_000).map(point).collect();
        let json = timeline(&points);
        assert!(json.contains("9999") && json.contains("54321"));
        assert!(json.matches(',').count() < 2 * MOST_POINTS);
    }
}
