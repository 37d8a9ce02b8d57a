//! The analysis as comma-separated values (RFC 4180), one table in a file.
//!
//! As one file it is the table of call sites; as a folder it is the whole analysis. An estimate takes three columns: `x`,
//! and the ends of its 95% interval, `x_low` and `x_high`. Sizes are bytes, times microseconds. A table of a long trace's
//! figures over time has 4,000 rows at most. What single call sites did over time is left to Parquet and JSON. Control characters in names are written as `\u{1b}`.

use super::source::ExportSource;
use super::text::printable;
use super::{ExportError, Exporter, Tables};
use crate::analysis::{
    Analysis, Bottleneck, Fate, Frame, GroupFigures, LifetimeBucket, ResourcePoint, ScopeFigures,
    SiteFigures, SizeBucket, SizeLifetime, TaskFigures, ThreadCell, ThreadFigures, ThreadFlow, TimelinePoint,
};
use crate::statistics::Estimate;
use std::io::{self, Write};

pub(super) const EXPORTER: Exporter = Exporter {
    name: "csv",
    about: "PATH.csv: the call sites; PATH as a folder: every table of the analysis",
    extension: "csv",
    file: Some(|source, _, out| Ok(sites(&source.analysis(), out)?)),
    tables: Some(write_tables),
};

/// What a column tells of a row.
enum Cell<T> {
    Text(fn(&T) -> String),
    Whole(fn(&T) -> i128),
    Optional(fn(&T) -> Option<f64>),
    Estimate(fn(&T) -> Estimate),
}

use Cell::{Estimate as Estimated, Optional, Text, Whole};

