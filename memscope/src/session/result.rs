//! What a session found.

use crate::drain::Outcome;
use crate::resources::ResourceMetrics;
use crate::{Bottleneck, Result};
use memscope_report::{Profile, SymbolizeOptions};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

const MIB: f64 = 1024.0 * 1024.0;

/// What a session found: exact totals, and what the analysis of its trace makes of the samples.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct AnalysisResult {
    /// Threads that allocated while the session was active, live or gone. Exact.
    pub thread_count: usize,
    /// Allocations of any size. Exact. A `realloc` is one allocation of the new size and one free of the old.
    pub total_allocations: u64,
    /// Bytes of these. Exact.
    pub total_bytes: u64,
    /// Peak of live heap bytes (allocated minus freed since the session's start), MiB: within 1% or 64 KiB per thread, whichever is
    /// larger.
    pub peak_memory_mb: f64,
    /// Samples recorded.
    pub sampled_allocations: u64,
    /// Samples that a full buffer or table dropped; the estimates are scaled for them.
    pub lost_samples: u64,
    /// What stands out, worst first.
    pub bottlenecks: Vec<Bottleneck>,
    /// Percent, 0 to 100: the share of allocated bytes that was *not* temporary,
    /// `100 * (1 - temporary bytes / allocated bytes)`, where temporary is what the allocating thread freed within a millisecond.
    /// 100 where nothing was sampled. Above 80 is good; a low figure says that buffers could be used again.
    pub resource_efficiency: f64,
    /// What the operating system says of the process while the session was active.
    pub resources: Option<ResourceMetrics>,
    /// The trace, for `memscope-report`.
    pub trace: PathBuf,
}

/// Reads the finished trace back: what is told is what is on disk.
pub(super) fn analyse(trace: &Path, outcome: Outcome) -> Result<AnalysisResult> {
    let profile = Profile::open(trace)?;
    let mut options = SymbolizeOptions::default();
    options.dwarf = false;
    let symbols = memscope_report::symbolize(&profile, &options);
    let analysis = memscope_report::analyze(&profile, &symbols);
    let figures = outcome.totals.figures;
    Ok(AnalysisResult {
        thread_count: outcome.totals.threads as usize,
        total_allocations: figures.allocations,
        total_bytes: figures.allocated_bytes,
        peak_memory_mb: outcome.peak_bytes as f64 / MIB,
        sampled_allocations: outcome.samples,
        lost_samples: outcome.totals.loss.samples(),
        resource_efficiency: analysis.efficiency_percent(),
        bottlenecks: analysis.findings,
        resources: outcome.resources,
        trace: trace.to_path_buf(),
    })
}

impl fmt::Display for AnalysisResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "threads      {}", self.thread_count)?;
        let mean = self.total_bytes as f64 / self.total_allocations.max(1) as f64;
        writeln!(
            f,
            "allocations  {} ({:.1} MiB, {mean:.0} bytes each)",
            self.total_allocations,
            self.total_bytes as f64 / MIB
        )?;
        writeln!(f, "peak         {:.1} MiB live", self.peak_memory_mb)?;
        writeln!(f, "samples      {} recorded, {} lost", self.sampled_allocations, self.lost_samples)?;
        writeln!(f, "efficiency   {:.1}% of bytes outlived a millisecond", self.resource_efficiency)?;
        for bottleneck in self.bottlenecks.iter().take(5) {
            writeln!(f, "finding      {bottleneck}")?;
        }
        write!(f, "trace        {}", self.trace.display())
    }
}
