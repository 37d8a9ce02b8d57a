//! memscope over mimalloc: the one-line form.
//!
//! ```sh
//! cd examples/mimalloc && cargo run --release
//! ```
//! Eight threads look for anagrams among the words that can be made of some syllables, each among its share,
//! and hand their groups to the main thread, which merges them: most of what it frees was allocated by
//! others.

use mimalloc::MiMalloc;
use std::collections::HashMap;
use std::error::Error;
use std::sync::mpsc;
use std::thread;

// Declares the `#[global_allocator]` here, in this crate, where the compiler can inline its fast path.
memscope::install!(MiMalloc);

const OUTPUT: &str = "target/memscope-examples/mimalloc";
const THREADS: usize = 8;

const SYLLABLES: [&str; 28] = [
    "ar", "be", "ca", "de", "el", "fo", "ga", "he", "in", "la", "le", "ma", "na", "no", "or", "ra", "re",
    "ro", "sa", "se", "ta", "te", "ti", "un", "va", "we", "yo", "zu",
];

type Groups = HashMap<String, Vec<String>>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut session = memscope::comprehensive_profile_execution(OUTPUT, None)?;

    let (sender, receiver) = mpsc::sync_channel::<Groups>(2);
    let groups = thread::scope(|scope| {
        for share in 0..THREADS {
            let sender = sender.clone();
            let work = move || {
                for first in SYLLABLES.iter().skip(share).step_by(THREADS) {
                    if sender.send(group(words_beginning_with(first))).is_err() {
                        return;
                    }
                }
            };
            thread::Builder::new().name(format!("anagrams-{share}")).spawn_scoped(scope, work)?;
        }
        drop(sender);
        Ok::<Groups, std::io::Error>(receiver.into_iter().fold(Groups::new(), merge))
    })?;
    let largest = groups.values().max_by_key(|words| words.len()).map_or(0, Vec::len);

    let analysis = session.finalize()?;
    println!("{} groups of anagrams, the largest of {largest} words\n\n{analysis}", groups.len());
    println!("\nDraw it: memscope-report {OUTPUT}/trace.bin");
    Ok(())
}

/// All words of four syllables that begin with `first`.
fn words_beginning_with(first: &str) -> Vec<String> {
    let mut words = vec![first.to_owned()];
    for _ in 1..4 {
        words = words.iter().flat_map(|word| SYLLABLES.map(|syllable| format!("{word}{syllable}"))).collect();
    }
    words
}

/// The words by their letters in order: anagrams have the same.
fn group(words: Vec<String>) -> Groups {
    let mut groups = Groups::new();
    for word in words {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        groups.entry(letters.into_iter().collect()).or_default().push(word);
    }
    groups
}

fn merge(mut all: Groups, part: Groups) -> Groups {
    for (letters, words) in part {
        all.entry(letters).or_default().extend(words);
    }
    all
}
