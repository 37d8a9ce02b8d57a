//! `diff`: what changed.

use crate::cli::args::{ByArg, FigureArg, NameArgs, number};
use crate::cli::trace::Trace;
use crate::cli::{exit, output, screen};
use crate::compare::{By, compare, differential_flame_graph};
use crate::error::ReportError;
use crate::render::{make_folder, write_file};
use crate::tables::{write_diff, write_diff_json};
use std::io::Write;
use std::path::PathBuf;

/// Compares two traces: only what certainly differs is called a change
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report diff yesterday.bin today.bin
  memscope-report diff old.bin new.bin --figure live --by site
  memscope-report diff old.bin new.bin -o out      write out/diff.svg, a differential flame graph

A difference counts as a change where its interval excludes zero. The intervals
hold for all rows together: two traces that differ in nothing but their samples
show a change in at most 5% of the cases. Exact totals are compared exactly.")]
pub(in crate::cli) struct Args {
    /// The trace to compare with
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The trace that may have changed
    #[arg(value_name = "NEW")]
    new: PathBuf,
    #[command(flatten)]
    names: NameArgs,
    /// What to compare
    #[arg(long, value_enum, default_value_t = FigureArg::Bytes)]
    figure: FigureArg,
    /// What makes a row
    #[arg(long, value_enum, default_value_t = ByArg::Function)]
    by: ByArg,
    /// Rows to show of those that are not distinguishable
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5, value_parser = number, allow_negative_numbers = true)]
    others: usize,
    /// Folder for diff.svg, the differential flame graph
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print JSON, with all rows
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    args.output.as_deref().map_or(Ok(()), output::is_folder)?;
    let (old, new) = (Trace::load(&args.old, &args.names)?, Trace::load(&args.new, &args.names)?);
    let comparison = compare(old.side(), new.side(), args.by.into(), args.figure.into());
    let mut drawn = None;
    if let Some(dir) = &args.output {
        let by_site = compare(old.side(), new.side(), By::Site, args.figure.into());
        let svg = differential_flame_graph(&by_site).map_err(ReportError::Draw)?;
        make_folder(dir)?;
        let path = dir.join("diff.svg");
        write_file(&path, |out| out.write_all(svg.as_bytes()))?;
        drawn = Some(path);
    }
    screen::print(|out| {
        if args.json {
            return write_diff_json(out, &comparison, [&old.warnings, &new.warnings]);
        }
        write_diff(out, &comparison, args.others, &screen::text_options())?;
        drawn.iter().try_for_each(|path| writeln!(out, "\n{}", path.display()))
    })?;
    Ok(exit::done([&old.profile, &new.profile]))
}
