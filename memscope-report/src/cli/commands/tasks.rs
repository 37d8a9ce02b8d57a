//! `tasks`: instances of tasks.

use crate::cli::args::{TraceArgs, number, rows};
use crate::cli::trace::Trace;
use crate::cli::{exit, screen};
use crate::error::ReportError;
use crate::tables::{write_tasks, write_tasks_json};

/// Lists the task instances that hold or held most, with where each was made
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report tasks trace.bin
  memscope-report tasks trace.bin --json | jq '.tasks[] | select(.state == \"Alive\").file'

What is live of what a task allocated, whoever holds it, is estimated from samples, with its
95% interval; all else is exact. A trace tells of the tasks that live, that allocated most, or
that a sample belongs to; the first line counts all.")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    trace: TraceArgs,
    /// Most tasks to show; 0 for all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = number, allow_negative_numbers = true)]
    rows: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    let trace = Trace::load(&args.trace.trace, &args.trace.names)?;
    let (analysis, most) = (trace.analysis(), rows(args.rows));
    screen::print(|out| match args.json {
        true => write_tasks_json(out, &analysis, most),
        false => write_tasks(out, &analysis, most, &screen::text_options()),
    })?;
    Ok(exit::done([&trace.profile]))
}
