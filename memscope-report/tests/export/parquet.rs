//! Parquet, read back by the crate's own reader.

use crate::fixture::{EVIL, THREADS, assert_close, expected, source, source_of};
use crate::script::{Random, Script};
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

/// The sums of `bytes` by a column, 0 for null, of the samples that `chosen` chooses.
fn bytes_by(samples: &[Row], column: &str, chosen: impl Fn(&Row) -> bool) -> HashMap<i64, f64> {
    let mut sums = HashMap::new();
    for row in samples.iter().filter(|row| chosen(row)) {
        let id = row.get_long(at(row, column)).unwrap_or(0);
        *sums.entry(id).or_default() += row.get_double(at(row, "bytes")).unwrap();
    }
    sums
}

#[test]
fn samples_lead_to_their_scopes_and_tasks() {
    let script = Script::tree(&["app::serve", "app::parse", "app::<script>"], 20);
    let source = source_of(script.trace(memscope_trace::Interval::default(), Random(1)));
    let dir = tempfile::tempdir().unwrap();
    exporter("parquet").unwrap().write_to(&source, &ExportOptions::default(), dir.path()).unwrap();
    let samples = rows(dir.path(), "samples");
    let is_live = |row: &Row| row.get_long(at(row, "freed_us")).is_err();
    let is_at_peak = |row: &Row| row.get_bool(at(row, "at_peak")).unwrap();
    let (scopes, tasks) = script.truths();
    for (column, truths) in [("scope_id", &scopes), ("task_id", &tasks)] {
        let all = bytes_by(&samples, column, |_| true);
        let live = bytes_by(&samples, column, is_live);
        let at_peak = bytes_by(&samples, column, is_at_peak);
        assert_eq!(all.len(), truths.len());
        for (&id, truth) in truths {
            let found = [&all, &live, &at_peak].map(|sums| sums.get(&id.into()).copied().unwrap_or(0.0));
            assert_eq!(found, [truth[0], truth[1], truth[2]].map(|bytes| bytes as f64), "{column} {id}");
        }
    }

    let table = rows(dir.path(), "scopes");
    let names: Vec<&str> =
        table.iter().map(|row| row.get_string(at(row, "name")).unwrap().as_str()).collect();
    let expected: Vec<&str> = script.scopes.iter().map(|scope| scope.0.as_str()).collect();
    assert_eq!(names, expected);
    for row in &table {
        let id = whole(row, "scope_id");
        let (calls, own, all, _) = &script.exact()[&(id as u32)];
        let found = ["allocations", "allocated_bytes", "frees", "freed_bytes"];
        assert_eq!(found.map(|name| whole(row, name) as u64), *all);
        assert_eq!(found.map(|name| whole(row, &format!("own_{name}")) as u64), *own);
        assert_eq!((whole(row, "calls") as u64, whole(row, "polls") as u64), (*calls, 3 * calls));
        let parent = row.get_long(at(row, "parent_scope_id")).unwrap_or(0);
        assert_eq!(parent, i64::from(script.scopes[id as usize - 1].1));
    }

    let table = rows(dir.path(), "tasks");
    assert_eq!(table.len(), 12);
    for row in &table {
        let id = whole(row, "task_id");
        assert_eq!(whole(row, "allocated_bytes") as u64, tasks[&(id as u32)][0]);
        let state = row.get_string(at(row, "state")).unwrap().as_str();
        assert_eq!(state, ["alive", "done", "cancelled", "panicked"][id as usize % 4]);
        assert_eq!(row.get_long(at(row, "ended_us")).is_ok(), state != "alive");
        assert!(scopes.contains_key(&(whole(row, "scope_id") as u32)) && whole(row, "line") == 40 + id % 5);
    }
}
