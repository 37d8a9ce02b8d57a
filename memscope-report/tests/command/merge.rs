//! `merge`: one trace of several, which every command reads.

use super::common::{FRAMES, block_ends, small, symbols, write};
use super::sampled::{Function, function, sampled};
use super::{command, file, json, outcome, sum, warned};
use memscope_trace::*;
use std::fs;
use std::path::{Path, PathBuf};

#[track_caller]
fn merged(dir: &tempfile::TempDir, code: i32, traces: &[&Path]) -> PathBuf {
    let output = dir.path().join(format!("merged-{}.bin", traces.len()));
    outcome(code, "merge", traces, &["-o", output.to_str().unwrap()]);
    output
}

#[test]
fn totals_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let one = file(&dir, "one.bin", &write(&small()));
    let functions =
        [Function { live_percent: 30, ..function("app::parse", 2_000) }, function("app::other", 700)];
    let other = file(&dir, "other.bin", &write(&sampled(&functions)));
    let all = merged(&dir, 0, &[&one, &other, &one]);
    let [one, other, all] = [&one, &other, &all].map(|trace| json(0, "summary", &[trace], &[]));
    for field in
        ["allocations", "allocated_bytes", "frees", "freed_bytes", "live_bytes", "samples", "threads"]
    {
        let figure = |summary: &serde_json::Value| summary["totals"][field].as_i64().unwrap();
        assert_eq!(figure(&all), 2 * figure(&one) + figure(&other), "{field}");
    }
    for field in ["allocations", "allocated_bytes", "live_bytes", "temporary_bytes"] {
        let figure = |summary: &serde_json::Value| sum(&summary["sites"], field);
        let expected = 2.0 * figure(&one) + figure(&other);
        assert!((figure(&all) - expected).abs() <= 1e-9 * expected, "{field}: {} {expected}", figure(&all));
    }
    assert_eq!(all["session"]["complete"], true);
    assert!(all["warnings"].as_array().unwrap().is_empty(), "{all}");
}

#[test]
fn every_command_reads_the_result_and_it_merges_again() {
    let dir = tempfile::tempdir().unwrap();
    let one = file(&dir, "one.bin", &write(&small()));
    let two = merged(&dir, 0, &[&one, &one]);
    let five = merged(&dir, 0, &[&two, &two, &one]);
    for subcommand in ["summary", "top", "leaks", "tree", "info", "check"] {
        outcome(0, subcommand, &[&five], &[]);
    }
    outcome(0, "diff", &[&five, &two], &[]);
    outcome(0, "report", &[&five], &["-o", dir.path().join("page").to_str().unwrap()]);
    assert_eq!(json(0, "summary", &[&five], &[])["totals"]["allocations"], 5 * 1_200);
}

#[test]
fn threads_are_told_apart_and_scopes_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let one = file(&dir, "one.bin", &write(&small()));
    let two = merged(&dir, 0, &[&one, &one]);
    let threads = json(0, "top", &[&two], &["--by", "thread"]);
    let mut names: Vec<&str> =
        threads["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["main [1]", "main [2]", "worker [1]", "worker [2]"]);
    let scopes = json(0, "top", &[&two], &["--by", "scope"]);
    let main = scopes["rows"].as_array().unwrap().iter().find(|row| row["name"] == "app::main").unwrap();
    assert_eq!(
        (main["exact"]["calls"].as_u64(), main["exact"]["allocations"].as_u64()),
        (Some(6), Some(1_800))
    );
    outcome(0, "check", &[&two], &["--max-allocs-per", "app::main=334"]);
    // A single trace stays what it was.
    let alone = merged(&dir, 0, &[&one]);
    let threads = json(0, "top", &[&alone], &["--by", "thread"]);
    assert_eq!(threads["rows"][0]["name"], "main");
    assert_eq!(json(0, "summary", &[&alone], &[])["totals"], json(0, "summary", &[&one], &[])["totals"]);
}

/// The small trace with a module, and other names at the same addresses.
fn process(path: &str, start: u64, functions: [&'static str; 2]) -> Vec<Record> {
    let mut records = small();
    let module = Module { path: path.into(), build_id: vec![7; 20], start, end: start + 0x1000, bias: start };
    records.insert(1, Record::Modules(Modules { modules: vec![module] }));
    let renamed = |name: &'static str| match name {
        "app::parse" => functions[0],
        "app::index" => functions[1],
        other => other,
    };
    for record in &mut records {
        if let Record::Symbols(_) = record {
            *record = symbols(&FRAMES.map(|(at, name)| (at, renamed(name))));
        }
    }
    records
}

