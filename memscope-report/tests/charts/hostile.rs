//! Whatever stands in a trace: documents stay well-formed, and text stays text.

use crate::extremes::{HOSTILE, all, all_drawn, hostile};
use crate::fixture::{drawings, page, page_with};
use crate::markup::{Dialect, Element, read};

fn assert_harmless(elements: &[Element], what: &str) {
    for element in elements {
        assert!(
            !["img", "iframe", "object", "embed"].contains(&element.name.as_str()),
            "{what}: {element:?}"
        );
        for (key, value) in &element.attributes {
            let inferno_s_own =
                element.name == "svg" && (key.as_str(), value.as_str()) == ("onload", "init(evt)");
            assert!(!key.starts_with("on") || inferno_s_own, "{what}: {element:?}");
            assert!(!value.contains("javascript:"), "{what}: {element:?}");
        }
    }
}

#[test]
fn every_chart_of_every_analysis_is_well_formed() {
    for (name, drawings) in all_drawn() {
        for drawing in drawings {
            let what = format!("{} of {name}", drawing.name);
            let elements = read(&drawing.svg, Dialect::Xml).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(elements[0].name, "svg", "{what}");
            assert_eq!(elements[0].attribute("xmlns"), Some("http://www.w3.org/2000/svg"), "{what}");
            assert_harmless(&elements, &what);
            let scripts = elements.iter().filter(|element| element.name == "script").count();
            assert_eq!(
                scripts,
                usize::from(drawing.svg.contains("inferno")),
                "{what}: only inferno's own script"
            );
        }
    }
}

#[test]
fn every_page_is_well_formed() {
    for ((name, analysis), (_, drawings)) in all().iter().zip(all_drawn()) {
        let page = page_with(analysis, drawings);
        let elements = read(&page, Dialect::Html).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_harmless(&elements, name);
        assert_eq!(elements.iter().filter(|element| element.name == "script").count(), 2, "{name}");
        let mut ids: Vec<&str> = elements.iter().filter_map(|element| element.attribute("id")).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{name}: {ids:?}");
    }
}

#[test]
fn a_script_for_a_name_is_shown_as_text() {
    let analysis = hostile();
    let shows = |elements: &[Element], element: &str| {
        elements.iter().any(|e| e.name == element && e.text.trim().starts_with(HOSTILE[0]))
    };
    for drawing in drawings(&analysis) {
        let elements = read(&drawing.svg, Dialect::Xml).expect("well-formed");
        match drawing.name {
            "threads" | "call_sites" | "scopes" | "live_by_site" | "thread_activity" => {
                assert!(shows(&elements, "text"), "{}", drawing.name);
            }
            "thread_flows" => assert!(shows(&elements, "title"), "{}", drawing.name),
            name if name.starts_with("flame_") || name.starts_with("icicle_") => {
                let is_drawn = drawing.svg.contains("inferno");
                assert!(shows(&elements, "title") || !is_drawn, "{name}");
            }
            _ => {}
        }
    }
    let elements = read(&page(&analysis), Dialect::Html).expect("well-formed");
    for element in ["title", "h1", "td", "code", "li"] {
        assert!(shows(&elements, element), "{element}");
    }
}

#[test]
fn the_data_of_the_page_is_json_that_cannot_end_its_script() {
    let elements = read(&page(&hostile()), Dialect::Html).expect("well-formed");
    let data = elements.iter().find(|element| element.attribute("id") == Some("data")).expect("the data");
    assert!(!data.text.contains(['<', '>', '&']));
    let escaped = r#""\u003cscript\u003ealert(1)\u003c/script\u003e""#;
    assert!(data.text.contains(escaped), "{}", data.text);
    assert!(data.text.contains(r#"\\u003c \\\""#), "{}", data.text);
}

#[test]
fn a_name_s_text_survives_whole_in_a_tooltip() {
    let flame =
        drawings(&hostile()).into_iter().find(|drawing| drawing.name == "flame_graph").expect("the chart");
    let elements = read(&flame.svg, Dialect::Xml).expect("well-formed");
    let tooltip = |text: &str| elements.iter().any(|e| e.name == "title" && e.text.starts_with(text));
    assert!(tooltip("a;b c;d 12 34 ("), "separators, spaces and numbers");
    assert!(tooltip("\"><svg onload='alert(1)'>&amp;]]><!-- --> fill=\"#FFFFFF\" opacity=\"1\" ("));
}
