//! Nanoseconds that one sample takes, and the free of a sample, at a stack of 28 frames.
//!
//! A session in exact mode makes every allocation a sample. Batches of allocations, and then of their frees, are timed with the session
//! on and off, in turns; the difference is the sample. A batch is smaller than the thread's buffer and the drain thread has time to
//! empty it in between, so no allocation waits for room.
//!
//! ```sh
//! cargo run --release -p memscope-benches --bin slow_path
//! RUSTFLAGS="-C force-frame-pointers=yes" cargo run --release -p memscope-benches --bin slow_path --target-dir target/frame-pointers
//! ```

use memscope::{SamplingConfig, Session};
use memscope_benches::Spread;
use memscope_report::Profile;
use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const FRAMES: usize = 28;
const ROUNDS: usize = 4;
const BATCHES: usize = 40;
const BATCH: usize = 4_000;
const SIZE_BYTES: usize = 64;
/// A batch at 28 frames is about a quarter of this.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// The drain thread comes by every 5 ms.
const PAUSE: Duration = Duration::from_millis(15);

/// Nanoseconds per allocation and per free, a batch each.
#[derive(Default)]
struct Times {
    allocate: Vec<f64>,
    free: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    // A thread's stack is the same whatever started the program.
    thread::spawn(|| measure().map_err(|error| error.to_string()))
        .join()
        .map_err(|_| "the measuring thread panicked")?
        .map_err(Into::into)
}

fn measure() -> Result<(), Box<dyn Error>> {
    let (shallow, unwinder) = in_session(|| at_depth(0, &mut batches, &mut Times::default()))?;
    let deeper = FRAMES.saturating_sub(shallow.frames);
    let (mut off, mut on) = (Times::default(), Times::default());
    let mut last = shallow;
    for _ in 0..ROUNDS {
        at_depth(deeper, &mut batches, &mut off);
        last = in_session(|| at_depth(deeper, &mut batches, &mut on))?.0;
    }
    println!(
        "unwinder: {unwinder}; {} frames; {} samples a session, {} lost",
        last.frames, last.samples, last.lost
    );
    println!("nanoseconds                   min   median      max");
    let (off_allocate, on_allocate) = (Spread::of(off.allocate), Spread::of(on.allocate));
    let (off_free, on_free) = (Spread::of(off.free), Spread::of(on.free));
    println!("allocation, no session   {off_allocate}");
    println!("allocation, a sample     {on_allocate}");
    println!("free, no session         {off_free}");
    println!("free of a sample         {on_free}");
    println!("added by a sample                 {:8.1}", on_allocate.median - off_allocate.median);
    println!("added by the free of it           {:8.1}", on_free.median - off_free.median);
    Ok(())
}

/// What a session recorded.
#[derive(Clone, Copy)]
struct Recorded {
    frames: usize,
    samples: u64,
    lost: u64,
}

/// Runs `work` in an exact session; tells what it recorded, and how it walked stacks.
fn in_session(work: impl FnOnce()) -> Result<(Recorded, String), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let config =
        SamplingConfig { sample_rate: 1.0, min_allocation_size: SIZE_BYTES, buffer_size: BUFFER_BYTES };
    let mut session = Session::builder().output(folder.path()).config(config).start()?;
    work();
    let result = session.finalize()?;
    let profile = Profile::open(Path::new(&result.trace))?;
    let recorded = Recorded {
        frames: frames_of_most(&profile),
        samples: result.sampled_allocations,
        lost: result.lost_samples,
    };
    Ok((recorded, profile.session.unwinder.clone()))
}

/// How many frames the stack with the most samples has.
fn frames_of_most(profile: &Profile) -> usize {
    let parents: HashMap<u32, u32> = profile.stacks.nodes().map(|(id, node)| (id, node.parent)).collect();
    let most = profile.sites.iter().max_by_key(|site| site.samples.samples());
    let mut node = most.map_or(0, |site| site.stack);
    let mut frames = 0;
    while let Some(parent) = parents.get(&node).filter(|_| node != 0) {
        node = *parent;
        frames += 1;
    }
    frames
}

/// Calls `work` below `depth` more frames.
#[inline(never)]
fn at_depth(depth: usize, work: &mut dyn FnMut(&mut Times), times: &mut Times) {
    match depth {
        0 => work(times),
        _ => at_depth(depth - 1, work, times),
    }
    // Not the last thing that the function does: each call keeps its frame.
    black_box(depth);
}

fn batches(times: &mut Times) {
    // The first one fills caches and buffers.
    batch(&mut Times::default(), BATCH);
    (0..BATCHES).for_each(|_| batch(times, BATCH));
}

/// Times `count` allocations, and then their frees.
#[inline(never)]
fn batch(times: &mut Times, count: usize) {
    let mut live: Vec<Vec<u8>> = Vec::with_capacity(count);
    let each = |start: Instant| start.elapsed().as_nanos() as f64 / count as f64;
    let start = Instant::now();
    for _ in 0..count {
        live.push(Vec::with_capacity(black_box(SIZE_BYTES)));
    }
    times.allocate.push(each(start));
    thread::sleep(PAUSE);
    black_box(&mut live);
    let start = Instant::now();
    live.clear();
    times.free.push(each(start));
    thread::sleep(PAUSE);
}
