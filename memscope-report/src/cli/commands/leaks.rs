//! `leaks`: what grows.

use crate::cli::args::{TraceArgs, number, rows};
use crate::cli::trace::Trace;
use crate::cli::{exit, screen};
use crate::error::ReportError;
use crate::leaks::leaks;
use crate::load::open_file;
use crate::tables::{write_leaks, write_leaks_json};

/// Ranks call sites by how much they grew for certain
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report leaks trace.bin
  memscope-report leaks trace.bin --json | jq '.sites[] | select(.grew) | .name'

A call site leaks when its live bytes grow, however much it holds. So what is ranked is
growth from the middle of the session to its end, by the lower end of its interval: what
the site grew by for certain. What was taken at the start and kept does not count, nor
does what comes and goes.")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    trace: TraceArgs,
    /// Most rows to show; 0 for all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 12, value_parser = number, allow_negative_numbers = true)]
    rows: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    let path = &args.trace.trace;
    let trace = Trace::load(path, &args.trace.names)?;
    let found = leaks(open_file(path)?.0, &trace.profile, &trace.symbols).map_err(|error| error.at(path))?;
    screen::print(|out| match args.json {
        true => write_leaks_json(out, &found, rows(args.rows), &trace.warnings),
        false => write_leaks(out, &found, rows(args.rows), &screen::text_options()),
    })?;
    Ok(exit::done([&trace.profile]))
}
