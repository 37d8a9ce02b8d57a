//! Many runs under a preset, and how far off each site's estimate was.
//!
//! # From which size on a promise holds
//!
//! The variance of an estimate is a sum over allocations. At a fixed sampling interval the relative error therefore falls with the
//! square root of the number of samples: `error(N) = error(measured) * sqrt(N_measured / N)`, and a site that is off by `f` times what is
//! promised needs a run that is `f^2` times as large.
//!
//! The overhead budget may have raised the interval during the run. What comes after the measured run is taken to come at the interval
//! in force at its end, where a site has `n` samples in as much work again, thus a relative variance of `1/n`. A run `x` times as large
//! has the relative variance `(v + (x - 1) / n) / x^2`, `v` being the measured one; where the interval is fixed, `v = 1/n`, and it is the
//! law above. None of this is so where most of the error is bias, which more samples do not mend.

use crate::Result;
use crate::preset::Preset;
use crate::run::{self, Run};
use crate::truth::{TrueSite, Truth};
use memscope::Session;
use memscope_trace::Interval;

/// A normal variable stays within so many standard deviations with probability 0.95.
const NORMAL_95: f64 = 1.96;

/// How well a run's truth is known, relative to it: what threads allocate for themselves when they start varies. Without it the intervals of
/// sites whose few allocations were all certain to be sampled, which are points, would miss.
const TRUTH_WITHIN: f64 = 1e-4;

/// How far off a site's estimates were, over all runs.
#[derive(Debug)]
pub(crate) struct SiteError {
    /// 95th percentile of the relative error, sign dropped: of 100 runs the 95th from the least.
    pub(crate) percentile_95: f64,
    /// Mean relative error, with its sign.
    pub(crate) bias: f64,
    /// Share of the runs whose 95% interval holds the truth.
    pub(crate) coverage: f64,
    /// Samples of the site in a run, mean.
    pub(crate) samples: f64,
}

/// What the runs gave.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) runs: u32,
    /// In the order of [`Truth::sites`].
    pub(crate) sites: Vec<SiteError>,
    /// Samples of a run, mean.
    pub(crate) samples: f64,
    /// Samples lost to full buffers, mean.
    pub(crate) lost_samples: f64,
    /// CPU time of a run's work, mean, seconds.
    pub(crate) cpu_seconds: f64,
    /// The interval at the end of a run, the median one.
    pub(crate) interval: Interval,
}

/// What a run needs for the preset's promise to hold.
#[derive(Debug)]
pub(crate) struct Needed {
    pub(crate) samples: f64,
    pub(crate) bytes: f64,
    pub(crate) cpu_seconds: f64,
}

/// Does the work `count` times under the preset.
pub(crate) fn measure(
    preset: Preset,
    with_budget: bool,
    truth: &Truth,
    count: u32,
    work: &(dyn Fn() + Sync),
) -> Result<Measured> {
    let mut runs = Vec::new();
    for seed in 1..=u64::from(count) {
        let builder = Session::builder().config(preset.config()).seed(seed);
        let builder = if with_budget { builder } else { builder.without_overhead_budget() };
        runs.push(run::run(builder, work)?);
    }
    let sites = truth.sites.iter().map(|site| site_error(site, truth.total_bytes, &runs)).collect();
    runs.sort_by(|one, other| one.interval.interval_bytes.total_cmp(&other.interval.interval_bytes));
    let mean = |figure: &dyn Fn(&Run) -> f64| runs.iter().map(figure).sum::<f64>() / runs.len() as f64;
    Ok(Measured {
        runs: count,
        sites,
        samples: mean(&|run| run.samples as f64),
        lost_samples: mean(&|run| run.lost_samples as f64),
        cpu_seconds: mean(&|run| run.cpu_seconds),
        interval: runs[runs.len() / 2].interval,
    })
}

fn site_error(site: &TrueSite, total_bytes: f64, runs: &[Run]) -> SiteError {
    let mut distances = Vec::new();
    let (mut bias, mut covered, mut samples) = (0.0, 0.0, 0.0);
    for run in runs {
        // As much work as this run did: its exact total says how much that was.
        let bytes = site.bytes * run.total_bytes as f64 / total_bytes;
        // A site without a sample is not in the report: the reader takes it for nothing.
        let estimate = run.sites.get(&site.stack).copied().unwrap_or_default();
        let error = estimate.value / bytes - 1.0;
        distances.push(error.abs());
        bias += error;
        let (least, most) = (bytes * (1.0 - TRUTH_WITHIN), bytes * (1.0 + TRUTH_WITHIN));
        covered += f64::from(u8::from(estimate.low <= most && least <= estimate.high));
        samples += estimate.samples as f64;
    }
    let count = runs.len() as f64;
    let percentile_95 = percentile(&mut distances, 0.95);
    SiteError { percentile_95, bias: bias / count, coverage: covered / count, samples: samples / count }
}

/// The least figure that at least this share of them does not exceed (nearest rank).
fn percentile(figures: &mut [f64], share: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    let rank = (figures.len() as f64 * share).ceil() as usize;
    figures.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

impl Measured {
    /// The site whose estimates were off most.
    pub(crate) fn worst(&self) -> Option<&SiteError> {
        self.sites.iter().max_by(|one, other| one.percentile_95.total_cmp(&other.percentile_95))
    }

    /// The size of run from which `promised_error` holds at the worst site; `None` where that is no question of size.
    pub(crate) fn needed(&self, truth: &Truth, promised_error: f64) -> Option<Needed> {
        let worst = self.worst().filter(|worst| worst.bias.abs() < worst.percentile_95 / 2.0)?;
        let more = (worst.percentile_95 / promised_error).powi(2);
        let at_end = truth.expected_samples(&self.interval);
        let larger = if more > 1.0 {
            let measured = (worst.percentile_95 / NORMAL_95).powi(2);
            larger(measured, (promised_error / NORMAL_95).powi(2), self.samples / (worst.samples * at_end))
        } else {
            more
        };
        Some(Needed {
            samples: if more > 1.0 { self.samples + at_end * (larger - 1.0) } else { self.samples * more },
            bytes: truth.total_bytes * larger,
            cpu_seconds: self.cpu_seconds * larger,
        })
    }
}

/// How many times as large a run has to be for its relative variance to be `aim`, where it is `measured` and each further run's worth of
/// work has `further`: the positive root of `aim x^2 = measured + (x - 1) further`.
fn larger(measured: f64, aim: f64, further: f64) -> f64 {
    let discriminant = further * further + 4.0 * aim * (measured - further);
    (further + discriminant.max(0.0).sqrt()) / (2.0 * aim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_of_the_nearest_rank() {
        let mut hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut hundred, 0.95), 95.0);
        assert_eq!(percentile(&mut hundred[..30], 0.95), 29.0);
        assert_eq!(percentile(&mut [7.0], 0.95), 7.0);
    }

    #[test]
    fn at_a_fixed_interval_the_error_falls_with_the_square_root() {
        assert!((larger(0.09, 0.01, 0.09) - 9.0).abs() < 1e-9);
        let x = larger(0.09, 0.01, 0.5);
        assert!(x > 9.0 && ((0.09 + (x - 1.0) * 0.5) / (x * x) - 0.01).abs() < 1e-9, "{x}");
    }
}
