//! What a trace is made of.

use super::json;
use super::layout::{Table, TextOptions, Tone, share};
use crate::info::TraceInfo;
use crate::page::utc;
use crate::units;
use memscope_trace::{EndReason, Session};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes it as text.
///
/// # Errors
/// What `out` gives.
pub fn write_info(out: &mut dyn Write, info: &TraceInfo, options: &TextOptions) -> io::Result<()> {
    let (major, minor) = info.format_version;
    let mut lines = vec![(
        "trace",
        format!("format {major}.{minor}, {} bytes, {}", units::digits(info.read.bytes), state(info)),
    )];
    if let Some(session) = &info.session {
        lines.extend(of_session(session));
    }
    lines.push(("interval", intervals(info)));
    lines.push(("losses", losses(info)));
    lines.push(("damage", damage(info)));
    lines.push((
        "contents",
        format!(
            "{}, {}, {}",
            units::things(info.threads, "thread"),
            units::things(info.scopes, "scope"),
            units::things(info.modules.len() as u64, "module")
        ),
    ));
    for (name, value) in lines {
        options.write_wrapped(out, Tone::Plain, &format!("{name:<9} {value}"))?;
    }
    writeln!(out)?;
    let bytes: u64 = info.kinds.iter().map(|kind| kind.bytes).sum();
    let mut table = Table::new(&["blocks", "rows", "bytes", "share", "kind"]);
    for kind in &info.kinds {
        let figures = vec![
            units::digits(kind.blocks),
            units::digits(kind.rows),
            units::digits(kind.bytes),
            share(kind.bytes as f64, bytes as f64),
        ];
        table.push(Tone::Plain, figures, kind.kind);
    }
    table.write(out, options)
}

fn of_session(session: &Session) -> Vec<(&'static str, String)> {
    let name = if session.name.is_empty() { "a program" } else { &session.name };
    vec![
        ("program", format!("{name}{}, {}", units::process(session.process_id), session.executable)),
        ("started", utc(session.started_unix_ns)),
        (
            "machine",
            format!(
                "{} {}, {}, pages of {}",
                session.os,
                session.arch,
                units::things(session.cpus, "CPU"),
                units::bytes(session.page_bytes as f64)
            ),
        ),
        (
            "config",
            format!(
                "sample_rate {}, min_allocation_size {}, buffer_size {}; stacks by {}; memscope {}",
                session.sample_rate,
                units::bytes(session.min_allocation_size_bytes as f64),
                units::bytes(session.buffer_size_bytes as f64),
                session.unwinder,
                session.memscope_version
            ),
        ),
    ]
}

fn state(info: &TraceInfo) -> String {
    match info.end.map(|end| (EndReason::from_u8(end.reason), end.totals.time_us)) {
        None => "without an end: the program crashed, was killed, or still runs".to_owned(),
        Some((EndReason::ProcessExit, time_us)) => {
            format!("ended by the process's exit after {}", units::duration_us(time_us))
        }
        Some((EndReason::WriteFailed, time_us)) => {
            format!("ended by a failed write after {}", units::duration_us(time_us))
        }
        Some((_, time_us)) => format!("complete, {}", units::duration_us(time_us)),
    }
}

fn intervals(info: &TraceInfo) -> String {
    let Some(last) = info.intervals.last() else { return "not in the trace".to_owned() };
    if last.interval_bytes <= 0.0 {
        return "every allocation is a sample".to_owned();
    }
    let mut text = format!(
        "a sample each {}, each allocation counting {} beside its size",
        units::bytes(last.interval_bytes),
        units::bytes(last.credit_bytes)
    );
    if info.intervals.iter().any(|interval| interval.interval_bytes != last.interval_bytes) {
        let bytes = || info.intervals.iter().map(|interval| interval.interval_bytes);
        let (least, greatest) = (bytes().fold(f64::INFINITY, f64::min), bytes().fold(0.0, f64::max));
        let changes = info.intervals.len() - 1;
        text += &format!(
            " at the end; changed {}, {}",
            units::things(changes as u64, "time"),
            units::range(least, greatest, units::bytes)
        );
    }
    text
}

fn losses(info: &TraceInfo) -> String {
    let loss = &info.loss;
    format!(
        "{} by full buffers, {} by a full table; {}; {}",
        units::things(loss.buffer_full, "sample"),
        units::digits(loss.table_full),
        units::things(loss.stacks, "stack"),
        units::things(loss.late_events, "late event")
    )
}

fn damage(info: &TraceInfo) -> String {
    let read = &info.read;
    let found: Vec<String> = [
        (u64::from(info.header_damaged), "damaged header", ""),
        (read.damaged_blocks, "damaged block", ""),
        (read.missing_blocks, "missing block", ""),
        (read.out_of_order_blocks, "block", " out of order"),
        (read.unknown_blocks, "block", " of an unknown kind"),
        (read.skipped_bytes, "byte", " skipped"),
        (read.torn_tail_bytes, "byte", " of a cut block at the end"),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, what, how)| units::things(number, what) + how)
    .collect();
    if found.is_empty() { "none".to_owned() } else { found.join(", ") }
}

/// Writes it as JSON.
///
/// # Errors
/// What `out` gives.
pub fn write_info_json(out: &mut dyn Write, info: &TraceInfo) -> io::Result<()> {
    let (loss, read) = (&info.loss, &info.read);
    let value = json!({
        "format_version": [info.format_version.0, info.format_version.1],
        "complete": info.end.is_some(),
        "end_reason": info.end.map(|end| match EndReason::from_u8(end.reason) {
            EndReason::ProcessExit => "process exit",
            EndReason::WriteFailed => "write failed",
            EndReason::Finalized => "finalized",
        }),
        "session": info.session,
        "threads": info.threads,
        "scopes": info.scopes,
        "intervals": info.intervals,
        "modules": info.modules.iter().map(|module| json!({
            "path": module.path,
            "build_id": module.build_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            "start": module.start,
            "end": module.end,
        })).collect::<Vec<Value>>(),
        "losses": {
            "buffer_full": loss.buffer_full,
            "table_full": loss.table_full,
            "stacks": loss.stacks,
            "late_events": loss.late_events,
        },
        "damage": {
            "header": info.header_damaged,
            "damaged_blocks": read.damaged_blocks,
            "missing_blocks": read.missing_blocks,
            "out_of_order_blocks": read.out_of_order_blocks,
            "unknown_blocks": read.unknown_blocks,
            "skipped_bytes": read.skipped_bytes,
            "torn_tail_bytes": read.torn_tail_bytes,
        },
        "bytes": read.bytes,
        "kinds": info.kinds.iter().map(|kind| json!({
            "kind": kind.kind, "blocks": kind.blocks, "rows": kind.rows, "bytes": kind.bytes,
        })).collect::<Vec<Value>>(),
    });
    json::write(out, &value)
}
