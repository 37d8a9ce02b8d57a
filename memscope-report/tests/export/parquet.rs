//! Parquet, read back by the crate's own reader.

use crate::fixture::{EVIL, THREADS, assert_close, expected, source};
use memscope_report::export::{ExportOptions, Measure, exporter};
use parquet::file::reader::SerializedFileReader;
use parquet::record::{Row, RowAccessor};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::Path;

fn rows(folder: &Path, table: &str) -> Vec<Row> {
    let file = File::open(folder.join(format!("{table}.parquet"))).unwrap();
    SerializedFileReader::new(file).unwrap().into_iter().map(Result::unwrap).collect()
}

/// The row's column called `name`.
fn at(row: &Row, name: &str) -> usize {
    row.get_column_iter().position(|(column, _)| column == name).unwrap_or_else(|| panic!("no column {name}"))
}

fn whole(row: &Row, name: &str) -> i64 {
    row.get_long(at(row, name)).unwrap()
}

#[test]
fn samples_add_up_and_lead_to_their_stacks_and_threads() {
    let source = source();
    let analysis = source.analysis();
    let dir = tempfile::tempdir().unwrap();
    exporter("parquet").unwrap().write_to(&source, &ExportOptions::default(), dir.path()).unwrap();
    let samples = rows(dir.path(), "samples");
    assert_eq!(samples.len(), 400);
    let is_live = |row: &&Row| row.get_long(at(row, "freed_us")).is_err();
    let bytes = |row: &Row| row.get_double(at(row, "bytes")).unwrap();
    let at_peak = |row: &&Row| row.get_bool(at(row, "at_peak")).unwrap();
    assert_close(samples.iter().map(bytes).sum(), expected(&analysis, Measure::AllocatedBytes), "bytes");
    let allocations = samples.iter().map(|row| row.get_double(at(row, "allocations")).unwrap()).sum();
    assert_close(allocations, expected(&analysis, Measure::Allocations), "allocations");
    assert_close(
        samples.iter().filter(is_live).map(bytes).sum(),
        expected(&analysis, Measure::LiveBytes),
        "live",
    );
    assert_close(
        samples.iter().filter(at_peak).map(bytes).sum(),
        expected(&analysis, Measure::PeakBytes),
        "peak",
    );

    let frames: HashMap<i64, String> = rows(dir.path(), "frames")
        .iter()
        .map(|row| (whole(row, "frame_id"), row.get_string(at(row, "function")).unwrap().clone()))
        .collect();
    let sites: HashMap<i64, &str> = rows(dir.path(), "stacks")
        .iter()
        .map(|row| (whole(row, "stack_id"), frames[&whole(row, "site_frame_id")].as_str()))
        .collect();
    let found: HashSet<&str> = samples.iter().map(|row| sites[&whole(row, "stack_id")]).collect();
    let expected = [EVIL, "app::index", "(stack not recorded)", "(call sites lost to damage)"];
    assert_eq!(found, expected.into_iter().collect());

    let threads = rows(dir.path(), "threads");
    let names: Vec<&String> = threads.iter().map(|row| row.get_string(at(row, "name")).unwrap()).collect();
    assert_eq!(names, THREADS.each_ref());
    assert!(samples.iter().all(|row| (1..=3).contains(&whole(row, "thread_id"))));
    let session = rows(dir.path(), "session");
    assert_eq!((session.len(), whole(&session[0], "allocated_bytes")), (1, 60_000_000));
    let counters = rows(dir.path(), "counters");
    assert_eq!(whole(counters.last().unwrap(), "live_bytes"), 39_000_000);
}
