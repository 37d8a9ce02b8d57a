//! `check`: limits, growth, and the exit codes that say which.

use super::common::{block_ends, small, write};
use super::sampled::{function, sampled};
use super::{file, json, outcome, run_with, warned};

#[test]
fn exact_limits_are_kept_up_to_their_figure() {
    let dir = tempfile::tempdir().unwrap();
    let trace = file(&dir, "trace.bin", &write(&small()));
    // 90,000 bytes at the peak, 80,000 live at the end, 1,000 allocations in 3 calls.
    for (limits, code) in [
        (vec!["--max-peak", "90000"], 0),
        (vec!["--max-peak", "89999"], 4),
        (vec!["--max-peak", "1MiB", "--max-live", "80000"], 0),
        (vec!["--max-peak", "1MiB", "--max-live", "78KiB"], 4),
        (vec!["--max-allocs-per", "app::main=334"], 0),
        (vec!["--max-allocs-per", "app::main=333"], 4),
        (vec![], 0),
    ] {
        let text = outcome(code, "check", &[&trace], &limits);
        assert_eq!(text.contains("FAIL"), code == 4, "{limits:?}: {text}");
        assert_eq!(json(code, "check", &[&trace], &limits)["passed"], code == 0, "{limits:?}");
    }
    let found = json(0, "check", &[&trace], &["--max-peak", "1MiB"]);
    assert_eq!(
        (found["limits"][0]["found"].as_u64(), found["limits"][0]["limit"].as_u64()),
        (Some(90_000), Some(1 << 20))
    );
}

#[test]
fn a_scope_without_calls_cannot_be_checked() {
    let dir = tempfile::tempdir().unwrap();
    let trace = file(&dir, "trace.bin", &write(&small()));
    let (code, stdout, stderr) =
        run_with(&["check", trace.to_str().unwrap(), "--max-allocs-per", "app::mian=3"]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("found none called \"app::mian\"; pass one of \"app::main\""), "{stderr}");
}

#[test]
fn growth_of_a_call_site_is_an_alarm_where_it_is_certain() {
    let dir = tempfile::tempdir().unwrap();
    let trace = |name: &str, parse, index| {
        file(&dir, name, &write(&sampled(&[function("app::parse", parse), function("app::index", index)])))
    };
    let old = trace("old.bin", 5_000, 5_000);
    let baseline = ["--baseline", old.to_str().unwrap()];
    let same = trace("same.bin", 5_040, 4_960);
    let text = outcome(0, "check", &[&same], &baseline);
    assert!(text.contains("check passed") && text.contains("95% probability"), "{text}");
    // One site by 20%, the other less by as much: the totals are as they were.
    let moved = trace("moved.bin", 6_000, 4_000);
    let text = outcome(5, "check", &[&moved], &baseline);
    assert!(text.contains("FAIL") && text.contains("app::parse") && text.contains("exit code 5"), "{text}");
    let found = json(5, "check", &[&moved], &baseline);
    let standing = |at: usize| (found["sites"][at]["name"].as_str(), found["sites"][at]["standing"].as_str());
    assert_eq!(standing(0), (Some("app::parse"), Some("grew")));
    assert!(found["totals"].as_array().unwrap().iter().all(|total| total["kept"] == true), "{found}");
    // More is allowed.
    outcome(0, "check", &[&moved], &[&baseline[..], &["--max-growth", "60%"]].concat());
    let both = [&baseline[..], &["--max-peak", "1KiB"]].concat();
    assert!(outcome(6, "check", &[&moved], &both).contains("exit code 6"));
}

#[test]
fn few_samples_raise_no_alarm_and_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let trace = |name: &str, parse, index| {
        file(&dir, name, &write(&sampled(&[function("app::parse", parse), function("app::index", index)])))
    };
    let (old, new) = (trace("old.bin", 20, 30), trace("new.bin", 26, 24));
    let text = outcome(0, "check", &[&new], &["--baseline", old.to_str().unwrap()]);
    assert!(text.contains("ok?") && text.contains("the samples do not suffice to show +10%"), "{text}");
}

