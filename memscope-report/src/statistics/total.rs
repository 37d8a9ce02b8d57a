//! The sums that an estimate is made of.

use super::Estimate;
use super::interval::{self, TAIL};

/// How many of a trace's samples were lost, at random.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses {
    /// Samples that the trace has.
    pub recorded: u64,
    /// Samples that were drawn and are not in the trace.
    pub lost: u64,
}

impl Losses {
    /// The share of the samples drawn that the trace has, 0 < q <= 1; 1 where it has none at all.
    #[must_use]
    pub fn retained(self) -> f64 {
        let (recorded, lost) = (self.recorded as f64, self.lost as f64);
        if self.recorded == 0 { 1.0 } else { recorded / (recorded + lost) }
    }
}

/// A sample as far as the interval has to know it by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Piece {
    /// v/p.
    weighted: f64,
    /// v.
    value: f64,
}

impl Piece {
    /// What the sample stands for beside itself: nothing where it could not have been missed.
    fn unseen(self) -> f64 {
        self.weighted - self.value
    }

    fn scaled(self, factor: f64) -> Self {
        Self { weighted: self.weighted * factor, value: self.value * factor }
    }

    #[inline]
    fn is_heavier_than(self, other: Self) -> bool {
        let (own, others) = (self.unseen(), other.unseen());
        own > others || (own == others && self.weighted > other.weighted)
    }
}

/// The sums that an estimate is made of. Add samples in any order; totals of disjoint sets of samples merge.
///
/// ```
/// use memscope_report::statistics::Total;
/// let mut bytes = Total::default();
/// for _ in 0..100 {
///     bytes.add(512.0, 0.001);
/// }
/// let estimate = bytes.estimate();
/// assert_eq!(estimate.value.round(), 51_200_000.0);
/// assert!(estimate.low < 51_200_000.0 && 51_200_000.0 < estimate.high);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Total {
    /// Sum of v/p.
    value: f64,
    /// Sum of v.
    seen: f64,
    /// Sum of v^2/p.
    squares: f64,
    /// Sum of v^2/p^2.
    weighted_squares: f64,
    samples: u64,
    /// The two samples that stand for most beside themselves, the heavier one first.
    heaviest: [Piece; 2],
}

impl Total {
    /// Adds one sample of `value` (not negative) that had `probability` (0 < p <= 1; anything else counts as 1).
    pub fn add(&mut self, value: f64, probability: f64) {
        let probability = if probability > 0.0 && probability <= 1.0 { probability } else { 1.0 };
        let weighted = value / probability;
        self.value += weighted;
        self.seen += value;
        self.squares += value * weighted;
        self.weighted_squares += weighted * weighted;
        self.samples += 1;
        self.weigh(Piece { weighted, value });
    }

    /// Adds `count` samples alike, at once: the sums are those of adding them one by one, but for rounding.
    pub fn add_many(&mut self, count: u64, value: f64, probability: f64) {
        if count == 0 {
            return;
        }
        let mut one = Self::default();
        one.add(value, probability);
        self.add_times(count, &one);
    }

    /// Adds `count` samples like the one in `one`.
    pub(crate) fn add_times(&mut self, count: u64, one: &Self) {
        if count == 0 {
            return;
        }
        let number = count as f64;
        self.value += one.value * number;
        self.seen += one.seen * number;
        self.squares += one.squares * number;
        self.weighted_squares += one.weighted_squares * number;
        self.samples += count;
        self.weigh(one.heaviest[0]);
        if count > 1 {
            self.weigh(one.heaviest[0]);
        }
    }

