//! Which allocations become samples.
//!
//! Every allocation of `s` bytes takes a *credit* of `s + K` off its thread's countdown. The countdown starts at a
//! gap drawn from the exponential distribution with mean T; the allocation that takes it below zero is a sample, and
//! the next gap is drawn. The points where samples fall are a Poisson process on the line of credit, so
//!
//! ```text
//! p(s) = 1 - exp(-(s + K) / T)
//! ```
//!
//! for each allocation by itself, whatever came before it (an exponential gap has no memory). `K = -T ln(1 - r)`
//! makes `p(s) >= r` for the smallest allocation; large ones are caught nearly always. The estimate needs no more than
//! `1/p` as the sample's weight (`memscope_trace::Interval::probability`).
//!
//! Allocations that may not be sampled (below the configured size) take credit too, which saves the fast path a
//! comparison: a point that falls on one of them is passed over and the next gap drawn, which leaves the points on all
//! others a Poisson process of the same rate.
//!
//! The gap is cut into pieces of at most [`crate::control::PUBLISH_BYTES`]: when a piece runs out, the thread
//! publishes its live bytes (for the peak) and takes the next. The first gap of a thread is drawn like every other.

/// Credit K in bytes for the least probability `sample_rate` at mean interval `interval_bytes`, rounded up.
///
/// Exact mode (`sample_rate` 1, `interval_bytes` 0) takes 1, so that every allocation, even of no bytes, takes the
/// countdown of 0 below zero.
pub(crate) fn credit_bytes(interval_bytes: f64, sample_rate: f64) -> i64 {
    if interval_bytes <= 0.0 {
        return 1;
    }
    let credit = -interval_bytes * (-sample_rate).ln_1p();
    // Rounded up: p(s) >= sample_rate holds for the rounded K too.
    (credit.ceil() as i64).clamp(1, 1 << 60)
}

/// A gap from the exponential distribution with mean `interval_bytes`, as whole bytes (rounded down: credits are whole
/// bytes, so `credit > floor(gap)` says the same as `credit > gap`).
pub(crate) fn draw_gap(random: &mut Random, interval_bytes: f64) -> i64 {
    if interval_bytes <= 0.0 {
        return 0;
    }
    let gap = -random.unit().ln() * interval_bytes;
    gap.min((1_u64 << 60) as f64) as i64
}

/// The xorshift64* generator (Vigna, 2016): eight bytes of state, no multiplication tables, never zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator for the `stream`-th thread of a session seeded with `seed`.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        // splitmix64's output function spreads neighbouring streams over the whole state space.
        let mut state = seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self((state ^ (state >> 31)).max(1))
    }

    pub(crate) fn from_state(state: u64) -> Self {
        Self(state)
    }

    pub(crate) fn state(self) -> u64 {
        self.0
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Uniform in (0, 1]: never 0, whose logarithm is infinite.
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean of `draws` gaps in units of their interval.
    fn mean_gap(interval_bytes: f64, draws: u32) -> f64 {
        let mut random = Random::new(7, 1);
        let total: f64 = (0..draws).map(|_| draw_gap(&mut random, interval_bytes) as f64).sum();
        total / f64::from(draws) / interval_bytes
    }

    #[test]
    fn gaps_are_exponential() {
        assert!((mean_gap(524_288.0, 200_000) - 1.0).abs() < 0.01);
        let mut random = Random::new(3, 9);
        let beyond_mean = (0..200_000).filter(|_| draw_gap(&mut random, 1e6) > 1_000_000).count();
        assert!((beyond_mean as f64 / 200_000.0 - (-1.0_f64).exp()).abs() < 0.005);
    }

    #[test]
    fn credit_gives_the_asked_probability() {
        for (interval, rate) in [(524_288.0, 0.01), (524_288.0, 0.0005), (65_536.0, 0.5), (1e6, 0.999)] {
            let credit = credit_bytes(interval, rate) as f64;
            let smallest = -(-credit / interval).exp_m1();
            assert!(
                smallest >= rate && smallest < rate * 1.01 + 2.0 / interval,
                "{interval} {rate} {smallest}"
            );
        }
    }

    #[test]
    fn exact_mode_takes_every_allocation() {
        assert_eq!(credit_bytes(0.0, 1.0), 1);
        assert_eq!(draw_gap(&mut Random::new(1, 1), 0.0), 0);
    }

    #[test]
    fn streams_differ() {
        let first: Vec<u64> = (0..1000).map(|stream| Random::new(42, stream).next()).collect();
        let distinct: std::collections::HashSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), first.len());
    }
}
