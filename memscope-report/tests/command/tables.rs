//! `summary`, `top`, `leaks`, `tree`, `info`: their JSON is parsed back, and its totals are the trace's.

use super::common::{block_ends, small, write};
use super::sampled::{Function, T, function, sampled};
use super::{folder, json, outcome, sum, warned};

/// What the small trace's samples come to: it is exact.
const SAMPLED_BYTES: f64 = 40.0 * 1_000.0 + 20.0 * 64.0 + 10.0 * 4_096.0;

#[test]
fn the_summary_has_the_exact_totals_as_integers() {
    let (_dir, trace) = folder(&write(&small()));
    let summary = json(0, "summary", &[&trace], &[]);
    let totals = &summary["totals"];
    for (name, value) in [
        ("allocations", 1_200),
        ("allocated_bytes", 120_000),
        ("freed_bytes", 40_000),
        ("peak_bytes", 90_000),
        ("live_bytes", 80_000),
        ("samples", 70),
        ("threads", 2),
    ] {
        assert_eq!(totals[name].as_u64(), Some(value), "{name} of {totals}");
    }
    assert_eq!(sum(&summary["sites"], "allocated_bytes"), SAMPLED_BYTES);
    let bytes = &summary["sites"][0]["allocated_bytes"];
    assert!(bytes["low"].is_number() && bytes["high"].is_number());
    let text = outcome(0, "summary", &[&trace], &[]);
    assert!(text.contains("peak       87.9 KiB") && text.lines().count() <= 24, "{text}");
}

