//! No text over another, none cut off at the edge, and words where there is nothing to draw.

use crate::extremes::all_drawn;
use crate::fixture::{chart_of, drawings};
use crate::markup::{Dialect, Element, read};
use memscope_report::analysis::Analysis;

/// A text's place on the sheet, pixels.
#[derive(Debug)]
struct Place {
    text: String,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// Width of a letter of a font of size 1: DejaVu Sans Mono's, and more than the mean of DejaVu Sans.
const LETTER: f64 = 0.602;

fn number(element: &Element, name: &str) -> f64 {
    let value = element.attribute(name).unwrap_or_else(|| panic!("{element:?} has no {name}"));
    value.parse().unwrap_or_else(|_| panic!("{name} of {element:?} is no number"))
}

fn places(svg: &str) -> Vec<Place> {
    let elements = read(svg, Dialect::Xml).expect("well-formed");
    let texts = elements.iter().filter(|element| element.name == "text");
    texts
        .map(|element| {
            let size = number(element, "font-size");
            let text = element.text.trim().to_owned();
            let width = text.chars().count() as f64 * size * LETTER;
            let x = number(element, "x");
            let left = match element.attribute("text-anchor") {
                Some("start") => x,
                Some("middle") => x - width / 2.0,
                Some("end") => x - width,
                other => panic!("the anchor {other:?}"),
            };
            // Every anchor of the height is within half a size of the middle line.
            let middle = match element.attribute("dy") {
                Some("0.76em") => number(element, "y") + size * 0.4,
                Some("0.5ex") => number(element, "y"),
                other => panic!("the shift {other:?}"),
            };
            Place { text, left, right: left + width, top: middle - size / 2.0, bottom: middle + size / 2.0 }
        })
        .collect()
}

#[test]
fn no_text_lies_over_another_or_over_the_edge() {
    for (name, drawings) in all_drawn() {
        for drawing in drawings.iter().filter(|drawing| !drawing.svg.contains("inferno")) {
            let what = format!("{} of {name}", drawing.name);
            let root = &read(&drawing.svg, Dialect::Xml).expect("well-formed")[0];
            let (width, height) = (number(root, "width"), number(root, "height"));
            let places = places(&drawing.svg);
            assert!(!places.is_empty(), "{what} says nothing");
            for (index, place) in places.iter().enumerate() {
                let inside =
                    place.left >= 0.0 && place.right <= width && place.top >= 0.0 && place.bottom <= height;
                assert!(inside, "{what}: {place:?} leaves the sheet of {width} x {height}");
                for other in &places[..index] {
                    let apart = place.left >= other.right
                        || place.right <= other.left
                        || place.top >= other.bottom
                        || place.bottom <= other.top;
                    assert!(apart, "{what}: {place:?} lies over {other:?}");
                }
            }
        }
    }
}

#[test]
fn of_five_hundred_threads_thirty_have_a_row() {
    let places = places(chart_of("crowded", "threads"));
    assert!(places.iter().any(|place| place.text == "470 others"));
    assert_eq!(places.iter().filter(|place| place.text.contains("freed ")).count(), 31);
}

#[test]
fn a_long_timeline_becomes_a_short_line() {
    let svg = chart_of("crowded", "memory_over_time");
    assert!(svg.len() < 60_000, "{} bytes for 200,000 points", svg.len());
}

#[test]
fn an_interval_that_changed_is_drawn_and_one_that_did_not_is_told() {
    let svg = chart_of("crowded", "sampling_interval");
    assert!(svg.len() < 60_000, "{} bytes for 50,000 intervals", svg.len());
    assert!(places(svg).iter().any(|place| place.text == "8 MiB"), "the axis reaches the greatest");
    let places = places(chart_of("service", "sampling_interval"));
    assert_eq!(places[1].text, "One sample per 512 KiB on average, from beginning to end.");
}

#[test]
fn the_peak_has_its_value_and_time() {
    let places = places(chart_of("service", "memory_over_time"));
    assert!(places.iter().any(|place| place.text == "peak 12 MiB at 1.23 s"), "{places:?}");
}

#[test]
fn five_hundred_threads_over_time_are_rows_and_a_few_groups() {
    let svg = chart_of("crowded", "thread_activity");
    assert!(svg.len() < 100_000, "{} bytes", svg.len());
    assert!(places(svg).iter().any(|place| place.text.ends_with(" others")), "groups");
}

#[test]
fn the_matrix_and_the_scopes_of_many_say_what_is_left_out() {
    let places_of = |name| places(chart_of("crowded", name));
    assert!(places_of("thread_flows").iter().any(|place| place.text == "other threads"));
    assert!(places_of("scopes").iter().any(|place| place.text.contains("476 scopes with fewer bytes")));
    assert!(places_of("live_by_site").iter().any(|place| place.text == "all other call sites"));
}

#[test]
fn the_sampling_interval_is_a_band_below_memory_over_time() {
    let places = places(chart_of("service", "memory_over_time"));
    assert!(places.iter().any(|place| place.text == "1 sample per 512 KiB"), "{places:?}");
}

#[test]
fn what_the_system_does_not_tell_is_said() {
    let places = places(chart_of("service", "resources"));
    assert_eq!(places.iter().filter(|place| place.text == "not told by the system").count(), 1);
}

#[test]
fn every_measure_has_its_flame_graph_and_icicle_or_says_why_not() {
    for measure in ["peak", "live", "temporary", "copied", "allocated"] {
        let flame =
            if measure == "allocated" { "flame_graph".to_owned() } else { format!("flame_{measure}") };
        for name in [flame, format!("icicle_{measure}")] {
            assert!(chart_of("service", &name).contains("95%: "), "{name}");
            let empty = chart_of("immense", &name);
            assert!(empty.contains("inferno") || places(empty).len() == 3, "{name}");
        }
    }
}

#[test]
fn an_estimate_has_its_interval() {
    let places = places(chart_of("service", "call_sites"));
    assert!(places.iter().any(|place| place.text == "30 MiB (27 to 33 MiB)"), "{places:?}");
}

#[test]
fn what_is_never_sampled_is_said() {
    for name in
        ["call_sites", "sizes", "lifetimes", "size_lifetimes", "modules", "thread_flows", "live_by_site"]
    {
        let places = places(chart_of("below zero", name));
        assert!(places[1].text.contains("Allocations below 1 KiB are not sampled."), "{:?}", places[1]);
    }
}

#[test]
fn every_chart_without_data_says_why_and_what_to_do() {
    for drawing in drawings(&Analysis::default()) {
        let places = places(&drawing.svg);
        assert_eq!(places.len(), 3, "{}: title, reason, advice", drawing.name);
        assert_eq!(places[0].text, drawing.title);
        assert!(places[1..].iter().all(|place| place.text.ends_with('.')), "{}", drawing.name);
    }
}

#[test]
fn every_colour_follows_the_reader_s_scheme() {
    for (name, drawings) in all_drawn() {
        for drawing in drawings.iter().filter(|drawing| !drawing.svg.contains("inferno")) {
            for element in read(&drawing.svg, Dialect::Xml).expect("well-formed") {
                for property in ["fill", "stroke"] {
                    let Some(color) = element.attribute(property).filter(|color| *color != "none") else {
                        continue;
                    };
                    let rule = format!(".memscope [{property}=\"{color}\"]{{{property}:var(--memscope-");
                    assert!(drawing.svg.contains(&rule), "{} of {name}: {color}", drawing.name);
                }
            }
        }
    }
}
