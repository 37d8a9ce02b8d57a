//! Whether a session keeps to an overhead budget, and to which.

use super::config::Preset;
use crate::{Error, Result};

/// What was said about the overhead budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum OverheadBudget {
    Unsaid,
    Off,
    /// The share of the process's CPU time, as it was given.
    Share(f64),
}

impl OverheadBudget {
    /// The share to keep to, if any: what was asked for, else what goes with the preset. Any other configuration is kept as it was given.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a share out of range, and for one that is asked of exact mode.
    pub(crate) fn share(self, preset: Option<Preset>, sample_rate: f64) -> Result<Option<f64>> {
        let wrong = |share: f64, range| {
            Err(Error::InvalidConfig { field: "overhead_budget", value: share.to_string(), range })
        };
        match self {
            Self::Off => Ok(None),
            Self::Unsaid => Ok(preset.map(|preset| preset.budget_share)),
            Self::Share(share) if !(share > 0.0 && share <= 1.0) => {
                wrong(share, "a share of the process's CPU time, above 0 and at most 1")
            }
            Self::Share(share) if sample_rate >= 1.0 => wrong(
                share,
                "left out (or MEMSCOPE_OVERHEAD_BUDGET off) with sample_rate 1, which records every allocation whatever it costs",
            ),
            Self::Share(share) => Ok(Some(share)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRESET: Option<Preset> = Some(Preset { interval_bytes: 1e6, budget_share: 0.005 });

    #[test]
    fn a_preset_has_its_own_and_what_is_asked_for_wins() {
        assert_eq!(OverheadBudget::Unsaid.share(PRESET, 0.0005).expect("right"), Some(0.005));
        assert_eq!(OverheadBudget::Unsaid.share(None, 0.0005).expect("right"), None);
        assert_eq!(OverheadBudget::Unsaid.share(None, 1.0).expect("exact mode is left alone"), None);
        assert_eq!(OverheadBudget::Off.share(PRESET, 0.0005).expect("right"), None);
        assert_eq!(OverheadBudget::Share(0.02).share(None, 0.01).expect("right"), Some(0.02));
        assert_eq!(OverheadBudget::Share(1.0).share(PRESET, 0.01).expect("right"), Some(1.0));
    }

    #[test]
    fn wrong_shares_are_told() {
        for share in [0.0, -0.1, 1.01, f64::NAN, f64::INFINITY] {
            let error = OverheadBudget::Share(share).share(None, 0.01).expect_err("out of range").to_string();
            assert!(error.contains("overhead_budget") && error.contains(&share.to_string()), "{error}");
            assert!(error.contains("above 0 and at most 1"), "{error}");
        }
        let error = OverheadBudget::Share(0.005).share(None, 1.0).expect_err("not both").to_string();
        assert!(error.contains("sample_rate") && error.contains("overhead_budget"), "{error}");
    }
}
