//! Which allocations become samples.
//!
//! Every allocation of `s` bytes has a *credit* of `s + K`; samples are drawn by a Poisson process on the line of credit with mean
//! interval T, so
//!
//! ```text
//! p(s) = 1 - exp(-(s + K) / T)
//! ```
//!
//! for each allocation by itself, whatever came before it. `K = -T ln(1 - r)` makes `p(s) >= r` for the smallest allocation; large
//! ones are caught nearly always. The estimate needs no more than `1/p` as the sample's weight
//! (`memscope_trace::Interval::probability`).
//!
//! The process is run as two (a sum of independent Poisson processes is one): gaps on the line of bytes are exponential
//! with mean T, gaps on the line of allocations are those that an exponential gap with mean `T / K` falls into. An allocation that either
//! of them ends in is the sample. So the two countdowns of a thread's [`meter`](crate::thread::meter) are its exact counters
//! of bytes and of allocations as well, and need no sum on the fast path.
//!
//! Allocations that may not be sampled (below the configured size) count down too, which saves the fast path a
//! comparison: a point that falls on one of them is passed over and the next gap drawn, which leaves the points on all
//! others a Poisson process of the same rate. The first gaps of a thread are drawn like every other. A change of T is taken up by drawing
//! both gaps anew: an exponential gap has no memory.

/// Credit K in bytes for the least probability `sample_rate` at mean interval `interval_bytes`; 0 in exact mode, where every allocation is
/// a sample.
pub(crate) fn credit_bytes(interval_bytes: f64, sample_rate: f64) -> f64 {
    if interval_bytes <= 0.0 { 0.0 } else { -interval_bytes * (-sample_rate).ln_1p() }
}

/// The longest gap: no countdown wraps.
const LONGEST: f64 = (1_u64 << 60) as f64;

/// Bytes that the next allocations may take without being sampled: the sample is the one that takes more. Exponential with mean
/// `interval_bytes`, rounded down: sizes are whole bytes, so `size > floor(gap)` says the same as `size > gap`.
pub(crate) fn draw_gap_bytes(random: &mut Random, interval_bytes: f64) -> i64 {
    if interval_bytes <= 0.0 { 0 } else { (-random.unit().ln() * interval_bytes).min(LONGEST) as i64 }
}

/// Number of the next allocation that is a sample for its credit K, from 1.
pub(crate) fn draw_gap_allocations(random: &mut Random, interval_bytes: f64, credit_bytes: f64) -> i64 {
    if interval_bytes <= 0.0 {
        return 1;
    }
    (-random.unit().ln() * interval_bytes / credit_bytes).min(LONGEST) as i64 + 1
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

    #[test]
    fn gaps_of_bytes_are_exponential() {
        let mut random = Random::new(7, 1);
        let total: f64 = (0..200_000).map(|_| draw_gap_bytes(&mut random, 524_288.0) as f64).sum();
        assert!((total / 200_000.0 / 524_288.0 - 1.0).abs() < 0.01);
        let beyond_mean = (0..200_000).filter(|_| draw_gap_bytes(&mut random, 1e6) > 1_000_000).count();
        assert!((beyond_mean as f64 / 200_000.0 - (-1.0_f64).exp()).abs() < 0.005);
    }

    #[test]
    fn credit_gives_the_asked_probability() {
        for (interval, rate) in [(524_288.0, 0.01), (524_288.0, 0.0005), (65_536.0, 0.5), (1e6, 0.999)] {
            let smallest = -(-credit_bytes(interval, rate) / interval).exp_m1();
            assert!((smallest / rate - 1.0).abs() < 1e-12, "{interval} {rate} {smallest}");
        }
    }

    /// Allocations of `size` bytes until a sample: how many of them are one.
    fn sampled_share(size: i64, interval_bytes: f64, credit_bytes: f64) -> f64 {
        let mut random = Random::new(5, 8);
        let (mut bytes, mut allocations) = (0, 0);
        let mut samples = 0;
        let draws = 400_000;
        for round in 0..draws {
            if bytes < 0 || round == 0 {
                bytes = draw_gap_bytes(&mut random, interval_bytes);
            }
            if allocations == 0 {
                allocations = draw_gap_allocations(&mut random, interval_bytes, credit_bytes);
            }
            bytes -= size;
            allocations -= 1;
            samples += i32::from(bytes < 0 || allocations == 0);
        }
        f64::from(samples) / f64::from(draws)
    }

    #[test]
    fn both_lines_together_sample_with_the_stated_probability() {
        for (size, interval, rate) in
            [(16_i64, 1000.0, 0.05), (64, 1000.0, 0.01), (700, 1000.0, 0.3), (5, 1e5, 0.02)]
        {
            let credit = credit_bytes(interval, rate);
            let probability = -(-(size as f64 + credit) / interval).exp_m1();
            let share = sampled_share(size, interval, credit);
            let error = (probability * (1.0 - probability) / 400_000.0).sqrt();
            assert!(
                (share - probability).abs() < 4.0 * error,
                "{size} {interval}: {share} for {probability}"
            );
        }
    }

    #[test]
    fn exact_mode_takes_every_allocation() {
        let mut random = Random::new(1, 1);
        assert_eq!(credit_bytes(0.0, 1.0), 0.0);
        assert_eq!((draw_gap_bytes(&mut random, 0.0), draw_gap_allocations(&mut random, 0.0, 0.0)), (0, 1));
    }

    #[test]
    fn streams_differ() {
        let first: Vec<u64> = (0..1000).map(|stream| Random::new(42, stream).next()).collect();
        let distinct: std::collections::HashSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), first.len());
    }
}
