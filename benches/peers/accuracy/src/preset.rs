//! The presets and what each promises.

use memscope::SamplingConfig;

/// A configuration that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Preset {
    Default,
    HighPrecision,
    LowOverhead,
}

impl Preset {
    pub(crate) const ALL: &[Self] = &[Self::Default, Self::HighPrecision, Self::LowOverhead];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::HighPrecision => "high_precision",
            Self::LowOverhead => "low_overhead",
        }
    }

    pub(crate) fn config(self) -> SamplingConfig {
        match self {
            Self::Default => SamplingConfig::default(),
            Self::HighPrecision => SamplingConfig::high_precision(),
            Self::LowOverhead => SamplingConfig::low_overhead(),
        }
    }

    /// The relative error that it promises.
    pub(crate) fn promised_error(self) -> f64 {
        match self {
            Self::Default => 0.05,
            Self::HighPrecision => 0.01,
            Self::LowOverhead => 0.15,
        }
    }
}
