//! The command `memscope-report`, as a person or a script meets it.
#![cfg(feature = "cli")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/script.rs"]
mod script;

mod check;
mod diff;
mod hostile;
mod merge;
mod merge_tasks;
mod outputs;
mod report;
mod sampled;
mod scopes;
mod shell;
mod tables;

use assert_cmd::Command;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn command() -> Command {
    let mut command = Command::cargo_bin("memscope-report").unwrap();
    // A pipe that is waited for would hang; nothing here takes long.
    command.timeout(Duration::from_secs(120));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

fn folder(trace: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "trace.bin", trace);
    (dir, path)
}

fn file(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Runs the command; returns its exit code, standard output and standard error.
fn run(arguments: &[&Path]) -> (i32, String, String) {
    run_with(arguments)
}

fn run_with<S: AsRef<OsStr>>(arguments: &[S]) -> (i32, String, String) {
    let output = command().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Runs a subcommand on files, with more arguments behind; expects exit code `code` and no complaint.
#[track_caller]
fn outcome(code: i32, subcommand: &str, files: &[&Path], more: &[&str]) -> String {
    let mut arguments = vec![OsStr::new(subcommand)];
    arguments.extend(files.iter().map(|file| file.as_os_str()));
    arguments.extend(more.iter().map(OsStr::new));
    let (found, stdout, stderr) = run_with(&arguments);
    assert_eq!((found, stderr.as_str()), (code, ""), "{arguments:?}: {stdout}");
    stdout
}

/// The same for a trace that is not whole: a warning on standard error says so.
#[track_caller]
fn warned(code: i32, subcommand: &str, files: &[&Path], more: &[&str]) -> (String, String) {
    let mut arguments = vec![OsStr::new(subcommand)];
    arguments.extend(files.iter().map(|file| file.as_os_str()));
    arguments.extend(more.iter().map(OsStr::new));
    let (found, stdout, stderr) = run_with(&arguments);
    assert_eq!(found, code, "{arguments:?}: {stdout}{stderr}");
    let is_warning = |line: &str| line.starts_with("memscope-report: warning: ");
    assert!(!stderr.is_empty() && stderr.lines().all(is_warning), "{arguments:?}: {stderr}");
    (stdout, stderr)
}

/// The JSON that a subcommand prints.
#[track_caller]
fn json(code: i32, subcommand: &str, files: &[&Path], more: &[&str]) -> Value {
    let text = outcome(code, subcommand, files, &[more, &["--json"]].concat());
    serde_json::from_str(&text).unwrap()
}

/// The sum of a field of an array's elements, which may be an estimate.
fn sum(rows: &Value, field: &str) -> f64 {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row[field].as_f64().or_else(|| row[field]["value"].as_f64()).unwrap()).sum()
}
