//! `summary`: one screen.

use crate::cli::args::TraceArgs;
use crate::cli::trace::Trace;
use crate::cli::{exit, screen};
use crate::error::ReportError;
use crate::summary::Summary;
use crate::tables::write_summary_json;
use std::io::{self, IsTerminal};

/// Prints what matters on one screen
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report summary trace.bin
  memscope-report summary --json trace.bin | jq .totals.peak_bytes")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    trace: TraceArgs,
    /// Print JSON: exact figures as integers, estimates as {value, low, high}
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    let path = &args.trace.trace;
    let trace = Trace::load_quietly(path, &args.trace.names)?;
    // The screen shows them below the figures; a script may look at neither field nor screen.
    if args.json || !io::stdout().is_terminal() {
        screen::warn(path, &trace.warnings);
    }
    let analysis = trace.analysis();
    screen::print(|out| match args.json {
        true => write_summary_json(out, &analysis),
        false => writeln!(out, "{}", Summary::new(&analysis)),
    })?;
    Ok(exit::done([&trace.profile]))
}
