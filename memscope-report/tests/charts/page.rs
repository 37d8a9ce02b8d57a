//! The page as a whole: what it may run, what it may load, what it shows.

use crate::extremes::{below_zero, crowded};
use crate::fixture::{chart, drawings, page, page_with, service};
use crate::markup::{Dialect, Element, read};
use crate::sha256::sha256_base64;
use std::{env, fs};

fn elements(page: &str) -> Vec<Element> {
    read(page, Dialect::Html).expect("well-formed")
}

#[test]
fn only_the_page_s_own_script_may_run_and_nothing_is_loaded() {
    let page = page(&service());
    let elements = elements(&page);
    let script = elements.iter().find(|e| e.name == "script" && e.attributes.is_empty()).expect("the script");
    let hash = format!("sha256-{}", sha256_base64(script.text.as_bytes()));
    let policy = elements
        .iter()
        .find(|element| element.attribute("http-equiv") == Some("Content-Security-Policy"))
        .and_then(|element| element.attribute("content"))
        .expect("a policy");
    if env::var_os("BLESS").is_some_and(|value| value == "1") {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/page/script/sha256");
        fs::write(file, format!("{}\n", &hash["sha256-".len()..])).expect("the hash can be written");
        return;
    }
    assert!(
        policy.contains(&format!("script-src '{hash}'")),
        "the page's script has changed: run with BLESS=1, which writes src/page/script/sha256; the policy is: {policy}"
    );
    assert!(policy.starts_with("default-src 'none';"));
    for element in &elements {
        for name in ["src", "href", "action", "data", "xlink:href"] {
            let value = element.attribute(name).unwrap_or("#");
            assert!(value.starts_with('#') || value == "data:,", "{element:?} loads something");
        }
    }
    let style = elements.iter().find(|element| element.name == "style").expect("the style");
    assert!(!style.text.contains("url(") && !style.text.contains("@import"));
}

#[test]
fn the_page_shows_what_was_found() {
    let page = page(&service());
    let elements = elements(&page);
    let shows = |name: &str, text: &str| elements.iter().any(|e| e.name == name && e.text.contains(text));
    assert!(shows("h1", "service"));
    assert!(shows(
        "p",
        "The heap peaked at 12 MiB after 1.23 s. At the end 5 MiB was live, 41.7% of the peak"
    ));
    for (figure, note) in [
        ("12 MiB", "12,582,912 bytes at 1.23 s, exact"),
        ("5 MiB", "5,242,880 bytes, exact"),
        ("75 MiB", "78,643,200 bytes in 1,200,000 allocations, exact"),
        ("4", "that allocated or freed"),
        ("500", "one per 512 KiB on average; 3 lost"),
        ("0.2%", "of one core: 4 ms of CPU time"),
    ] {
        assert!(shows("dd", figure) && shows("dd", note), "{figure}, {note}");
    }
    assert!(shows("li", "3 samples were lost"));
    assert!(shows("td", "thread 17"));
    assert!(shows("span", "27 to 33 MiB"));
    assert!(shows("code", "service::handle"));
    assert!(shows("div", "2023-11-14 22:13:20 UTC"));
    let figures = elements.iter().filter(|element| element.name == "figure").count();
    assert_eq!(figures, drawings(&service()).len());
}

#[test]
fn a_heap_below_zero_is_explained() {
    assert!(page(&below_zero()).contains("3 MiB less was live than at the start"));
}

#[test]
fn many_sites_and_threads_are_cut_and_the_page_says_so() {
    let mut analysis = crowded();
    analysis.sites.extend_from_within(..);
    analysis.sites.extend_from_within(..500);
    let page = page(&analysis);
    assert!(page.contains("Showing the first 1000 of 1500 call sites"));
    assert!(page.len() < 4_000_000, "{} bytes", page.len());
    let elements = elements(&page);
    let rows = elements.iter().filter(|element| element.name == "tr").count();
    assert_eq!(rows, 100 + 500 + 9 + 500 + 4, "sites, threads, the matrix, scopes, and four heads");
}

#[test]
fn the_flame_graph_in_the_page_has_the_frames_of_the_file() {
    let file = chart(&service(), "flame_graph");
    let in_file = read(&file, Dialect::Xml).expect("well-formed");
    let flame = drawings(&service()).into_iter().find(|drawing| drawing.name == "flame_graph");
    let in_page = elements(&page_with(&service(), &[flame.expect("the flame graph")]));
    let tooltips = |elements: &[Element]| -> Vec<String> {
        elements.iter().filter(|e| e.name == "title").map(|e| e.text.clone()).collect()
    };
    let in_page = tooltips(&in_page);
    assert_eq!(in_page[0], "service – memscope report");
    assert_eq!(in_page[1..], tooltips(&in_file));
    assert!(
        in_page.contains(
            &"alloc::vec::Vec<[u8; 8],A>::push (inlined) (5 MiB, 95%: 4.5 to 5.5 MiB, 7.58%)".to_owned()
        ),
        "{in_page:?}"
    );
}
