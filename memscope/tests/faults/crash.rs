//! Killed at any instant: what was drained is there, and what is missing is no older than a tick.
//!
//! Eight threads make samples and note each, with its time, in memory that outlives them (`progress.rs`): so what is missing from the
//! trace is known to the sample. What counts is how old the oldest missing sample was when the process was killed.

use crate::harness::{Effort, Outcome, Program, Random, Running, Scenario, monotonic_ns, number};
use crate::progress::Progress;
use crate::traces::{Trace, allocate, allocate_surely, profile};
use std::time::Duration;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { rows: "1", name: "kill9_loop", run: |effort| kill_loop(effort.choose(100, 500), false) },
    Scenario { rows: "2", name: "kill9_group", run: |effort| kill_loop(effort.choose(10, 100), true) },
    Scenario { rows: "1", name: "kill9_shared", run: |effort| kill_shared(effort.choose(60, 500)) },
    Scenario { rows: "1, 20, 22, 38", name: "shared_rings_stay_within_bounds", run: shared_rings },
    Scenario { rows: "11", name: "stopped_process", run: stopped_process },
];

pub(crate) const CHILDREN: &[(&str, fn())] = &[("busy", busy), ("shared_rings", shared_rings_child)];

const WORKERS: usize = 8;
// Words of the progress: 0 is set when all is under way; then each worker's number of samples; then the times of its last ones.
const WORKER_WORD: usize = 1;
const TIMES: usize = 1 << 13;

/// Where a worker's number of samples stands.
fn made_word(worker: usize) -> usize {
    WORKER_WORD + worker
}

/// Where the time of a worker's sample number `number` (from 0) stands, until as many others have been made.
fn time_word(worker: usize, number: u64) -> usize {
    WORKER_WORD + WORKERS + worker * TIMES + number as usize % TIMES
}

/// The share of all samples that killed runs may lose, percent. The promise itself (10 ms for 99 of 100, 25 ms for all) is a matter
/// of time, and of a processor that is free within it: told, not asserted. Without its ticks the drain thread would lose everything.
const MOST_LOST_PERCENT: u64 = 80;

