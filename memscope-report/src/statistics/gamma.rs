//! The gamma distribution, as far as the intervals need it: its distribution function and the quantiles of an even
//! mixture of two of them.
//!
//! P(a, x), the regularised incomplete gamma function, is the distribution function for shape `a` and scale 1: a power
//! series below x = a + 1, the continued fraction of Legendre above (Abramowitz and Stegun 6.5.29, 6.5.31). Beyond
//! [`EXACT_SHAPE`] the cube approximation of Wilson and Hilferty (1931) is right to five digits and takes its place.

use std::f64::consts::PI;

/// Largest shape whose distribution function is summed up.
const EXACT_SHAPE: f64 = 200.0;
/// Terms after which the series and the fraction have long converged for shapes up to [`EXACT_SHAPE`].
const MAX_TERMS: u32 = 1000;
const RELATIVE_ERROR: f64 = 1e-12;
/// A step of the search, in standard deviations and in values, after which the error is less than its fifth power.
const LAST_STEP: f64 = 0.01;
/// Steps of the search for a quantile; each one halves its bracket at least.
const MAX_STEPS: u32 = 80;
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

/// A gamma distribution: mean `shape * scale`, variance `shape * scale^2`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gamma {
    shape: f64,
    scale: f64,
    /// ln Gamma(shape + 1), where it is needed.
    ln_factorial: f64,
}

impl Gamma {
    /// The distribution with this mean and variance, both above 0.
    pub(super) fn of_moments(mean: f64, variance: f64) -> Self {
        Self::new(mean * mean / variance, variance / mean)
    }

    /// The distribution with this shape and scale, both above 0.
    pub(super) fn new(shape: f64, scale: f64) -> Self {
        let ln_factorial = if shape > EXACT_SHAPE { 0.0 } else { ln_factorial(shape) };
        Self { shape, scale, ln_factorial }
    }

    /// What the distribution is at `x`.
    fn at(&self, x: f64) -> Point {
        let (shape, x) = (self.shape, x / self.scale);
        if x <= 0.0 {
            return Point::default();
        }
        if shape > EXACT_SHAPE {
            let (normal, slope) = self.normal(x);
            let density = slope * (-normal * normal / 2.0).exp() / (2.0 * PI).sqrt();
            // Of the logarithm of the density: -normal^2/2 + ln slope, where slope falls with x^(2/3).
            let third = 2.0 / (3.0 * x);
            let first = -normal * slope - third;
            let second = -slope * slope + third * normal * slope + third / x;
            let last = 2.0 * third * slope * slope
                + third * (slope * slope - normal * slope * (1.0 / x + third))
                - 2.0 * third / (x * x);
            return Point::new(normal_probability(normal), density, [first, second, last], self.scale);
        }
        let front = (shape * x.ln() - x - self.ln_factorial).exp();
        let less = shape - 1.0;
        let logarithm = [less / x - 1.0, -less / (x * x), 2.0 * less / (x * x * x)];
        Point::new(incomplete(shape, x, front), front * shape / x, logarithm, self.scale)
    }

    /// The normal variable that `x`, in scales, is about (Wilson and Hilferty), and its slope there.
    fn normal(&self, x: f64) -> (f64, f64) {
        let root = (x / self.shape).cbrt();
        ((root - 1.0 + 1.0 / (9.0 * self.shape)) * 3.0 * self.shape.sqrt(), self.shape.sqrt() * root / x)
    }

    /// The value that lies `deviates` standard deviations of a normal variable off the middle, about.
    fn near(&self, deviates: f64) -> f64 {
        let ninth = 1.0 / (9.0 * self.shape);
        let root = 1.0 - ninth + deviates * ninth.sqrt();
        self.scale * self.shape * root.max(0.05).powi(3)
    }
}

/// A distribution at one place.
#[derive(Debug, Clone, Copy, Default)]
struct Point {
    /// The probability of a value up to there.
    below: f64,
    /// The density, and its first three derivatives.
    densities: [f64; 4],
}

