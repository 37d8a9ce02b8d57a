//! Instructions that a session adds to a pair, by number of threads: counted by callgrind, the start and the end left out by the
//! difference of two sizes. memscope's own thread is counted by itself: it works by the clock, and valgrind slows the program, not the clock.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const THREADS: [usize; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/// Pairs of all threads together, beside the first of each thread.
const PAIRS: usize = 1_024_000;
/// Pairs of each thread in the smaller of the two runs: it registers, and its first gap is drawn.
const FIRST_PAIRS: usize = 100;

/// Prints instructions for a pair.
pub(crate) fn print_table() -> Result<(), Box<dyn Error>> {
    println!("| threads | a pair, no session | added, nothing sampled | added, default |");
    println!("| --- | --- | --- | --- |");
    for threads in THREADS {
        let off = of_a_pair("off", threads)?;
        let unsampled = of_a_pair("unsampled", threads)? - off;
        let default = of_a_pair("default", threads)? - off;
        println!("| {threads} | {off:.2} | {unsampled:+.2} | {default:+.2} |");
    }
    Ok(())
}

fn of_a_pair(session: &str, threads: usize) -> Result<f64, Box<dyn Error>> {
    let less = count(session, threads, FIRST_PAIRS)?;
    let more = count(session, threads, FIRST_PAIRS + PAIRS / threads)?;
    Ok((more as f64 - less as f64) / PAIRS as f64)
}

/// Instructions of the program's threads.
fn count(session: &str, threads: usize, pairs: usize) -> Result<u64, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let counts = folder.path().join("counts");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--separate-threads=yes", "--max-threads=600"]);
    command.arg(format!("--callgrind-out-file={}", counts.display())).arg(std::env::current_exe()?);
    command.args(["one", "pairs", session, &threads.to_string(), &pairs.to_string()]);
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot run valgrind: {error}; is it installed?"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let collected = errors.lines().find_map(|line| line.split("Collected :").nth(1));
    let collected: u64 = collected
        .ok_or_else(|| format!("expected callgrind's `Collected : ...`, found\n{errors}"))?
        .trim()
        .parse()?;
    // The session starts before the threads, so that its own is the second.
    let drain = if session == "off" { 0 } else { of_thread(&folder.path().join("counts-02"))? };
    Ok(collected.saturating_sub(drain))
}

fn of_thread(file: &Path) -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("expected `totals: ...` in callgrind's counts of the drain thread")?.trim().parse()?)
}
