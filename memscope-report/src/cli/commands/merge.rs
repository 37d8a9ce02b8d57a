//! `merge`: several traces made into one.

use crate::cli::{exit, output, screen};
use crate::error::ReportError;
use crate::merge::{Merged, merge};
use crate::units::things;
use memscope_trace::TraceError;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// Makes one trace of several, as if one process had done everything
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report merge worker-*.bin -o all.bin
  memscope-report merge a.bin b.bin -o - | ssh host 'cat > all.bin'

The processes run side by side from time 0. Totals, threads, samples and losses add up;
scopes of one name are one; modules are kept apart, each process in an address space of its
own. Threads get the number of their trace behind their name: worker [2]. Each task stays one.
What resident memory consists of is a matter of one process: see each trace's own report for it.
Every command reads the result.")]
pub(in crate::cli) struct Args {
    /// The traces
    #[arg(value_name = "TRACE", required = true, num_args = 1..)]
    traces: Vec<PathBuf>,
    /// The file to write; - for standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    if screen::is_stdout(&args.output) && io::stdout().is_terminal() {
        return Err(ReportError::Print(io::Error::other("a terminal, where a trace is of no use; pass a file or a pipe")));
    }
    output::is_no_trace(&args.output, args.traces.iter().map(PathBuf::as_path))?;
    let mut result = None;
    let written = screen::write_to(&args.output, |out| match merge(&args.traces, out) {
        // The sink's own error; a trace's has its path.
        Err(ReportError::Trace { path: None, source: TraceError::Io(error) }) => Err(error),
        other => {
            let failed = other.is_err();
            result = Some(other);
            if failed { Err(io::Error::other("a trace cannot be read")) } else { Ok(()) }
        }
    });
    let merged: Merged = match result {
        Some(merged) => merged?,
        None => return written.map(|()| exit::FAILED),
    };
    written?;
    if merged.left_out_memory_parts {
        let left_out = "what resident memory consists of is left out: it is told of one process at a time, by each trace's own report";
        screen::warn(&args.output, &[left_out.to_owned()]);
    }
    if merged.cut_short > 0 {
        let cut = format!(
            "{} of {} without an end: the program was killed, crashed, or still runs. What is missing there is missing here, \
             and the merged trace has no end either",
            merged.cut_short,
            things(merged.traces as u64, "trace")
        );
        screen::warn(&args.output, &[cut]);
    }
    if !screen::is_stdout(&args.output) {
        screen::print(|out| {
            let path = args.output.display();
            let (traces, samples) = (things(merged.traces as u64, "trace"), things(merged.samples, "sample"));
            writeln!(out, "{traces} with {samples}: {path}")
        })?;
    }
    Ok(if merged.damaged { exit::DAMAGED } else { exit::OK })
}
