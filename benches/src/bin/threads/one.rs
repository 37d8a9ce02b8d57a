//! One run in a process of its own: so many threads, all of them there at once, each with so many allocations.

use memscope_benches::session;
use std::error::Error;
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;

/// A thread of this program does not need more; ten thousand of them shall fit.
const STACK_BYTES: usize = 128 * 1024;

/// Runs `pairs` (64 bytes) or `sizes` (16 bytes to 8 KiB) on `threads` threads, `count` allocations each, in the session of that name.
/// Prints resident memory, KiB: while all threads are there, when they are gone, and the highest in all.
pub(crate) fn run(
    work: &str,
    session_name: &str,
    threads: usize,
    count: usize,
) -> Result<(), Box<dyn Error>> {
    let work: fn(usize) = match work {
        "pairs" => pairs,
        "sizes" => sizes,
        other => return Err(format!("expected pairs or sizes, found {other}").into()),
    };
    let folder = tempfile::tempdir()?;
    let active = session(session_name)?.map(|builder| builder.output(folder.path()).start()).transpose()?;
    // Everyone is there at the first meeting, everyone is done at the second, and memory has been read at the third.
    let meeting = Arc::new(Barrier::new(threads + 1));
    let mut handles = Vec::with_capacity(threads);
    for number in 0..threads {
        let meeting = meeting.clone();
        let started = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            meeting.wait();
            work(count);
            meeting.wait();
            meeting.wait();
        });
        match started {
            Ok(handle) => handles.push(handle),
            Err(error) => {
                // The others wait for one that will not come: the process ends with them.
                eprintln!("the system gave {number} of {threads} threads: {error}");
                std::process::exit(3);
            }
        }
    }
    meeting.wait();
    meeting.wait();
    let at_once = status_kib("VmRSS:")?;
    meeting.wait();
    for handle in handles {
        handle.join().map_err(|_| "a thread panicked")?;
    }
    let after = status_kib("VmRSS:")?;
    let result = active.map(|mut session| session.finalize()).transpose()?;
    let (samples, lost) = result.map_or((0, 0), |result| (result.sampled_allocations, result.lost_samples));
    println!("{at_once} {after} {} {samples} {lost}", status_kib("VmHWM:")?);
    Ok(())
}

fn pairs(count: usize) {
    for _ in 0..count {
        drop(black_box(Vec::<u8>::with_capacity(black_box(64))));
    }
}

fn sizes(count: usize) {
    for round in 0..count {
        let octave = 16_usize << (round % 9);
        drop(black_box(Vec::<u8>::with_capacity(octave + round * 7919 % octave)));
    }
}

/// A line of `/proc/self/status`.
fn status_kib(name: &str) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or_else(|| format!("expected {name} in /proc/self/status"))?.parse()?)
}
