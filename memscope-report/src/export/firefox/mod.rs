//! The Firefox Profiler's processed format: allocations over time, thread by thread.
//!
//! | in the profile | is |
//! | --- | --- |
//! | a thread's samples, weighted in bytes | what it allocated, when and where |
//! | its native allocations | each sample with its free, for the call tree's *Retained memory*; left out beyond 250,000 samples |
//! | the counter *Memory* | the process's exact live bytes |
//!
//! Version 60 of the format (October 2025) is written; the profiler upgrades what is older than itself. Weights are estimates,
//! as whole numbers with the same totals. In a long trace samples close in time are one (`cells.rs`).

mod cells;
mod tables;

use super::round::Rounder;
use super::source::ExportSource;
use super::stacks::Stacks;
use super::{ExportError, ExportOptions, Exporter};
use crate::load::{Event, Fate, ThreadTotals, live_bytes};
use cells::{Cell, Cells};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use tables::{column, meta, write_shared};

pub(super) const EXPORTER: Exporter = Exporter {
    name: "firefox",
    about: "allocations over time by thread: profiler.firefox.com",
    extension: "json",
    file: Some(write),
    tables: None,
};

/// `meta.preprocessedProfileVersion`.
const FORMAT_VERSION: u32 = 60;

/// Beyond so many samples they are not told one by one.
const SINGLE_SAMPLES_MAX: u64 = 250_000;

/// An allocation, or its free (negative).
#[derive(Debug, Clone, Copy)]
struct Native {
    time_us: u64,
    bytes: i64,
    /// Of the allocation; none for a free.
    stack: Option<u32>,
    sample: u64,
}

/// What is known of the samples.
struct Samples {
    cells: Vec<Cell>,
    /// By allocating thread, in the order of their times.
    natives: BTreeMap<u32, Vec<Native>>,
}

fn write(source: &ExportSource, _: &ExportOptions, out: &mut dyn Write) -> Result<(), ExportError> {
    let stacks = Stacks::new(source.profile(), source.symbols());
    let samples = samples(source, &stacks)?;
    write!(out, "{{\"meta\":{},\"libs\":[],\"shared\":", meta(source))?;
    write_shared(&stacks, out)?;
    write!(out, ",\"counters\":[{}],\"threads\":[", memory_counter(source))?;
    let mut rounder = Rounder::default();
    for (at, thread) in threads(source, &samples).iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        write_thread(source, thread, at == 0, &samples, &mut rounder, out)?;
    }
    out.write_all(b"]}\n")?;
    Ok(())
}

fn samples(source: &ExportSource, stacks: &Stacks) -> Result<Samples, ExportError> {
    let profile = source.profile();
    let mut cells = Cells::default();
    let mut natives: BTreeMap<u32, Vec<Native>> = BTreeMap::new();
    let tells_single = profile.samples <= SINGLE_SAMPLES_MAX;
    // A free takes off what its allocation was rounded to.
    let mut rounder = Rounder::default();
    let mut open = std::collections::HashMap::new();
    source.replay(|event| {
        match event {
            Event::Allocated(sample) => {
                let stack = stacks.of_site(profile, sample.site_row);
                cells.add(sample.thread, sample.time_us, stack, sample.bytes);
                if tells_single {
                    let bytes = rounder.round(sample.bytes) as i64;
                    open.insert(sample.id, bytes);
                    let native =
                        Native { time_us: sample.time_us, bytes, stack: Some(stack), sample: sample.id };
                    natives.entry(sample.thread).or_default().push(native);
                }
            }
            Event::Ended(_, Fate::Live, _) => {}
            Event::Ended(sample, _, time_us) => {
                if let Some(bytes) = open.remove(&sample.id) {
                    let native = Native { time_us, bytes: -bytes, stack: None, sample: sample.id };
                    natives.entry(sample.thread).or_default().push(native);
                }
            }
        }
        Ok::<(), ExportError>(())
    })?;
    // Stable: of an allocation and its free at one time the allocation comes first.
    natives.values_mut().for_each(|natives| natives.sort_by_key(|native| native.time_us));
    Ok(Samples { cells: cells.finish(), natives })
}

