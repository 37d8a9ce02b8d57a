//! Two estimated totals beside each other: by how much the new one is larger, and how sure that is.
//!
//! The two totals come from two traces, so their samples are independent. What is compared is what the programs did; what
//! intervals cover is the sampling, not what differs between two runs of one program.
//!
//! # The difference
//!
//! From the two intervals, each at the level that is asked for (method of variance estimates recovery: Zou and Donner,
//! Statistics in Medicine 27, 2008, 1693):
//!
//! ```text
//! low  = (new - old) - sqrt((new - new.low)^2 + (old.high - old)^2)
//! high = (new - old) + sqrt((new.high - new)^2 + (old - old.low)^2)
//! ```
//!
//! Where both are normal that is the usual interval of a difference; where few samples make them skewed, each end takes the
//! side of each interval that matters for it.
//!
//! # The ratio
//!
//! A total of weighted samples behaves like a Poisson count of `n = Y^2 / V` equal pieces (see the module's parent), and what
//! it may be is gamma distributed. Of two Poisson counts the one is binomial given their sum (Przyborowski and Wilenski,
//! Biometrika 31, 1940, 313), and the limits of their ratio are quantiles of ratios of gamma variables; for weighted totals
//! so too (Fay, Communications in Statistics 28, 1999, 2141; for confidence distributions in general Fay, Proschan and Brittain,
//! Biometrics 71, 2015, 146). The chance that the new total is at most `r` times the old one is taken to be
//!
//! ```text
//! P(r) = 1/2 P(N / O+ <= r) + 1/2 P(N+ / O <= r)
//! N  ~ Gamma(mean new,     variance new.V)     N+ ~ Gamma(mean new + u, variance new.V + u^2)     the same for O and O+
//! ```
//!
//! with `u` what one more sample stands for: the heaviest of both, or a total that happens to lack heavy samples would seem surer than it is. For equal weights that is the mid-P value of the conditional binomial
//! test, exactly; P(G / H <= r) is an incomplete beta function. Nothing is normal here, so few samples, and none, are no
//! special case: 12 samples against none at all have P(1) = 2^-12 / 2.

use super::beta::incomplete_beta;
use super::gamma::normal_probability;
use super::interval;
use super::{Estimate, Total};

/// The sharpest that a total is taken to be known, as a count of pieces: to 0.03%. An exact one beside an estimate counts so.
const MOST_PIECES: f64 = 1e7;

/// What a total is known by, for intervals at any level.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Evidence {
    value: f64,
    /// What was seen for certain.
    seen: f64,
    variance: f64,
    /// What one more sample would stand for beside itself.
    unseen: f64,
    samples: u64,
}

impl Evidence {
    /// Of a sampled total, of which one more sample may stand for `unseen_piece` beside itself, or for more where its own samples say so.
    /// Take what the heaviest sample that is known from elsewhere would stand for here, from the other of two totals above all: a
    /// total that happens to have no heavy sample does not know of them. 0 where every allocation is a sample.
    ///
    /// ```
    /// use memscope_report::statistics::{Evidence, Total};
    /// let none = Evidence::of(&Total::default(), 100.0);
    /// assert!((none.limits(0.025).1 - 299.6).abs() < 0.1);
    /// ```
    #[must_use]
    pub fn of(total: &Total, unseen_piece: f64) -> Self {
        Self {
            value: total.value(),
            seen: total.seen(),
            variance: total.variance(),
            unseen: total.unseen_piece().max(unseen_piece),
            samples: total.samples(),
        }
    }

    /// Of a total without any sample, of which one would stand for `unseen_piece` beside itself.
    #[must_use]
    pub fn nothing(unseen_piece: f64) -> Self {
        Self { unseen: unseen_piece, ..Self::default() }
    }

