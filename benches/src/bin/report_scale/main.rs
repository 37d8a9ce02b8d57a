//! How fast, and in how much memory, the report reads a trace of any size.
//!
//! ```text
//! report_scale write trace.bin 100     writes a trace of 100 million events (50 million samples and their frees)
//! report_scale write trace.bin 1 BINARY   the same with the frames of that binary, to be named from its debug information
//! report_scale read trace.bin          loads it, names its frames and analyses it; prints times, MB/s, events/s and peak RSS
//! ```
//!
//! The trace is what a large service would leave: 100,000 stacks of 12 to 40 frames, of which few do most of the work (the
//! square of a uniform number picks one), three sizes at each stack, 48 threads, five sampling intervals; seven in ten allocations are freed soon,
//! often by another thread; one in fifty stays until the end. The same argument gives the same bytes. Disk space that it needs: 7 bytes
//! an event; no more than 400 million events are written.

mod binary;

use memscope_report::{Profile, SymbolizeOptions, analyze, symbolize};
use memscope_trace::*;
use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

const STACKS: u32 = 100_000;
const SIZES: u32 = 3;
const FRAMES: u32 = 20_000;
const THREADS: u32 = 48;
/// Events are written in ticks of so many samples and about as many frees.
const ROWS: u64 = 1_000;
const TICK_US: u64 = 8_000;
const MILLIONS_MAX: u64 = 400;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", path, millions] => write(Path::new(path), events(millions)?, None),
        ["write", path, millions, binary] => {
            write(Path::new(path), events(millions)?, Some(Path::new(binary)))
        }
        ["read", path] => read(Path::new(path)),
        _ => Err("expected `write PATH MILLION_EVENTS [BINARY]` or `read PATH`".into()),
    }
}

fn events(millions: &str) -> Result<u64> {
    Ok(millions.parse::<u64>()?.min(MILLIONS_MAX) * 1_000_000)
}

/// Numbers from a seed (a linear congruential generator's high bits).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 32) * end) >> 32
    }

    /// Small numbers are more likely: the share of those below `x * end` is the square root of x.
    fn squared_below(&mut self, end: u64) -> u64 {
        let uniform = self.below(1 << 24);
        (((uniform * uniform) >> 24) * end) >> 24
    }
}

fn write(path: &Path, events: u64, binary: Option<&Path>) -> Result<()> {
    let mut writer = TraceWriter::new(File::create(path)?)?;
    write_session(&mut writer)?;
    match binary {
        Some(binary) => write_frames_of(binary, &mut writer)?,
        None => write_named_frames(&mut writer)?,
    }
    write_stacks(&mut writer)?;
    let mut numbers = Numbers(1);
    let (ticks, mut live) = (events / (2 * ROWS), Live::default());
    let mut totals = Counters::default();
    for tick in 0..ticks {
        let base_us = tick * TICK_US;
        if tick % ticks.div_ceil(5).max(1) == 0 {
            let id = (tick / ticks.div_ceil(5).max(1)) as u32;
            let interval_bytes = 65_536.0 * f64::from(id + 1);
            writer.push(&Record::Interval(Interval {
                id,
                start_us: base_us,
                interval_bytes,
                credit_bytes: 64.0,
            }))?;
        }
        let interval = (tick / ticks.div_ceil(5).max(1)) as u32;
        writer.push(&samples(tick, interval, &mut numbers))?;
        live.add(tick, &mut numbers);
        if let Some(frees) = live.due(tick, base_us, &mut numbers) {
            writer.push(&frees)?;
        }
        if tick % 6 == 0 {
            let peak_us = if totals.peak_bytes < 4 << 30 { base_us } else { totals.peak_us };
            totals = Counters {
                time_us: base_us,
                allocations: tick * 100_000,
                allocated_bytes: tick << 24,
                frees: tick * 99_000,
                freed_bytes: (tick << 24) - (tick << 14),
                peak_bytes: totals.peak_bytes.max(tick << 14),
                peak_us,
            };
            writer.push(&Record::Counters(totals))?;
            writer.push(&thread_counters(tick, base_us))?;
        }
        if writer.pending_bytes() > 1 << 20 {
            writer.flush()?;
        }
    }
    totals.time_us = ticks * TICK_US;
    writer.push(&Record::End(End {
        totals,
        samples: ticks * ROWS,
        threads: THREADS.into(),
        ..End::default()
    }))?;
    Ok(writer.flush()?)
}

