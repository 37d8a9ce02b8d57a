//! The process that runs the mutants.

use crate::mutation::Random;
use std::collections::BTreeMap;
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Mutex;

/// The file in which the round stands that is at work.
pub(crate) const ROUND: &str = "round";

/// What the process may take, bytes: of files of some ten thousand.
const MOST_BYTES: u64 = 1 << 30;

/// Where code of others panicked, and how often.
static ELSEWHERE: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// A panic in this project's code ends the process. One in a library's is counted: symbolization lives with those of what reads debug information,
/// on threads of its own; anywhere else it ends the process too, since nothing here catches it.
fn watch_panics() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |information| {
        let place = information.location().map(ToString::to_string).unwrap_or_default();
        let is_ours = !place.contains("/registry/") && !place.contains("/rustc/");
        if is_ours || std::thread::current().name() == Some("main") {
            told(information);
            std::process::abort();
        }
        if let Ok(mut elsewhere) = ELSEWHERE.lock() {
            let library = place.rsplit_once("/registry/src/").map_or(place.as_str(), |(_, behind)| behind);
            *elsewhere.entry(library.to_owned()).or_default() += 1;
        }
    }));
}

/// Runs `rounds` mutants from number `from` on.
pub(crate) fn run(name: &str, run: fn(&mut Random, &Path), seed: u64, from: u64, rounds: u64) {
    watch_panics();
    let limit = rustix::process::Rlimit { current: Some(MOST_BYTES), maximum: Some(MOST_BYTES) };
    rustix::process::setrlimit(rustix::process::Resource::As, limit).expect("a limit");
    let mut told = std::fs::File::create(ROUND).expect("a file");
    let here = std::env::current_dir().expect("a folder");
    for round in from..from + rounds {
        told.rewind().expect("a file");
        writeln!(told, "{round}").expect("room");
        run(&mut Random::new(seed, round), &here);
    }
    let elsewhere = ELSEWHERE.lock().expect("no panic under the lock");
    println!("{rounds} mutants of {name}; panics that symbolization caught: {elsewhere:?}");
}
