//! CPU time and memory: all programs in turns, and each round's ratio against the same round of what it is compared with.

use crate::Result;
use crate::building::Programs;
use crate::child::{self, Usage};
use crate::rows::Row;
use crate::sizes::{Size, Sizes};
use crate::table::{self, Spread, Summary};

/// One program at one size, and what its runs took, a round each.
struct Case {
    row: &'static Row,
    size: Size,
    runs: Vec<Usage>,
}

/// Runs and prints one table for each workload.
pub(crate) fn compare(
    programs: &Programs,
    rows: &[&'static Row],
    workloads: &[&'static Sizes],
    rounds: usize,
    is_full: bool,
) -> Result<()> {
    let mut summary = Summary::default();
    for sizes in workloads {
        let mut cases = cases(rows, sizes, is_full);
        for round in 1..=rounds {
            eprintln!("{}: round {round} of {rounds}", sizes.workload);
            for case in &mut cases {
                let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
                let program = programs.path(case.row);
                let command = child::command(case.row, &program, sizes.workload, case.size, folder.path());
                case.runs.push(child::run(command)?);
            }
        }
        let lines = print(&cases, rows, sizes, is_full);
        // Name, what it is compared with, ratio.
        let ratio = |line: &Vec<String>| [0, 1, 3].map(|column| line[column].clone());
        summary.add(sizes.workload, lines.iter().map(ratio).collect());
    }
    summary.print("CPU against the same allocator without the profiler: median (min to max)");
    Ok(())
}

/// Every row at its size; where a row is heavy, what it is compared with at the small size too.
fn cases(rows: &[&'static Row], sizes: &Sizes, is_full: bool) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |row: &'static Row, size: Size| {
        if !cases.iter().any(|case| std::ptr::eq(case.row, row) && case.size == size) {
            cases.push(Case { row, size, runs: Vec::new() });
        }
    };
    for row in rows.iter().filter(|row| child::is_installed(row)) {
        let size = sizes.of(row.is_heavy, is_full);
        if let Some(against) = rows.iter().find(|other| Some(other.name) == row.against) {
            add(against, size);
        }
        add(row, size);
    }
    cases
}

/// Prints the workload's table; returns its lines.
fn print(cases: &[Case], rows: &[&'static Row], sizes: &Sizes, is_full: bool) -> Vec<Vec<String>> {
    let size = sizes.of(false, is_full);
    println!(
        "\n### `{} {}` ({} times {} {}s)\n",
        sizes.workload,
        size.count,
        size.count,
        sizes.units_per_size(),
        sizes.unit()
    );
    let lines: Vec<Vec<String>> =
        rows.iter().map(|row| line(row, cases, sizes.of(row.is_heavy, is_full))).collect();
    let head = [
        "program",
        "against",
        "size",
        "CPU ratio, median (min to max)",
        "CPU s",
        "peak RSS added, MiB",
        "drain thread, % of CPU",
    ];
    table::print(&head, &lines);
    lines
}

fn line(row: &Row, cases: &[Case], size: Size) -> Vec<String> {
    let find = |name: &str| cases.iter().find(|case| case.row.name == name && case.size == size);
    let mut cells =
        vec![row.name.to_owned(), row.against.unwrap_or_default().to_owned(), size.count.to_string()];
    match find(row.name) {
        Some(case) => cells.extend(figures(case, row.against.and_then(find))),
        None => cells.extend(["not installed", "", "", ""].map(str::to_owned)),
    }
    cells
}

/// CPU ratio, CPU time, peak of memory, the drain thread's share.
fn figures(case: &Case, against: Option<&Case>) -> [String; 4] {
    let median = |case: &Case, part: fn(&Usage) -> f64| Spread::of(case.runs.iter().map(part)).median;
    let seconds = format!("{:.3}", median(case, |run| run.cpu_seconds));
    let peak_mib = median(case, |run| run.peak_mib);
    let shares: Vec<f64> =
        case.runs.iter().filter_map(|run| Some(100.0 * run.drain_seconds? / run.cpu_seconds)).collect();
    let drain = if shares.is_empty() {
        String::new()
    } else {
        format!("{:.2}", Spread::of(shares.into_iter()).median)
    };
    let Some(against) = against else {
        return ["1".to_owned(), seconds, format!("{peak_mib:.1} in all"), drain];
    };
    let ratios = case.runs.iter().zip(&against.runs).map(|(run, plain)| run.cpu_seconds / plain.cpu_seconds);
    let added = peak_mib - median(against, |run| run.peak_mib);
    [Spread::of(ratios).to_string(), seconds, format!("{added:+.1}"), drain]
}
