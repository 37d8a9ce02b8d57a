//! `check`: a gate for continuous integration.

use crate::check::{Checked, Limits, check};
use crate::cli::args::{TraceArgs, bytes, fraction, scope_limit};
use crate::cli::trace::Trace;
use crate::cli::{exit, screen};
use crate::compare::Side;
use crate::error::ReportError;
use crate::tables::{write_check, write_check_json};
use std::path::PathBuf;

/// Checks a trace against limits and a baseline; the exit code says what failed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report check trace.bin --max-peak 100MiB
  memscope-report check trace.bin --max-allocs-per app::parse=12
  memscope-report check trace.bin --baseline main.bin --max-growth 10%
  memscope-report check trace.bin --baseline main-1.bin main-2.bin main-3.bin main-4.bin main-5.bin

Peak, live bytes, totals and allocations per scope are exact and compared exactly.
Call sites are estimated: one fails when its growth is certain and may be as much
as --max-growth. Traces of equal programs fail by that in at most 1% of the checks,
all call sites taken together; the output says how small a growth is caught with
95% probability.

What differs from run to run in the program itself only several baselines tell: runs of the
same build. The trace is then compared with their mean, and fails only for growth beyond
what they differ by among themselves, the 1% again kept. Five or more are of use; two tell
very little. With a single baseline, give the gate a run that does the same work each time.

Exit codes:
  0  kept
  3  kept, but a trace is cut short or damaged
  4  a limit is exceeded
  5  grown over the baseline
  6  both")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    trace: TraceArgs,
    /// Most live bytes at any time, such as 100MiB
    #[arg(long, value_name = "BYTES", value_parser = bytes, allow_negative_numbers = true)]
    max_peak: Option<u64>,
    /// Most live bytes at the end
    #[arg(long, value_name = "BYTES", value_parser = bytes, allow_negative_numbers = true)]
    max_live: Option<u64>,
    /// Most allocations in a call of an annotated function, in the mean; may be given several times
    #[arg(long, value_name = "SCOPE=N", value_parser = scope_limit)]
    max_allocs_per: Vec<(String, f64)>,
    /// The trace to compare with, or several of the same build, behind TRACE; may be given several times
    #[arg(long, value_name = "BASELINE", num_args = 1..)]
    baseline: Vec<PathBuf>,
    /// Most growth over the baseline
    #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = fraction, allow_negative_numbers = true, requires = "baseline")]
    max_growth: f64,
    /// Call sites below this share of both traces are not compared
    #[arg(long, value_name = "SHARE", default_value = "1%", value_parser = fraction, allow_negative_numbers = true, requires = "baseline")]
    min_share: f64,
    /// Growth by fewer bytes is no alarm
    #[arg(long, value_name = "BYTES", default_value = "4KiB", value_parser = bytes, allow_negative_numbers = true, requires = "baseline")]
    ignore_below: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    let names = &args.trace.names;
    let trace = Trace::load(&args.trace.trace, names)?;
    let baselines: Vec<Trace> =
        args.baseline.iter().map(|path| Trace::load(path, names)).collect::<Result<_, _>>()?;
    let limits = Limits {
        max_peak_bytes: args.max_peak,
        max_live_bytes: args.max_live,
        max_allocations_per_call: args.max_allocs_per,
        max_growth: args.max_growth,
        least_share: args.min_share,
        ignored_growth_bytes: args.ignore_below,
    };
    let sides: Vec<Side<'_>> = baselines.iter().map(Trace::side).collect();
    let checked = check(trace.side(), &sides, &limits)?;
    screen::print(|out| match args.json {
        true => write_check_json(out, &checked, &trace.warnings),
        false => write_check(out, &checked, &limits, &screen::text_options()),
    })?;
    Ok(exit_code(&checked))
}

fn exit_code(checked: &Checked) -> u8 {
    match (checked.keeps_limits(), checked.keeps_growth()) {
        (true, true) if checked.whole => exit::OK,
        (true, true) => exit::DAMAGED,
        (false, true) => exit::OVER_LIMIT,
        (true, false) => exit::GROWN,
        (false, false) => exit::OVER_LIMIT_AND_GROWN,
    }
}
