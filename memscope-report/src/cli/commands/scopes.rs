//! `scopes`: the tree of annotated functions, spans, tasks.

use crate::cli::args::{TraceArgs, number, rows};
use crate::cli::trace::Trace;
use crate::cli::{exit, screen};
use crate::error::ReportError;
use crate::tables::{ScopeColumns, ScopeOptions, write_scopes, write_scopes_json};
use clap::ValueEnum;

/// Prints the tree of scopes: what each allocated, what a call costs, what it still holds
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report scopes trace.bin                     each scope below the one that entered it
  memscope-report scopes trace.bin --show calls        bytes per call: mean, p50, p99, most
  memscope-report scopes trace.bin --show time         polls, cancelled, time inside and in all
  memscope-report scopes trace.bin --show live         what each owns: at the end, at the peak
  memscope-report scopes trace.bin --flat --sites 3    most bytes first, with their call sites
  memscope-report scopes trace.bin --json | jq '.scopes[] | select(.per_call.p99 > 1e6).name'

Calls, bytes, frees and times are exact, with those of inner scopes; `own` leaves these out.
p50 and p99 are never too low and less than a quarter too high. What is live is estimated from
samples, with its 95% interval: a scope owns what it allocated outside inner scopes, whoever
frees it. A scope that several others enter has a row below each, with what it did there; what is
known of it as a whole only stands in the row with most bytes.")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    trace: TraceArgs,
    /// Which figures to show
    #[arg(long, value_enum, default_value_t = ShowArg::Memory)]
    show: ShowArg,
    /// List scopes with most bytes first instead of the tree
    #[arg(long)]
    flat: bool,
    /// Most levels of the tree to show
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = number, allow_negative_numbers = true)]
    depth: usize,
    /// Most call sites to show of each scope
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = number, allow_negative_numbers = true)]
    sites: usize,
    /// Most scopes to show, those with most bytes; 0 for all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 40, value_parser = number, allow_negative_numbers = true)]
    rows: usize,
    /// Print JSON, with all figures
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShowArg {
    /// Calls, bytes, bytes per call, live bytes
    Memory,
    /// Calls and how their bytes are distributed
    Calls,
    /// Polls, cancelled calls, time inside, time in all
    Time,
    /// What is live at the end and at the peak, temporary, or freed by other threads
    Live,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    let trace = Trace::load(&args.trace.trace, &args.trace.names)?;
    let analysis = trace.analysis();
    let columns = match args.show {
        ShowArg::Memory => ScopeColumns::Memory,
        ShowArg::Calls => ScopeColumns::Calls,
        ShowArg::Time => ScopeColumns::Time,
        ShowArg::Live => ScopeColumns::Live,
    };
    let options = ScopeOptions {
        columns,
        flat: args.flat,
        depth: args.depth,
        sites: args.sites,
        rows: rows(args.rows),
    };
    screen::print(|out| match args.json {
        true => write_scopes_json(out, &analysis, &options),
        false => write_scopes(out, &analysis, &options, &screen::text_options()),
    })?;
    Ok(exit::done([&trace.profile]))
}
