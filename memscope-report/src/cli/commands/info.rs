//! `info`: what a trace is made of.

use crate::cli::{exit, screen};
use crate::error::ReportError;
use crate::info::TraceInfo;
use crate::load::open_file;
use crate::tables::{write_info, write_info_json};
use std::path::PathBuf;

/// Prints what a trace is made of: header, configuration, losses, blocks
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report info trace.bin
  memscope-report info --json trace.bin | jq '.kinds[] | {kind, bytes}'")]
pub(in crate::cli) struct Args {
    /// The trace.bin that a profiled program wrote
    #[arg(value_name = "TRACE")]
    trace: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    let (file, _) = open_file(&args.trace)?;
    let info = TraceInfo::read(file).map_err(|error| error.at(&args.trace))?;
    screen::print(|out| match args.json {
        true => write_info_json(out, &info),
        false => write_info(out, &info, &screen::text_options()),
    })?;
    Ok(if info.is_damaged() { exit::DAMAGED } else { exit::OK })
}