fn busy() {
    let progress: &'static Progress = Box::leak(Box::new(Progress::open(".".as_ref())));
    let config =
        memscope::SamplingConfig { sample_rate: 0.002, min_allocation_size: 0, buffer_size: 4 << 20 };
    let mut session = memscope::comprehensive_profile_execution("out", Some(config)).expect("a session");
    let members =
        (number(0) > 0).then(|| std::process::Command::new("sleep").arg("600").spawn().expect("sleep"));
    let end_ns = monotonic_ns() + number(1) * 1_000_000;
    let workers = (0..WORKERS).map(|worker| {
        std::thread::spawn(move || {
            for done in 0.. {
                allocate(300);
                // Not younger than the sample, so that an interruption between the two makes the loss longer, not shorter.
                progress.set(time_word(worker, done), monotonic_ns());
                allocate_surely(worker);
                progress.set(made_word(worker), done + 1);
                if monotonic_ns() > end_ns {
                    break;
                }
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    progress.set(0, 1);
    workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
    drop(members.map(|mut member| member.kill()));
    let result = session.finalize().expect("a result");
    assert_eq!(result.lost_samples, 0, "{result}");
}

/// What one killed run has lost.
struct Lost {
    samples: u64,
    /// How old the oldest missing sample was when the last of all was made.
    longest_us: u64,
    made: u64,
}

fn kill_loop(runs: u64, group: bool) -> Outcome {
    let seed = 0x9E37_79B9_7F4A_7C15 ^ u64::from(group);
    let mut random = Random(seed);
    let mut losses = Vec::new();
    for run in 0..runs {
        let program = Program::new("busy").argument(u8::from(group)).argument(600_000);
        let running = if group { program.leading_a_group() } else { program }.start();
        let progress = Progress::open(running.folder.path());
        assert!(progress.wait_for(0), "run {run} of seed {seed:#x} does not get under way");
        std::thread::sleep(Duration::from_micros(random.below(300_000)));
        if group {
            // SAFETY: the group is the child's own.
            assert_eq!(unsafe { libc::kill(-(running.child.id() as i32), libc::SIGKILL) }, 0);
        } else {
            running.kill();
        }
        let ended = running.wait();
        let trace = Trace::open(&ended.trace());
        trace.expect_at_most_torn();
        assert!(trace.end.is_none(), "killed");
        assert_eq!(trace.loss.samples(), 0, "the buffers hold more than a tick's worth");
        assert_eq!(profile(&ended.trace()).samples, trace.samples);
        losses.push(lost(&trace, &progress));
    }
    let mut times: Vec<u64> = losses.iter().map(|lost| lost.longest_us).collect();
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize] as f64 / 1000.0;
    let (lost, made): (u64, u64) =
        losses.iter().fold((0, 0), |sum, lost| (sum.0 + lost.samples, sum.1 + lost.made));
    assert!(lost * 100 <= made * MOST_LOST_PERCENT, "{lost} of {made} samples are lost");
    let figures = format!(
        "{runs} kills; lost p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms; {lost} of {made} samples",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
    Outcome::Passed(figures)
}

fn lost(trace: &Trace, progress: &Progress) -> Lost {
    let mut lost = Lost { samples: 0, longest_us: 0, made: 0 };
    let (mut oldest_ns, mut killed_ns) = (u64::MAX, 0);
    for worker in 0..WORKERS {
        let made = progress.get(made_word(worker));
        let there = trace.sure(worker).times_us.len() as u64;
        let missing = made.saturating_sub(there);
        lost.made += made;
        lost.samples += missing;
        if made > 0 {
            killed_ns = killed_ns.max(progress.get(time_word(worker, made - 1)));
        }
        if missing > 0 {
            assert!(missing <= TIMES as u64, "a thread lost {missing} samples");
            oldest_ns = oldest_ns.min(progress.get(time_word(worker, there)));
        }
    }
    lost.longest_us = killed_ns.saturating_sub(oldest_ns) / 1000;
    lost
}

/// With shared rings a process may be killed at any instant: whoever reads the trace finds every sample in it.
fn kill_shared(runs: u64) -> Outcome {
    let mut random = Random(0x5DEE_CE66_D1CE_4E5B);
    let (mut made, mut swept, mut known) = (0, 0, 0);
    for run in 0..runs {
        let program = Program::new("busy").argument(0).argument(600_000);
        let running = program.environment("MEMSCOPE_SHARED_RINGS", "on").start();
        let progress = Progress::open(running.folder.path());
        assert!(progress.wait_for(0), "run {run} does not get under way");
        std::thread::sleep(Duration::from_micros(random.below(200_000)));
        if run % 10 == 0 {
            // Its trace is another's business while it runs.
            assert_eq!(memscope_trace::sweep_rings(&running.trace()).expect("it can be asked"), None);
        }
        running.kill();
        let ended = running.wait();
        let link = memscope_trace::rings_path(&ended.trace());
        let rings = std::fs::canonicalize(&link).expect("the rings are there");
        let found = if run % 2 == 0 {
            memscope_trace::sweep_rings(&ended.trace()).expect("rings of this trace").expect("rings")
        } else {
            let before = Trace::open(&ended.trace()).samples;
            let samples = profile(&ended.trace()).samples - before;
            memscope_trace::Swept { samples, known_samples: 0 }
        };
        assert!(!rings.exists() && !link.is_symlink(), "the rings are removed");
        let trace = Trace::open(&ended.trace());
        assert!(trace.stats.is_clean() && trace.end.is_none(), "{:?}", trace.stats);
        assert_eq!(profile(&ended.trace()).samples, trace.samples);
        for worker in 0..WORKERS {
            let (there, noted) = (trace.sure(worker).times_us.len() as u64, progress.get(made_word(worker)));
            // One more may have been made, and not noted.
            assert!(
                there == noted || there == noted + 1,
                "run {run}: {there} of {noted} samples of {worker}"
            );
            made += noted;
        }
        (swept, known) = (swept + found.samples, known + found.known_samples);
    }
    assert!(swept > runs, "the rings hold something mostly");
    Outcome::Passed(format!(
        "{runs} kills: 0 of {made} samples lost; {swept} came from the rings, {known} were in both"
    ))
}

/// Shared rings under threads that come and go, a fork, sessions in a row: everything is in the trace, and nothing stays behind.
fn shared_rings(effort: Effort) -> Outcome {
    let ended = Program::new("shared_rings").argument(effort.choose(400, 20_000)).run();
    let told = ended.expect_success().to_owned();
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    let refused =
        Program::new("busy").argument(0).argument(100).environment("MEMSCOPE_SHARED_RINGS", "perhaps").run();
    assert!(refused.stderr.contains("on or off"), "{}", refused.stderr);
    Outcome::Passed(told)
}

fn shared_rings_child() {
    use std::os::unix::fs::PermissionsExt;
    let rounds = 3;
    for round in 0..rounds {
        let trace = std::path::Path::new("out/trace.bin");
        // No preset: its overhead budget would raise the interval on a busy machine until no sample is sure.
        let config = memscope::SamplingConfig { sample_rate: 0.002, ..memscope::SamplingConfig::default() };
        let builder = memscope::Session::builder().output("out").config(config).shared_rings(true);
        let mut session = builder.start().expect("a session");
        let link = memscope_trace::rings_path(trace);
        let rings = std::fs::canonicalize(&link).expect("rings");
        let mode = std::fs::metadata(&rings).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let before_kib = crate::harness::resident_kib();
        let threads = number(0);
        for number in 0..threads {
            let thread = std::thread::spawn(move || allocate_surely(number as usize % 100));
            thread.join().expect("no panic");
        }
        // SAFETY: the child allocates and ends without handlers.
        match unsafe { libc::fork() } {
            0 => {
                allocate_surely(500);
                // SAFETY: no handlers, as said.
                unsafe { libc::_exit(0) }
            }
            child => {
                let mut status = 0;
                // SAFETY: the status is valid for writing.
                assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                assert_eq!(status, 0, "the child ran to its end");
            }
        }
        let grown_kib = crate::harness::resident_kib().saturating_sub(before_kib);
        let result = session.finalize().expect("a result");
        assert_eq!(result.lost_samples, 0, "{result}");
        assert!(!rings.exists() && !link.is_symlink(), "nothing stays behind");
        let found = Trace::open(trace);
        let sure: usize = (0..=500).map(|tag| found.sure(tag).times_us.len()).sum();
        assert_eq!(sure as u64, threads, "every sample, and none of the child's");
        if round + 1 == rounds {
            println!(
                "{rounds} sessions of {threads} threads in a row: every sample, no file left, RSS +{grown_kib} KiB"
            );
        }
        std::fs::rename("out", format!("out{round}")).expect("out of the way");
    }
}

/// A process that is stopped is read, and reads well, and goes on as if nothing had been.
fn stopped_process(effort: Effort) -> Outcome {
    let running: Running = Program::new("busy").argument(0).argument(effort.choose(1500, 10_000)).start();
    let progress = Progress::open(running.folder.path());
    assert!(progress.wait_for(0));
    let mut before = 0;
    for _ in 0..effort.choose(10, 50) {
        std::thread::sleep(Duration::from_millis(40));
        running.signal(libc::SIGSTOP);
        std::thread::sleep(Duration::from_millis(20));
        let trace = Trace::open(&running.trace());
        trace.expect_at_most_torn();
        assert!(trace.samples >= before, "what was there stays there");
        before = trace.samples;
        assert_eq!(profile(&running.trace()).samples, trace.samples);
        running.signal(libc::SIGCONT);
    }
    let ended = running.wait();
    ended.expect_success();
    let trace = Trace::open(&ended.trace());
    assert!(trace.stats.is_clean() && trace.end.is_some());
    for worker in 0..WORKERS {
        let made = progress.get(made_word(worker));
        assert_eq!(trace.sure(worker).times_us.len() as u64, made);
    }
    Outcome::Passed(format!("{before} samples at the last stop, {} at the end", trace.samples))
}