/// Session and threads.
fn write_session(writer: &mut TraceWriter<File>) -> Result<()> {
    writer.push(&Record::Session(Session {
        name: "scale".into(),
        sample_rate: 0.001,
        ..Session::default()
    }))?;
    let threads =
        (1..=THREADS).map(|id| Thread { id, os_id: id.into(), name: format!("worker-{id}"), start_us: 0 });
    Ok(writer.push(&Record::Threads(Threads { threads: threads.collect() }))?)
}

/// Frames of no binary, with names.
fn write_named_frames(writer: &mut TraceWriter<File>) -> Result<()> {
    for first in (0..FRAMES).step_by(500) {
        let mut address_deltas = vec![64; 500];
        address_deltas[0] = 0x40_0000 + i64::from(first) * 64;
        let names =
            (first..first + 500).map(|at| format!("service::module_{}::function_{at}", at / 100)).collect();
        let addresses = address_deltas.clone();
        writer.push(&Record::Symbols(Symbols { address_deltas, name_indexes: (0..500).collect(), names }))?;
        writer.push(&frames(first + 1, addresses))?;
    }
    Ok(())
}

/// Frames of a binary, without names.
fn write_frames_of(binary: &Path, writer: &mut TraceWriter<File>) -> Result<()> {
    let (module, addresses) = binary::sampled(binary, FRAMES as usize)?;
    writer.push(&Record::Modules(Modules { modules: vec![module] }))?;
    for (part, addresses) in (0..).zip(addresses.chunks(500)) {
        let before = std::iter::once(0).chain(addresses.iter().copied());
        let deltas = addresses.iter().zip(before).map(|(address, before)| address - before).collect();
        writer.push(&frames(part * 500 + 1, deltas))?;
    }
    Ok(())
}

fn frames(first_frame: u32, addresses: Vec<i64>) -> Record {
    Record::Stacks(Stacks {
        first_frame,
        addresses,
        first_node: 1,
        parent_deltas: Vec::new(),
        frames: Vec::new(),
    })
}

/// Stacks and sites.
fn write_stacks(writer: &mut TraceWriter<File>) -> Result<()> {
    // 2,000 chains of 38 frames, and 50 stacks that end at each of their inner ends: node ids count upwards.
    let (mut node, mut numbers, mut ends) = (1_u32, Numbers(7), Vec::new());
    for _ in 0..STACKS / 50 {
        let depth = 11 + numbers.below(28) as u32;
        let mut frames: Vec<u32> = (0..depth).map(|_| 1 + numbers.below(FRAMES.into()) as u32).collect();
        let mut parent_deltas = vec![1; depth as usize];
        parent_deltas[0] = node;
        frames.extend((0..50).map(|_| 1 + numbers.below(FRAMES.into()) as u32));
        parent_deltas.extend(1..=50);
        let rows = frames.len() as u32;
        writer.push(&Record::Stacks(Stacks {
            first_frame: FRAMES + 1,
            addresses: Vec::new(),
            first_node: node,
            parent_deltas,
            frames,
        }))?;
        ends.extend(node + depth..node + rows);
        node += rows;
    }
    for (part, ends) in (0..).zip(ends.chunks(300)) {
        let rows = ends.len() * SIZES as usize;
        writer.push(&Record::Sites(Sites {
            first_site: part * 300 * SIZES,
            stacks: ends.iter().flat_map(|&end| [end; SIZES as usize]).collect(),
            sizes: (0..rows).map(|_| 16 << numbers.below(14)).collect(),
            old_sizes: vec![0; rows],
            scopes: vec![0; rows],
            kinds: vec![0; rows],
        }))?;
        writer.flush()?;
    }
    Ok(())
}

fn samples(tick: u64, interval: u32, numbers: &mut Numbers) -> Record {
    // Which stacks are busy is no matter of their ids.
    let site = |numbers: &mut Numbers| {
        let stack = numbers.squared_below(STACKS.into()) * 61_169 % u64::from(STACKS);
        (stack * u64::from(SIZES) + numbers.below(SIZES.into())) as u32
    };
    Record::Samples(Samples {
        first_sample: tick * ROWS,
        interval,
        base_us: tick * TICK_US,
        delta_us: (0..ROWS).map(|_| numbers.below(2 * TICK_US / ROWS) as i64).collect(),
        threads: (0..ROWS).map(|_| 1 + numbers.below(THREADS.into()) as u32).collect(),
        sites: (0..ROWS).map(|_| site(numbers)).collect(),
    })
}

