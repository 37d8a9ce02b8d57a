//! Instructions added to each unit of a workload, start and end of the program left out: the difference of two sizes.

use crate::Result;
use crate::building::Programs;
use crate::callgrind::{self, Count};
use crate::rows::Row;
use crate::sizes::Sizes;
use crate::table::{self, Summary};

/// Instructions of one unit.
#[derive(Clone, Copy)]
struct PerUnit {
    program: f64,
    drain: f64,
}

/// Counts and prints one table for each workload.
pub(crate) fn compare(
    programs: &Programs,
    rows: &[&'static Row],
    workloads: &[&'static Sizes],
) -> Result<()> {
    let mut summary = Summary::default();
    for sizes in workloads {
        let mut counted: Vec<(&Row, PerUnit)> = Vec::new();
        for row in rows {
            eprintln!("{}: {}", sizes.workload, row.name);
            counted.push((row, per_unit(programs, row, sizes)?));
        }
        let lines = print(&counted, sizes);
        // Name, what it is compared with, and of the others the ratio beside what is added.
        let added =
            |line: &Vec<String>| [line[0].clone(), line[1].clone(), format!("{} ({})", line[3], line[4])];
        summary.add(sizes.workload, lines.iter().map(added).collect());
    }
    summary.print("Instructions added to a unit by the program's threads (ratio)");
    Ok(())
}

fn per_unit(programs: &Programs, row: &Row, sizes: &Sizes) -> Result<PerUnit> {
    let (less, more) = sizes.for_callgrind(row.is_heavy);
    let program = programs.path(row);
    let small = callgrind::count(row, &program, sizes.workload, less)?;
    let large = callgrind::count(row, &program, sizes.workload, more)?;
    let units = ((more.count - less.count) * sizes.units_per_size()) as f64;
    let each = |part: fn(&Count) -> u64| (part(&large) as f64 - part(&small) as f64) / units;
    Ok(PerUnit { program: each(|count| count.program), drain: each(|count| count.drain) })
}

/// Prints the workload's table; returns its lines.
fn print(counted: &[(&Row, PerUnit)], sizes: &Sizes) -> Vec<Vec<String>> {
    let (less, more) = sizes.for_callgrind(false);
    println!("\n### `{}`, sizes {} and {}\n", sizes.workload, less.count, more.count);
    let lines: Vec<Vec<String>> = counted.iter().map(|(row, each)| line(row, *each, counted)).collect();
    let unit = sizes.unit();
    let head = [
        "program".to_owned(),
        "against".to_owned(),
        format!("instructions a {unit}"),
        "added".to_owned(),
        "ratio".to_owned(),
        "drain thread, as valgrind slows it".to_owned(),
    ];
    table::print(&head.each_ref().map(String::as_str), &lines);
    lines
}

fn line(row: &Row, each: PerUnit, counted: &[(&Row, PerUnit)]) -> Vec<String> {
    let drain = if row.has_drain_thread() { format!("{:+.1}", each.drain) } else { String::new() };
    let all = format!("{:.1}", each.program);
    let against = counted.iter().find(|(other, _)| Some(other.name) == row.against);
    let Some((against, plain)) = against else {
        return vec![row.name.to_owned(), String::new(), all, String::new(), "1".to_owned(), drain];
    };
    let added = format!("{:+.1}", each.program - plain.program);
    let ratio = format!("{:.4}", each.program / plain.program);
    vec![row.name.to_owned(), against.name.to_owned(), all, added, ratio, drain]
}
