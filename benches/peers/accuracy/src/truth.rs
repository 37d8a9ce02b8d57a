//! What the estimates are compared with: the same work in exact mode.
//!
//! Exact mode keeps to the preset's least size, so that the truth is of those allocations that the preset looks at. What it leaves out is
//! told as a share of all bytes.

use crate::Result;
use crate::run::{self, Run, Stack};
use memscope::{SamplingConfig, Session};
use memscope_trace::Interval;
use std::collections::HashMap;

/// How often the work is done in exact mode.
const RUNS: usize = 2;

/// A run is repeated where more than this share of the bytes has no stack: with more threads than processors a thread may be interrupted while it
/// has the unwinder's tables, and others then do without. Those bytes would be missing at their sites.
const MOST_WITHOUT_STACK: f64 = 1e-4;

/// How often it is done at most.
const MOST_TRIES: usize = 8;

/// The most that a thread's buffer may take in exact mode. It takes what it needs: threads that wait for the drain thread do so for a
/// tenth of a second at most, and then lose samples.
const BUFFER_BYTES: usize = 32 << 20;

/// A site of which the promise speaks holds at least this share of the bytes.
const LEAST_SHARE: f64 = 0.05;

/// Exact figures of a workload.
#[derive(Debug)]
pub(crate) struct Truth {
    /// The sites that hold at least 5% of the bytes, most first.
    pub(crate) sites: Vec<TrueSite>,
    /// Bytes that the process allocates in one run.
    pub(crate) total_bytes: f64,
    /// Smaller allocations are left out, bytes.
    pub(crate) min_allocation_size: usize,
    /// The share of them in allocations that the preset leaves out for their size.
    pub(crate) left_out_share: f64,
    /// The allocations of one run by size.
    sizes: HashMap<u64, u64>,
}

/// Exact figures of a site.
#[derive(Debug)]
pub(crate) struct TrueSite {
    pub(crate) stack: Stack,
    pub(crate) label: String,
    /// Mean over the exact runs.
    pub(crate) bytes: f64,
    /// Of all bytes that the preset looks at.
    pub(crate) share: f64,
    /// The most that one exact run is away from the mean, relative to it.
    pub(crate) varies_by: f64,
}

impl Truth {
    /// Samples of a run that is under `interval` from its start to its end, on average.
    pub(crate) fn expected_samples(&self, interval: &Interval) -> f64 {
        self.sizes.iter().map(|(&size, &count)| count as f64 * interval.probability(size)).sum()
    }
}

/// Does the work in exact mode, allocations smaller than `min_allocation_size` left out.
pub(crate) fn measure(min_allocation_size: usize, work: &(dyn Fn() + Sync)) -> Result<Truth> {
    let config = SamplingConfig { sample_rate: 1.0, min_allocation_size, buffer_size: BUFFER_BYTES };
    let mut runs = Vec::new();
    let mut tries = 0;
    while runs.len() < RUNS {
        tries += 1;
        let run = run::run(Session::builder().config(config), work)?;
        if run.lost_samples > 0 {
            let lost = run.lost_samples;
            return Err(
                format!("exact mode lost {lost} of {} samples; take a smaller size", run.samples).into()
            );
        }
        if run.share_without_stack() <= MOST_WITHOUT_STACK {
            runs.push(run);
        } else if tries == MOST_TRIES {
            let share = 100.0 * run.share_without_stack();
            return Err(
                format!("{share:.2}% of the bytes have no stack in exact mode; take a smaller size").into()
            );
        }
    }
    let mean = |figure: &dyn Fn(&Run) -> f64| runs.iter().map(figure).sum::<f64>() / runs.len() as f64;
    let looked_at_bytes = mean(&|run| run.sites.values().map(|bytes| bytes.value).sum());
    let total_bytes = mean(&|run| run.total_bytes as f64);
    let mut sites = Vec::new();
    for (stack, label) in &runs[0].labels {
        let of_site = |run: &Run| run.sites.get(stack).map_or(0.0, |bytes| bytes.value);
        let bytes = mean(&of_site);
        let share = bytes / looked_at_bytes;
        if share >= LEAST_SHARE {
            let away = runs.iter().map(|run| (of_site(run) / bytes - 1.0).abs());
            let varies_by = away.fold(0.0, f64::max);
            sites.push(TrueSite { stack: stack.clone(), label: label.clone(), bytes, share, varies_by });
        }
    }
    sites.sort_by(|one, other| other.bytes.total_cmp(&one.bytes).then_with(|| one.stack.cmp(&other.stack)));
    let left_out_share = 1.0 - looked_at_bytes / total_bytes;
    Ok(Truth {
        sites,
        total_bytes,
        min_allocation_size,
        left_out_share,
        sizes: runs.swap_remove(0).sampled_sizes,
    })
}