    /// Of a total that is known.
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self { value, seen: value, ..Self::default() }
    }

    /// The mean of totals whose samples are independent. Of none it is 0.
    #[must_use]
    pub fn mean(of: &[Self]) -> Self {
        let number = of.len().max(1) as f64;
        let sum = |figure: fn(&Self) -> f64| of.iter().map(figure).sum::<f64>();
        Self {
            value: sum(|one| one.value) / number,
            seen: sum(|one| one.seen) / number,
            variance: sum(|one| one.variance) / (number * number),
            unseen: of.iter().map(|one| one.unseen).fold(0.0, f64::max) / number,
            samples: of.iter().map(|one| one.samples).sum(),
        }
    }

    /// The variance of the estimate.
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// Whether nothing about it is estimated.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        match self.value > 0.0 {
            true => self.variance <= self.value * self.value * f64::EPSILON,
            false => self.unseen <= 0.0,
        }
    }

    /// The estimate.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// What one more sample would stand for beside itself.
    #[must_use]
    pub fn unseen(&self) -> f64 {
        self.unseen
    }

    /// The limits that it lies beyond with the probability `tail` (0 < tail < 0.5) on each side.
    #[must_use]
    pub fn limits(&self, tail: f64) -> (f64, f64) {
        if self.is_exact() {
            return (self.value, self.value);
        }
        if self.value <= 0.0 {
            return (0.0, -(2.0 * tail).ln() * self.unseen);
        }
        let (low, high) = interval::mid_p_beyond(tail, self.value, self.variance, self.unseen);
        (low.max(self.seen).min(self.value), high.max(self.value))
    }

    /// The estimate with its interval, `tail` on each side.
    #[must_use]
    pub fn estimate(&self, tail: f64) -> Estimate {
        let (low, high) = self.limits(tail);
        Estimate { value: self.value, low, high, samples: self.samples }
    }

    /// The total in pieces: how many, and how large each is.
    fn pieces(&self) -> Pieces {
        Pieces::of(self.value, self.variance)
    }

    fn pieces_and_one_more(&self) -> Pieces {
        Pieces::of(self.value + self.unseen, self.variance + self.unseen * self.unseen)
    }
}

/// A gamma distribution; no pieces are the point 0.
#[derive(Clone, Copy)]
struct Pieces {
    count: f64,
    size: f64,
}

impl Pieces {
    fn of(mean: f64, variance: f64) -> Self {
        if mean <= 0.0 {
            return Self { count: 0.0, size: 1.0 };
        }
        let count = (mean * mean / variance).min(MOST_PIECES);
        Self { count, size: mean / count }
    }

    /// The chance that this is at most `ratio` times `other`.
    fn at_most(self, ratio: f64, other: Self) -> f64 {
        if self.count <= 0.0 {
            return 1.0;
        }
        if other.count <= 0.0 {
            return 0.0;
        }
        let share = ratio * other.size / (ratio * other.size + self.size);
        incomplete_beta(share, self.count, other.count)
    }
}

/// `new - old` with its interval, `tail` on each side; see the module's head.
#[must_use]
pub fn difference(old: &Evidence, new: &Evidence, tail: f64) -> Estimate {
    let (old_low, old_high) = old.limits(tail);
    let (new_low, new_high) = new.limits(tail);
    let value = new.value - old.value;
    Estimate {
        value,
        low: value - (new.value - new_low).hypot(old_high - old.value),
        high: value + (new_high - new.value).hypot(old.value - old_low),
        samples: old.samples.saturating_add(new.samples),
    }
}

/// How many times the old total the new one is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// `new / old`; infinite where only the old one is 0, 1 where both are.
    pub value: f64,
    /// Lower limit.
    pub low: f64,
    /// Upper limit; infinite where the old total may be 0.
    pub high: f64,
}

/// `new / old` with its interval, `tail` on each side; see the module's head.
///
/// ```
/// use memscope_report::statistics::{Evidence, Total, ratio};
/// let counted = |samples| {
///     let mut total = Total::default();
///     (0..samples).for_each(|_| total.add(1.0, 0.001));
///     Evidence::of(&total, 1000.0)
/// };
/// let grown = ratio(&counted(1_000), &counted(1_200), 0.01);
/// assert!(grown.low > 1.0 && grown.value == 1.2 && grown.high < 1.4);
/// ```
#[must_use]
pub fn ratio(old: &Evidence, new: &Evidence, tail: f64) -> Ratio {
    let value = match (old.value > 0.0, new.value > 0.0) {
        (true, _) => new.value / old.value,
        (false, true) => f64::INFINITY,
        (false, false) => 1.0,
    };
    if old.is_exact() && new.is_exact() {
        return Ratio { value, low: value, high: value };
    }
    let low = quantile(old, new, tail);
    let high = quantile(old, new, 1.0 - tail);
    Ratio { value, low: low.min(value), high: high.max(value) }
}

/// The chance that the new total is at most `ratio` times the old one; see the module's head.
#[must_use]
pub fn chance_at_most(old: &Evidence, new: &Evidence, ratio: f64) -> f64 {
    let less = new.pieces().at_most(ratio, old.pieces_and_one_more());
    let more = new.pieces_and_one_more().at_most(ratio, old.pieces());
    less.midpoint(more)
}

