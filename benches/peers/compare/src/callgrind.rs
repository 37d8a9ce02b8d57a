//! Counts a program's instructions under callgrind, a thread each.

use crate::Result;
use crate::child;
use crate::rows::Row;
use crate::sizes::Size;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Instructions of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    /// The program's threads, its slow path, the session's start and end included.
    pub(crate) program: u64,
    /// memscope's own thread; 0 where there is no session.
    pub(crate) drain: u64,
}

/// The number that callgrind gives to memscope's thread: the first is `main`, the second the idle one.
const DRAIN_THREAD: &str = "-03";

/// Runs the row's program under callgrind.
pub(crate) fn count(row: &Row, program: &Path, workload: &str, size: Size) -> Result<Count> {
    let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--separate-threads=yes", "--max-threads=2000"]);
    command.arg(format!("--callgrind-out-file={}", folder.path().join("counts").display()));
    command.arg(program).arg(workload).arg(size.count.to_string());
    child::describe(&mut command, row, size, folder.path());
    let output = command.stdin(Stdio::null()).output();
    let output = output
        .map_err(|error| format!("cannot run valgrind: {error}; install it or leave --instructions out"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}:\n{errors}", output.status));
    }
    let collected = errors.lines().find_map(|line| line.split("Collected :").nth(1));
    let collected = collected.and_then(|number| number.trim().parse::<u64>().ok());
    let collected =
        collected.ok_or_else(|| format!("expected callgrind's line `Collected : ...`, found\n{errors}"))?;
    let drain = if row.has_drain_thread() { of_drain_thread(folder.path())? } else { 0 };
    Ok(Count { program: collected.saturating_sub(drain), drain })
}

fn of_drain_thread(folder: &Path) -> Result<u64> {
    let file = folder.join(format!("counts{DRAIN_THREAD}"));
    let text = fs::read_to_string(&file)
        .map_err(|error| format!("cannot read callgrind's counts of the drain thread: {error}"))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total
        .and_then(|total| total.trim().parse().ok())
        .ok_or_else(|| "expected `totals: ...` in callgrind's counts".to_owned())
}