impl Point {
    /// From the derivatives of the density's logarithm, all by a value in `scale`s.
    fn new(below: f64, density: f64, [first, second, third]: [f64; 3], scale: f64) -> Self {
        let factors = [1.0, first, first * first + second, first * (first * first + 3.0 * second) + third];
        let mut per_value = density;
        let densities = factors.map(|factor| {
            per_value /= scale;
            factor * per_value
        });
        Self { below, densities }
    }

    fn mixed(self, other: Self) -> Self {
        let mut densities = self.densities;
        densities.iter_mut().zip(other.densities).for_each(|(one, other)| *one = one.midpoint(other));
        Self { below: self.below.midpoint(other.below), densities }
    }

    /// The step to where the probability is less by `error`, by the first five terms of its series.
    fn step(&self, error: f64) -> f64 {
        let [density, first, second, third] = self.densities;
        let mut step = -error / density;
        for _ in 0..3 {
            let value =
                error + step * (density + step * (first / 2.0 + step * (second / 6.0 + step * third / 24.0)));
            let slope = density + step * (first + step * (second / 2.0 + step * third / 6.0));
            step -= value / slope;
        }
        step
    }

    /// The same by Halley's method, for longer steps.
    fn halley_step(&self, error: f64) -> f64 {
        let newton = error / self.densities[0];
        // Far off, where the curvature would lead astray, it is Newton's.
        -newton / (1.0 - 0.5 * newton * self.densities[1] / self.densities[0]).max(0.5)
    }
}

/// Where the mixture's quantile is, about: where the normal variables that its parts are about stay below `deviates`, in the mean.
fn start(deviates: f64, parts: &[Gamma; 2]) -> f64 {
    let x = parts[0].near(deviates).midpoint(parts[1].near(deviates));
    let (mut error, mut slope) = (0.0, 0.0);
    for part in parts {
        let (normal, own_slope) = part.normal(x / part.scale);
        let off = normal - deviates;
        // The normal distribution's series, in units of its density.
        let curve = deviates * deviates - 1.0;
        error += off * (1.0 - off * (deviates / 2.0 - off * curve / 6.0));
        slope += (1.0 - off * (deviates - off * curve / 2.0)) * own_slope / part.scale;
    }
    let better = x - error / slope;
    if slope > 0.0 && (better / x - 1.0).abs() < 0.5 { better } else { x }
}

/// The value that an even mixture of the two distributions stays below with `probability` (0 < p < 1). The search is by Halley's
/// method inside a bracket that every step narrows, until it is so near that the series of the distribution function ends it.
pub(super) fn mixture_quantile(probability: f64, parts: [Gamma; 2]) -> f64 {
    let deviates = if probability < 0.5 { -1.96 } else { 1.96 };
    let mut x = start(deviates, &parts);
    let deviation = parts[0].scale * parts[0].shape.sqrt();
    let (mut below, mut above) = (0.0_f64, f64::INFINITY);
    for _ in 0..MAX_STEPS {
        let here = parts[0].at(x).mixed(parts[1].at(x));
        let error = here.below - probability;
        let last = here.step(error);
        // Between two humps the series says nothing of how far the others are.
        let is_near = error.abs() <= 0.1 * probability.min(1.0 - probability);
        if is_near && last.abs() <= LAST_STEP * deviation.min(x) {
            return x + last;
        }
        if error > 0.0 {
            above = above.min(x)
        } else {
            below = below.max(x)
        }
        let step = here.halley_step(error);
        let before = x;
        x = if x + step > below && x + step < above {
            x + step
        } else if above.is_finite() {
            below.midpoint(above)
        } else {
            2.0 * x
        };
        // Extreme shapes, where the bracket is as narrow as numbers are.
        if x == before {
            break;
        }
    }
    x
}

/// P(shape, x) for x > 0, given `front = x^shape e^-x / Gamma(shape + 1)`.
fn incomplete(shape: f64, x: f64, front: f64) -> f64 {
    if x < shape + 1.0 {
        front * series(shape, x)
    } else {
        1.0 - front * shape * continued_fraction(shape, x)
    }
}

fn series(shape: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut divisor) = (1.0, 1.0, shape);
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

