//! The part of the address that nobody can guess.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::BuildHasher;
use std::io::{self, Read};

/// 128 random bits in hexadecimal.
pub(super) fn random() -> io::Result<String> {
    let mut bytes = [0; 16];
    match File::open("/dev/urandom") {
        Ok(mut source) => source.read_exact(&mut bytes)?,
        // Where there is no such file: the keys of hash tables come from the system's random numbers too, and a keyed hash of
        // nothing does not tell them.
        Err(_) => {
            for half in bytes.chunks_exact_mut(8) {
                half.copy_from_slice(&RandomState::new().hash_one("memscope").to_le_bytes());
            }
        }
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether two texts are equal, in a time that does not tell how much of them is.
pub(super) fn same(one: &str, other: &str) -> bool {
    let differences = one.bytes().zip(other.bytes()).fold(0, |found, (a, b)| found | (a ^ b));
    one.len() == other.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (one, other) = (random().expect("random numbers"), random().expect("random numbers"));
        assert_eq!(one.len(), 32);
        assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(
            !same(&one, &other) && same(&one, &one.clone()) && !same(&one, &one[..31]) && !same("", &one)
        );
    }
}
