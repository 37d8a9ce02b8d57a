//! The command `memscope-report`.

mod args;
mod bar;

use crate::render::{RenderOptions, Rendered, render};
use args::Args;
use bar::Bar;
use clap::Parser;
use std::io::{self, Write};
use std::process::ExitCode;

/// The report could not be made: the trace cannot be read or the output not be written.
const EXIT_FAILED: u8 = 1;
/// The report was made from a trace of which some blocks were damaged.
const EXIT_DAMAGED: u8 = 3;

/// Reads the command line, makes the report, prints the summary and the page's path. Exit codes: 0 when the report was
/// made, 1 when it could not be, 2 for a command line that is wrong, 3 when it was made from a damaged trace.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    let bar = Bar::on_stderr(args.quiet);
    let mut options = RenderOptions::default().dwarf(!args.no_dwarf).progress(bar.progress());
    options.symbols_dirs = args.symbols;
    options.all_frames = args.all_frames;
    options.symbol_cache_dir =
        if args.no_cache { None } else { crate::SymbolizeOptions::default_cache_dir() };
    let output = args.output.unwrap_or_else(|| args::default_output(&args.trace));
    let result = render(&args.trace, &output, &options);
    bar.finish();
    match result {
        Ok(rendered) => {
            if !args.quiet
                && let Err(error) = print(&rendered)
            {
                // Whoever reads has gone (`| head`): the report is there all the same.
                if error.kind() != io::ErrorKind::BrokenPipe {
                    eprintln!("memscope-report: expected to print to standard output, found: {error}");
                    return ExitCode::from(EXIT_FAILED);
                }
            }
            if rendered.damaged { ExitCode::from(EXIT_DAMAGED) } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("memscope-report: {error}");
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn print(rendered: &Rendered) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", rendered.summary)?;
    writeln!(out, "{}", rendered.index_html.display())?;
    out.flush()
}
