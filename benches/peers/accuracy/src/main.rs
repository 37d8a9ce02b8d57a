//! How far the estimates are off: each preset's promise, measured against exact mode on the same work.
//!
//! ```text
//! accuracy [WORKLOAD ...] [--preset default|high_precision|low_overhead] [--runs 100] [--scale 1]
//!          [--no-budget] [--sites]
//! ```
//!
//! The promise: *error* is the 95th percentile, over 100 runs, of the relative error of the estimated bytes of each call site that
//! holds at least 5% of them; 5% with the default configuration, 1% with `high_precision`, 15% with `low_overhead`.
//!
//! For each workload and preset this program
//!
//! 1. does the work once without a session, so that what is allocated once in a process is there;
//! 2. does it twice in exact mode (`sample_rate` 1.0), which agrees with dhat site by site
//!    (`memscope/oracle-tests/tests/dhat_sites.rs`). The mean of both is the *truth*, and how far they are away from it
//!    is printed beside it: what the work itself varies by;
//! 3. does it `--runs` times under the preset, with the seeds 1, 2, 3 ..., and compares each site's estimate with the truth, scaled by
//!    the run's own exact total.
//!
//! A *site* is a call site of the report: all samples whose stacks read the same, function by function, from the allocation out to the
//! thread's start (`memscope_report::analyze`, names from the symbol table). Everything happens in one process, so that names and
//! addresses are the same in all runs.

#![forbid(unsafe_code)]

mod measure;
mod preset;
mod run;
mod sizes;
mod table;
mod truth;

use clap::Parser;
use preset::Preset;
use sizes::SIZES;
use std::error::Error;
use std::process::ExitCode;
use truth::Truth;
use workloads::find;

memscope::install!();

/// What this program's functions give.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The 95th percentile over many runs of the relative error of the estimated bytes of each call site that holds at least 5% of them.
#[derive(Debug, Parser)]
struct Options {
    /// Workloads; all where none is named
    #[arg(value_name = "WORKLOAD")]
    workloads: Vec<String>,
    /// The preset; all three, one after the other, where none is named
    #[arg(long, value_enum)]
    preset: Vec<Preset>,
    /// Runs for each workload and preset
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// How many times as large as usual a run is
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    scale: u32,
    /// Leave the sampling interval as it is at the start, whatever it costs
    #[arg(long)]
    no_budget: bool,
    /// Print each site's figures too
    #[arg(long)]
    sites: bool,
}

fn main() -> ExitCode {
    match measure_all(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("accuracy: {message}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(options: &Options) -> Result<()> {
    let all: Vec<&str> = SIZES.iter().map(|(name, _)| *name).collect();
    let names: Vec<&str> = match options.workloads.as_slice() {
        [] => all.clone(),
        named => named.iter().map(String::as_str).collect(),
    };
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        return Err(format!("expected workloads out of {}, found {unknown}", all.join(", ")).into());
    }
    let presets = if options.preset.is_empty() { Preset::ALL } else { &options.preset };
    table::print_head();
    for (name, size) in SIZES.iter().filter(|(name, _)| names.contains(name)) {
        let workload = find(name).ok_or_else(|| format!("the crate `workloads` has no {name}"))?;
        let size = size * options.scale as usize;
        (workload.run)(size);
        let work = || (workload.run)(size);
        let mut known: Option<Truth> = None;
        for preset in presets {
            let min_allocation_size = preset.config().min_allocation_size;
            let truth = match known.take() {
                Some(truth) if truth.min_allocation_size == min_allocation_size => truth,
                _ => truth::measure(min_allocation_size, &work)?,
            };
            let measured = measure::measure(*preset, !options.no_budget, &truth, options.runs, &work)?;
            table::print(&format!("{name} {size}"), *preset, &truth, &measured, options.sites);
            known = Some(truth);
        }
    }
    Ok(())
}
