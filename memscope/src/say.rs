//! One line to the person who runs the program, on stderr.
//!
//! Not `eprintln!`, which panics where stderr is closed: a profiler must not stop the program that it watches.

use std::fmt::Arguments;
use std::io::Write;

/// Writes `memscope: ` and the line; where stderr takes nothing, nothing is said.
pub(crate) fn say(line: Arguments<'_>) {
    // One write, so that lines of several threads do not mix.
    let _ = std::io::stderr().lock().write_all(format!("memscope: {line}\n").as_bytes());
}
