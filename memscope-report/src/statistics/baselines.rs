//! A total of several runs of one program beside that of another run: is it more than runs differ among themselves?
//!
//! Samples tell how sure a run's total is, and nothing about the next run of the same program, which may allocate a little more or less.
//! Only several runs tell that. Of `m` runs with the totals `x_i`, each with the sampling variance `v_i`, and a new one with `y`
//! and `v`, where nothing has changed
//!
//! ```text
//! y - mean(x)  has the mean 0 and the variance  S (1 + 1/m) + (v - mean(v_i))
//! S = max(variance of the x_i, mean(v_i))        what runs differ by, sampling included
//! ```
//!
//! and divided by its root is taken for Student's t with `m - 1` degrees of freedom (the prediction of one more observation: Hahn, Journal
//! of Quality Technology 1, 1969, 168). That the variance is no less than what sampling alone makes, and what sampling adds is taken to
//! be as little known as the rest, makes it wider than it need be: it errs towards no alarm. Two runs have one degree of freedom, and tell very little; from five on
//! it becomes sharp.

use super::Evidence;
use super::beta::student_quantile;

/// The total of several runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Baselines {
    mean: Evidence,
    /// The sum of the squares of what each run differs by from the mean.
    squares: f64,
    runs: u32,
}

/// What the next run of an unchanged program differs by from the mean of those before.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RunNoise {
    /// The standard deviation of the difference, sampling included, in the total's unit.
    pub deviation: f64,
    /// The degrees of freedom that it is known with: the runs less one.
    pub freedom: u32,
}

impl Baselines {
    /// Of the runs' totals, each a run's.
    #[must_use]
    pub fn of(runs: &[Evidence]) -> Self {
        let mean = Evidence::mean(runs);
        let squares = runs.iter().map(|run| (run.value() - mean.value()).powi(2)).sum();
        Self { mean, squares, runs: u32::try_from(runs.len()).unwrap_or(u32::MAX) }
    }

    /// Their mean, as sure as all their samples make it.
    #[must_use]
    pub fn mean(&self) -> &Evidence {
        &self.mean
    }

    /// What `new` may differ by from the mean in an unchanged program; `None` of one run, which does not tell.
    #[must_use]
    pub fn noise(&self, new: &Evidence) -> Option<RunNoise> {
        let freedom = self.runs.checked_sub(1).filter(|&freedom| freedom > 0)?;
        let runs = f64::from(self.runs);
        // The mean's variance is that of the runs' mean variance over their number.
        let sampling = self.mean.variance() * runs;
        let among = (self.squares / f64::from(freedom)).max(sampling);
        let more = (new.variance() - sampling).max(0.0);
        Some(RunNoise { deviation: (among * (1.0 + 1.0 / runs) + more).sqrt(), freedom })
    }
}

impl RunNoise {
    /// What is exceeded with the probability `tail` (0 < tail < 0.5).
    #[must_use]
    pub fn exceeded(&self, tail: f64) -> f64 {
        self.deviation * student_quantile(tail, f64::from(self.freedom))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_runs_give_the_prediction_interval_of_the_textbook() {
        let runs = Baselines::of(&[98.0, 100.0, 102.0].map(Evidence::exact));
        assert_eq!(runs.mean().value(), 100.0);
        let noise = runs.noise(&Evidence::exact(104.0)).unwrap();
        // The variance is 4, and t with 2 degrees of freedom is 4.3027 at 2.5%.
        assert!((noise.deviation - (4.0_f64 * 4.0 / 3.0).sqrt()).abs() < 1e-12);
        assert!((noise.exceeded(0.025) - 4.3027 * noise.deviation).abs() < 1e-3);
        assert_eq!(Baselines::of(&[Evidence::exact(1.0)]).noise(&Evidence::exact(1.0)), None);
        assert_eq!(Baselines::of(&[]).noise(&Evidence::exact(1.0)), None);
    }
}
