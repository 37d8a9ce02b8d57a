//! `top`: the largest.

use crate::analysis::GroupBy;
use crate::cli::args::{TraceArgs, number, rows};
use crate::cli::trace::Trace;
use crate::cli::{exit, screen};
use crate::error::ReportError;
use crate::rank::{Sort, top};
use crate::tables::{TopTitle, write_top, write_top_json};
use clap::ValueEnum;

/// Lists the largest call sites, functions, crates, threads or scopes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report top trace.bin                              call sites by bytes allocated
  memscope-report top trace.bin --by module --sort peak      whose the peak was, by crate
  memscope-report top trace.bin --by thread --sort live -n 5
  memscope-report top trace.bin --by function --inclusive    with all that they call
  memscope-report top trace.bin --by function --sort temporary --json | jq '.rows[].name'

Bytes and numbers of allocations of threads and scopes are exact, all else is estimated
from samples, with 95% intervals. A scope's figures are those outside inner scopes.")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    trace: TraceArgs,
    /// What to list
    #[arg(long, value_enum, default_value_t = ByArg::Site)]
    by: ByArg,
    /// What to sort by
    #[arg(long, value_enum, default_value_t = SortArg::Bytes)]
    sort: SortArg,
    /// With --by function: count what is called from a function too
    #[arg(long)]
    inclusive: bool,
    /// Most rows to show; 0 for all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = number, allow_negative_numbers = true)]
    rows: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ByArg {
    /// The line of the program's own code that allocates
    Site,
    /// The function that it is in
    Function,
    /// The crate that that is in
    Module,
    /// The allocating thread
    Thread,
    /// The innermost annotated function
    Scope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SortArg {
    /// Bytes allocated
    Bytes,
    /// Bytes live at the end
    Live,
    /// Bytes live at the process's peak
    Peak,
    /// Bytes live at the end for certain: by the lower end of their interval
    Leaked,
    /// Bytes freed within a millisecond by the thread that allocated them
    Temporary,
    /// Allocations
    Count,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    let trace = Trace::load(&args.trace.trace, &args.trace.names)?;
    let (by, noun) = match args.by {
        ByArg::Site => (GroupBy::Site, "call sites"),
        ByArg::Function if args.inclusive => (GroupBy::FunctionInclusive, "functions with all that they call"),
        ByArg::Function => (GroupBy::Function, "functions"),
        ByArg::Module => (GroupBy::Module, "modules"),
        ByArg::Thread => (GroupBy::Thread, "threads"),
        ByArg::Scope => (GroupBy::Scope, "scopes"),
    };
    let sort = match args.sort {
        SortArg::Bytes => Sort::Bytes,
        SortArg::Live => Sort::Live,
        SortArg::Peak => Sort::Peak,
        SortArg::Leaked => Sort::Leaked,
        SortArg::Temporary => Sort::Temporary,
        SortArg::Count => Sort::Count,
    };
    let found = top(&trace.profile, &trace.symbols, by, sort);
    let title = TopTitle::new(noun, sort, sort.whole(&trace.profile));
    screen::print(|out| match args.json {
        true => write_top_json(out, &found, title, rows(args.rows), &trace.warnings),
        false => write_top(out, &found, title, rows(args.rows), &screen::text_options()),
    })?;
    Ok(exit::done([&trace.profile]))
}