type Column<T> = (&'static str, Cell<T>);

fn write_tables(source: &ExportSource, tables: &Tables<'_>) -> Result<(), ExportError> {
    let analysis = source.analysis();
    tables.write("sites", |out| Ok(sites(&analysis, out)?))?;
    tables.write("threads", |out| Ok(table(&threads(), &analysis.threads, out)?))?;
    tables.write("timeline", |out| Ok(table(&timeline(), &analysis.timeline, out)?))?;
    tables.write("sizes", |out| Ok(table(&sizes(), &analysis.sizes, out)?))?;
    tables.write("lifetimes", |out| Ok(table(&lifetimes(), &analysis.lifetimes, out)?))?;
    tables.write("lifetimes_by_size", |out| {
        Ok(table(&lifetimes_by_size(), &analysis.lifetimes_by_size, out)?)
    })?;
    tables.write("flows", |out| Ok(table(&flows(), &analysis.flows, out)?))?;
    tables.write("scopes", |out| Ok(table(&scopes(), &analysis.scopes, out)?))?;
    tables.write("tasks", |out| Ok(table(&tasks(), &analysis.tasks, out)?))?;
    tables.write("modules", |out| Ok(table(&modules(), &analysis.modules, out)?))?;
    tables.write("resources", |out| Ok(table(&resources(), &analysis.resources, out)?))?;
    let series = &analysis.thread_series;
    let cells: Vec<(u64, ThreadCell)> =
        series.cells.iter().map(|cell| (u64::from(cell.bin) * series.bin_us, *cell)).collect();
    tables.write("thread_series", |out| Ok(table(&thread_series(), &cells, out)?))?;
    tables.write("findings", |out| Ok(table(&findings(), &analysis.findings, out)?))?;
    tables.write("session", |out| Ok(table(&session(), &[analysis], out)?))
}

fn sites(analysis: &Analysis, out: &mut dyn Write) -> io::Result<()> {
    let columns: [Column<SiteFigures>; 13] = [
        ("call_site", Text(|site| site.label.clone())),
        ("samples", Whole(|site| site.samples.into())),
        ("allocations", Estimated(|site| site.allocations)),
        ("allocated_bytes", Estimated(|site| site.allocated_bytes)),
        ("peak_bytes", Estimated(|site| site.peak_bytes)),
        ("live_bytes", Estimated(|site| site.live_bytes)),
        ("temporary_bytes", Estimated(|site| site.temporary_bytes)),
        ("cross_thread_bytes", Estimated(|site| site.cross_thread_bytes)),
        ("copied_bytes", Estimated(|site| site.copied_bytes)),
        ("mean_lifetime_us", Optional(|site| site.mean_lifetime_us)),
        ("mean_live_age_us", Optional(|site| site.mean_live_age_us)),
        ("stack_id", Whole(|site| site.stack.into())),
        ("stack", Text(|site| stack(&site.frames))),
    ];
    table(&columns, &analysis.sites, out)
}

/// The frames' functions, outermost first.
fn stack(frames: &[Frame]) -> String {
    let names: Vec<&str> = frames.iter().rev().map(|frame| frame.function.as_str()).collect();
    names.join(";")
}

fn threads() -> [Column<ThreadFigures>; 12] {
    [
        ("thread_id", Whole(|thread| thread.id.into())),
        ("os_id", Whole(|thread| thread.os_id.into())),
        ("name", Text(|thread| thread.name.clone())),
        ("allocations", Whole(|thread| thread.allocations.into())),
        ("allocated_bytes", Whole(|thread| thread.allocated_bytes.into())),
        ("frees", Whole(|thread| thread.frees.into())),
        ("freed_bytes", Whole(|thread| thread.freed_bytes.into())),
        ("cpu_us", Text(|thread| or_empty(thread.cpu_us))),
        ("wait_us", Text(|thread| or_empty(thread.wait_us))),
        ("live_bytes", Estimated(|thread| thread.sampled.live_bytes)),
        ("peak_bytes", Estimated(|thread| thread.sampled.peak_bytes)),
        ("temporary_bytes", Estimated(|thread| thread.sampled.temporary_bytes)),
    ]
}

fn timeline() -> [Column<TimelinePoint>; 7] {
    [
        ("time_us", Whole(|point| point.time_us.into())),
        ("live_bytes", Whole(|point| point.live_bytes.into())),
        ("allocations", Whole(|point| point.allocations.into())),
        ("allocated_bytes", Whole(|point| point.allocated_bytes.into())),
        ("frees", Whole(|point| point.frees.into())),
        ("freed_bytes", Whole(|point| point.freed_bytes.into())),
        ("rss_bytes", Text(|point| or_empty(point.rss_bytes))),
    ]
}

/// The number, nothing where there is none.
fn or_empty(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn resources() -> [Column<ResourcePoint>; 13] {
    [
        ("time_us", Whole(|point| point.time_us.into())),
        ("rss_bytes", Text(|point| or_empty(point.rss_bytes))),
        ("cpu_user_us", Text(|point| or_empty(point.cpu_user_us))),
        ("cpu_system_us", Text(|point| or_empty(point.cpu_system_us))),
        ("threads", Text(|point| or_empty(point.threads))),
        ("voluntary_switches", Text(|point| or_empty(point.voluntary_switches))),
        ("involuntary_switches", Text(|point| or_empty(point.involuntary_switches))),
        ("minor_faults", Text(|point| or_empty(point.minor_faults))),
        ("major_faults", Text(|point| or_empty(point.major_faults))),
        ("read_bytes", Text(|point| or_empty(point.read_bytes))),
        ("written_bytes", Text(|point| or_empty(point.written_bytes))),
        ("cgroup_usage_bytes", Text(|point| or_empty(point.cgroup_usage_bytes))),
        ("cgroup_limit_bytes", Text(|point| or_empty(point.cgroup_limit_bytes))),
    ]
}

/// With the time at which each cell begins.
fn thread_series() -> [Column<(u64, ThreadCell)>; 6] {
    [
        ("thread_id", Whole(|(_, cell)| cell.thread.into())),
        ("from_us", Whole(|(from_us, _)| (*from_us).into())),
        ("allocations", Whole(|(_, cell)| cell.allocations.into())),
        ("allocated_bytes", Whole(|(_, cell)| cell.allocated_bytes.into())),
        ("frees", Whole(|(_, cell)| cell.frees.into())),
        ("freed_bytes", Whole(|(_, cell)| cell.freed_bytes.into())),
    ]
}

fn modules() -> [Column<GroupFigures>; 8] {
    [
        ("name", Text(|group| group.name.clone())),
        ("samples", Whole(|group| group.sampled.samples.into())),
        ("allocations", Estimated(|group| group.sampled.allocations)),
        ("allocated_bytes", Estimated(|group| group.sampled.allocated_bytes)),
        ("peak_bytes", Estimated(|group| group.sampled.peak_bytes)),
        ("live_bytes", Estimated(|group| group.sampled.live_bytes)),
        ("temporary_bytes", Estimated(|group| group.sampled.temporary_bytes)),
        ("cross_thread_bytes", Estimated(|group| group.sampled.cross_thread_bytes)),
    ]
}

fn lifetimes_by_size() -> [Column<SizeLifetime>; 6] {
    [
        ("up_to_bytes", Whole(|class| class.up_to_bytes.into())),
        ("up_to_us", Text(|class| or_empty(class.up_to_us))),
        ("freed_allocations", Estimated(|class| class.freed_allocations)),
        ("freed_bytes", Estimated(|class| class.freed_bytes)),
        ("live_allocations", Estimated(|class| class.live_allocations)),
        ("live_bytes", Estimated(|class| class.live_bytes)),
    ]
}

fn sizes() -> [Column<SizeBucket>; 3] {
    [
        ("up_to_bytes", Whole(|class| class.up_to_bytes.into())),
        ("allocations", Estimated(|class| class.allocations)),
        ("allocated_bytes", Estimated(|class| class.allocated_bytes)),
    ]
}

fn lifetimes() -> [Column<LifetimeBucket>; 7] {
    [
        ("up_to_us", Text(|class| or_empty(class.up_to_us))),
        ("freed_allocations", Estimated(|class| class.freed_allocations)),
        ("freed_bytes", Estimated(|class| class.freed_bytes)),
        ("live_allocations", Estimated(|class| class.live_allocations)),
        ("live_bytes", Estimated(|class| class.live_bytes)),
        ("surviving_allocations", Optional(|class| Some(class.surviving_allocations))),
        ("surviving_bytes", Optional(|class| Some(class.surviving_bytes))),
    ]
}

fn flows() -> [Column<ThreadFlow>; 4] {
    let fate = |flow: &ThreadFlow| match flow.fate {
        Fate::FreedBy(thread) => thread.to_string(),
        Fate::FreedByUnknown => "unknown".to_owned(),
        Fate::Live => "live".to_owned(),
    };
    [
        ("allocated_by_thread_id", Whole(|flow| flow.allocated_by.into())),
        ("freed_by_thread_id", Text(fate)),
        ("allocations", Estimated(|flow| flow.allocations)),
        ("bytes", Estimated(|flow| flow.bytes)),
    ]
}

fn scopes() -> [Column<ScopeFigures>; 23] {
    [
        ("scope_id", Whole(|scope| scope.id.into())),
        ("name", Text(|scope| scope.name.clone())),
        ("calls", Whole(|scope| scope.calls.into())),
        ("allocations", Whole(|scope| scope.allocations.into())),
        ("allocated_bytes", Whole(|scope| scope.allocated_bytes.into())),
        ("own_allocations", Whole(|scope| scope.own_allocations.into())),
        ("own_allocated_bytes", Whole(|scope| scope.own_allocated_bytes.into())),
        ("parent_id", Optional(|scope| scope.parent.map(f64::from))),
        ("frees", Optional(|scope| Some(scope.frees?.frees as f64))),
        ("freed_bytes", Optional(|scope| Some(scope.frees?.freed_bytes as f64))),
        ("own_frees", Optional(|scope| Some(scope.frees?.own_frees as f64))),
        ("own_freed_bytes", Optional(|scope| Some(scope.frees?.own_freed_bytes as f64))),
        ("mean_call_bytes", Optional(|scope| Some(scope.per_call?.mean))),
        ("p50_call_bytes", Optional(|scope| Some(scope.per_call?.p50? as f64))),
        ("p99_call_bytes", Optional(|scope| Some(scope.per_call?.p99? as f64))),
        ("most_call_bytes", Optional(|scope| Some(scope.per_call?.max? as f64))),
        ("polls", Optional(|scope| Some(scope.course?.polls as f64))),
        ("cancelled", Optional(|scope| Some(scope.course?.cancelled as f64))),
        ("busy_us", Optional(|scope| Some(scope.course?.busy_us as f64))),
        ("wall_us", Optional(|scope| Some(scope.course?.wall_us as f64))),
        ("own_live_bytes", Estimated(|scope| scope.sampled.live_bytes)),
        ("own_peak_bytes", Estimated(|scope| scope.sampled.peak_bytes)),
        ("own_temporary_bytes", Estimated(|scope| scope.sampled.temporary_bytes)),
    ]
}

fn tasks() -> [Column<TaskFigures>; 17] {
    [
        ("task_id", Whole(|task| task.id.into())),
        ("name", Text(|task| task.name.clone())),
        ("file", Text(|task| task.file.clone())),
        ("line", Whole(|task| task.line.into())),
        ("scope_id", Optional(|task| task.scope.map(f64::from))),
        ("parent_task_id", Optional(|task| task.parent.map(f64::from))),
        ("started_us", Whole(|task| task.started_us.into())),
        ("ended_us", Text(|task| or_empty(task.ended_us))),
        ("state", Text(|task| task.state.describe().to_owned())),
        ("polls", Whole(|task| task.polls.into())),
        ("busy_us", Whole(|task| task.busy_us.into())),
        ("allocations", Whole(|task| task.allocations.into())),
        ("allocated_bytes", Whole(|task| task.allocated_bytes.into())),
        ("frees", Whole(|task| task.frees.into())),
        ("freed_bytes", Whole(|task| task.freed_bytes.into())),
        ("live_bytes", Estimated(|task| task.live_bytes)),
        ("peak_bytes", Estimated(|task| task.peak_bytes)),
    ]
}

fn findings() -> [Column<Bottleneck>; 6] {
    [
        ("kind", Text(|finding| format!("{:?}", finding.kind))),
        ("severity", Text(|finding| format!("{:?}", finding.severity))),
        ("culprit", Text(|finding| finding.culprit.clone())),
        ("bytes", Estimated(|finding| finding.bytes)),
        ("evidence", Text(|finding| finding.evidence.clone())),
        ("advice", Text(|finding| finding.advice.clone())),
    ]
}

/// A table of one row.
fn session() -> [Column<Analysis>; 17] {
    [
        ("name", Text(|analysis| analysis.session.name.clone())),
        ("executable", Text(|analysis| analysis.session.executable.clone())),
        ("process_id", Whole(|analysis| analysis.session.process_id.into())),
        ("started_unix_ns", Whole(|analysis| analysis.session.started_unix_ns.into())),
        ("duration_us", Whole(|analysis| analysis.session.duration_us.into())),
        ("complete", Text(|analysis| analysis.session.complete.to_string())),
        ("allocations", Whole(|analysis| analysis.totals.allocations.into())),
        ("allocated_bytes", Whole(|analysis| analysis.totals.allocated_bytes.into())),
        ("frees", Whole(|analysis| analysis.totals.frees.into())),
        ("freed_bytes", Whole(|analysis| analysis.totals.freed_bytes.into())),
        ("peak_bytes", Whole(|analysis| analysis.totals.peak_bytes.into())),
        ("peak_us", Whole(|analysis| analysis.totals.peak_us.into())),
        ("live_bytes", Whole(|analysis| analysis.totals.live_bytes.into())),
        ("threads", Whole(|analysis| analysis.totals.threads.into())),
        ("samples", Whole(|analysis| analysis.totals.samples.into())),
        ("lost_samples", Whole(|analysis| analysis.totals.lost_samples.into())),
        ("warnings", Text(|analysis| analysis.warnings.join(" "))),
    ]
}

fn table<T>(columns: &[Column<T>], rows: &[T], out: &mut dyn Write) -> io::Result<()> {
    let names = columns.iter().flat_map(|(name, cell)| match cell {
        Estimated(_) => vec![name.to_string(), format!("{name}_low"), format!("{name}_high")],
        _ => vec![name.to_string()],
    });
    line(names, out)?;
    for row in rows {
        let cells = columns.iter().flat_map(|(_, cell)| match cell {
            Text(tell) => vec![quoted(&printable(&tell(row)))],
            Whole(tell) => vec![tell(row).to_string()],
            Optional(tell) => vec![tell(row).map(|value| value.to_string()).unwrap_or_default()],
            Estimated(tell) => {
                let estimate = tell(row);
                [estimate.value, estimate.low, estimate.high].map(|value| value.to_string()).to_vec()
            }
        });
        line(cells, out)?;
    }
    Ok(())
}

fn line(cells: impl Iterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
    let cells: Vec<String> = cells.collect();
    write!(out, "{}\r\n", cells.join(","))
}

/// The text, in quotes where it has to be.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
