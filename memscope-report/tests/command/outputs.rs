//! Where results must not go, and what is said of command lines that are wrong.

use super::common::{small, write};
use super::{file, folder, json, outcome, run_with};
use std::fs;

/// What a trace holds no report keeps: neither an export nor a merge may take its place, by whatever path.
#[test]
fn a_result_never_replaces_its_trace() {
    let bytes = write(&small());
    let (dir, trace) = folder(&bytes);
    let path = trace.to_str().unwrap();
    let roundabout = dir.path().join("../").join(dir.path().file_name().unwrap()).join("trace.bin");
    let other = file(&dir, "other.bin", &bytes);
    for arguments in [
        vec!["export", "--format", "json", path, "-o", path],
        vec!["export", "--format", "folded", path, "-o", roundabout.to_str().unwrap()],
        vec!["merge", other.to_str().unwrap(), path, "-o", path],
        vec!["merge", path, path, "-o", roundabout.to_str().unwrap()],
    ] {
        let (code, stdout, stderr) = run_with(&arguments);
        assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(
            stderr.contains("expected an output beside the traces that are read, found one of them"),
            "{stderr}"
        );
        assert!(stderr.contains("pass another file"), "{stderr}");
        assert_eq!(fs::read(&trace).unwrap(), bytes, "{arguments:?}");
    }
    // Another trace that is there may be replaced, as any file.
    outcome(0, "merge", &[&trace, &trace], &["-o", other.to_str().unwrap()]);
    assert_ne!(fs::read(&other).unwrap(), bytes);
}

#[test]
fn a_folder_of_files_does_not_go_to_standard_output() {
    let (dir, trace) = folder(&write(&small()));
    let path = trace.to_str().unwrap();
    for arguments in [vec![path, "-o", "-"], vec!["diff", path, path, "-o", "-"], vec!["man", "-o", "-"]] {
        let found = super::command().args(&arguments).current_dir(dir.path()).output().unwrap();
        let stderr = String::from_utf8(found.stderr).unwrap();
        assert_eq!(found.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(
            stderr.contains("expected a folder, or nothing there yet, found standard output"),
            "{stderr}"
        );
        assert!(!dir.path().join("-").exists(), "{arguments:?}");
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_format_that_is_not_built_in_leaves_no_folder() {
    let (dir, trace) = folder(&write(&small()));
    let tables = dir.path().join("tables");
    let (code, _, stderr) =
        run_with(&["export", "--format", "parquet", trace.to_str().unwrap(), "-o", tables.to_str().unwrap()]);
    assert!(code == 1 && stderr.contains("--features parquet"), "{code}: {stderr}");
    assert!(!tables.exists());
}

#[test]
fn a_misspelt_subcommand_is_told_its_name() {
    let (_dir, trace) = folder(&write(&small()));
    let (code, _, stderr) = run_with(&["sumary", trace.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(stderr.contains("unrecognized subcommand 'sumary'") && stderr.contains("'summary'"), "{stderr}");
}

#[test]
fn numbers_that_are_none_are_told_what_was_expected() {
    let (_dir, trace) = folder(&write(&small()));
    let path = trace.to_str().unwrap();
    for (arguments, said) in [
        (["top", path, "-n", "many"], "expected a whole number such as 20, found \"many\""),
        (["top", path, "-n", "-3"], "expected a whole number such as 20, found \"-3\""),
        (["tree", path, "--depth", "1.5"], "expected a whole number such as 20, found \"1.5\""),
        (["tree", path, "--min-share", "-1"], "expected a share such as 10% or 0.1, found \"-1\""),
        (["check", path, "--max-peak", "-1"], "expected bytes such as 4096, 64KiB or 1.5GiB, found \"-1\""),
    ] {
        let (code, _, stderr) = run_with(&arguments);
        assert!(code == 2 && stderr.contains(said), "{arguments:?}: {code} {stderr}");
    }
}

#[test]
fn one_is_not_several() {
    let (dir, trace) = folder(&write(&small()));
    let alone = dir.path().join("alone.bin");
    let said = outcome(0, "merge", &[&trace], &["-o", alone.to_str().unwrap()]);
    assert_eq!(said, format!("1 trace with 70 samples: {}\n", alone.display()));
    let both = dir.path().join("both.bin");
    outcome(0, "merge", &[&trace, &trace], &["-o", both.to_str().unwrap()]);
    // Two processes have no number together.
    assert_eq!(json(0, "summary", &[&both], &[])["session"]["process_id"], 0);
    for subcommand in ["summary", "info"] {
        let text = outcome(0, subcommand, &[&both], &[]);
        assert!(text.contains("demo") && !text.contains("(process"), "{text}");
    }
}

#[test]
fn a_gate_without_limits_says_that_it_checked_nothing() {
    let (_dir, trace) = folder(&write(&small()));
    let bare = outcome(0, "check", &[&trace], &[]);
    assert!(
        bare.contains("No limit was given: nothing was checked") && bare.contains("--max-peak"),
        "{bare}"
    );
    for limits in [vec!["--max-peak", "1MiB"], vec!["--baseline", trace.to_str().unwrap()]] {
        let text = outcome(0, "check", &[&trace], &limits);
        assert!(!text.contains("No limit was given"), "{text}");
    }
}

/// The trace tells calls, but not how their bytes are distributed.
#[test]
fn columns_that_would_be_empty_are_left_out() {
    let (_dir, trace) = folder(&write(&small()));
    let text = outcome(0, "top", &[&trace], &["--by", "scope"]);
    assert!(text.contains("calls") && text.contains("app::main") && !text.contains("p50"), "{text}");
}
