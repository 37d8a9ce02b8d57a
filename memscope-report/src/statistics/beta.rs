//! The regularised incomplete beta function I_x(a, b): the distribution function of the share that one of two gamma
//! variables has in their sum, and so of their ratio.
//!
//! Its continued fraction (Abramowitz and Stegun 26.5.8, evaluated by Lentz's method) converges in about as many steps as
//! the root of the larger parameter; on the far side of the mean the symmetry I_x(a, b) = 1 - I_(1-x)(b, a) is used.

use super::gamma::ln_gamma;

/// Enough for parameters up to [`super::comparison`]'s largest.
const MAX_STEPS: u32 = 20_000;
const RELATIVE_ERROR: f64 = 1e-13;
const TINY: f64 = 1e-300;

/// I_x(a, b) for a > 0, b > 0; `x` outside 0 to 1 is taken to its edge.
pub(super) fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let ln_front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    let front = ln_front.exp();
    let result = if x < (a + 1.0) / (a + b + 2.0) {
        front * continued_fraction(x, a, b) / a
    } else {
        1.0 - front * continued_fraction(1.0 - x, b, a) / b
    };
    result.clamp(0.0, 1.0)
}

fn continued_fraction(x: f64, a: f64, b: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..=MAX_STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        let delta = d * c;
        fraction *= delta;
        if (delta - 1.0).abs() < RELATIVE_ERROR {
            break;
        }
    }
    fraction
}

fn away_from_zero(value: f64) -> f64 {
    if value.abs() < TINY { TINY } else { value }
}

/// The chance that Student's t with `freedom` degrees of freedom is above `t >= 0`: half of I_x(freedom / 2, 1 / 2) at
/// `x = freedom / (freedom + t^2)`.
pub(crate) fn student_above(t: f64, freedom: f64) -> f64 {
    incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5) / 2.0
}

/// The t that Student's with `freedom` degrees of freedom exceeds with the probability `tail`, 0 < tail < 0.5.
#[cfg(any(test, feature = "tools"))]
pub(super) fn student_quantile(tail: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1e9_f64);
    while high - low > 1e-9 * high {
        let middle = if low > 0.0 { (low * high).sqrt() } else { high / 1e6 };
        if middle < 1e-9 {
            return 0.0;
        }
        if student_above(middle, freedom) > tail { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_sum_of_binomial_terms() {
        // I_x(k, n - k + 1) is the chance of k or more successes in n tries.
        for (n, k, x) in
            [(10_u32, 3_u32, 0.2_f64), (10, 10, 0.9), (1, 1, 0.3), (40, 25, 0.5), (300, 160, 0.52)]
        {
            let choose = |j: u32| (0..j).map(|i| f64::from(n - i) / f64::from(i + 1)).product::<f64>();
            let term = |j: u32| choose(j) * x.powi(j as i32) * (1.0 - x).powi((n - j) as i32);
            let expected: f64 = (k..=n).map(term).sum();
            let found = incomplete_beta(x, f64::from(k), f64::from(n - k + 1));
            assert!((found - expected).abs() < 1e-10, "{n} {k} {x}: {found} {expected}");
        }
    }

    #[test]
    fn large_parameters_are_symmetric_and_steep() {
        for size in [1e3, 1e5, 1e7] {
            assert!((incomplete_beta(0.5, size, size) - 0.5).abs() < 1e-5, "{size}");
            // One standard deviation off the middle: the normal distribution's 84.13%.
            let deviation = 0.5 / (2.0 * size + 1.0_f64).sqrt();
            assert!((incomplete_beta(0.5 + deviation, size, size) - 0.841_34).abs() < 1e-3, "{size}");
        }
    }

    #[test]
    fn edges() {
        assert_eq!(incomplete_beta(-1.0, 2.0, 3.0), 0.0);
        assert_eq!(incomplete_beta(1.0, 2.0, 3.0), 1.0);
        assert!((incomplete_beta(0.3, 1.0, 1.0) - 0.3).abs() < 1e-14);
    }

    #[test]
    fn student_is_that_of_the_tables() {
        for (tail, freedom, expected) in
            [(0.025, 1.0, 12.706_2), (0.01, 4.0, 3.746_9), (0.001, 7.0, 4.785_3), (0.05, 1e6, 1.644_9)]
        {
            let found = student_quantile(tail, freedom);
            assert!((found / expected - 1.0).abs() < 1e-4, "{tail} {freedom}: {found}");
        }
    }
}