#[test]
fn groups_of_every_kind_add_up_to_the_same() {
    let (_dir, trace) = folder(&write(&small()));
    for by in ["site", "function", "module", "thread", "scope"] {
        for sort in ["bytes", "live", "peak", "leaked", "temporary", "count"] {
            let top = json(0, "top", &[&trace], &["--by", by, "--sort", sort]);
            assert_eq!(sum(&top["rows"], "allocated_bytes"), SAMPLED_BYTES, "{by} {sort}");
            assert_eq!(sum(&top["rows"], "samples"), 70.0, "{by} {sort}");
            let text = outcome(0, "top", &[&trace], &["--by", by, "--sort", sort]);
            assert!(text.lines().all(|line| !line.contains('\u{1b}')), "{text}");
        }
    }
    let threads = json(0, "top", &[&trace], &["--by", "thread"]);
    assert_eq!(threads["process"].as_u64(), Some(120_000));
    let exact: u64 = threads["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["exact"]["allocated_bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(exact, 120_000);
    let scopes = json(0, "top", &[&trace], &["--by", "scope", "--sort", "count"]);
    assert_eq!(scopes["rows"][0]["exact"]["calls"], 3);
    assert_eq!(scopes["rows"][0]["exact"]["allocations"], 900);
}

#[test]
fn top_sorts_by_what_is_asked_for_and_cuts() {
    let (_dir, trace) = folder(&write(&small()));
    let first = |sort: &str| {
        json(0, "top", &[&trace], &["--sort", sort, "-n", "1"])["rows"][0]["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // 40 of 1,000 bytes are parse's, 30 of them temporary; index keeps 10 of 4,096.
    assert_eq!(
        [first("bytes"), first("live"), first("temporary")],
        ["app::index", "app::index", "app::parse"]
    );
    assert_eq!(first("count"), "app::parse");
    let one = outcome(0, "top", &[&trace], &["-n", "1"]);
    assert!(one.contains("1 more: -n 0 shows all."), "{one}");
}

#[test]
fn functions_may_count_what_they_call() {
    let (_dir, trace) = folder(&write(&small()));
    let top = json(0, "top", &[&trace], &["--by", "function", "--inclusive"]);
    let main = top["rows"].as_array().unwrap().iter().find(|row| row["name"] == "app::main").unwrap();
    assert_eq!(main["allocated_bytes"]["value"].as_f64(), Some(SAMPLED_BYTES));
}

#[test]
fn the_tree_s_roots_have_everything() {
    let (_dir, trace) = folder(&write(&small()));
    let tree = json(0, "tree", &[&trace], &[]);
    assert_eq!(tree["total"]["value"].as_f64(), Some(SAMPLED_BYTES));
    let nodes = tree["nodes"].as_array().unwrap();
    assert_eq!(
        (nodes[0]["function"].as_str(), nodes[0]["total"]["value"].as_f64()),
        (Some("app::main"), Some(SAMPLED_BYTES))
    );
    assert_eq!(nodes.len(), 3);
    let text = outcome(0, "tree", &[&trace], &["--depth", "1"]);
    assert!(text.contains("app::main [+2]") && text.contains("--min-share"), "{text}");
    let inverted = json(0, "tree", &[&trace], &["--invert", "--figure", "count", "--min-share", "0"]);
    assert_eq!(inverted["nodes"][0]["function"], "app::parse");
}

#[test]
fn a_leak_is_ranked_by_its_growth_not_by_its_size() {
    let functions = [
        // Much, but it comes and goes.
        function("app::cache", 4_000),
        Function { live_percent: 60, ..function("app::leak", 300) },
        function("app::noise", 20),
    ];
    let (_dir, trace) = folder(&write(&sampled(&functions)));
    let leaks = json(0, "leaks", &[&trace], &[]);
    let sites = leaks["sites"].as_array().unwrap();
    assert_eq!((sites[0]["name"].as_str(), sites[0]["grew"].as_bool()), (Some("app::leak"), Some(true)));
    assert!(sites[1..].iter().all(|site| site["grew"] == false), "{leaks}");
    // 60% of 300 samples of T bytes each stay; half of them came in the second half, and what was not yet freed at the end.
    let grown = sites[0]["growth_bytes"]["value"].as_f64().unwrap() / T;
    assert!((60.0..130.0).contains(&grown), "{grown} samples' worth");
    assert!(sites[0]["sureness"].as_f64().unwrap() > 0.999);
    let text = outcome(0, "leaks", &[&trace], &[]);
    assert!(text.starts_with("1 of 3 call sites grew for certain") && text.contains(">99.99%"), "{text}");
}

#[test]
fn info_accounts_for_every_byte() {
    let bytes = write(&small());
    let (_dir, trace) = folder(&bytes);
    let info = json(0, "info", &[&trace], &[]);
    assert_eq!(sum(&info["kinds"], "bytes") as usize + 32, bytes.len());
    assert_eq!(sum(&info["kinds"], "blocks") as usize, small().len());
    assert_eq!((info["complete"].as_bool(), info["session"]["name"].as_str()), (Some(true), Some("demo")));
    let text = outcome(0, "info", &[&trace], &[]);
    let version = format!("format 1.{}", memscope_trace::FORMAT_VERSION.1);
    assert!(text.contains(&version) && text.contains("damage    none") && text.contains("Samples"), "{text}");
}

#[test]
fn cut_and_damaged_traces_are_used_and_said() {
    let records = small();
    let whole = write(&records);
    let (_dir, cut) = folder(&whole[..block_ends(&records)[13] + 5]);
    let mut damaged = whole.clone();
    damaged[block_ends(&records)[7] - 1] ^= 0x10;
    let (_other, damaged) = folder(&damaged);
    for subcommand in ["summary", "top", "leaks", "tree", "scopes", "tasks", "check"] {
        let cut_code = if subcommand == "check" { 3 } else { 0 };
        for (code, trace, said) in
            [(cut_code, &cut, "The trace has no end"), (3, &damaged, "The trace is damaged: 1 of")]
        {
            let (_, stderr) = warned(code, subcommand, &[trace], &[]);
            assert!(
                stderr.contains(said) && stderr.contains(trace.to_str().unwrap()),
                "{subcommand}: {stderr}"
            );
            let (stdout, stderr) = warned(code, subcommand, &[trace], &["--json"]);
            assert!(stderr.contains(said), "{subcommand}: {stderr}");
            let value: serde_json::Value = serde_json::from_str(&stdout).unwrap();
            let warnings = value["warnings"].as_array().unwrap_or_else(|| panic!("{subcommand}: {value}"));
            assert!(
                warnings.iter().any(|text| text.as_str().unwrap().starts_with(said)),
                "{subcommand}: {value}"
            );
        }
    }
    let (stdout, stderr) = warned(3, "diff", &[&cut, &damaged], &["--json"]);
    assert!(stderr.contains("has no end") && stderr.contains("is damaged"), "{stderr}");
    let value: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    for (which, said) in [("old", "The trace has no end"), ("new", "The trace is damaged")] {
        assert!(value["warnings"][which][0].as_str().unwrap().starts_with(said), "{value}");
    }
    warned(0, "export", &[&cut], &["--format", "json", "-o", "-"]);
    // It tells of the damage itself.
    for (code, trace) in [(0, &cut), (3, &damaged)] {
        outcome(code, "info", &[trace], &[]);
    }
    assert_eq!(json(0, "info", &[&cut], &[])["complete"], false);
    let text = outcome(3, "info", &[&damaged], &[]);
    assert!(text.contains("damage    1 damaged block\n"), "{text}");
}
