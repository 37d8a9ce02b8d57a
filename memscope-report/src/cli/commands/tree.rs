//! `tree`: the call tree.

use crate::cli::args::{FigureArg, TraceArgs, fraction, number};
use crate::cli::trace::Trace;
use crate::cli::{exit, screen};
use crate::error::ReportError;
use crate::tables::{write_tree, write_tree_json};
use crate::tree::{CallTree, TreeOptions};

/// Prints the call tree: what was allocated below each function
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report tree trace.bin                        who allocates, from main inwards
  memscope-report tree trace.bin --figure peak          what the peak was made of
  memscope-report tree trace.bin --invert --depth 3     who calls what allocates
  memscope-report tree trace.bin --min-share 5% --json

The column +- is half of the 95% interval, as a share of the figure.")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    trace: TraceArgs,
    /// What to sum up
    #[arg(long, visible_alias = "sort", value_enum, default_value_t = FigureArg::Bytes)]
    figure: FigureArg,
    /// Most levels to show
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = number, allow_negative_numbers = true)]
    depth: usize,
    /// Leave out functions below this share of the whole
    #[arg(long, value_name = "SHARE", default_value = "1%", value_parser = fraction, allow_negative_numbers = true)]
    min_share: f64,
    /// Begin with the functions that allocate, their callers below them
    #[arg(long)]
    invert: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    let trace = Trace::load(&args.trace.trace, &args.trace.names)?;
    let figure = args.figure.into();
    let options =
        TreeOptions { figure, inverted: args.invert, all_frames: args.trace.names.all_frames };
    let tree = CallTree::new(&trace.analysis(), &options);
    let limits = (args.min_share, args.depth);
    screen::print(|out| match args.json {
        true => write_tree_json(out, &tree, figure, limits, &trace.warnings),
        false => write_tree(out, &tree, figure, limits, &screen::text_options()),
    })?;
    Ok(exit::done([&trace.profile]))
}
