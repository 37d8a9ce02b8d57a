//! `memscope-report export`, as a person or a script meets it.

use crate::common::write;
use crate::fixture::{export, records, source};
use assert_cmd::Command;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Exit code, standard output and standard error.
fn run(arguments: &[&str], trace: &Path) -> (i32, Vec<u8>, String) {
    let mut command = Command::cargo_bin("memscope-report").unwrap();
    let output = command.timeout(Duration::from_secs(120)).arg("export").args(arguments).arg(trace).output();
    let output = output.unwrap();
    (output.status.code().unwrap(), output.stdout, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_export_goes_where_it_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace.bin");
    fs::write(&trace, write(&records())).unwrap();
    let folded = export(&source(), "folded");
    let (code, stdout, stderr) = run(&["--format", "folded", "-o", "-"], &trace);
    assert_eq!((code, stdout == folded), (0, true));
    let warning = format!("memscope-report: warning: {}: 45 samples", trace.display());
    assert!(stderr.starts_with(&warning), "{stderr}");
    let file = dir.path().join("stacks.folded");
    let (code, stdout, _) = run(&["--format", "folded", "-o", file.to_str().unwrap()], &trace);
    assert_eq!((code, stdout.as_slice(), fs::read(&file).unwrap() == folded), (0, b"".as_slice(), true));
    let (_, live, _) = run(&["--format", "folded", "--measure", "live-bytes", "-o", "-"], &trace);
    assert!(!live.is_empty() && live != folded);
}

#[test]
fn a_wrong_export_is_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace.bin");
    fs::write(&trace, write(&records())).unwrap();
    let (code, _, stderr) = run(&["--format", "parquet", "-o", "-"], &trace);
    assert!(code == 1 && stderr.contains("expected a folder for its tables"), "{stderr}");
    let below_a_file = trace.join("tables");
    let (code, _, stderr) = run(&["--format", "csv", "-o", below_a_file.to_str().unwrap()], &trace);
    assert!(code == 1 && stderr.contains("expected a place that can be written to"), "{stderr}");
    let (code, _, stderr) = run(&["--format", "svg", "-o", "-"], &trace);
    assert!(code == 2 && stderr.contains("speedscope"), "{stderr}");
    let (code, _, stderr) = run(&["--format", "json", "-o", "-"], &dir.path().join("nowhere.bin"));
    assert!(code == 1 && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn a_damaged_trace_is_exported_and_exits_with_3() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace.bin");
    let mut bytes = write(&records());
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&trace, bytes).unwrap();
    let (code, stdout, _) = run(&["--format", "json", "-o", "-"], &trace);
    assert_eq!(code, 3);
    assert!(serde_json::from_slice::<serde_json::Value>(&stdout).is_ok());
}
