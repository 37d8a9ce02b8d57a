//! The sampler's law: classes of equal allocations, and which of them become samples.

/// splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in (0, 1].
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

/// Equal allocations.
#[derive(Debug, Clone)]
pub(crate) struct Class {
    pub(crate) allocations: u64,
    /// As many as there would be if they could be had in parts.
    expected: f64,
    pub(crate) size: f64,
    pub(crate) probability: f64,
}

impl Class {
    /// `allocations` of `size` bytes under the interval T with the least probability `rate`: K = -T ln(1 - rate).
    pub(crate) fn of_size(allocations: f64, size: f64, interval_bytes: f64, rate: f64) -> Self {
        let credit_bytes = -interval_bytes * (-rate).ln_1p();
        let probability = -(-(size + credit_bytes) / interval_bytes).exp_m1();
        Self { allocations: allocations.round() as u64, expected: allocations, size, probability }
    }
}

/// `classes` sizes from `low` to `high` bytes, as many in each octave.
pub(crate) fn log_uniform(low: f64, high: f64, classes: u32) -> impl Iterator<Item = f64> {
    (0..classes).map(move |i| (low * (high / low).powf((f64::from(i) + 0.5) / f64::from(classes))).floor())
}

/// The same mix of allocations, as many of them as give `samples` samples in the mean.
pub(crate) fn with_samples(classes: &[Class], samples: f64) -> Vec<Class> {
    let expected: f64 = classes.iter().map(|class| class.expected * class.probability).sum();
    // Classes that are due a fraction of an allocation get one in turns.
    let mut due = 0.5;
    let scaled = classes.iter().map(|class| {
        let share = class.expected * samples / expected;
        due += share;
        let allocations = due.floor();
        due -= allocations;
        Class { allocations: allocations as u64, expected: share, ..*class }
    });
    scaled.collect()
}

/// How many of `number` independent things come true that each do with `probability`: the gaps between those that do
/// are geometric.
pub(crate) fn sampled(random: &mut Random, number: u64, probability: f64) -> u64 {
    if probability >= 1.0 {
        return number;
    }
    let none = (-probability).ln_1p();
    let (mut at, mut hits) = (0.0, 0);
    loop {
        at += (random.unit().ln() / none).floor() + 1.0;
        if at > number as f64 {
            return hits;
        }
        hits += 1;
    }
}
