//! The command line.

use clap::Parser;
use std::path::{Path, PathBuf};

/// Draws what a memscope trace says: one HTML page with charts, and a summary on the terminal.
#[derive(Debug, Parser)]
#[command(
    name = "memscope-report",
    version,
    after_help = "Exit codes:\n  \
        0  the report was written (a trace cut short by a crash is said in its warnings)\n  \
        1  the trace cannot be read or the report not be written\n  \
        2  the command line is wrong\n  \
        3  the report was written, but parts inside the trace are damaged and missing from it"
)]
pub(super) struct Args {
    /// The trace.bin that a profiled program wrote
    pub(super) trace: PathBuf,
    /// Folder for index.html and the charts [default: beside the trace, named after it: trace-report]
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
    /// Folder with the profiled binary or its debug files; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(super) symbols: Vec<PathBuf>,
    /// Do not read debug information: function names only, no files and lines
    #[arg(long)]
    pub(super) no_dwarf: bool,
    /// Show stacks whole: with the standard library's, the allocator's and the profiler's frames
    #[arg(long)]
    pub(super) all_frames: bool,
    /// Keep no names for the next report, and take none that an earlier one kept in ~/.cache/memscope/symbols
    #[arg(long)]
    pub(super) no_cache: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(super) quiet: bool,
}

/// `trace-report` beside the trace `trace.bin`.
pub(super) fn default_output(trace: &Path) -> PathBuf {
    let mut name = trace.file_stem().unwrap_or_default().to_owned();
    name.push("-report");
    trace.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_report_stands_beside_its_trace() {
        for (trace, output) in
            [("trace.bin", "trace-report"), ("runs/a.bin", "runs/a-report"), ("/x/trace", "/x/trace-report")]
        {
            assert_eq!(default_output(Path::new(trace)), Path::new(output));
        }
    }
}
