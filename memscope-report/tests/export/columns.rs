//! CSV, parsed back.

use crate::fixture::{EVIL, THREADS, assert_close, expected, export, source};
use memscope_report::export::{ExportOptions, Measure, exporter};
use std::fs;

/// The rows of a file of comma-separated values, cell by cell (RFC 4180).
fn parse(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(!quoted && row.is_empty() && cell.is_empty(), "the file ends in a line break");
    rows
}

fn column(rows: &[Vec<String>], name: &str) -> Vec<String> {
    let at = rows[0].iter().position(|cell| cell == name).unwrap_or_else(|| panic!("no column {name}"));
    rows[1..].iter().map(|row| row[at].clone()).collect()
}

fn total(rows: &[Vec<String>], name: &str) -> f64 {
    column(rows, name).iter().map(|cell| cell.parse::<f64>().unwrap()).sum()
}

#[test]
fn call_sites_add_up() {
    let source = source();
    let analysis = source.analysis();
    let rows = parse(&String::from_utf8(export(&source, "csv")).unwrap());
    assert!(rows.iter().all(|row| row.len() == rows[0].len()) && rows.len() == analysis.sites.len() + 1);
    for (name, measure) in [
        ("allocations", Measure::Allocations),
        ("allocated_bytes", Measure::AllocatedBytes),
        ("peak_bytes", Measure::PeakBytes),
        ("live_bytes", Measure::LiveBytes),
        ("temporary_bytes", Measure::TemporaryBytes),
        ("copied_bytes", Measure::CopiedBytes),
    ] {
        assert_close(total(&rows, name), expected(&analysis, measure), name);
    }
    assert!(total(&rows, "allocated_bytes_low") < total(&rows, "allocated_bytes_high"));
    // A name's control characters are shown, the rest is as it was.
    let shown = EVIL.replace('\x1b', "\\u{1b}").replace('\x07', "\\u{7}");
    assert!(column(&rows, "call_site").contains(&shown), "{:?}", column(&rows, "call_site"));
}

#[test]
fn every_table_parses() {
    let source = source();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("tables");
    exporter("csv").unwrap().write_to(&source, &ExportOptions::default(), &folder).unwrap();
    let read = |name: &str| parse(&fs::read_to_string(folder.join(format!("{name}.csv"))).unwrap());
    let threads = read("threads");
    assert_eq!(column(&threads, "thread_id").len(), 3);
    let shown = THREADS[2].replace('\x1b', "\\u{1b}");
    assert!(
        column(&threads, "name").contains(&shown)
            && column(&threads, "name").contains(&THREADS[1].to_owned())
    );
    assert_eq!(total(&read("session"), "allocated_bytes"), 60_000_000.0);
    let timeline = read("timeline");
    assert_eq!(column(&timeline, "live_bytes").last().map(String::as_str), Some("39000000"));
    let analysis = source.analysis();
    let lifetimes = read("lifetimes");
    let ended: f64 = analysis.flows.iter().map(|flow| flow.bytes.value).sum();
    assert_close(total(&lifetimes, "freed_bytes") + total(&lifetimes, "live_bytes"), ended, "lifetimes");
    assert_close(total(&read("flows"), "bytes"), ended, "flows");
    assert!(column(&read("flows"), "freed_by_thread_id").contains(&"live".to_owned()));
    let modules = read("modules");
    // Samples whose call site is lost are in no crate, as they are in no flow.
    assert_close(total(&modules, "allocated_bytes"), ended, "modules");
    assert_close(total(&read("lifetimes_by_size"), "live_bytes"), total(&lifetimes, "live_bytes"), "sizes");
    assert_eq!(column(&read("resources"), "rss_bytes"), ["5242880"]);
    for name in ["sizes", "scopes", "tasks", "findings", "thread_series"] {
        let rows = read(name);
        assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{name}");
    }
}
