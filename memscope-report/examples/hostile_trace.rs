//! Writes a small trace in which every name is out to do harm: `cargo run -p memscope-report --example hostile_trace -- OUT`.
//!
//! The browser test opens the page of it.

#[path = "../tests/common/mod.rs"]
mod common;

use memscope_trace::{Record, Scope, Scopes, Thread, Threads};
use std::process::ExitCode;

const NAMES: [&str; 6] = [
    "<script>alert(1)</script>",
    "</script></svg><img src=x onerror=alert(1)>",
    "\"><svg onload='alert(1)'>&amp;]]><!--",
    "esc\u{1b}[31m\u{9b}2J bell\u{7} turned\u{202e}txt.exe\u{2066}",
    "app::<script>alert(1)</script>::run",
    "javascript:alert(1)//\\u003c \u{2028}",
];

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("expected the path of the trace to write");
        return ExitCode::from(2);
    };
    match std::fs::write(&path, common::write(&records())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("expected to write {}, found: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

/// The small trace of the tests, with other names.
fn records() -> Vec<Record> {
    let thread = |id, name: &str| Thread { id, os_id: 100 + u64::from(id), name: name.into(), start_us: 1 };
    let symbols: Vec<(i64, &str)> = common::FRAMES
        .iter()
        .zip(NAMES.iter().cycle())
        .map(|(&(address, _), &name)| (address, name))
        .collect();
    let renamed = common::small().into_iter().map(|record| match record {
        Record::Session(mut session) => {
            session.name = NAMES[0].into();
            session.executable = format!("/srv/{}", NAMES[1]);
            session.unwinder = NAMES[2].into();
            session.memscope_version = NAMES[3].into();
            Record::Session(session)
        }
        Record::Threads(_) => {
            Record::Threads(Threads { threads: vec![thread(1, NAMES[0]), thread(2, NAMES[3])] })
        }
        Record::Scopes(_) => Record::Scopes(Scopes {
            scopes: vec![Scope { id: 1, name: NAMES[0].into(), file: NAMES[1].into(), line: 3 }],
        }),
        Record::Symbols(_) => common::symbols(&symbols),
        record => record,
    });
    renamed.collect()
}