/// The threads that are in the trace's list, and those that only samples name.
fn threads(source: &ExportSource, samples: &Samples) -> Vec<ThreadTotals> {
    let named = source.profile().threads.iter().map(|thread| (thread.id, thread.clone()));
    let mut threads: BTreeMap<u32, ThreadTotals> = named.collect();
    for cell in &samples.cells {
        let unnamed = || ThreadTotals { id: cell.thread, ..ThreadTotals::default() };
        threads.entry(cell.thread).or_insert_with(unnamed);
    }
    threads.into_values().collect()
}

fn write_thread(
    source: &ExportSource,
    thread: &ThreadTotals,
    is_main: bool,
    samples: &Samples,
    rounder: &mut Rounder,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let from = samples.cells.partition_point(|cell| cell.thread < thread.id);
    let to = samples.cells.partition_point(|cell| cell.thread <= thread.id);
    let cells = &samples.cells[from..to];
    let head = json!({
        "name": source.thread_name(thread.id),
        "isMainThread": is_main,
        "processType": "default",
        "processName": source.title(),
        "processStartupTime": 0,
        "processShutdownTime": null,
        "registerTime": thread.start_us as f64 / 1e3,
        "unregisterTime": null,
        "pausedRanges": [],
        "pid": source.profile().session.process_id.to_string(),
        "tid": if thread.os_id == 0 { u64::from(thread.id) } else { thread.os_id },
        "markers": {
            "length": 0, "data": [], "name": [], "startTime": [], "endTime": [], "phase": [], "category": [],
        },
    })
    .to_string();
    // The object goes on with the samples.
    let open = head.strip_suffix('}').unwrap_or(&head);
    write!(out, "{open},\"samples\":{{\"weightType\":\"bytes\",\"stack\":")?;
    column(out, cells.iter().map(|cell| json!(cell.stack - 1)))?;
    out.write_all(b",\"time\":")?;
    column(out, cells.iter().map(|cell| milliseconds(cell.time_us)))?;
    out.write_all(b",\"weight\":")?;
    column(out, cells.iter().map(|cell| rounder.round(cell.bytes).into()))?;
    write!(out, ",\"length\":{}}}", cells.len())?;
    if let Some(natives) = samples.natives.get(&thread.id) {
        write_natives(natives, thread, out)?;
    }
    out.write_all(b"}")?;
    Ok(())
}

fn write_natives(natives: &[Native], thread: &ThreadTotals, out: &mut dyn Write) -> Result<(), ExportError> {
    out.write_all(b",\"nativeAllocations\":{\"weightType\":\"bytes\",\"time\":")?;
    column(out, natives.iter().map(|native| milliseconds(native.time_us)))?;
    out.write_all(b",\"weight\":")?;
    column(out, natives.iter().map(|native| native.bytes.into()))?;
    out.write_all(b",\"stack\":")?;
    column(out, natives.iter().map(|native| native.stack.map_or(Value::Null, |stack| json!(stack - 1))))?;
    out.write_all(b",\"memoryAddress\":")?;
    column(out, natives.iter().map(|native| native.sample.saturating_add(1).into()))?;
    out.write_all(b",\"threadId\":")?;
    column(out, natives.iter().map(|_| thread.os_id.into()))?;
    write!(out, ",\"length\":{}}}", natives.len())?;
    Ok(())
}

/// The live bytes over time, as changes.
fn memory_counter(source: &ExportSource) -> Value {
    let profile = source.profile();
    let mut before = 0;
    let changes = profile.timeline.iter().map(|point| {
        let now = live_bytes(point);
        now.saturating_sub(std::mem::replace(&mut before, now))
    });
    let count: Vec<i64> = changes.collect();
    let time: Vec<f64> = profile.timeline.iter().map(|point| point.time_us as f64 / 1e3).collect();
    json!({
        "name": "live bytes",
        "category": "Memory",
        "description": "Live heap bytes, exact",
        "pid": profile.session.process_id.to_string(),
        "mainThreadIndex": 0,
        "samples": { "length": count.len(), "count": count, "time": time },
    })
}

fn milliseconds(time_us: u64) -> Value {
    json!(time_us as f64 / 1e3)
}
