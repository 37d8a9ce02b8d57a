//! `report`: the page and its charts.

use crate::cli::args::TraceArgs;
use crate::cli::bar::Bar;
use crate::cli::{exit, output, screen};
use crate::error::ReportError;
use crate::render::{RenderOptions, render};
use std::path::{Path, PathBuf};

/// Draws the page with all charts, and prints a summary (the default)
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report trace.bin                  write trace-report/index.html
  memscope-report report trace.bin -o out    write out/index.html and out/*.svg
  memscope-report report trace.bin --symbols target/release

The page needs no network and no other file: send it to whoever should see it.")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    trace: TraceArgs,
    /// Folder for index.html and the charts [default: beside the trace, named after it: trace-report]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    let TraceArgs { trace, names } = args.trace;
    let bar = Bar::on_stderr(args.quiet);
    let mut options = RenderOptions::default().dwarf(!names.no_dwarf).progress(bar.progress());
    options.symbol_cache_dir = names.cache_dir();
    options.all_frames = names.all_frames;
    options.symbols_dirs = names.symbols;
    let folder = args.output.unwrap_or_else(|| default_output(&trace));
    output::is_folder(&folder)?;
    let result = render(&trace, &folder, &options);
    bar.finish();
    let rendered = result?;
    if !args.quiet {
        screen::print(|out| {
            writeln!(out, "{}", rendered.summary)?;
            writeln!(out, "{}", rendered.index_html.display())
        })?;
    }
    Ok(if rendered.damaged { exit::DAMAGED } else { exit::OK })
}

/// `trace-report` beside the trace `trace.bin`.
fn default_output(trace: &Path) -> PathBuf {
    let mut name = trace.file_stem().unwrap_or_default().to_owned();
    name.push("-report");
    trace.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_stands_beside_its_trace() {
        for (trace, output) in
            [("trace.bin", "trace-report"), ("runs/a.bin", "runs/a-report"), ("/x/trace", "/x/trace-report")]
        {
            assert_eq!(default_output(Path::new(trace)), Path::new(output));
        }
    }
}
