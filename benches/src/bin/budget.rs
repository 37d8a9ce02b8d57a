//! A program that allocates as fast as it can, under a session that samples far too often for its overhead budget: `budget SECONDS
//! [INTERVAL_BYTES [SHARE [THREADS]]]`; 10 seconds, 4,096 bytes, 0.005 and 2 threads where nothing is said. In the middle third it
//! allocates a hundredth as fast, so that the interval has to come down again.
//!
//! Prints for each second the interval in force at its end, the samples, and the cost as a share of the process's CPU time: the
//! drain thread's CPU time as the kernel has it, and the samples' time in the program's threads, which the trace has as a sum and is here
//! divided among the seconds by their samples.

use memscope::Session;
use memscope_trace::{End, Interval, Record, TraceReader};
use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

fn main() {
    let mut words = std::env::args().skip(1);
    let mut number = |otherwise: f64| match words.next().map(|word| word.parse::<f64>()) {
        None => otherwise,
        Some(Ok(number)) if number > 0.0 => number,
        Some(_) => {
            eprintln!("expected numbers above 0: SECONDS INTERVAL_BYTES SHARE THREADS");
            std::process::exit(2);
        }
    };
    let seconds = number(10.0) as u64;
    let interval_bytes = number(4096.0) as u64;
    let share = number(0.005);
    let threads = number(2.0) as usize;
    let builder = Session::builder().output("target/memscope-benches/budget").seed(1);
    let builder = builder.sampling_interval_bytes(interval_bytes).overhead_budget(share);
    let mut session = match builder.start() {
        Ok(session) => session,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    let clocks = run(seconds, threads);
    match session.finalize() {
        Ok(result) => print(&result.trace, &clocks),
        Err(error) => eprintln!("{error}"),
    }
}

/// CPU time at the end of a second, nanoseconds.
#[derive(Clone, Copy, Default)]
struct Clocks {
    process_ns: u64,
    drain_ns: u64,
}

fn run(seconds: u64, threads: usize) -> Vec<Clocks> {
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let slow = (start + Duration::from_secs(seconds / 3), start + Duration::from_secs(seconds * 2 / 3));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || allocate(thread, end, slow));
        }
        let drain = drain_thread();
        let mut clocks = vec![read_clocks(drain.as_deref())];
        for second in 1..=seconds {
            std::thread::sleep(
                (start + Duration::from_secs(second)).saturating_duration_since(Instant::now()),
            );
            clocks.push(read_clocks(drain.as_deref()));
        }
        clocks
    })
}

fn allocate(thread: usize, end: Instant, slow: (Instant, Instant)) {
    let mut round = thread;
    loop {
        let now = Instant::now();
        if now >= end {
            return;
        }
        let is_slow = (slow.0..slow.1).contains(&now);
        for _ in 0..1000 {
            round += 1;
            if !is_slow || round.is_multiple_of(100) {
                black_box(Vec::<u8>::with_capacity(16 + round * 7919 % 1000));
            } else {
                black_box((0..20).fold(round, |sum, next| black_box(sum ^ next)));
            }
        }
    }
}

/// The folder of memscope's drain thread below `/proc`.
fn drain_thread() -> Option<std::path::PathBuf> {
    let is_drain = |folder: &Path| {
        std::fs::read_to_string(folder.join("comm")).is_ok_and(|name| name.trim_end() == "memscope-drain")
    };
    std::fs::read_dir("/proc/self/task").ok()?.flatten().map(|entry| entry.path()).find(|path| is_drain(path))
}

fn read_clocks(drain: Option<&Path>) -> Clocks {
    Clocks { process_ns: process_ns().unwrap_or(0), drain_ns: drain.map_or(0, running_ns) }
}

/// CPU time of all threads, those that ended included. The kernel gives it in hundredths of a second.
fn process_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the program's name, which may hold anything: user and system time are the 12th and 13th field.
    let (_, fields) = text.rsplit_once(')')?;
    let hundredths = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().ok())
        .sum::<Option<u64>>()?;
    Some(hundredths * 10_000_000)
}

/// What the scheduler has counted for a thread.
fn running_ns(task: &Path) -> u64 {
    let text = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn print(trace: &Path, clocks: &[Clocks]) {
    let Some((intervals, times_us, end)) = read(trace) else {
        eprintln!("expected a whole trace in {}", trace.display());
        return;
    };
    let per_sample_ns = end.sampling_us as f64 * 1e3 / end.samples.max(1) as f64;
    println!("{per_sample_ns:.0} ns a sample in the program's threads; {} lost", end.loss.samples());
    println!("second   interval KiB   samples   cost % of the process's CPU time (drain thread's)");
    for (second, pair) in (0_u64..).zip(clocks.windows(2)) {
        let until_us = (second + 1) * 1_000_000;
        let in_force = intervals.iter().rev().find(|interval| interval.start_us <= until_us);
        let samples = times_us.iter().filter(|&&time_us| time_us / 1_000_000 == second).count();
        let process_ns = pair[1].process_ns.saturating_sub(pair[0].process_ns).max(1) as f64;
        let drain_ns = pair[1].drain_ns.saturating_sub(pair[0].drain_ns) as f64;
        let cost_ns = drain_ns + samples as f64 * per_sample_ns;
        println!(
            "{second:>6}   {:>12.1}   {samples:>7}   {:>8.3} ({:.3})",
            in_force.map_or(0.0, |interval| interval.interval_bytes / 1024.0),
            100.0 * cost_ns / process_ns,
            100.0 * drain_ns / process_ns,
        );
    }
    println!("{} intervals in all", intervals.len());
}

/// The intervals, the times of all samples, and the end.
fn read(trace: &Path) -> Option<(Vec<Interval>, Vec<u64>, End)> {
    let mut reader = TraceReader::new(File::open(trace).ok()?).ok()?;
    let (mut intervals, mut times_us) = (Vec::new(), Vec::new());
    while let Some(record) = reader.next_record().ok()? {
        match record {
            Record::Interval(interval) => intervals.push(interval),
            Record::Samples(samples) => {
                let mut time_us = samples.base_us;
                times_us.extend(samples.delta_us.iter().map(|&delta_us| {
                    time_us = time_us.saturating_add_signed(delta_us);
                    time_us
                }));
            }
            Record::End(end) => return Some((intervals, times_us, end)),
            _ => {}
        }
    }
    None
}
