//! What a session samples.

use crate::{Error, Result};

/// How much is sampled. Programs build it as a literal; [`crate::Session::builder`] has the finer settings.
///
/// ```
/// use memscope::SamplingConfig;
/// let config = SamplingConfig { sample_rate: 0.01, min_allocation_size: 1024, buffer_size: 1024 * 1024 };
/// assert!(config.validate().is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingConfig {
    /// Every eligible allocation is sampled with at least this probability, larger ones with more; 0 < rate <= 1. With an overhead
    /// budget ([`crate::SessionBuilder::overhead_budget`]) that holds while the budget allows: a program that allocates faster is sampled
    /// less, and the estimates' intervals say so.
    /// 1.0 is exact mode: every eligible allocation is recorded, and a thread whose buffer is full waits until there is room.
    pub sample_rate: f64,
    /// Bytes. Smaller allocations are never sampled; the exact counters count them all the same.
    pub min_allocation_size: usize,
    /// Bytes; the most that one thread's buffer may take: 4,096 to 1,073,741,824. A thread that never samples has none.
    pub buffer_size: usize,
}

/// The mean sampling interval T where nothing else is asked for, bytes.
pub(crate) const DEFAULT_INTERVAL_BYTES: f64 = 512.0 * 1024.0;

/// What goes with one of the three configurations that have a name, beyond their fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Preset {
    /// The mean sampling interval that it begins with, bytes.
    pub(crate) interval_bytes: f64,
    /// The overhead budget, as a share of the process's CPU time.
    pub(crate) budget_share: f64,
}

impl Default for SamplingConfig {
    /// For production: below 0.5% of the program's CPU time and 1 MiB a thread.
    ///
    /// Begins with one sample every 512 KiB and one in 2,000 of the smallest allocations; where that would cost more than its
    /// [budget](crate::SessionBuilder::overhead_budget) of 0.5%, with fewer. The aim is an error of 5% (95th percentile of the relative error of a
    /// call site's bytes): a site gets there with some 1,500 samples of its own, after 800 MB at one sample every 512 KiB.
    fn default() -> Self {
        Self { sample_rate: 0.0005, min_allocation_size: 0, buffer_size: 64 * 1024 }
    }
}

impl SamplingConfig {
    /// More samples: below 2% of the program's CPU time and 5 MiB a thread.
    ///
    /// Begins with one sample every 64 KiB and one in 100 of the smallest allocations, within a
    /// [budget](crate::SessionBuilder::overhead_budget) of 2%. The aim is an error of 1%: a site gets there with some 38,000 samples of its own, after
    /// 2.5 GB at one sample every 64 KiB.
    #[must_use]
    pub fn high_precision() -> Self {
        Self { sample_rate: 0.01, min_allocation_size: 0, buffer_size: 512 * 1024 }
    }

    /// Fewer samples: below 0.1% of the program's CPU time and 512 KiB a thread; a crash may lose the last 20 ms instead of 8.
    ///
    /// Begins with one sample every 4 MiB and one in 20,000 of the smallest allocations, none below 256 bytes, within a
    /// [budget](crate::SessionBuilder::overhead_budget) of 0.1%. The aim is an error of 15%: a site gets there with some 170 samples of its own, after
    /// 720 MB at one sample every 4 MiB.
    #[must_use]
    pub fn low_overhead() -> Self {
        Self { sample_rate: 0.000_05, min_allocation_size: 256, buffer_size: 32 * 1024 }
    }

    /// What goes with this configuration, if it is one of the three that have a name.
    pub(crate) fn preset(&self) -> Option<Preset> {
        let presets = [
            (Self::default(), DEFAULT_INTERVAL_BYTES, 0.005),
            (Self::high_precision(), 64.0 * 1024.0, 0.02),
            (Self::low_overhead(), 4096.0 * 1024.0, 0.001),
        ];
        let found = presets.into_iter().find(|(config, ..)| config == self);
        found.map(|(_, interval_bytes, budget_share)| Preset { interval_bytes, budget_share })
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the first field that is outside its range.
    pub fn validate(&self) -> Result<()> {
        let wrong = |field, value, range| Err(Error::InvalidConfig { field, value, range });
        if !(self.sample_rate > 0.0 && self.sample_rate <= 1.0) {
            return wrong("sample_rate", self.sample_rate.to_string(), "a probability above 0 and at most 1");
        }
        if self.min_allocation_size > isize::MAX as usize {
            let range = "at most isize::MAX bytes (no allocation is larger)";
            return wrong("min_allocation_size", self.min_allocation_size.to_string(), range);
        }
        if !(4096..=1 << 30).contains(&self.buffer_size) {
            return wrong("buffer_size", self.buffer_size.to_string(), "4096 to 1073741824 bytes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid() {
        let presets =
            [SamplingConfig::default(), SamplingConfig::high_precision(), SamplingConfig::low_overhead()];
        assert!(presets.iter().all(|preset| preset.validate().is_ok()));
    }

    #[test]
    fn only_presets_have_a_budget() {
        let share = |config: SamplingConfig| config.preset().map(|preset| preset.budget_share);
        assert_eq!(share(SamplingConfig::default()), Some(0.005));
        assert_eq!(share(SamplingConfig::high_precision()), Some(0.02));
        assert_eq!(share(SamplingConfig::low_overhead()), Some(0.001));
        assert_eq!(share(SamplingConfig { buffer_size: 8192, ..SamplingConfig::default() }), None);
    }

    #[test]
    fn names_field_value_and_range() {
        let good = SamplingConfig::default();
        for rate in [0.0, -0.5, 1.5, f64::NAN, f64::INFINITY] {
            let error = SamplingConfig { sample_rate: rate, ..good }
                .validate()
                .expect_err("out of range")
                .to_string();
            assert!(error.contains("sample_rate") && error.contains(&rate.to_string()), "{error}");
        }
        for bytes in [0, 4095, (1 << 30) + 1] {
            let error = SamplingConfig { buffer_size: bytes, ..good }
                .validate()
                .expect_err("out of range")
                .to_string();
            assert!(error.contains("buffer_size") && error.contains(&bytes.to_string()), "{error}");
        }
        let error =
            SamplingConfig { min_allocation_size: usize::MAX, ..good }.validate().expect_err("out of range");
        assert!(error.to_string().contains("min_allocation_size"));
    }
}