/// ln Gamma(x), for x > 0.
pub(super) fn ln_gamma(x: f64) -> f64 {
    ln_factorial(x) - x.ln()
}

/// ln Gamma(x + 1), for x >= 0.
fn ln_factorial(x: f64) -> f64 {
    let base = x + 7.5;
    let mut sum = LANCZOS[0];
    for (i, coefficient) in LANCZOS.iter().enumerate().skip(1) {
        sum += coefficient / (x + i as f64);
    }
    0.5 * (2.0 * PI).ln() + (x + 0.5) * base.ln() - base + sum.ln()
}

/// The probability that a standard normal variable stays below `z`: half of its square is a gamma variable of shape
/// one half.
pub(crate) fn normal_probability(z: f64) -> f64 {
    let half_square = z * z / 2.0;
    if half_square == 0.0 {
        return 0.5;
    }
    // Gamma(3/2) is half the root of pi.
    let front = half_square.sqrt() * (-half_square).exp() / (PI.sqrt() / 2.0);
    let within = incomplete(0.5, half_square, front);
    if z < 0.0 { (1.0 - within) / 2.0 } else { (1.0 + within) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of chi-square with `degrees` of freedom, which is a gamma variable of half that shape and scale 2.
    fn chi_square_quantile(probability: f64, degrees: f64) -> f64 {
        mixture_quantile(probability, [Gamma::new(degrees / 2.0, 2.0); 2])
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (probability, degrees, expected) in [
            (0.025, 1.0, 0.000_982_1),
            (0.975, 1.0, 5.023_886_2),
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
            let approximate = chi_square_quantile(probability, 2.0 * EXACT_SHAPE + 1e-6);
            assert!((approximate / exact - 1.0).abs() < 2e-5, "{exact} {approximate}");
        }
    }

    #[test]
    fn normal_probabilities_are_those_of_the_tables() {
        for (z, expected) in [(0.0, 0.5), (1.0, 0.841_344_746), (1.959_963_985, 0.975), (-3.0, 0.001_349_898)]
        {
            assert!((normal_probability(z) - expected).abs() < 1e-9, "{z}");
        }
    }

    #[test]
    fn gamma_is_the_factorial() {
        for (x, factorial) in [(0.0, 1.0_f64), (1.0, 1.0), (4.0, 24.0), (10.0, 3_628_800.0)] {
            assert!((ln_factorial(x) - factorial.ln()).abs() < 1e-12, "{x}");
        }
    }

    /// The parts are those of a sum without and with one more piece, which is no heavier than the heaviest: `interval.rs`.
    #[test]
    fn of_a_mixture_as_much_lies_below_as_was_asked_for() {
        let gamma = |mean: f64, variance: f64| Gamma::new(mean * mean / variance, variance / mean);
        for shape in [1.0, 1.5, 2.0, 7.3, 40.0, 150.0, 199.0, 201.0, 1e3, 1e6, 1e10_f64] {
            for share in [1e-6, 0.01, 0.3, 0.9, 1.0] {
                let (variance, piece) = (1.0 / shape, share / shape.sqrt());
                let parts = [gamma(1.0, variance), gamma(1.0 + piece, variance + piece * piece)];
                for probability in [0.005, 0.025, 0.5, 0.975, 0.995] {
                    let x = mixture_quantile(probability, parts);
                    let below = parts[0].at(x).mixed(parts[1].at(x)).below;
                    let case = format!("shape {shape}, a piece of {share}, p {probability}");
                    assert!((below - probability).abs() < 1e-7, "{case}: {x} has {below} below");
                }
            }
        }
    }

    #[test]
    fn extremes_stay_finite_and_in_order() {
        for shape in [1e-3, 0.3, 1.0, 1.001, 37.5, 1e3, 1e6, 1e12, 1e15] {
            let parts = [Gamma::new(shape, 3.0), Gamma::new(shape + 0.5, 3.0)];
            let (low, high) = (mixture_quantile(0.025, parts), mixture_quantile(0.975, parts));
            assert!(low >= 0.0 && low < high && high.is_finite(), "{shape}: {low} {high}");
        }
    }
}