#[test]
fn modules_at_the_same_place_are_kept_apart() {
    let dir = tempfile::tempdir().unwrap();
    // One path and one range of addresses, and different code in it; and the module once more elsewhere.
    let one = file(&dir, "one.bin", &write(&process("/nowhere/app", 0x1000, ["one::parse", "one::index"])));
    let other =
        file(&dir, "other.bin", &write(&process("/nowhere/app", 0x1000, ["other::parse", "other::index"])));
    let third =
        file(&dir, "third.bin", &write(&process("/nowhere/app", 0x0, ["one::parse", "other::index"])));
    let all = merged(&dir, 0, &[&one, &other, &third]);
    let info = json(0, "info", &[&all], &[]);
    let modules = info["modules"].as_array().unwrap();
    let starts: Vec<u64> = modules.iter().map(|module| module["start"].as_u64().unwrap()).collect();
    assert_eq!(starts, [0x1000, 0x1000 + (1 << 57), 2 << 57]);
    assert!(modules.iter().all(|module| module["path"] == "/nowhere/app"));
    // That there is no such binary is said.
    let (top, _) = warned(0, "top", &[&all], &["--by", "function", "--json"]);
    let top: serde_json::Value = serde_json::from_str(&top).unwrap();
    let bytes = |name: &str| {
        let rows = top["rows"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap()["allocated_bytes"]["value"].as_f64().unwrap()
    };
    let index = 20.0 * 64.0 + 10.0 * 4_096.0;
    assert_eq!(
        ["one::parse", "other::parse", "one::index", "other::index"].map(bytes),
        [80_000.0, 40_000.0, index, 2.0 * index]
    );
}

#[test]
fn what_is_cut_or_damaged_stays_so() {
    let dir = tempfile::tempdir().unwrap();
    let records = small();
    let whole = write(&records);
    let good = file(&dir, "good.bin", &whole);
    let cut = file(&dir, "cut.bin", &whole[..block_ends(&records)[13] + 5]);
    let both = dir.path().join("both.bin");
    let (_, said) = warned(0, "merge", &[&good, &cut], &["-o", both.to_str().unwrap()]);
    assert!(said.contains("1 of 2 traces without an end"), "{said}");
    let (summary, _) = warned(0, "summary", &[&both], &["--json"]);
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["session"]["complete"], false);
    // The block of samples: it had 70 rows.
    let mut bytes = whole.clone();
    bytes[block_ends(&records)[7] - 1] ^= 0x10;
    let damaged = file(&dir, "damaged.bin", &bytes);
    let (summary, _) = warned(0, "summary", &[&merged(&dir, 3, &[&good, &damaged])], &["--json"]);
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(
        (summary["totals"]["samples"].as_u64(), summary["totals"]["lost_samples"].as_u64()),
        (Some(70), Some(70))
    );
}

#[test]
fn it_goes_to_standard_output_too() {
    let dir = tempfile::tempdir().unwrap();
    let one = file(&dir, "one.bin", &write(&small()));
    let written = merged(&dir, 0, &[&one, &one]);
    let output = command().arg("merge").args([&one, &one]).args(["-o", "-"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    assert_eq!(output.stdout, fs::read(written).unwrap());
}

#[test]
fn a_trace_that_cannot_be_read_is_named_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let one = file(&dir, "one.bin", &write(&small()));
    let text = file(&dir, "notes.txt", b"These are notes, not a trace of anything.");
    let output = dir.path().join("out.bin");
    let found = command().arg("merge").args([&one, &text]).arg("-o").arg(&output).output().unwrap();
    assert_eq!(found.status.code(), Some(1));
    let stderr = String::from_utf8(found.stderr).unwrap();
    assert!(
        stderr.contains("notes.txt: expected a memscope trace") && stderr.lines().count() == 1,
        "{stderr}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    let below = one.join("out.bin");
    let found = command().arg("merge").arg(&one).arg("-o").arg(&below).output().unwrap();
    assert_eq!(found.status.code(), Some(1));
    assert!(String::from_utf8(found.stderr).unwrap().contains("expected a place that can be written to"));
}

#[test]
fn scopes_keep_frees_times_and_distributions() {
    let dir = tempfile::tempdir().unwrap();
    let script = super::script::Script::tree(&["app::main", "app::parse"], 20);
    let trace = script.trace(Interval::default(), super::script::Random(1));
    let one = file(&dir, "one.bin", &trace);
    let all = merged(&dir, 0, &[&one, &one, &one]);
    let [one, all] = [&one, &all].map(|trace| warned(0, "scopes", &[trace], &["-n", "0", "--json"]).0);
    let [one, all]: [serde_json::Value; 2] = [one, all].map(|text| serde_json::from_str(&text).unwrap());
    let rows = |found: &serde_json::Value| found["scopes"].as_array().unwrap().clone();
    assert_eq!((rows(&one).len(), rows(&all).len()), (20, 20));
    for (one, all) in rows(&one).iter().zip(rows(&all)) {
        assert_eq!((&one["name"], &one["depth"]), (&all["name"], &all["depth"]));
        for (group, field) in [
            ("frees", "freed_bytes"),
            ("frees", "own_frees"),
            ("course", "polls"),
            ("course", "wall_us"),
            ("course", "cancelled"),
        ] {
            let figure = |scope: &serde_json::Value| scope[group][field].as_u64().unwrap();
            assert_eq!(figure(&all), 3 * figure(one), "{group} {field}");
        }
        // Three times the same calls are distributed as they were.
        assert_eq!(one["per_call"], all["per_call"]);
    }
}
