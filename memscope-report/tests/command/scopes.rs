//! `scopes`, `tasks` and `top --by scope`: exact figures as integers, estimates with intervals, and no name that reaches the terminal as more than text.

use super::script::{Random, Script};
use super::{folder, warned};
use memscope_trace::Interval;
use serde_json::Value;
use std::path::Path;

/// What is printed; the program of these tests had more names than there is room for, which is said each time.
#[track_caller]
fn outcome(subcommand: &str, files: &[&Path], more: &[&str]) -> String {
    warned(0, subcommand, files, more).0
}

#[track_caller]
fn json(subcommand: &str, files: &[&Path], more: &[&str]) -> Value {
    serde_json::from_str(&outcome(subcommand, files, &[more, &["--json"]].concat())).unwrap()
}

fn trace(interval_bytes: f64) -> (tempfile::TempDir, std::path::PathBuf) {
    let names = ["app::main", "a\u{1b}[2Jb", "app::parse", "app::write"];
    let interval = Interval { interval_bytes, ..Interval::default() };
    folder(&Script::tree(&names, 30).trace(interval, Random(5)))
}

#[test]
fn the_tree_has_each_scope_once_below_its_parent() {
    let (_dir, path) = trace(0.0);
    let (exact, truths) = (Script::tree(&["x"], 30).exact(), Script::tree(&["x"], 30).truths().0);
    let found = json("scopes", &[&path], &["-n", "0", "--sites", "2"]);
    let scopes = found["scopes"].as_array().unwrap();
    assert_eq!((scopes.len(), found["scopes_in_all"].as_u64()), (30, Some(30)));
    let mut path_of: Vec<u64> = Vec::new();
    for scope in scopes {
        let id = scope["id"].as_u64().unwrap();
        path_of.truncate(scope["depth"].as_u64().unwrap() as usize);
        assert_eq!(scope["parent"].as_u64(), path_of.last().copied());
        path_of.push(id);
        let (calls, own, all, _) = &exact[&(id as u32)];
        assert_eq!(scope["calls"].as_u64(), Some(*calls));
        assert_eq!(scope["allocated_bytes"].as_u64(), Some(all[1]));
        assert_eq!(scope["own_allocated_bytes"].as_u64(), Some(own[1]));
        assert_eq!(scope["frees"]["own_freed_bytes"].as_u64(), Some(own[3]));
        assert_eq!(scope["course"]["polls"].as_u64(), Some(3 * calls));
        assert_eq!(scope["own_live_bytes"]["high"].as_f64(), Some(truths[&(id as u32)][1] as f64));
        assert_eq!(scope["sites"][0]["allocated_bytes"]["value"].as_f64(), Some(own[1] as f64));
    }
    let list = json("scopes", &[&path], &["--flat", "-n", "3"]);
    let bytes: Vec<u64> = list["scopes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["allocated_bytes"].as_u64().unwrap())
        .collect();
    assert!(bytes.len() == 3 && bytes.is_sorted_by(|one, other| one >= other), "{bytes:?}");
}

#[test]
fn the_tree_is_drawn_with_any_columns() {
    let (_dir, path) = trace(8_192.0);
    for show in ["memory", "calls", "time", "live"] {
        let text = outcome("scopes", &[&path], &["--show", show, "--sites", "1"]);
        assert!(text.contains("├ ") && text.contains("└ ") && text.contains("@ "), "{text}");
        assert!(text.contains("a\u{fffd}[2Jb") && !text.contains('\u{1b}'), "{text}");
        // No branch leads to a line that is not there.
        let few = outcome("scopes", &[&path], &["--show", show, "-n", "4"]);
        let last = few.lines().rev().nth(1).unwrap();
        assert!(few.contains("26 more") && last.contains("└ "), "{few}");
    }
    let text = outcome("scopes", &[&path], &["--show", "live"]);
    assert!(text.contains(" to "), "intervals: {text}");
    let top = json("top", &[&path], &["--by", "scope"]);
    assert!(top["rows"][0]["exact"]["per_call"]["p99"].as_u64().is_some(), "{top}");
    let top = outcome("top", &[&path], &["--by", "scope"]);
    assert!(top.contains("calls") && top.contains("p99"), "{top}");
}

#[test]
fn tasks_are_listed_with_where_they_were_made() {
    let (_dir, path) = trace(8_192.0);
    let found = json("tasks", &[&path], &["-n", "5"]);
    assert_eq!((found["tasks"].as_array().unwrap().len(), found["tasks_in_all"].as_u64()), (5, Some(12)));
    assert_eq!(found["totals"]["unnumbered"].as_u64(), Some(5));
    let first = &found["tasks"][0];
    assert_eq!(first["file"], "src/<main>.rs");
    assert!(first["live_bytes"]["high"].as_f64() >= first["live_bytes"]["value"].as_f64());
    let text = outcome("tasks", &[&path], &[]);
    assert!(text.contains("app::main #") && text.contains("(<main>.rs:4"), "{text}");
    assert!(text.starts_with("17 tasks were polled"), "{text}");
}

#[test]
fn without_scopes_and_tasks_there_is_a_word_of_advice() {
    let (_dir, path) = folder(&super::common::write(&[super::common::session()]));
    assert!(outcome("scopes", &[&path], &[]).contains("#[memscope::profile]"));
    assert!(outcome("tasks", &[&path], &[]).contains("memscope::FutureExt"));
    assert_eq!(json("scopes", &[&path], &[])["scopes"].as_array().unwrap().len(), 0);
}
