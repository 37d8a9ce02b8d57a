//! Pseudo-random damage.

/// Pseudo-random numbers (xorshift, Marsaglia 2003), of a seed and a round.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, round: u64) -> Self {
        let mut random = Self((seed ^ round.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1);
        // The first numbers of seeds that are alike are alike.
        for _ in 0..4 {
            random.next();
        }
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit.max(1)
    }

    pub(crate) fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    pub(crate) fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// A number that is likely to break lengths, sums, offsets and indexes.
    pub(crate) fn number(&mut self) -> u64 {
        let edge: u64 = *self.of(&[0, 1, 0x7f, 0xff, 0xffff, 1 << 16, 1 << 31, 1 << 32, 1 << 40, 1 << 63]);
        match self.below(4) {
            0 => self.next(),
            1 => edge.wrapping_sub(1 + self.next() % 3),
            2 => edge.wrapping_add(self.next() % 3),
            _ => self.next() % 4096,
        }
    }
}

/// Spoils one place in `bytes`, which stay as many.
pub(crate) fn spoil_in_place(bytes: &mut [u8], random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(6) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.next() as u8,
        2 => bytes[at] = *random.of(&[0, 1, 0x7f, 0x80, 0xff]),
        3 => {
            let width = *random.of(&[2, 4, 8]);
            let end = (at + width).min(bytes.len());
            let number = random.number().to_le_bytes();
            bytes[at..end].copy_from_slice(&number[..end - at]);
        }
        4 => {
            let (from, length) = (random.below(bytes.len()), random.below(32));
            let length = length.min(bytes.len() - at).min(bytes.len() - from);
            bytes.copy_within(from..from + length, at);
        }
        // LEB128 that goes on and on.
        _ => {
            let end = (at + random.below(20)).min(bytes.len());
            bytes[at..end].fill(0xff);
        }
    }
}

/// Spoils one place in `bytes`, which may become fewer or more.
pub(crate) fn spoil(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(200)).min(bytes.len());
    match random.below(8) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => drop(bytes.splice(at..at, random.number().to_le_bytes())),
        3 => {
            let copied = bytes[at..end].to_vec();
            bytes.splice(at..at, copied);
        }
        _ => spoil_in_place(bytes, random),
    }
}