/// The ratio that the true one stays below with `probability`, by bisection of its logarithm.
fn quantile(old: &Evidence, new: &Evidence, probability: f64) -> f64 {
    let (mut low, mut high) = (-60.0_f64, 60.0_f64);
    if chance_at_most(old, new, low.exp()) > probability {
        return 0.0;
    }
    if chance_at_most(old, new, high.exp()) < probability {
        return f64::INFINITY;
    }
    while high - low > 1e-7 {
        let middle = low.midpoint(high);
        if chance_at_most(old, new, middle.exp()) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    low.midpoint(high).exp()
}

/// The smallest ratio above 1 that a test with `tail` shows with the probability `power`, with as many samples as these two
/// have: `exp((z_tail + z_power) sqrt(old.V / old^2 + new.V / new^2))`, the logarithm of a ratio being nearly normal. Infinite where one
/// has no sample, 1 where both are exact.
#[must_use]
pub fn smallest_ratio_shown(old: &Evidence, new: &Evidence, tail: f64, power: f64) -> f64 {
    let relative = |evidence: &Evidence| match evidence.is_exact() {
        true => 0.0,
        false if evidence.value <= 0.0 => f64::INFINITY,
        false => evidence.variance / (evidence.value * evidence.value),
    };
    let error = (relative(old) + relative(new)).sqrt();
    if error == 0.0 { 1.0 } else { ((deviates(tail) + deviates(1.0 - power)) * error).exp() }
}

/// How many standard deviations a normal variable exceeds with the probability `tail` (0 < tail <= 0.5).
fn deviates(tail: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 8.0_f64);
    while high - low > 1e-9 {
        let middle = low.midpoint(high);
        if 1.0 - normal_probability(middle) > tail { low = middle } else { high = middle }
    }
    low.midpoint(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(samples: u32, probability: f64) -> Evidence {
        let mut total = Total::default();
        (0..samples).for_each(|_| total.add(1.0, probability));
        Evidence::of(&total, 1.0 / probability - 1.0)
    }

    /// The mid-P value of the conditional binomial test of equal means.
    fn binomial(old: u32, new: u32) -> f64 {
        let n = old + new;
        let term = |j: u32| (1..=j).map(|i| f64::from(n - j + i) / f64::from(i)).product::<f64>();
        let all = 2.0_f64.powi(n as i32);
        ((new + 1..=n).map(term).sum::<f64>() + term(new) / 2.0) / all
    }

    #[test]
    fn equal_weights_are_tested_as_the_conditional_binomial_does() {
        for (old, new) in [(0, 12), (3, 3), (5, 17), (17, 5), (40, 60), (0, 0), (1, 0)] {
            let found = chance_at_most(&counted(old, 1e-9), &counted(new, 1e-9), 1.0);
            let expected = binomial(old, new);
            assert!((found / expected - 1.0).abs() < 1e-6, "{old} {new}: {found} {expected}");
        }
    }

    #[test]
    fn exact_totals_have_points() {
        let (old, new) = (Evidence::exact(100.0), Evidence::exact(110.0));
        assert_eq!(ratio(&old, &new, 0.01), Ratio { value: 1.1, low: 1.1, high: 1.1 });
        let found = difference(&old, &new, 0.01);
        assert_eq!((found.low, found.value, found.high), (10.0, 10.0, 10.0));
        assert_eq!(smallest_ratio_shown(&old, &new, 0.01, 0.95), 1.0);
        // Beside an estimate, an exact total adds nothing to its interval.
        let sampled = counted(1_000, 0.01);
        let beside = ratio(&Evidence::exact(100_000.0), &sampled, 0.025);
        let (low, high) = sampled.limits(0.025);
        assert!(
            (beside.low - low / 1e5).abs() < 2e-4 && (beside.high - high / 1e5).abs() < 2e-4,
            "{beside:?}"
        );
    }

    #[test]
    fn nothing_beside_something_is_bounded_on_one_side() {
        let (none, some) = (counted(0, 0.01), counted(50, 0.01));
        let appeared = ratio(&none, &some, 0.01);
        assert!(appeared.low > 5.0 && appeared.value.is_infinite() && appeared.high.is_infinite());
        let gone = ratio(&some, &none, 0.01);
        assert!(gone.low == 0.0 && gone.value == 0.0 && gone.high < 0.2);
        assert!(difference(&none, &some, 0.01).low > 0.0 && difference(&some, &none, 0.01).high < 0.0);
        assert!(smallest_ratio_shown(&none, &some, 0.01, 0.95).is_infinite());
    }

    #[test]
    fn the_two_ways_agree_on_what_is_a_change() {
        let mut differing = 0;
        for old in 0..60 {
            for new in 0..60 {
                let (old, new) = (counted(old, 1e-6), counted(new, 1e-6));
                let by_ratio = ratio(&old, &new, 0.01).low > 1.0;
                differing += u32::from(by_ratio != (difference(&old, &new, 0.01).low > 0.0));
            }
        }
        assert!(differing < 40, "{differing} of 3600");
    }

    #[test]
    fn deviates_are_those_of_the_tables() {
        for (tail, expected) in [(0.5, 0.0), (0.025, 1.959_964), (0.01, 2.326_348), (0.000_1, 3.719_016)] {
            assert!((deviates(tail) - expected).abs() < 1e-4, "{tail}: {}", deviates(tail));
        }
    }
}
