//! The house rules that a compiler does not check: where `unsafe` may stand, who may import whom, how long files are.

use std::fs;
use std::path::{Path, PathBuf};

/// Files of the published crates in which `unsafe` may stand.
const MAY_BE_UNSAFE: &[&str] = &[
    "memscope/src/allocator.rs",
    "memscope/src/arena.rs",
    "memscope/src/drain/collect.rs",
    "memscope/src/drain/figures.rs",
    "memscope/src/drain/thread.rs",
    "memscope/src/future.rs",
    "memscope/src/hook/sample.rs",
    "memscope/src/hook/session_data.rs",
    "memscope/src/live/entries.rs",
    "memscope/src/live/filter.rs",
    "memscope/src/live/table.rs",
    "memscope/src/resources/allocator/foreign.rs",
    "memscope/src/resources/os.rs",
    "memscope/src/ring.rs",
    "memscope/src/scope/clock.rs",
    "memscope/src/scope/mod.rs",
    "memscope/src/scope/names.rs",
    "memscope/src/scope/stack.rs",
    "memscope/src/scope/table.rs",
    "memscope/src/session/active.rs",
    "memscope/src/sync.rs",
    "memscope/src/sys/cpu.rs",
    "memscope/src/sys/linux.rs",
    "memscope/src/sys/mapped.rs",
    "memscope/src/sys/other.rs",
    "memscope/src/task/future.rs",
    "memscope/src/task/slot.rs",
    "memscope/src/thread/account.rs",
    "memscope/src/thread/local.rs",
    "memscope/src/thread/meter/portable.rs",
    "memscope/src/thread/meter/x86_64.rs",
    "memscope/src/thread/pool.rs",
    "memscope/src/thread/record.rs",
    "memscope/src/thread/registry.rs",
    "memscope/src/tracing.rs",
    "memscope/src/unwind/frame_pointer.rs",
    "memscope/src/unwind/framehop.rs",
    "memscope/src/unwind/frames.rs",
    "memscope/src/unwind/modules/linux.rs",
    "memscope/src/unwind/registers.rs",
];

/// Who must not import whom: data flows one way, and hot code knows nothing of cold code.
const MUST_NOT_IMPORT: &[(&str, &[&str])] = &[
    ("memscope/src/allocator.rs", &["crate::drain", "crate::session", "memscope_report"]),
    ("memscope/src/hook/", &["crate::drain", "crate::session", "memscope_report"]),
    (
        "memscope/src/ring.rs",
        &["crate::drain", "crate::session", "crate::hook", "crate::live", "memscope_report"],
    ),
    (
        "memscope/src/arena.rs",
        &["crate::drain", "crate::session", "crate::hook", "crate::live", "memscope_report"],
    ),
    ("memscope/src/sampler.rs", &["crate::drain", "crate::session", "crate::hook", "memscope_report"]),
    (
        "memscope/src/live/",
        &["crate::drain", "crate::session", "crate::hook", "crate::thread", "memscope_report"],
    ),
    ("memscope/src/thread/", &["crate::drain", "crate::session", "memscope_report"]),
    ("memscope/src/unwind/", &["crate::drain", "crate::session", "crate::hook", "memscope_report"]),
    ("memscope/src/sys/", &["crate::"]),
    ("memscope/src/drain/", &["crate::session", "memscope_report"]),
    ("memscope/src/resources/", &["crate::drain", "crate::session", "crate::hook", "memscope_report"]),
    ("memscope/trace/src/", &["memscope_report", "memscope::"]),
    ("memscope-report/src/", &["use memscope::"]),
    ("memscope-report/src/load/", &["crate::symbolize", "crate::analysis", "crate::chart", "crate::page"]),
    ("memscope-report/src/analysis/", &["crate::chart", "crate::page", "crate::render", "crate::cli"]),
    ("memscope-report/src/chart/", &["crate::load", "crate::symbolize", "crate::page", "crate::cli"]),
    ("memscope-report/src/page/", &["crate::load", "crate::symbolize", "crate::cli"]),
];

const MOST_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

/// The sources of the crates, as (path below the root, content).
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in [
        "memscope/src",
        "memscope/trace/src",
        "memscope-macros/src",
        "memscope-report/src",
        "examples",
        "benches/src",
    ] {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() > 80, "found only {} files", found.len());
    found
}

fn collect(folder: &Path, into: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() && !entry.ends_with("target") {
            collect(&entry, into);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let name = entry.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            into.push((name, fs::read_to_string(&entry).expect("a text")));
        }
    }
}

/// The code without comments.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines.map(|(number, line)| (number + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn unsafe_stands_where_it_may() {
    let is_unsafe = |line: &str| {
        let forms = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];
        // The macro's tests have `unsafe` functions in what they quote.
        forms.iter().any(|form| line.contains(form)) && !line.contains("quote!")
    };
    let mut unused: Vec<&str> = MAY_BE_UNSAFE.to_vec();
    for (name, text) in sources() {
        let Some((number, line)) = code_lines(&text).find(|(_, line)| is_unsafe(line)) else { continue };
        assert!(MAY_BE_UNSAFE.contains(&name.as_str()), "{name}:{number}: {line}");
        unused.retain(|listed| *listed != name);
    }
    assert!(unused.is_empty(), "listed, but without `unsafe`: {unused:?}");
}

#[test]
fn imports_go_one_way() {
    for (name, text) in sources() {
        let tests_begin = text.find("#[cfg(test)]").unwrap_or(text.len());
        for (prefix, forbidden) in MUST_NOT_IMPORT.iter().filter(|(prefix, _)| name.starts_with(prefix)) {
            for (number, line) in code_lines(&text[..tests_begin]) {
                let found = forbidden.iter().find(|path| line.contains(**path));
                assert!(found.is_none(), "{name}:{number}: {prefix} must not import {found:?}: {line}");
            }
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    for (name, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{name}: {lines} lines; which two things are in it?");
        assert!(text.starts_with("//!"), "{name}: no header");
    }
}
