//! One run: the work in a session, and what its trace says, call site by call site.

use crate::Result;
use memscope::{Estimate, SessionBuilder};
use memscope_report::{Profile, SymbolizeOptions, analyze, symbolize};
use memscope_trace::Interval;
use rustix::time::{ClockId, clock_gettime};
use std::collections::HashMap;
use std::thread;

/// The functions of a call site's stack, innermost first, one a line.
pub(crate) type Stack = String;

/// What one run gave.
#[derive(Debug)]
pub(crate) struct Run {
    /// Bytes allocated at each call site, as estimated; exact in exact mode.
    pub(crate) sites: HashMap<Stack, Estimate>,
    /// The call sites' names in one line.
    pub(crate) labels: HashMap<Stack, String>,
    /// Sizes that occurred and how many allocations of each are in the trace.
    pub(crate) sampled_sizes: HashMap<u64, u64>,
    /// Bytes allocated, of any size: exact in every mode.
    pub(crate) total_bytes: u64,
    pub(crate) samples: u64,
    pub(crate) lost_samples: u64,
    /// The interval in force at the end.
    pub(crate) interval: Interval,
    /// CPU time of the process during the work, seconds.
    pub(crate) cpu_seconds: f64,
}

impl Run {
    /// The share of the bytes whose stack was not recorded.
    pub(crate) fn share_without_stack(&self) -> f64 {
        let all: f64 = self.sites.values().map(|bytes| bytes.value).sum();
        self.sites.get("").map_or(0.0, |bytes| bytes.value / all)
    }
}

/// Does the work in the session that `builder` describes, on a thread of its own: who called this function is on no stack.
pub(crate) fn run(builder: SessionBuilder, work: &(dyn Fn() + Sync)) -> Result<Run> {
    let folder = tempfile::tempdir()?;
    let mut session = builder.output(folder.path()).start()?;
    let start_seconds = process_cpu_seconds();
    thread::scope(|scope| scope.spawn(work).join()).map_err(|_| "the workload panicked")?;
    let cpu_seconds = process_cpu_seconds() - start_seconds;
    let result = session.finalize()?;
    let profile = Profile::open(&result.trace)?;
    let interval = profile.intervals.last().copied();
    let interval = interval.ok_or("expected a sampling interval in the trace, found none")?;
    let mut run = Run {
        sites: HashMap::new(),
        labels: HashMap::new(),
        sampled_sizes: HashMap::new(),
        total_bytes: result.total_bytes,
        samples: result.sampled_allocations,
        lost_samples: result.lost_samples,
        interval,
        cpu_seconds,
    };
    for site in &profile.sites {
        *run.sampled_sizes.entry(site.size_bytes).or_default() += site.samples.samples();
    }
    for site in analyze(&profile, &symbolize(&profile, &SymbolizeOptions::default())).sites {
        let functions: Vec<&str> = site.frames.iter().map(|frame| frame.function.as_str()).collect();
        let stack = functions.join("\n");
        run.labels.insert(stack.clone(), site.label);
        run.sites.insert(stack, site.allocated_bytes);
    }
    Ok(run)
}

/// CPU time of all threads of the process, seconds.
fn process_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
