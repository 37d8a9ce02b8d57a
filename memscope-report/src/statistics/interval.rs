//! The 95% interval of an estimated total.

use super::gamma::{Gamma, mixture_quantile};

/// Both tails of the 95% interval.
pub(super) const TAIL: f64 = 0.025;

/// The interval for a total estimated as `value` with `variance` (both above 0), where a sample that was missed may
/// have stood for as much as `unseen`: the quantiles of an even mixture of the gamma distribution with that mean and
/// variance and the one that it would be with the missed sample.
pub(super) fn mid_p(value: f64, variance: f64, unseen: f64) -> (f64, f64) {
    mid_p_beyond(TAIL, value, variance, unseen)
}

/// The same with `tail` (0 < tail < 0.5) on each side.
pub(super) fn mid_p_beyond(tail: f64, value: f64, variance: f64, unseen: f64) -> (f64, f64) {
    let as_seen = Gamma::of_moments(value, variance);
    let one_more = Gamma::of_moments(value + unseen, variance + unseen * unseen);
    let quantile = |probability| mixture_quantile(probability, [as_seen, one_more]);
    (quantile(tail), quantile(1.0 - tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lower and upper mid-P limits of a Poisson mean: half of what was seen counts as more extreme.
    #[test]
    fn equal_pieces_have_the_mid_p_interval_of_a_poisson_count() {
        for (count, piece) in [(1_u32, 1.0), (2, 7.0), (5, 0.5), (10, 1.0), (40, 3.0)] {
            let n = f64::from(count);
            let (low, high) = mid_p(n * piece, n * piece * piece, piece);
            for (limit, expected) in [(low, 1.0 - TAIL), (high, TAIL)] {
                let mean = limit / piece;
                let term = |k: u32| (1..=k).fold((-mean).exp(), |term, i| term * mean / f64::from(i));
                let up_to = (0..count).map(term).sum::<f64>() + term(count) / 2.0;
                assert!((up_to - expected).abs() < 1e-6, "{count}: {limit} {up_to}");
            }
        }
    }

    #[test]
    fn a_heavier_unseen_piece_raises_the_upper_end() {
        let mut before = mid_p(100.0, 400.0, 0.0);
        for unseen in [1.0, 4.0, 20.0, 100.0] {
            let (low, high) = mid_p(100.0, 400.0, unseen);
            assert!(low > 0.0 && low < 100.0 && high > before.1, "{unseen}: {low} {high}");
            before = (low, high);
        }
    }
}
