//! Runs memscope and its peers on the same workloads, side by side, and prints tables in Markdown.
//!
//! ```sh
//! cargo run --release --manifest-path benches/peers/Cargo.toml --bin compare -- --help
//! ```
//! A figure is a ratio within one run or a count of instructions; the README beside this workspace says how to read them.

mod building;
mod callgrind;
mod child;
mod instructions;
mod rows;
mod sizes;
mod table;
mod times;

use clap::Parser;
use rows::{ROWS, Row};
use sizes::{SIZES, Sizes};
use std::process::ExitCode;

/// What goes wrong is told in words, and ends the run.
type Result<T> = std::result::Result<T, String>;

/// Runs memscope and its peers on the same workloads, side by side, and prints tables in Markdown.
#[derive(Debug, Parser)]
struct Options {
    /// Workloads, separated by commas; all of them where nothing is said
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<String>,

    /// Only programs whose name has one of these words in it, separated by commas; what they are compared with runs in any case
    #[arg(long, value_delimiter = ',')]
    programs: Vec<String>,

    /// How often each program runs, in turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// `release` (as users have it) or `max` (fat LTO, one codegen unit, panic=abort)
    #[arg(long, default_value = "release")]
    profile: String,

    /// Builds with frame pointers
    #[arg(long)]
    frame_pointers: bool,

    /// Full sizes (100 million pairs, a million operations a thread, ...) instead of sizes that take about a second
    #[arg(long)]
    full: bool,

    /// Counts instructions with callgrind instead of measuring CPU time and memory
    #[arg(long)]
    instructions: bool,

    /// Lists programs and workloads, and does nothing
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("compare: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let workloads = workloads(&options.workloads)?;
    let wanted = rows(&options.programs, options.instructions)?;
    if options.list {
        list(&wanted, &workloads);
        return Ok(());
    }
    let programs = building::build(&wanted, &options.profile, options.frame_pointers)?;
    if options.instructions {
        instructions::compare(&programs, &wanted, &workloads)
    } else {
        times::compare(&programs, &wanted, &workloads, options.rounds.max(1), options.full)
    }
}

fn workloads(names: &[String]) -> Result<Vec<&'static Sizes>> {
    if names.is_empty() {
        return Ok(SIZES.iter().collect());
    }
    let known = || SIZES.iter().map(|sizes| sizes.workload).collect::<Vec<_>>().join(", ");
    let find = |name: &String| {
        let found = SIZES.iter().find(|sizes| sizes.workload == name);
        found.ok_or_else(|| format!("expected workloads out of {}, found {name}", known()))
    };
    names.iter().map(find).collect()
}

/// The rows that were asked for, and those that they are compared with, in the order of the table.
fn rows(words: &[String], instructions: bool) -> Result<Vec<&'static Row>> {
    let asked = |row: &&Row| words.is_empty() || words.iter().any(|word| row.name.contains(word.as_str()));
    let counted = |row: &&Row| !instructions || row.counts_instructions();
    let mut names: Vec<&str> = ROWS.iter().filter(asked).filter(counted).map(|row| row.name).collect();
    if names.is_empty() {
        return Err(format!("expected a word of a program's name (see --list), found {}", words.join(", ")));
    }
    let mut at = 0;
    while at < names.len() {
        names.extend(ROWS.iter().find(|row| row.name == names[at]).and_then(|row| row.against));
        at += 1;
    }
    Ok(ROWS.iter().filter(|row| names.contains(&row.name)).collect())
}

fn list(rows: &[&Row], workloads: &[&Sizes]) {
    for row in rows {
        println!("{:40} against {}", row.name, row.against.unwrap_or("nothing"));
    }
    for sizes in workloads {
        println!(
            "{:8} {} ({} at full size), counted in {}s",
            sizes.workload,
            sizes.usual,
            sizes.full,
            sizes.unit()
        );
    }
}
