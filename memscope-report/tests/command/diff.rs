//! `diff`: only what certainly differs is called a change.

use super::common::{small, write};
use super::sampled::{function, sampled};
use super::{file, json, outcome, warned};
use std::fs;

#[test]
fn a_trace_beside_itself_has_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let sampled =
        file(&dir, "a.bin", &write(&sampled(&[function("app::parse", 50), function("app::index", 9)])));
    let exact = file(&dir, "b.bin", &write(&small()));
    for trace in [&sampled, &exact] {
        let diff = json(0, "diff", &[trace, trace], &[]);
        assert!(
            diff["rows"].as_array().unwrap().iter().all(|row| row["verdict"] == "not distinguishable"),
            "{diff}"
        );
        assert!(diff["totals"].as_array().unwrap().iter().all(|total| total["difference"] == 0), "{diff}");
        let text = outcome(0, "diff", &[trace, trace], &[]);
        assert!(text.contains("0 of 2 functions changed"), "{text}");
    }
}

#[test]
fn a_change_is_told_from_noise() {
    let dir = tempfile::tempdir().unwrap();
    let old =
        sampled(&[function("app::parse", 1_000), function("app::index", 1_000), function("app::rare", 3)]);
    let new = sampled(&[
        function("app::parse", 1_300),
        function("app::index", 1_030),
        function("app::rare", 6),
        function("app::born", 40),
    ]);
    let old = file(&dir, "old.bin", &write(&old));
    let new = file(&dir, "new.bin", &write(&new));
    let diff = json(0, "diff", &[&old, &new], &[]);
    let verdict = |name: &str| {
        let rows = diff["rows"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        ["app::parse", "app::index", "app::rare", "app::born"].map(verdict),
        ["grew", "not distinguishable", "not distinguishable", "grew"]
    );
    // The other way round it shrank.
    let text = outcome(0, "diff", &[&new, &old], &["-n", "0"]);
    assert!(
        text.contains("2 of 4 functions changed") && text.contains("-23.1%") && !text.contains("app::index"),
        "{text}"
    );
    let text = outcome(0, "diff", &[&old, &new], &["--by", "site", "--figure", "count"]);
    assert!(text.contains("2 of 4 call paths changed in allocations") && text.contains("new"), "{text}");
}

#[test]
fn traces_that_are_not_alike_are_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let mut other = small();
    if let memscope_trace::Record::Session(session) = &mut other[0] {
        session.min_allocation_size_bytes = 1024;
    }
    other.pop();
    let (old, new) = (file(&dir, "a.bin", &write(&small())), file(&dir, "b.bin", &write(&other)));
    let text = warned(0, "diff", &[&old, &new], &[]).0;
    assert!(
        text.contains("from 0 B on, the other from 1 KiB") && text.contains("The new trace has no end"),
        "{text}"
    );
    let (found, _) = warned(0, "diff", &[&old, &new], &["--json"]);
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["notes"].as_array().unwrap().len(), 2);
}

#[test]
fn exact_traces_are_compared_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let mut more = small();
    for record in &mut more {
        if let memscope_trace::Record::Sites(sites) = record {
            sites.sizes[0] += 1;
        }
    }
    let (old, new) = (file(&dir, "a.bin", &write(&small())), file(&dir, "b.bin", &write(&more)));
    let diff = json(0, "diff", &[&old, &new], &[]);
    let row = &diff["rows"][0];
    assert_eq!((row["name"].as_str(), row["verdict"].as_str()), (Some("app::parse"), Some("grew")));
    assert_eq!(
        (row["difference"]["low"].as_f64(), row["difference"]["high"].as_f64()),
        (Some(40.0), Some(40.0))
    );
}

#[test]
fn the_differential_flame_graph_is_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let trace = |name, samples| {
        file(&dir, name, &write(&sampled(&[function("app::parse", samples), function("app::index", 500)])))
    };
    let (old, new) = (trace("old.bin", 500), trace("new.bin", 900));
    let output = dir.path().join("out");
    let text = outcome(0, "diff", &[&old, &new], &["-o", output.to_str().unwrap()]);
    let path = output.join("diff.svg");
    assert_eq!(text.lines().last(), path.to_str());
    let svg = fs::read_to_string(path).unwrap();
    assert!(svg.contains("One stack changed for certain") && svg.contains("<title>app::parse ("), "{svg}");
}
