//! The estimates against the truth: the sampler's own process, run many times over.

use memscope_report::statistics::{Estimate, Total};
use memscope_trace::Interval;

const RUNS: u64 = 200;
const ALLOCATIONS: usize = 30_000;
/// Mean sampling interval T.
const INTERVAL_BYTES: f64 = 65_536.0;
/// The least probability: K = -T ln(1 - rate).
const RATE: f64 = 0.01;

/// Marsaglia's xorshift64*.
struct Random(u64);

impl Random {
    /// Uniform in (0, 1].
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        (bits + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Exponential with mean 1.
    fn exponential(&mut self) -> f64 {
        -self.unit().ln()
    }
}

/// Sizes as a service has them: most are small, few large ones make up much of the bytes.
fn sizes() -> Vec<u64> {
    let mut random = Random(7);
    let mut size = |_| match random.unit() {
        u if u < 0.70 => 16 + (random.unit() * 112.0) as u64,
        u if u < 0.95 => 128 + (random.unit() * 3_968.0) as u64,
        u if u < 0.999 => 4_096 + (random.unit() * 60_000.0) as u64,
        _ => 100_000 + (random.unit() * 900_000.0) as u64,
    };
    (0..ALLOCATIONS).map(&mut size).collect()
}

/// One run: a countdown of credit that each allocation draws from, as the runtime has it.
fn run(seed: u64, sizes: &[u64], credit_bytes: f64) -> (Estimate, Estimate) {
    let interval = Interval { id: 0, start_us: 0, interval_bytes: INTERVAL_BYTES, credit_bytes };
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut countdown = INTERVAL_BYTES * random.exponential();
    let (mut count, mut bytes) = (Total::default(), Total::default());
    for &size in sizes {
        countdown -= size as f64 + credit_bytes;
        if countdown < 0.0 {
            let probability = interval.probability(size);
            count.add(1.0, probability);
            bytes.add(size as f64, probability);
            countdown = INTERVAL_BYTES * random.exponential();
        }
    }
    (count.estimate(), bytes.estimate())
}

#[test]
fn estimates_are_unbiased_and_their_intervals_cover() {
    let sizes = sizes();
    let credit_bytes = -INTERVAL_BYTES * (-RATE).ln_1p();
    let truth = [sizes.len() as f64, sizes.iter().sum::<u64>() as f64];
    let (mut sums, mut covered) = ([0.0; 2], [0_u64; 2]);
    for seed in 1..=RUNS {
        let (count, bytes) = run(seed, &sizes, credit_bytes);
        for (at, estimate) in [count, bytes].into_iter().enumerate() {
            sums[at] += estimate.value;
            covered[at] += u64::from(estimate.low <= truth[at] && truth[at] <= estimate.high);
        }
    }
    for (at, what) in ["count", "bytes"].into_iter().enumerate() {
        let bias = sums[at] / RUNS as f64 / truth[at] - 1.0;
        assert!(bias.abs() < 0.01, "{what}: mean bias {bias:.4}");
        let coverage = covered[at] as f64 / RUNS as f64;
        assert!((0.92..=0.98).contains(&coverage), "{what}: {coverage} of the intervals cover the truth");
    }
}

#[test]
fn the_interval_may_change_while_running() {
    // Half of the allocations under one interval, half under one eight times as long: weights make up for it.
    let truth = 40_000.0 * 512.0;
    let mut sum = 0.0;
    for seed in 1..=RUNS {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut bytes = Total::default();
        for interval_bytes in [32_768.0, 262_144.0] {
            let interval = Interval { id: 0, start_us: 0, interval_bytes, credit_bytes: 0.0 };
            let mut countdown = interval_bytes * random.exponential();
            for _ in 0..20_000 {
                countdown -= 512.0;
                if countdown < 0.0 {
                    bytes.add(512.0, interval.probability(512));
                    countdown = interval_bytes * random.exponential();
                }
            }
        }
        sum += bytes.estimate().value;
    }
    let bias = sum / RUNS as f64 / truth - 1.0;
    assert!(bias.abs() < 0.01, "mean bias {bias:.4}");
}
