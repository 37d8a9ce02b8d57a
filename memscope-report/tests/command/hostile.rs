//! Names from the trace that a terminal would obey, and files that are none.

use super::common::{FRAMES, small, symbols, write};
use super::{command, file, outcome, run_with};
use memscope_trace::*;
use std::path::Path;

const HOSTILE: &str = "a\u{1b}[31m\u{7}\r\n\u{9b}2J\u{202e}b\u{2066}\u{200b}c<script>alert(1)</script>";

/// The small trace with hostile names everywhere; `number` makes its figures differ.
fn hostile(number: usize) -> Vec<Record> {
    let mut records = small();
    for record in &mut records {
        match record {
            Record::Session(session) => {
                session.name = HOSTILE.into();
                session.executable = HOSTILE.into();
                session.unwinder = HOSTILE.into();
                session.os = HOSTILE.into();
            }
            Record::Threads(threads) => {
                threads.threads.iter_mut().for_each(|thread| thread.name = HOSTILE.into())
            }
            Record::Scopes(scopes) => scopes.scopes.iter_mut().for_each(|scope| scope.name = HOSTILE.into()),
            Record::Symbols(_) => *record = symbols(&FRAMES.map(|(at, name)| (at, renamed(name)))),
            Record::Sites(sites) => sites.sizes[0] += number as u64,
            _ => {}
        }
    }
    let module = Module { path: HOSTILE.into(), build_id: Vec::new(), start: 0x2000, end: 0x3000, bias: 0 };
    records.insert(1, Record::Modules(Modules { modules: vec![module] }));
    records
}

/// The functions that are blamed get the hostile name.
fn renamed(name: &'static str) -> &'static str {
    if ["app::main", "app::parse"].contains(&name) { HOSTILE } else { name }
}

fn obeys(c: char) -> bool {
    (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2066}' | '\u{200b}')
}

#[test]
fn no_name_reaches_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let old = file(&dir, "old.bin", &write(&hostile(0)));
    let new = file(&dir, "new.bin", &write(&hostile(100)));
    let baseline = ["--baseline", old.to_str().unwrap()];
    let two: [&Path; 2] = [&old, &new];
    let one: [&Path; 1] = [&new];
    let runs: Vec<(&str, &[&Path], Vec<&str>, i32)> = vec![
        ("summary", &one, vec![], 0),
        ("top", &one, vec!["--by", "site"], 0),
        ("top", &one, vec!["--by", "function"], 0),
        ("top", &one, vec!["--by", "module"], 0),
        ("top", &one, vec!["--by", "thread"], 0),
        ("top", &one, vec!["--by", "scope"], 0),
        ("leaks", &one, vec![], 0),
        ("tree", &one, vec!["--all-frames"], 0),
        ("diff", &two, vec![], 0),
        ("diff", &two, vec!["--by", "site"], 0),
        ("check", &one, baseline.to_vec(), 0),
        ("info", &one, vec![], 0),
    ];
    for (subcommand, files, more, code) in runs {
        let text = outcome(code, subcommand, files, &more);
        assert!(!text.contains(obeys), "{subcommand} {more:?}: {text:?}");
        assert!(text.contains("a\u{fffd}[31m") || subcommand == "top", "{subcommand} {more:?}: {text:?}");
        let json = outcome(code, subcommand, files, &[&more[..], &["--json"]].concat());
        assert!(!json.contains(obeys), "{subcommand} {more:?}: {json:?}");
        let _: serde_json::Value = serde_json::from_str(&json).unwrap();
    }
    let (code, _, stderr) = run_with(&["check", new.to_str().unwrap(), "--max-allocs-per", "x=1"]);
    assert!(code == 1 && !stderr.contains(obeys), "{stderr:?}");
}

#[test]
fn what_is_no_trace_is_refused_by_every_subcommand() {
    let dir = tempfile::tempdir().unwrap();
    let good = file(&dir, "good.bin", &write(&small()));
    let empty = file(&dir, "empty.bin", b"");
    let text = file(&dir, "notes.txt", b"These are notes, not a trace of anything.");
    let cut = file(&dir, "cut.bin", &write(&small())[..20]);
    let missing = dir.path().join("missing.bin");
    for (path, expected) in [
        (missing.as_path(), "expected a trace that can be read, found"),
        (dir.path(), "expected a trace file, found a folder"),
        (&empty, "found an empty file"),
        (&text, "found a file that begins with \"These are notes,"),
        (&cut, "found a file of 20 bytes"),
        (Path::new("/dev/zero"), "found a pipe, socket or device"),
    ] {
        let (path, good) = (path.to_str().unwrap(), good.to_str().unwrap());
        for arguments in [
            vec!["summary", path],
            vec!["top", path],
            vec!["leaks", path],
            vec!["tree", path],
            vec!["info", path],
            vec!["check", path],
            vec!["check", good, "--baseline", path],
            vec!["diff", good, path],
            vec!["diff", path, good],
            vec!["merge", good, path, "-o", "-"],
        ] {
            let (code, _, stderr) = run_with(&arguments);
            assert_eq!(code, 1, "{arguments:?}: {stderr}");
            assert!(
                stderr.starts_with("memscope-report: ") && stderr.contains(expected),
                "{arguments:?}: {stderr}"
            );
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
        }
    }
}

/// Every cut and many flips: whatever is left is used, and nothing panics.
#[test]
fn damage_anywhere_is_survived() {
    let dir = tempfile::tempdir().unwrap();
    let whole = write(&small());
    let path = dir.path().join("trace.bin");
    let good = file(&dir, "good.bin", &whole);
    for step in 0..12 {
        let mut bytes = whole.clone();
        if step % 2 == 0 {
            bytes.truncate(40 + step * whole.len() / 13);
        } else {
            for at in (32 + step..bytes.len()).step_by(97) {
                bytes[at] ^= 1 << (step % 8);
            }
        }
        std::fs::write(&path, bytes).unwrap();
        let path = path.to_str().unwrap();
        for arguments in [
            vec!["leaks", path],
            vec!["info", path],
            vec!["diff", good.to_str().unwrap(), path],
            vec!["check", path, "--baseline", good.to_str().unwrap()],
            vec!["merge", path, path, "-o", "-"],
        ] {
            let output = command().args(&arguments).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(
                !stderr.contains("panicked") && output.status.code().is_some(),
                "{arguments:?}: {stderr}"
            );
        }
    }
}
