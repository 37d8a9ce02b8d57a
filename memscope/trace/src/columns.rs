//! The two kinds that a trace is made of, decoded without a detour.
//!
//! Nearly all of a long trace is samples and their frees, and nearly all of their numbers are one byte. The general decoder asks of each
//! number anew how long it is and whether it is there; here eight bytes at a time are asked whether they are eight numbers. What is
//! accepted, and what comes out, is the same (the tests below decode everything both ways).

use crate::record::{Frees, MAX_ROWS, Samples};

/// The least byte that is no number itself.
const U16_MARKER: u8 = 251;
const U32_MARKER: u8 = 252;
const U64_MARKER: u8 = 253;

/// The samples in a payload; `None` if it is damaged.
pub(crate) fn samples(payload: &[u8]) -> Option<Samples> {
    let mut numbers = Numbers(payload);
    let samples = Samples {
        first_sample: numbers.u64()?,
        interval: numbers.u32()?,
        base_us: numbers.u64()?,
        delta_us: numbers.column(signed)?,
        threads: numbers.column(narrow)?,
        sites: numbers.column(narrow)?,
    };
    numbers.0.is_empty().then_some(samples)
}

/// The frees in a payload; `None` if it is damaged.
pub(crate) fn frees(payload: &[u8]) -> Option<Frees> {
    let mut numbers = Numbers(payload);
    let frees = Frees {
        base_us: numbers.u64()?,
        delta_us: numbers.column(signed)?,
        threads: numbers.column(narrow)?,
        sample_deltas: numbers.column(signed)?,
    };
    numbers.0.is_empty().then_some(frees)
}

/// Zigzag: 0, 1, 2, 3 are 0, -1, 1, -2.
fn signed(number: Number) -> Option<i64> {
    Some((number.value >> 1) as i64 ^ -((number.value & 1) as i64))
}

fn narrow(number: Number) -> Option<u32> {
    (!number.is_wide).then_some(number.value as u32)
}

/// A number, and whether it was written in eight bytes: in that form it is none of 32 bits, however small it is.
#[derive(Clone, Copy)]
struct Number {
    value: u64,
    is_wide: bool,
}

/// The numbers that the bytes begin with.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn u64(&mut self) -> Option<u64> {
        self.next().map(|number| number.value)
    }

    fn u32(&mut self) -> Option<u32> {
        self.next().and_then(narrow)
    }

    #[inline]
    fn next(&mut self) -> Option<Number> {
        let (&first, rest) = self.0.split_first()?;
        let (value, rest) = match first {
            0..U16_MARKER => (first.into(), rest),
            U16_MARKER => {
                let (bytes, rest) = rest.split_first_chunk()?;
                (u16::from_le_bytes(*bytes).into(), rest)
            }
            U32_MARKER => {
                let (bytes, rest) = rest.split_first_chunk()?;
                (u32::from_le_bytes(*bytes).into(), rest)
            }
            U64_MARKER => {
                let (bytes, rest) = rest.split_first_chunk()?;
                (u64::from_le_bytes(*bytes), rest)
            }
            _ => return None,
        };
        self.0 = rest;
        Some(Number { value, is_wide: first == U64_MARKER })
    }

    /// A column: its length, then so many numbers.
    fn column<T>(&mut self, of: impl Fn(Number) -> Option<T>) -> Option<Vec<T>>
    where
        T: Copy + Default,
    {
        let rows = usize::try_from(self.u64()?).ok().filter(|&rows| rows <= MAX_ROWS)?;
        let mut column = Vec::with_capacity(rows);
        while column.len() < rows {
            if rows - column.len() >= 8
                && let Some((eight, rest)) = self.0.split_first_chunk::<8>()
                && are_numbers(*eight)
            {
                let mut decoded = [T::default(); 8];
                for (into, &byte) in decoded.iter_mut().zip(eight) {
                    *into = of(Number { value: byte.into(), is_wide: false })?;
                }
                column.extend_from_slice(&decoded);
                self.0 = rest;
            } else {
                column.push(of(self.next()?)?);
            }
        }
        Some(column)
    }
}

/// Whether each of the bytes is a number itself, that is none is a marker or above.
fn are_numbers(bytes: [u8; 8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let bytes = u64::from_le_bytes(bytes);
    // The complement of such a byte is 4 at most: taking 5 off borrows into its highest bit, which was clear in the
    // complement. (Hacker's Delight, "find first 0-byte".)
    let complement = !bytes;
    complement.wrapping_sub(ONES * u64::from(u8::MAX - U16_MARKER + 1)) & bytes & (ONES << 7) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::MAX_PAYLOAD_BYTES;
    use crate::codec::{Decoded, decode_in_general, encode};
    use crate::record::Record;
    use proptest::prelude::*;

    /// Numbers of every length, small ones mostly.
    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![20 => 0_u64..251, 2 => 0_u64..100_000, 1 => any::<u64>(), 1 => 245_u64..260]
    }

    fn same(kind: u8, payload: &[u8]) {
        let general = match decode_in_general(kind, payload) {
            Decoded::Record(record) => Some(record),
            Decoded::Damaged | Decoded::Unknown => None,
        };
        let agree = |lengths: [usize; 3]| lengths.iter().all(|&length| length == lengths[0]);
        let fast = if kind == 7 {
            let samples =
                samples(payload).filter(|s| agree([s.delta_us.len(), s.threads.len(), s.sites.len()]));
            samples.map(Record::Samples)
        } else {
            let frees =
                frees(payload).filter(|f| agree([f.delta_us.len(), f.threads.len(), f.sample_deltas.len()]));
            frees.map(Record::Frees)
        };
        assert_eq!(fast, general);
    }

    #[test]
    fn any_byte_is_told_from_a_number_in_any_place() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                for other in [0, 1, 127, 128, 250] {
                    let mut bytes = [other; 8];
                    bytes[place] = byte;
                    assert_eq!(are_numbers(bytes), byte < U16_MARKER, "{byte} at {place} among {other}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn records_are_decoded_as_in_general(
            rows in prop::collection::vec((number(), number(), number()), 0..200),
            first in number(),
            flip in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let delta_us: Vec<i64> = rows.iter().map(|row| row.0 as i64).collect();
            let threads: Vec<u32> = rows.iter().map(|row| row.1 as u32).collect();
            let samples = Samples {
                first_sample: first,
                interval: first as u32,
                base_us: first,
                delta_us: delta_us.clone(),
                threads: threads.clone(),
                sites: rows.iter().map(|row| row.2 as u32).collect(),
            };
            let frees = Frees { base_us: first, delta_us, threads, sample_deltas: rows.iter().map(|row| row.2 as i64).collect() };
            for (kind, record) in [(7, Record::Samples(samples)), (8, Record::Frees(frees))] {
                let mut payload = Box::new([0; MAX_PAYLOAD_BYTES]);
                let length = encode(&record, &mut payload).unwrap();
                let mut payload = payload[..length].to_vec();
                same(kind, &payload);
                if let Some((at, byte)) = &flip {
                    let at = at.index(payload.len());
                    payload[at] = *byte;
                    same(kind, &payload);
                }
                if let Some(cut) = &cut {
                    payload.truncate(cut.index(payload.len()));
                    same(kind, &payload);
                }
            }
        }

        #[test]
        fn any_bytes_are_decoded_as_in_general(payload in prop::collection::vec(prop_oneof![3 => 0_u8..8, 1 => any::<u8>(), 1 => 250..=u8::MAX], 0..60)) {
            same(7, &payload);
            same(8, &payload);
        }
    }
}