#[test]
fn exact_totals_that_grow_are_an_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let old = file(&dir, "old.bin", &write(&sampled(&[function("app::parse", 100)])));
    let new = file(&dir, "new.bin", &write(&sampled(&[function("app::parse", 111)])));
    let text = outcome(5, "check", &[&new], &["--baseline", old.to_str().unwrap()]);
    assert!(text.contains("FAIL") && text.contains("bytes allocated") && text.contains("+11%"), "{text}");
    outcome(0, "check", &[&new], &["--baseline", old.to_str().unwrap(), "--max-growth", "11%"]);
    // Less is never an alarm.
    outcome(0, "check", &[&old], &["--baseline", new.to_str().unwrap(), "--max-growth", "0"]);
}

#[test]
fn a_trace_that_is_not_whole_does_not_pass() {
    let dir = tempfile::tempdir().unwrap();
    let records = small();
    let whole = write(&records);
    let cut = file(&dir, "cut.bin", &whole[..block_ends(&records)[13] + 5]);
    let text = warned(3, "check", &[&cut], &["--max-peak", "1MiB"]).0;
    assert!(text.contains("cut short or damaged") && text.contains("exit code 3"), "{text}");
    // What is there is over the limit all the same.
    warned(4, "check", &[&cut], &["--max-peak", "1KiB"]);
    warned(3, "check", &[&cut], &["--baseline", cut.to_str().unwrap()]);
}

#[test]
fn wrong_limits_are_refused_with_what_is_expected() {
    for (arguments, expected) in [
        (
            vec!["check", "t.bin", "--max-peak", "much"],
            "expected bytes such as 4096, 64KiB or 1.5GiB, found \"much\"",
        ),
        (vec!["check", "t.bin", "--max-allocs-per", "main"], "expected SCOPE=N"),
        (vec!["check", "t.bin", "--max-growth", "10%"], "--baseline"),
        (
            vec!["check", "t.bin", "--baseline", "b.bin", "--max-growth", "ten"],
            "expected a share such as 10% or 0.1",
        ),
        (vec!["top", "t.bin", "--by", "color"], "[possible values: site, function, module, thread, scope]"),
        (vec!["top", "t.bin", "--sort", "size"], "leaked"),
        (vec!["diff", "one.bin"], "<NEW>"),
        (vec!["merge", "one.bin"], "--output <OUT>"),
        (vec!["completions", "tcl"], "bash"),
    ] {
        let (code, stdout, stderr) = run_with(&arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}

#[test]
fn several_baselines_tell_what_runs_differ_by() {
    let dir = tempfile::tempdir().unwrap();
    let trace = |name: &str, parse| {
        file(&dir, name, &write(&sampled(&[function("app::parse", parse), function("app::index", 20_000)])))
    };
    let runs: Vec<_> = [18_500, 19_400, 20_000, 20_700, 21_400]
        .iter()
        .enumerate()
        .map(|(at, &parse)| trace(&format!("run-{at}.bin"), parse))
        .collect();
    let new = trace("new.bin", 21_900);
    let one = ["--baseline", runs[0].to_str().unwrap()];
    assert!(outcome(5, "check", &[&new], &one).contains("app::parse"));
    let mut all = vec!["--baseline"];
    all.extend(runs.iter().map(|run| run.to_str().unwrap()));
    let text = outcome(0, "check", &[&new], &all);
    assert!(text.contains("the mean of 5 baselines"), "{text}");
    let found = json(0, "check", &[&new], &all);
    let parse = found["sites"].as_array().unwrap().iter().find(|site| site["name"] == "app::parse").unwrap();
    let noise = parse["between_runs"].as_f64().unwrap();
    assert!((0.04..0.09).contains(&noise) && found["baselines"] == 5, "{found}");
    // What is beyond the runs is caught all the same, and the flag may be repeated.
    let more = trace("more.bin", 40_000);
    let repeated: Vec<&str> = all[1..].iter().flat_map(|run| ["--baseline", *run]).collect();
    let text = outcome(5, "check", &[&more], &repeated);
    assert!(text.contains("FAIL") && text.contains("app::parse"), "{text}");
}
