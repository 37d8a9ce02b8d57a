//! Memory for each thread: resident memory of a run with a session less that of the same run without.

use memscope_benches::Spread;
use std::error::Error;
use std::process::Command;

const RUNS: usize = 3;
/// So many that a thread's buffer is used all over: about 160 samples by size at an interval of 512 KiB.
const ALLOCATIONS: usize = 40_000;
const PRESETS: [&str; 3] = ["default", "high_precision", "low_overhead"];

/// What one run prints.
#[derive(Clone, Copy)]
struct Run {
    at_once_kib: f64,
    after_kib: f64,
    highest_kib: f64,
    samples: f64,
    lost: f64,
}

/// Prints what the presets take.
pub(crate) fn print_table() -> Result<(), Box<dyn Error>> {
    println!("resident memory added by the session, medians of {RUNS} runs, KiB\n");
    println!(
        "| threads | preset | a thread, all there | a thread, highest | in all, highest | left when threads are gone | samples | lost |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for threads in [30, 100, 500] {
        rows(threads, ALLOCATIONS, &PRESETS)?;
    }
    rows(10_000, 20, &["default"])
}

fn rows(threads: usize, allocations: usize, presets: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut plain = Vec::new();
    let mut with: Vec<Vec<Run>> = vec![Vec::new(); presets.len()];
    for _ in 0..RUNS {
        let Some(run) = run("off", threads, allocations)? else {
            println!("| {threads} | not measured: the system does not give as many threads | | | | | | |");
            return Ok(());
        };
        plain.push(run);
        for (preset, runs) in presets.iter().zip(&mut with) {
            runs.extend(self::run(preset, threads, allocations)?);
        }
    }
    let median = |runs: &[Run], part: fn(&Run) -> f64| Spread::of(runs.iter().map(part).collect()).median;
    for (preset, runs) in presets.iter().zip(&with) {
        let added = |part: fn(&Run) -> f64| median(runs, part) - median(&plain, part);
        println!(
            "| {threads} | {preset} | {:.1} | {:.1} | {:.0} | {:.0} | {:.0} | {:.0} |",
            added(|run| run.at_once_kib) / threads as f64,
            added(|run| run.highest_kib) / threads as f64,
            added(|run| run.highest_kib),
            added(|run| run.after_kib),
            median(runs, |run| run.samples),
            median(runs, |run| run.lost),
        );
    }
    Ok(())
}

/// One run; `None` where the system does not give as many threads.
fn run(session: &str, threads: usize, allocations: usize) -> Result<Option<Run>, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command
        .args(["one", "sizes", session, &threads.to_string(), &allocations.to_string()])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if output.status.code() == Some(3) {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let figures: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [at_once_kib, after_kib, highest_kib, samples, lost] = figures[..] else {
        return Err(
            format!("expected five figures from {command:?}, found {text:?}, {}", output.status).into()
        );
    };
    Ok(Some(Run { at_once_kib, after_kib, highest_kib, samples, lost }))
}
