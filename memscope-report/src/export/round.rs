//! Whole numbers from estimates, without losing the total.
//!
//! Each number is the difference of two rounded running sums. So all numbers together are the rounded total, each is
//! less than one off, and none is negative.

/// Rounds a sequence of numbers that are not negative.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rounder {
    sum: f64,
    told: u64,
}

impl Rounder {
    /// The whole number for `value`.
    pub(super) fn round(&mut self, value: f64) -> u64 {
        if value.is_finite() && value > 0.0 {
            self.sum += value;
        }
        let due = self.sum.round() as u64;
        let number = due.saturating_sub(self.told);
        self.told += number;
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_number_adds_nothing() {
        let mut rounder = Rounder::default();
        assert_eq!([f64::NAN, f64::INFINITY, -3.0, 2.0].map(|value| rounder.round(value)), [0, 0, 0, 2]);
    }

    proptest! {
        #[test]
        fn the_total_is_kept(values in prop::collection::vec(0.0..1e6_f64, 0..200)) {
            let mut rounder = Rounder::default();
            let rounded: Vec<u64> = values.iter().map(|&value| rounder.round(value)).collect();
            let total: f64 = values.iter().sum();
            prop_assert_eq!(rounded.iter().sum::<u64>(), total.round() as u64);
            for (value, whole) in values.iter().zip(&rounded) {
                prop_assert!((value - *whole as f64).abs() < 1.0 + 1e-6);
            }
        }
    }
}
