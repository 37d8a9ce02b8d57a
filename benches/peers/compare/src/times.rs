//! CPU time and memory: all programs in turns, and each round's ratio against the same round of what it is compared with.

use crate::Result;
use crate::building::Programs;
use crate::child::{self, Usage};
use crate::rows::Row;
use crate::sizes::{Size, Sizes};
use crate::table::{self, Spread};

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
        print(&cases, rows, sizes, is_full);
    }
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

fn print(cases: &[Case], rows: &[&'static Row], sizes: &Sizes, is_full: bool) {
    let size = sizes.of(false, is_full);
    println!(
        "\n### `{} {}` ({} times {} {}s)\n",
        sizes.workload,
        size.count,
        size.count,
        sizes.units_per_size(),
        sizes.unit()
    );
    let mut lines = Vec::new();
    for row in rows {
        let find =
            |name: &str, size: Size| cases.iter().find(|case| case.row.name == name && case.size == size);
        let size = sizes.of(row.is_heavy, is_full);
        let name =
            if row.is_heavy { format!("{} (at {})", row.name, size.count) } else { row.name.to_owned() };
        let Some(case) = find(row.name, size) else {
            let against = row.against.unwrap_or_default().to_owned();
            lines.push(vec![
                name,
                against,
                "not installed".into(),
                String::new(),
                String::new(),
                String::new(),
            ]);
            continue;
        };
        lines.push(line(name, case, row.against.and_then(|against| find(against, size))));
    }
    table::print(
        &[
            "program",
            "against",
            "CPU ratio, median (min to max)",
            "CPU s",
            "peak RSS added, MiB",
            "drain thread, % of CPU",
        ],
        &lines,
    );
}

fn line(name: String, case: &Case, against: Option<&Case>) -> Vec<String> {
    let cpu = |run: &Usage| run.cpu_seconds;
    let peak = |run: &Usage| run.peak_mib;
    let seconds = format!("{:.3}", Spread::of(case.runs.iter().map(cpu)).median);
    let peak_mib = Spread::of(case.runs.iter().map(peak)).median;
    let shares = case.runs.iter().filter_map(|run| Some(100.0 * run.drain_seconds? / run.cpu_seconds));
    let shares: Vec<f64> = shares.collect();
    let drain = if shares.is_empty() {
        String::new()
    } else {
        format!("{:.2}", Spread::of(shares.into_iter()).median)
    };
    let Some(against) = against else {
        return vec![name, String::new(), "1".into(), seconds, format!("{peak_mib:.1} in all"), drain];
    };
    let ratios = case.runs.iter().zip(&against.runs).map(|(run, plain)| run.cpu_seconds / plain.cpu_seconds);
    let added = peak_mib - Spread::of(against.runs.iter().map(peak)).median;
    vec![
        name,
        against.row.name.to_owned(),
        Spread::of(ratios).to_string(),
        seconds,
        format!("{added:+.1}"),
        drain,
    ]
}
