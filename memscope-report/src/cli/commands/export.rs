//! `export`: a trace in the format of another tool.

use crate::cli::args::TraceArgs;
use crate::cli::trace::Trace;
use crate::cli::{exit, output, screen};
use crate::error::ReportError;
use crate::export::{EXPORTERS, ExportError, ExportOptions, ExportSource, Measure, exporter};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use std::io::{self, BufWriter};
use std::path::PathBuf;

/// Writes the trace in the format of another tool
///
/// Amounts are estimates, allowing for lost samples: the totals of every format are those of the report.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report export --format pprof trace.bin -o heap.pb.gz && go tool pprof -top heap.pb.gz
  memscope-report export --format folded --measure peak-bytes t.bin -o - | inferno-flamegraph > t.svg
  memscope-report export --format csv trace.bin -o tables       a folder with a file for each table
  memscope-report export --format csv trace.bin -o sites.csv    the call sites alone
  memscope-report export --format speedscope trace.bin -o trace.json && npx speedscope trace.json")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    trace: TraceArgs,
    /// What to write
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    format: String,
    /// The file to write, or the folder for formats of several tables; - is standard output
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
    /// What the format `folded` counts
    #[arg(long, value_name = "MEASURE", default_value_t, value_parser = measures())]
    measure: Measure,
}

fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(EXPORTERS.iter().map(|known| PossibleValue::new(known.name).help(known.about)))
}

fn measures() -> impl TypedValueParser<Value = Measure> {
    let names = Measure::ALL.map(|measure| PossibleValue::new(measure.name()).help(measure.title()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Measure>())
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    let format = exporter(&args.format)?;
    output::is_no_trace(&args.output, [args.trace.trace.as_path()])?;
    let Trace { profile, symbols, .. } = Trace::load(&args.trace.trace, &args.trace.names)?;
    let source = ExportSource::from_parts(profile, symbols, args.trace.trace);
    let options = ExportOptions::default().measure(args.measure);
    if screen::is_stdout(&args.output) {
        match format.write(&source, &options, &mut BufWriter::new(io::stdout().lock())) {
            // Whoever reads has gone (`| head`).
            Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(ExportError::Write(error)) => return Err(ReportError::Print(error)),
            written => written?,
        }
    } else {
        format.write_to(&source, &options, &args.output)?;
    }
    Ok(exit::done([source.profile()]))
}