/// What is to be freed at which tick: a wheel of ticks to come.
struct Live {
    wheel: Vec<Vec<u64>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { wheel: vec![Vec::new(); 4_096] }
    }
}

impl Live {
    /// Makes up when the samples of `tick` will be freed.
    fn add(&mut self, tick: u64, numbers: &mut Numbers) {
        for id in tick * ROWS..(tick + 1) * ROWS {
            let ticks = match numbers.below(100) {
                0..70 => 1,
                70..90 => 1 + numbers.below(30),
                90..98 => 1 + numbers.below(4_000),
                _ => continue,
            };
            let at = (tick + ticks) as usize % self.wheel.len();
            self.wheel[at].push(id);
        }
    }

    fn due(&mut self, tick: u64, base_us: u64, numbers: &mut Numbers) -> Option<Record> {
        let at = tick as usize % self.wheel.len();
        let mut ids = std::mem::take(&mut self.wheel[at]);
        ids.truncate(MAX_ROWS);
        let mut before = 0;
        let sample_deltas: Vec<i64> =
            ids.iter().map(|&id| id as i64 - std::mem::replace(&mut before, id as i64)).collect();
        (!ids.is_empty()).then(|| {
            Record::Frees(Frees {
                base_us,
                delta_us: ids.iter().map(|_| numbers.below(2 * TICK_US / ROWS) as i64).collect(),
                threads: ids.iter().map(|_| 1 + numbers.below(THREADS.into()) as u32).collect(),
                sample_deltas,
            })
        })
    }
}

fn thread_counters(tick: u64, time_us: u64) -> Record {
    let column = |factor: u64| (1..=u64::from(THREADS)).map(|thread| tick * factor * thread).collect();
    Record::ThreadCounters(ThreadCounters {
        time_us,
        threads: (1..=THREADS).collect(),
        allocations: column(100),
        allocated_bytes: column(10_000),
        frees: column(99),
        freed_bytes: column(9_900),
        ended: vec![0; THREADS as usize],
    })
}

fn read(path: &Path) -> Result<()> {
    let bytes = std::fs::metadata(path)?.len();
    let (start, before) = (Instant::now(), processor_seconds());
    let profile = Profile::open(path)?;
    let (loaded, of_loading) = (start.elapsed(), processor_seconds() - before);
    let resident = peak_resident();
    let mut options = SymbolizeOptions::default();
    options.dwarf = false;
    let symbols = symbolize(&profile, &options);
    let named = start.elapsed();
    let analysis = analyze(&profile, &symbols);
    let (done, of_all) = (start.elapsed(), processor_seconds() - before);
    let mega = bytes as f64 / 1e6;
    println!("trace     {mega:.0} MB, {} samples, {} trace sites", profile.samples, profile.sites.len());
    println!("load      {:.3} s, {:.0} MB/s", loaded.as_secs_f64(), mega / loaded.as_secs_f64());
    println!("symbolize {:.3} s", (named - loaded).as_secs_f64());
    println!(
        "analyze   {:.3} s: {} sites, {} cells",
        (done - named).as_secs_f64(),
        analysis.sites.len(),
        analysis.slices.cells.len()
    );
    println!("all       {:.3} s, {:.0} MB/s", done.as_secs_f64(), mega / done.as_secs_f64());
    println!("processor {of_loading:.2} s of loading, {of_all:.2} s of all");
    if let (Some(loading), Some(all)) = (resident, peak_resident()) {
        println!("peak RSS  {loading} of loading, {all} of all");
    }
    Ok(())
}

/// Processor time of the process so far, user and system, seconds; 0 where the system does not tell.
fn processor_seconds() -> f64 {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in brackets, may hold spaces; behind it time in user mode is the 12th field, and the kernel's the 13th, in hundredths.
    let fields = status.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The largest resident set so far, where the system tells.
fn peak_resident() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|text| text.trim().to_owned())
}
