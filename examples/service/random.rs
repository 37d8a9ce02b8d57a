//! Numbers that look random and are the same in every run: SplitMix64, and Zipf's law over it.

/// Steele, Lea and Flood's SplitMix64: one addition and two multiplications a number.
pub struct Random(u64);

impl Random {
    /// The sequence that belongs to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, over the whole range of `u64`.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..end`; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next_u64()) * end as u128) >> 64) as usize
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Zipf's law: rank `r`, from 0, is drawn with a weight of `1 / (r + 1)`. Words, names and search requests
/// are that way.
pub struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    /// The law over `ranks` ranks.
    #[must_use]
    pub fn new(ranks: usize) -> Self {
        let mut total = 0.0;
        let cumulative = (1..=ranks).map(|rank| {
            total += 1.0 / rank as f64;
            total
        });
        Self { cumulative: cumulative.collect() }
    }

    /// A rank in `0..ranks`.
    #[must_use]
    pub fn draw(&self, random: &mut Random) -> usize {
        let Some(total) = self.cumulative.last() else { return 0 };
        let at = random.unit() * total;
        self.cumulative.partition_point(|bound| *bound <= at).min(self.cumulative.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Random, Zipf};

    #[test]
    fn splitmix_gives_the_published_sequence() {
        let mut random = Random::new(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(expected.map(|_| random.next_u64()), expected);
    }

    #[test]
    fn the_first_rank_is_drawn_as_often_as_zipf_says() {
        let (zipf, mut random) = (Zipf::new(100), Random::new(7));
        let firsts = (0..10_000).filter(|_| zipf.draw(&mut random) == 0).count();
        // The weights 1/1 .. 1/100 sum to 5.187; six standard deviations are 236.
        assert!(firsts.abs_diff(1_928) < 236, "{firsts} of 10,000 were the first rank");
    }
}
