//! Writes a trace in which every name is out to do harm: `cargo run -p memscope-report --example hostile_trace -- OUT [SCOPES]`.
//!
//! The browser test opens the page of it.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/common/script.rs"]
mod script;

use memscope_trace::{Interval, Record, Thread, Threads};
use script::{Random, Script};
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
    let scopes = std::env::args().nth(2).and_then(|scopes| scopes.parse().ok()).unwrap_or(40);
    match std::fs::write(&path, trace(scopes)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("expected to write {}, found: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

/// A tree of scopes and some tasks, all with such names.
fn trace(scopes: u32) -> Vec<u8> {
    let interval = Interval { interval_bytes: 8_192.0, ..Interval::default() };
    Script::tree(&NAMES, scopes).trace_with(interval, Random(11), renamed)
}

fn renamed(record: Record) -> Record {
    let thread = |id, name: &str| Thread { id, os_id: 100 + u64::from(id), name: name.into(), start_us: 1 };
    match record {
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
        Record::Symbols(_) => {
            let names = common::FRAMES.iter().zip(NAMES.iter().cycle());
            common::symbols(&names.map(|(&(address, _), &name)| (address, name)).collect::<Vec<_>>())
        }
        record => record,
    }
}
