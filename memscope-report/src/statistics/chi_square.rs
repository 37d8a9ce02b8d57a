//! Quantiles of the chi-square distribution: what a Poisson interval is made of.
//!
//! Chi-square with `k` degrees of freedom is twice a gamma variable of shape `a = k/2`. Up to [`EXACT_SHAPE`] the
//! gamma distribution function is inverted by Newton's method from the cube approximation of Wilson and Hilferty
//! (1931); above it the approximation itself is right to six digits. The distribution function is the regularised
//! incomplete gamma function P(a, x): the power series below x = a + 1, the continued fraction of Legendre above
//! (Abramowitz and Stegun 6.5.29, 6.5.31).

use std::f64::consts::PI;

/// Largest shape that is inverted exactly.
const EXACT_SHAPE: f64 = 1000.0;
/// Terms after which the series and the fraction have long converged for shapes up to [`EXACT_SHAPE`].
const MAX_TERMS: u32 = 1000;
const RELATIVE_ERROR: f64 = 1e-13;
/// Lanczos' coefficients for g = 7.
const LANCZOS: [f64; 9] = [
    0.999_999_999_999_809_9,
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];

/// The value that a chi-square variable with `degrees` of freedom (2 or more) stays below with `probability`
/// (0 < p < 1). Arguments outside these ranges are taken to their nearest end.
///
/// ```
/// let x = memscope_report::statistics::chi_square_quantile(0.975, 10.0);
/// assert!((x - 20.483_177).abs() < 1e-6);
/// ```
#[must_use]
pub fn chi_square_quantile(probability: f64, degrees: f64) -> f64 {
    let probability = probability.clamp(1e-12, 1.0 - 1e-12);
    let shape = (degrees / 2.0).max(1.0);
    let start = wilson_hilferty(probability, shape);
    2.0 * if shape > EXACT_SHAPE { start } else { invert(probability, shape, start) }
}

/// The quantile of a gamma variable of `shape`, approximately.
fn wilson_hilferty(probability: f64, shape: f64) -> f64 {
    let ninth = 1.0 / (9.0 * shape);
    let root = 1.0 - ninth + normal_quantile(probability) * ninth.sqrt();
    shape * root.max(0.05).powi(3)
}

/// Solves P(shape, x) = probability for x by Newton's method, kept inside a bracket that every step narrows.
fn invert(probability: f64, shape: f64, start: f64) -> f64 {
    let ln_gamma = ln_gamma(shape);
    let (mut below, mut above, mut x) = (0.0_f64, f64::INFINITY, start);
    for _ in 0..60 {
        let error = lower_gamma(shape, x, ln_gamma) - probability;
        if error > 0.0 {
            above = above.min(x)
        } else {
            below = below.max(x)
        }
        let density = ((shape - 1.0) * x.ln() - x - ln_gamma).exp();
        let newton = x - error / density;
        let next = if newton > below && newton < above {
            newton
        } else if above.is_finite() {
            below.midpoint(above)
        } else {
            2.0 * x
        };
        let step = (next - x).abs();
        x = next;
        if step <= 1e-9 * x {
            break;
        }
    }
    x
}

/// The regularised lower incomplete gamma function P(shape, x), for x > 0.
fn lower_gamma(shape: f64, x: f64, ln_gamma: f64) -> f64 {
    let front = (shape * x.ln() - x - ln_gamma).exp();
    if x < shape + 1.0 { front * series(shape, x) } else { 1.0 - front * continued_fraction(shape, x) }
}

fn series(shape: f64, x: f64) -> f64 {
    let mut term = 1.0 / shape;
    let mut sum = term;
    let mut divisor = shape;
    for _ in 0..MAX_TERMS {
        divisor += 1.0;
        term *= x / divisor;
        sum += term;
        if term < sum * RELATIVE_ERROR {
            break;
        }
    }
    sum
}

/// Lentz's evaluation of the continued fraction for the upper function.
fn continued_fraction(shape: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - shape;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for i in 1..=MAX_TERMS {
        let i = f64::from(i);
        let a = -i * (i - shape);
        b += 2.0;
        d = 1.0 / away_from_zero(a * d + b, TINY);
        c = away_from_zero(b + a / c, TINY);
        let delta = d * c;
        fraction *= delta;
        if (delta - 1.0).abs() < RELATIVE_ERROR {
            break;
        }
    }
    fraction
}

fn away_from_zero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// The logarithm of the gamma function, for `x` >= 1.
fn ln_gamma(x: f64) -> f64 {
    let x = x - 1.0;
    let base = x + 7.5;
    let mut sum = LANCZOS[0];
    for (i, coefficient) in LANCZOS.iter().enumerate().skip(1) {
        sum += coefficient / (x + i as f64);
    }
    0.5 * (2.0 * PI).ln() + (x + 0.5) * base.ln() - base + sum.ln()
}

/// The quantile of the standard normal distribution, right to 4.5e-4 (Abramowitz and Stegun 26.2.23) and taken to
/// full precision for the two tails that the intervals use.
fn normal_quantile(probability: f64) -> f64 {
    const TAIL_975: f64 = 1.959_963_984_540_054;
    let tail = probability.min(1.0 - probability);
    let value = if (tail - 0.025).abs() < 1e-9 {
        TAIL_975
    } else {
        let t = (-2.0 * tail.ln()).sqrt();
        t - (2.515_517 + t * (0.802_853 + t * 0.010_328))
            / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)))
    };
    if probability < 0.5 { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (probability, degrees, expected) in [
            (0.025, 2.0, 0.050_635_6),
            (0.975, 2.0, 7.377_758_9),
            (0.025, 4.0, 0.484_418_6),
            (0.975, 4.0, 11.143_286_8),
            (0.025, 10.0, 3.246_972_8),
            (0.975, 10.0, 20.483_177_4),
            (0.025, 30.0, 16.790_772_3),
            (0.975, 30.0, 46.979_242_2),
            (0.025, 100.0, 74.221_927_5),
            (0.975, 100.0, 129.561_197_2),
            (0.05, 10.0, 3.940_299_1),
            (0.95, 20.0, 31.410_432_8),
            (0.5, 10.0, 9.341_817_8),
            (0.99, 5.0, 15.086_272_5),
        ] {
            let found = chi_square_quantile(probability, degrees);
            assert!((found - expected).abs() < 2e-7, "p {probability}, {degrees} degrees: {found}");
        }
    }

    #[test]
    fn the_approximation_meets_the_exact_branch() {
        for probability in [0.025, 0.975] {
            let exact = chi_square_quantile(probability, 2.0 * EXACT_SHAPE);
            let approximate = 2.0 * wilson_hilferty(probability, EXACT_SHAPE);
            assert!((approximate / exact - 1.0).abs() < 2e-6, "{exact} {approximate}");
        }
    }

    #[test]
    fn gamma_is_the_factorial() {
        for (x, factorial) in [(1.0, 1.0_f64), (2.0, 1.0), (5.0, 24.0), (11.0, 3_628_800.0)] {
            assert!((ln_gamma(x) - factorial.ln()).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn extremes_stay_finite_and_in_order() {
        for degrees in [f64::MIN_POSITIVE, 2.0, 2.001, 37.5, 1e3, 1e6, 1e12, 1e18] {
            let (low, high) = (chi_square_quantile(0.025, degrees), chi_square_quantile(0.975, degrees));
            assert!(low > 0.0 && low < high && high.is_finite(), "{degrees}: {low} {high}");
        }
        assert!(chi_square_quantile(0.0, 4.0) >= 0.0 && chi_square_quantile(1.0, 4.0).is_finite());
    }
}
