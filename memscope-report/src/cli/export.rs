//! `memscope-report export`: a trace in the format of another tool.

use crate::export::{EXPORTERS, ExportError, ExportOptions, ExportSource, Measure, exporter};
use super::args::NameArgs;
use crate::symbolize::SymbolizeOptions;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// Writes a trace in the format of another tool.
///
/// Amounts are estimates, allowing for lost samples: every format's totals are those of the report.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    memscope-report export --format pprof trace.bin -o heap.pb.gz && go tool pprof -http=: heap.pb.gz\n  \
    memscope-report export --format folded --measure peak-bytes trace.bin -o - | inferno-flamegraph > peak.svg\n  \
    memscope-report export --format csv trace.bin -o tables")]
pub(super) struct ExportArgs {
    /// What to write
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    format: String,
    /// The trace.bin that a profiled program wrote
    trace: PathBuf,
    /// The file to write, or the folder for formats of several tables; - is standard output
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
    /// What `folded` counts
    #[arg(long, value_name = "MEASURE", default_value_t, value_parser = measures())]
    measure: Measure,
    #[command(flatten)]
    names: NameArgs,
}

fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(EXPORTERS.iter().map(|known| PossibleValue::new(known.name).help(known.about)))
}

fn measures() -> impl TypedValueParser<Value = Measure> {
    let names = Measure::ALL.map(|measure| PossibleValue::new(measure.name()).help(measure.title()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Measure>())
}

/// Writes the export. Returns whether blocks inside the trace were damaged.
///
/// # Errors
/// [`ExportError`] if the trace cannot be read or the output not be written.
pub(super) fn run(args: &ExportArgs) -> Result<bool, ExportError> {
    let format = exporter(&args.format)?;
    let names = SymbolizeOptions {
        dwarf: !args.names.no_dwarf,
        symbols_dirs: args.names.symbols.clone(),
        cache_dir: args.names.cache_dir(),
        all_frames: args.names.all_frames,
        ..SymbolizeOptions::default()
    };
    let source = ExportSource::open(&args.trace, &names)?;
    let options = ExportOptions::default().measure(args.measure);
    if args.output == Path::new("-") {
        let written = format.write(&source, &options, &mut BufWriter::new(io::stdout().lock()));
        match written {
            // Whoever reads has gone (`| head`).
            Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
    } else {
        format.write_to(&source, &options, &args.output)?;
    }
    Ok(source.profile().is_damaged())
}
