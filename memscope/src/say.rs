//! One line to the person who runs the program, on stderr.
//!
//! Not `eprintln!`, which panics where stderr is closed and waits for whoever holds its lock: a profiler must not stop the program
//! that it watches.

use std::fmt::Arguments;

/// Writes `memscope: ` and the line; where stderr takes nothing, nothing is said.
pub(crate) fn say(line: Arguments<'_>) {
    // One write, so that lines of several threads do not mix.
    crate::sys::write_to_stderr(format!("memscope: {line}\n").as_bytes());
}