    /// Adds the samples of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.value += other.value;
        self.seen += other.seen;
        self.squares += other.squares;
        self.weighted_squares += other.weighted_squares;
        self.samples += other.samples;
        other.heaviest.iter().for_each(|&piece| self.weigh(piece));
    }

    /// Adds what `other`'s samples are with each value times `factor`: merging [`Total::scaled`], without making it.
    pub(crate) fn merge_scaled(&mut self, other: &Self, factor: f64) {
        self.value += other.value * factor;
        self.seen += other.seen * factor;
        self.squares += other.squares * factor * factor;
        self.weighted_squares += other.weighted_squares * factor * factor;
        self.samples += other.samples;
        other.heaviest.iter().for_each(|piece| self.weigh(piece.scaled(factor)));
    }

    #[inline]
    fn weigh(&mut self, piece: Piece) {
        let [first, second] = self.heaviest;
        // Mostly it is lighter than both.
        if piece.is_heavier_than(second) {
            self.heaviest = if piece.is_heavier_than(first) { [piece, first] } else { [first, piece] };
        }
    }

    /// The total of the same samples with each value times `factor` (not negative): turns a count of equal things into
    /// their bytes.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self {
            value: self.value * factor,
            seen: self.seen * factor,
            squares: self.squares * factor * factor,
            weighted_squares: self.weighted_squares * factor * factor,
            samples: self.samples,
            heaviest: self.heaviest.map(|piece| piece.scaled(factor)),
        }
    }

    /// The total that `samples` samples like these would have: for samples of which only the number is known.
    #[must_use]
    pub fn like(&self, samples: u64) -> Self {
        if self.samples == 0 {
            return Self { samples, ..Self::default() };
        }
        let ratio = samples as f64 / self.samples as f64;
        Self {
            value: self.value * ratio,
            seen: self.seen * ratio,
            squares: self.squares * ratio,
            weighted_squares: self.weighted_squares * ratio,
            samples,
            heaviest: self.heaviest,
        }
    }

    /// The total restated for samples of which only a share was recorded: the estimate is divided by it and the interval
    /// widened. Restate last: restated totals do not merge.
    #[must_use]
    pub fn thinned(&self, losses: Losses) -> Self {
        let retained = losses.retained();
        let thinned = |piece: Piece| Piece { weighted: piece.weighted / retained, ..piece };
        let value = self.value / retained;
        let squares = self.squares / retained;
        // How many were drawn in all is known; so is the less to be learnt about the total, the more of them it has.
        let known = (1.0 - retained) * value * value / (losses.recorded as f64 + 1.0);
        let weighted_squares = self.weighted_squares / (retained * retained) - known;
        Self {
            value,
            seen: self.seen,
            squares,
            weighted_squares: weighted_squares.max(squares),
            samples: self.samples,
            heaviest: self.heaviest.map(thinned),
        }
    }

    /// The plain sum, the variance, and what the two heaviest samples stand for beside themselves, as they are if only the share was
    /// recorded that `losses` says. Unlike a [`Total::thinned`] total's these merge: what is known of the whole is not in them.
    pub(super) fn restated_parts(&self, losses: Losses) -> (f64, f64, [f64; 2]) {
        let retained = losses.retained();
        let variance = self.weighted_squares / (retained * retained) - self.squares / retained;
        let [first, second] = self.heaviest.map(|piece| piece.weighted / retained - piece.value);
        (self.seen, variance.max(0.0), [first.max(second), first.min(second)])
    }

    /// The unbiased estimate of the total.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Samples added.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The estimated variance of the estimate: `sum((1 - p) (v/p)^2)`; 0 where every probability is 1.
    #[must_use]
    pub fn variance(&self) -> f64 {
        // Where every probability is 1 both sums are equal to the last bit; rounding may otherwise leave a hair.
        (self.weighted_squares - self.squares).max(0.0)
    }

    /// The estimate with its 95% interval. Without samples that is 0 with the interval [0, 0]: what such a total may
    /// still be cannot be told from itself, see [`Total::estimate_within`].
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        let (low, high) = self.interval();
        Estimate { value: self.value, low, high, samples: self.samples }
    }

    /// The estimate of a part of `whole`. It differs from [`Total::estimate`] where no sample fell into the part:
    /// the upper end then is what a Poisson count that shows 0 may be (3.00, mid-P), in pieces of what a sample of
    /// `whole` stands for beside itself in the mean; it is `whole`'s upper end at most.
    #[must_use]
    pub fn estimate_within(&self, whole: &Self) -> Estimate {
        if self.samples > 0 || whole.value <= 0.0 || whole.variance() <= 0.0 {
            return self.estimate();
        }
        let piece = (whole.value - whole.seen).max(0.0) / whole.samples as f64;
        // Half of exp(-pieces) is the tail.
        let high = -(2.0 * TAIL).ln() * piece;
        // The whole's upper end, which takes long to work out, is its estimate at least.
        let high = if high <= whole.value { high } else { high.min(whole.interval().1) };
        Estimate { value: 0.0, low: 0.0, high, samples: 0 }
    }

    fn interval(&self) -> (f64, f64) {
        Self::limits(self.value, self.variance(), self.seen, self.heaviest.map(Piece::unseen), self.samples)
    }

    /// Sum of the sampled values: certain.
    pub(crate) fn seen(&self) -> f64 {
        self.seen
    }

    /// What one more sample might stand for beside itself.
    #[cfg(feature = "tools")]
    pub(super) fn unseen_piece(&self) -> f64 {
        unseen_piece(self.heaviest.map(Piece::unseen), self.samples)
    }

    /// The interval of an estimate of `value` with `variance` from `samples` that are worth `seen` themselves, and the two heaviest of
    /// which stand for `unseen` beside themselves.
    pub(super) fn limits(value: f64, variance: f64, seen: f64, unseen: [f64; 2], samples: u64) -> (f64, f64) {
        if value <= 0.0 || variance <= value * value * f64::EPSILON {
            return (value, value);
        }
        let (low, high) = interval::mid_p(value, variance, unseen_piece(unseen, samples));
        (low.max(seen).min(value), high.max(value))
    }
}

/// What one more sample might stand for beside itself: as much more than the heaviest one as that is heavier than the next.
fn unseen_piece([first, second]: [f64; 2], samples: u64) -> f64 {
    if samples < 2 { first } else { 2.0 * first - second }
}
