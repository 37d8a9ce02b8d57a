//! Each chart of a small analysis, byte for byte. After a wanted change look at the charts in a browser, light and
//! dark, and then bless them: `BLESS=1 cargo test -p memscope-report --test charts`.

use crate::fixture::{drawings, page_with, service};
use memscope_report::analysis::Analysis;
use std::path::PathBuf;
use std::{env, fs};

fn assert_golden(file: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if env::var_os("BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, actual).expect("the golden file can be written");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if let Some((line, (want, have))) =
        (1..).zip(expected.lines().zip(actual.lines())).find(|(_, (want, have))| want != have)
    {
        panic!(
            "{file}:{line} has changed.\nexpected: {want}\nfound:    {have}\nIf that is right, run with BLESS=1."
        );
    }
    assert_eq!(expected, actual, "{file} has changed in length; if that is right, run with BLESS=1");
}

/// Flame graphs and icicles are left out: what inferno writes is under another licence, and not to be kept here.
#[test]
fn charts_are_as_they_were() {
    for drawing in drawings(&service()).iter().filter(|drawing| !drawing.svg.contains("inferno")) {
        assert_golden(&format!("{}.svg", drawing.name), &drawing.svg);
    }
}

#[test]
fn a_chart_without_data_is_as_it_was() {
    let drawings = drawings(&Analysis::default());
    let empty = drawings.iter().find(|drawing| drawing.name == "call_sites").expect("the chart");
    assert_golden("call_sites_empty.svg", &empty.svg);
}

/// Without charts, style and script, which have files of their own.
#[test]
fn the_page_is_as_it_was() {
    let page = page_with(&service(), &[]);
    let mut page = page.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    for (start, end) in [("<style>", "</style>"), ("<script>", "</script>"), ("'sha256-", "'")] {
        let from = page.find(start).expect("it is there") + start.len();
        let to = from + page[from..].find(end).expect("it ends");
        page.replace_range(from..to, "");
    }
    assert_golden("page.html", &page);
}

#[test]
fn the_same_analysis_gives_the_same_bytes() {
    assert_eq!(drawings(&service()), drawings(&service()));
}
