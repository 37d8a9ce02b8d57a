//! The tables. Their schemas, in Parquet's own notation, stand above the code that fills them; `docs/parquet.md` says what the
//! columns mean. A column that is `optional` has nulls where the trace does not say.

use super::super::source::ExportSource;
use super::super::stacks::{EMPTY, Stacks};
use super::super::{ExportError, Tables};
use super::column::{Table, Value};
use super::work::{scopes, tasks};
use crate::load::{Event, Fate, Sample, live_bytes};
use memscope_trace::AllocationKind;
use std::io::Write;

const SAMPLES: &str = "message samples {
    required int64 sample_id;
    required int64 time_us;
    required int64 thread_id;
    required int64 stack_id;
    optional int64 scope_id;
    optional int64 task_id;
    optional int64 size_bytes;
    optional int64 old_size_bytes;
    optional binary kind (STRING);
    required double allocations;
    required double bytes;
    optional int64 freed_us;
    optional int64 freed_by_thread_id;
    required boolean at_peak;
}";

const STACKS: &str = "message stacks {
    required int64 stack_id;
    optional int64 parent_stack_id;
    required int64 frame_id;
    required int64 depth;
    required int64 site_frame_id;
}";

const FRAMES: &str = "message frames {
    required int64 frame_id;
    required binary function (STRING);
    optional binary file (STRING);
    optional int64 line;
    required boolean inlined;
}";

const THREADS: &str = "message threads {
    required int64 thread_id;
    required int64 os_id;
    required binary name (STRING);
    required int64 start_us;
    required int64 allocations;
    required int64 allocated_bytes;
    required int64 frees;
    required int64 freed_bytes;
    required boolean ended;
    optional int64 cpu_us;
    optional int64 wait_us;
}";

const COUNTERS: &str = "message counters {
    required int64 time_us;
    required int64 live_bytes;
    required int64 allocations;
    required int64 allocated_bytes;
    required int64 frees;
    required int64 freed_bytes;
}";

const RESOURCES: &str = "message resources {
    required int64 time_us;
    optional int64 rss_bytes;
    optional int64 cpu_user_us;
    optional int64 cpu_system_us;
    optional int64 threads;
    optional int64 voluntary_switches;
    optional int64 involuntary_switches;
    optional int64 minor_faults;
    optional int64 major_faults;
    optional int64 read_bytes;
    optional int64 written_bytes;
    optional int64 cgroup_usage_bytes;
    optional int64 cgroup_limit_bytes;
}";

const SESSION: &str = "message session {
    required binary name (STRING);
    required binary executable (STRING);
    required int64 process_id;
    required int64 started_unix_ns;
    required int64 duration_us;
    required boolean complete;
    required binary memscope_version (STRING);
    required binary arch (STRING);
    required binary os (STRING);
    required double sample_rate;
    required int64 samples;
    required int64 lost_samples;
    required int64 allocations;
    required int64 allocated_bytes;
    required int64 frees;
    required int64 freed_bytes;
    required int64 peak_bytes;
    required int64 peak_us;
    required int64 live_bytes;
}";

/// Writes every table.
pub(super) fn write(source: &ExportSource, tables: &Tables<'_>) -> Result<(), ExportError> {
    let stacks = Stacks::new(source.profile(), source.symbols());
    tables.write("samples", |out| samples(source, &stacks, out))?;
    tables.write("stacks", |out| stack_nodes(&stacks, out))?;
    tables.write("frames", |out| frames(&stacks, out))?;
    tables.write("threads", |out| threads(source, out))?;
    tables.write("scopes", |out| scopes(source, out))?;
    tables.write("tasks", |out| tasks(source, out))?;
    tables.write("counters", |out| counters(source, out))?;
    tables.write("resources", |out| resources(source, out))?;
    tables.write("session", |out| session(source, out))
}

/// A row for each sample, in the order in which they ended; those that live last.
fn samples(source: &ExportSource, stacks: &Stacks, out: &mut (impl Write + Send)) -> Result<(), ExportError> {
    let mut table = Table::new(out, SAMPLES)?;
    source.replay(|event| match event {
        Event::Allocated(_) => Ok(()),
        Event::Ended(sample, fate, time_us) => {
            Ok(push_sample(source, stacks, &mut table, sample, (fate, time_us))?)
        }
    })?;
    Ok(table.finish()?)
}

