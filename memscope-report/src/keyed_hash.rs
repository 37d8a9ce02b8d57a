//! A hash for tables whose keys are one or two numbers of the trace's choice.
//!
//! The standard hash withstands a file that was made such that all its keys collide, but takes longer for a number than the look-up itself. This
//! one does as well against a file, which cannot know the key: a number for each hasher, drawn when it is made, is mixed in before the multiplication whose halves
//! are folded onto each other (as wyhash and foldhash do).

use std::hash::{BuildHasher, Hasher, RandomState};

/// Makes hashers that agree with each other and with no other's.
#[derive(Debug, Clone)]
pub(crate) struct KeyedState {
    key: u64,
}

impl Default for KeyedState {
    fn default() -> Self {
        Self { key: RandomState::new().hash_one(0) }
    }
}

impl BuildHasher for KeyedState {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher { state: self.key, key: self.key }
    }
}

/// The hash of what was written so far.
#[derive(Debug)]
pub(crate) struct KeyedHasher {
    state: u64,
    key: u64,
}

/// Digits of pi: any odd number without a pattern does.
const ODD: u64 = 0x243F_6A88_85A3_08D3;

fn folded(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product >> 64) as u64 ^ product as u64
}

impl Hasher for KeyedHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.state = folded(self.state ^ number, self.key | ODD);
    }

    #[inline]
    fn finish(&self) -> u64 {
        folded(self.state ^ ODD, self.key.rotate_left(32) | ODD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn neighbours_fall_into_places_as_chance_has_it() {
        for _ in 0..10 {
            let state = KeyedState::default();
            for pair in
                [|at: u32| (at, 7_u32), |at| (7, at), |at| (at / 64, at % 64), |at| (at << 12, at << 20)]
            {
                let places: HashSet<u64> = (0..1 << 12).map(|at| state.hash_one(pair(at)) & 0xFFFF).collect();
                // Of 4,096 in 65,536 places 125 meet another in the mean.
                assert!(places.len() > 4_096 - 300, "{}", places.len());
                let high: HashSet<u64> = (0..1 << 12).map(|at| state.hash_one(pair(at)) >> 48).collect();
                assert!(high.len() > 4_096 - 300, "{}", high.len());
            }
        }
    }

    #[test]
    fn states_differ_and_agree_with_themselves() {
        let (one, other) = (KeyedState::default(), KeyedState::default());
        assert_eq!(one.hash_one((1_u32, 2_u64)), one.clone().hash_one((1_u32, 2_u64)));
        assert_ne!(one.hash_one((1_u32, 2_u64)), other.hash_one((1_u32, 2_u64)));
        assert_ne!(one.hash_one((1_u32, 2_u32)), one.hash_one((2_u32, 1_u32)));
    }
}
