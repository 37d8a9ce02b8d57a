//! Mutated files, thrown at everything in this crate that reads files: traces through every command's library, and binaries with their debug
//! information through symbolization.
//!
//! Mutants are run by a process of its own (this program called again as `--child`), whose address space is limited, and whose parent sees
//! which mutant it is at: one that panics, aborts, takes memory without end or hangs is named by target, seed and round, and can be made again.
//!
//! ```sh
//! cargo test -p memscope-report --test fuzz                                        # some hundred mutants of each kind, always the same
//! cargo test --release -p memscope-report --test fuzz -- --seconds 7200 --seed 5   # two hours of others
//! cargo test -p memscope-report --test fuzz -- binaries --seed 5 --from 17 --rounds 1
//! ```
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/script.rs"]
mod script;

mod binaries;
mod child;
mod mutation;
mod traces;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is fuzzed: its name, how many mutants a short run makes, and what one of them, in an empty folder, is put through.
pub(crate) struct Target {
    name: &'static str,
    short_rounds: u64,
    run: fn(&mut mutation::Random, &Path),
}

const TARGETS: &[Target] = &[
    Target { name: "binaries", short_rounds: 400, run: binaries::run },
    Target { name: "traces", short_rounds: 120, run: traces::run },
];

/// A mutant that takes longer hangs.
const HANGS: Duration = Duration::from_secs(60);
/// Mutants of one process in a long run.
const LONG_ROUNDS: u64 = 5000;

#[derive(Debug, Clone)]
struct Wanted {
    names: Vec<String>,
    seed: u64,
    from: u64,
    rounds: Option<u64>,
    seconds: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut wanted = Wanted { names: Vec::new(), seed: 0x5EED_0002, from: 0, rounds: None, seconds: 0 };
    let mut is_child = false;
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let mut number =
            || rest.next().and_then(|text| text.parse().ok()).expect("a number behind each option");
        match word.as_str() {
            "--child" => is_child = true,
            "--seed" => wanted.seed = number(),
            "--from" => wanted.from = number(),
            "--rounds" => wanted.rounds = Some(number()),
            "--seconds" => wanted.seconds = number(),
            option if option.starts_with('-') => {}
            name => wanted.names.push(name.to_owned()),
        }
    }
    let is_wanted =
        |target: &&Target| wanted.names.is_empty() || wanted.names.iter().any(|name| name == target.name);
    let mut failed = false;
    for target in TARGETS.iter().filter(is_wanted) {
        if is_child {
            let rounds = wanted.rounds.expect("a child is told how many");
            child::run(target.name, target.run, wanted.seed, wanted.from, rounds);
        } else {
            failed |= !fuzz(target, &wanted);
        }
    }
    std::process::exit(i32::from(failed));
}

/// Runs one process after the other until the time is over; `false` where one failed.
fn fuzz(target: &Target, wanted: &Wanted) -> bool {
    let (start, mut from, mut passed) = (Instant::now(), wanted.from, true);
    let long = Duration::from_secs(wanted.seconds);
    loop {
        let rounds = wanted.rounds.unwrap_or(if long.is_zero() { target.short_rounds } else { LONG_ROUNDS });
        let (done, result) =
            one_process(target.name, wanted.seed, from, rounds, long.checked_sub(start.elapsed()));
        match result {
            Ok(told) => println!("test {} ... ok: {told}", target.name),
            Err(reason) => {
                passed = false;
                println!(
                    "test {} ... FAILED: {reason}\n  again: cargo test -p memscope-report --test fuzz -- {} --seed {} --from {done} --rounds 1",
                    target.name, target.name, wanted.seed
                );
            }
        }
        from = done + 1;
        if start.elapsed() >= long {
            println!("{} mutants up to round {done} in {:.1} s", target.name, start.elapsed().as_secs_f64());
            return passed;
        }
    }
}

/// The last round, and what the process told or why it failed.
fn one_process(
    name: &str,
    seed: u64,
    from: u64,
    rounds: u64,
    time: Option<Duration>,
) -> (u64, Result<String, String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    let numbers = [("--seed", seed), ("--from", from), ("--rounds", rounds)];
    command
        .arg("--child")
        .arg(name)
        .args(numbers.iter().flat_map(|(word, number)| [(*word).to_owned(), number.to_string()]));
    let file = |name: &str| std::fs::File::create(folder.path().join(name)).expect("a file");
    command.current_dir(folder.path()).stdin(Stdio::null()).stdout(file("told")).stderr(file("said"));
    let mut child = command.spawn().expect("it starts");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let round = || read(child::ROUND).trim().parse().unwrap_or(from);
    let (start, mut seen) = (Instant::now(), (from, Instant::now()));
    loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            let said = read("said");
            let tail =
                said.lines().filter(|line| !line.is_empty()).take(12).collect::<Vec<_>>().join("\n    ");
            let result = if status.success() {
                Ok(read("told").trim().to_owned())
            } else {
                Err(format!("{status}\n    {tail}"))
            };
            return (round(), result);
        }
        if round() != seen.0 {
            seen = (round(), Instant::now());
        }
        let hangs = seen.1.elapsed() > HANGS;
        let over = rounds == LONG_ROUNDS && time.is_some_and(|time| start.elapsed() > time);
        if hangs || over {
            child.kill().and_then(|()| child.wait()).expect("it is killed");
            let result =
                if hangs { Err("it hangs".to_owned()) } else { Ok("stopped, its time is over".to_owned()) };
            return (round(), result);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