fn push_sample(
    source: &ExportSource,
    stacks: &Stacks,
    table: &mut Table<impl Write + Send>,
    sample: Sample,
    (fate, end_us): (Fate, u64),
) -> std::io::Result<()> {
    let profile = source.profile();
    let site = sample.site_row.and_then(|row| profile.sites.get(row as usize));
    let kind = |kind| match kind {
        AllocationKind::Alloc => "alloc",
        AllocationKind::Zeroed => "alloc_zeroed",
        AllocationKind::ReallocInPlace => "realloc_in_place",
        AllocationKind::ReallocMoved => "realloc_moved",
    };
    let freed_us = Some(end_us).filter(|_| fate != Fate::Live);
    let freed_by = if let Fate::FreedBy(thread) = fate { Some(thread) } else { None };
    let peak_us = profile.totals.peak_us;
    let at_peak = sample.time_us <= peak_us && freed_us.is_none_or(|freed_us| peak_us < freed_us);
    table.push([
        sample.id.into(),
        sample.time_us.into(),
        sample.thread.into(),
        stacks.of_site(profile, sample.site_row).into(),
        site.map(|site| site.scope).filter(|&scope| scope != 0).into(),
        Some(sample.task).filter(|&task| task != 0).into(),
        site.map(|site| site.size_bytes).into(),
        site.map(|site| site.old_size_bytes).into(),
        site.map(|site| kind(site.kind)).into(),
        Value::Real(sample.allocations),
        Value::Real(sample.bytes),
        freed_us.into(),
        freed_by.into(),
        Value::Flag(at_peak),
    ])
}

/// A row for each node of the tree of stacks.
fn stack_nodes(stacks: &Stacks, out: &mut (impl Write + Send)) -> Result<(), ExportError> {
    let mut table = Table::new(out, STACKS)?;
    let mut depths = vec![0_u32];
    for (id, node) in (0_u32..).zip(stacks.nodes()).skip(1) {
        let depth = depths[node.parent as usize] + 1;
        depths.push(depth);
        let site = stacks.nodes()[stacks.blamed(id) as usize];
        let parent = Some(node.parent).filter(|&parent| parent != EMPTY);
        table.push([id.into(), parent.into(), node.frame.into(), depth.into(), site.frame.into()])?;
    }
    Ok(table.finish()?)
}

fn frames(stacks: &Stacks, out: &mut (impl Write + Send)) -> Result<(), ExportError> {
    let mut table = Table::new(out, FRAMES)?;
    for (id, frame) in (0_u32..).zip(stacks.frames()) {
        let (function, file) = (frame.function.as_str(), frame.file.as_deref());
        table.push([
            id.into(),
            function.into(),
            file.into(),
            frame.line.into(),
            Value::Flag(frame.inlined),
        ])?;
    }
    Ok(table.finish()?)
}

fn threads(source: &ExportSource, out: &mut (impl Write + Send)) -> Result<(), ExportError> {
    let mut table = Table::new(out, THREADS)?;
    for thread in &source.profile().threads {
        table.push([
            thread.id.into(),
            thread.os_id.into(),
            thread.name.as_str().into(),
            thread.start_us.into(),
            thread.allocations.into(),
            thread.allocated_bytes.into(),
            thread.frees.into(),
            thread.freed_bytes.into(),
            Value::Flag(thread.ended),
            thread.processor.map(|time| time.cpu_us).into(),
            thread.processor.and_then(|time| time.wait_us).into(),
        ])?;
    }
    Ok(table.finish()?)
}

fn counters(source: &ExportSource, out: &mut (impl Write + Send)) -> Result<(), ExportError> {
    let mut table = Table::new(out, COUNTERS)?;
    for point in &source.profile().timeline {
        table.push([
            point.time_us.into(),
            Value::Int(live_bytes(point)),
            point.allocations.into(),
            point.allocated_bytes.into(),
            point.frees.into(),
            point.freed_bytes.into(),
        ])?;
    }
    Ok(table.finish()?)
}

fn resources(source: &ExportSource, out: &mut (impl Write + Send)) -> Result<(), ExportError> {
    let mut table = Table::new(out, RESOURCES)?;
    for point in &source.profile().resources {
        table.push([
            point.time_us.into(),
            point.rss_bytes.into(),
            point.cpu_user_us.into(),
            point.cpu_system_us.into(),
            point.threads.into(),
            point.voluntary_switches.into(),
            point.involuntary_switches.into(),
            point.minor_faults.into(),
            point.major_faults.into(),
            point.read_bytes.into(),
            point.written_bytes.into(),
            point.cgroup_usage_bytes.into(),
            point.cgroup_limit_bytes.into(),
        ])?;
    }
    Ok(table.finish()?)
}

/// One row: what the whole trace is, with the exact totals.
fn session(source: &ExportSource, out: &mut (impl Write + Send)) -> Result<(), ExportError> {
    let profile = source.profile();
    let (session, totals) = (&profile.session, &profile.totals);
    let mut table = Table::new(out, SESSION)?;
    table.push([
        session.name.as_str().into(),
        session.executable.as_str().into(),
        session.process_id.into(),
        session.started_unix_ns.into(),
        profile.duration_us.into(),
        Value::Flag(profile.end.is_some()),
        session.memscope_version.as_str().into(),
        session.arch.as_str().into(),
        session.os.as_str().into(),
        Value::Real(session.sample_rate),
        profile.samples.into(),
        profile.loss.samples().saturating_add(profile.irregular.missing_samples).into(),
        totals.allocations.into(),
        totals.allocated_bytes.into(),
        totals.frees.into(),
        totals.freed_bytes.into(),
        totals.peak_bytes.into(),
        totals.peak_us.into(),
        Value::Int(live_bytes(totals)),
    ])?;
    Ok(table.finish()?)
}
