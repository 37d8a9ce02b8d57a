//! `merge` of what traces tell since format 1.2: instances of tasks, and more of resources.

use super::common::{end, small, write};
use super::script::{Random, Script};
use super::{command, file, outcome, run_with};
use memscope_report::{Profile, load::TaskInstance};
use memscope_trace::*;
use std::path::{Path, PathBuf};

/// Merges the traces; returns the result and what was said on standard error.
fn merge(dir: &tempfile::TempDir, traces: &[&Path]) -> (PathBuf, String) {
    let output = dir.path().join(format!("merged-{}.bin", traces.len()));
    let found = command().arg("merge").args(traces).arg("-o").arg(&output).output().unwrap();
    let stderr = String::from_utf8(found.stderr).unwrap();
    assert_eq!(found.status.code(), Some(0), "{stderr}");
    (output, stderr)
}

/// A task without what is different in another trace: ids, and the peak.
fn comparable(task: &TaskInstance, profile: &Profile) -> (String, String, String, [f64; 2]) {
    let scope = profile.scopes.iter().find(|totals| totals.scope.id == task.scope);
    let figures = [
        task.started_us,
        task.polls,
        task.busy_us,
        task.allocations,
        task.allocated_bytes,
        task.frees,
        task.freed_bytes,
    ];
    let samples = &task.samples;
    (
        format!("{} {}:{}", task.name, task.file, task.line),
        scope.map_or_else(String::new, |totals| totals.scope.name.clone()),
        format!("{:?} {figures:?}", task.end),
        [samples.allocated.value(), samples.live.value()],
    )
}

#[test]
fn tasks_keep_their_figures_and_samples() {
    let dir = tempfile::tempdir().unwrap();
    let exact = Interval::default();
    let sampled = Interval { interval_bytes: 4_096.0, ..Interval::default() };
    let one = Script::tree(&["app::main", "app::parse"], 20).trace(exact, Random(1));
    let other = Script::tree(&["app::other"], 9).trace(sampled, Random(2));
    let (one, other) = (file(&dir, "one.bin", &one), file(&dir, "other.bin", &other));
    let (merged, stderr) = merge(&dir, &[&one, &other, &one]);
    assert_eq!(stderr, "");
    let all = Profile::open(&merged).unwrap();
    let [one, other] = [&one, &other].map(|path| Profile::open(path).unwrap());
    let expected: Vec<_> = [&one, &other, &one]
        .iter()
        .flat_map(|profile| profile.tasks.iter().map(|task| comparable(task, profile)))
        .collect();
    let found: Vec<_> = all.tasks.iter().map(|task| comparable(task, &all)).collect();
    assert_eq!(found, expected);
    assert!(found.iter().filter(|task| task.3[0] > 0.0).count() > 24, "most have samples");
    let ids: Vec<u32> = all.tasks.iter().map(|task| task.id).collect();
    assert_eq!(ids, (1..=36).collect::<Vec<u32>>());
    assert_eq!((all.task_count.started, all.task_count.unnumbered), (3 * 17, 15));
    assert_eq!(all.task_count.cancelled, 9);
}

#[test]
fn a_task_made_in_another_is_made_in_the_same_one_of_its_trace() {
    let dir = tempfile::tempdir().unwrap();
    let mut records = small();
    records.insert(
        4,
        Record::Tasks(Tasks {
            texts: vec!["serve".into(), "src/main.rs".into()],
            tasks: vec![40, 70],
            names: vec![0, 0],
            files: vec![1, 1],
            lines: vec![7, 8],
            scopes: vec![1, 0],
            // Nothing else is told of task 9.
            parents: vec![9, 40],
            started_us: vec![5, 6],
        }),
    );
    let one = file(&dir, "one.bin", &write(&records));
    let all = Profile::open(merge(&dir, &[&one, &one]).0).unwrap();
    let found: Vec<(u32, u32, u32)> =
        all.tasks.iter().map(|task| (task.id, task.parent, task.line)).collect();
    assert_eq!(found, [(2, 1, 7), (3, 2, 8), (5, 4, 7), (6, 5, 8)]);
}

/// The small trace with the resources of a process of 2 threads.
fn with_resources(open_files: u64) -> Vec<Record> {
    let mut records = small();
    let is_resources = |record: &Record| matches!(record, Record::Resources(_));
    let at = records.iter().position(is_resources).unwrap() + 1;
    let details = |time_us, open_files, throttled| {
        Record::ResourceDetails(ResourceDetails {
            time_us,
            open_files,
            read_operations: Some(30),
            cpu_throttled_us: throttled,
            ..ResourceDetails::default()
        })
    };
    let times = |time_us, names: [&str; 2]| {
        Record::ThreadTimes(ThreadTimes {
            time_us,
            os_ids: vec![101, 102],
            cpu_us: vec![time_us / 10, 4],
            wait_us: vec![0, 1],
            wait_known: vec![1, 1],
            names: names.map(str::to_owned).into(),
        })
    };
    let parts = MemoryParts { time_us: 3_000, rss_bytes: Some(9 << 20), ..MemoryParts::default() };
    records.splice(
        at..at,
        [
            details(2_500, Some(open_files), Some(700)),
            times(2_600, ["main", ""]),
            Record::MemoryParts(parts),
            details(3_500, None, Some(900)),
            times(3_600, ["", "worker"]),
        ],
    );
    records
}

fn records(path: &Path) -> Vec<Record> {
    let mut reader = TraceReader::new(std::fs::File::open(path).unwrap()).unwrap();
    std::iter::from_fn(|| reader.next_record().unwrap()).collect()
}

#[test]
fn resources_add_up_and_threads_stay_apart() {
    let dir = tempfile::tempdir().unwrap();
    let one = file(&dir, "one.bin", &write(&with_resources(5)));
    let other = file(&dir, "other.bin", &write(&with_resources(8)));
    let (merged, stderr) = merge(&dir, &[&one, &other]);
    assert!(
        stderr.contains("warning: ") && stderr.contains("resident memory") && stderr.lines().count() == 1
    );
    let records = records(&merged);
    let details: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::ResourceDetails(details) => {
                Some((details.time_us, details.open_files, details.read_operations, details.cpu_throttled_us))
            }
            _ => None,
        })
        .collect();
    // What was not asked this time is as it was, and of a cgroup's figures the largest counts.
    assert_eq!(
        details,
        [
            (2_500, Some(5), Some(30), Some(700)),
            (2_500, Some(13), Some(60), Some(700)),
            (3_500, Some(13), Some(60), Some(900)),
            (3_500, Some(13), Some(60), Some(900)),
        ]
    );
    let far = 1 << 32;
    let times: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::ThreadTimes(times) => Some((times.time_us, times.os_ids.clone(), times.names.clone())),
            _ => None,
        })
        .collect();
    let names = |one: &str, other: &str| vec![one.to_owned(), other.to_owned()];
    assert_eq!(
        times,
        [
            (2_600, vec![101, 102], names("main [1]", "")),
            (2_600, vec![far + 101, far + 102], names("main [2]", "")),
            (3_600, vec![101, 102], names("", "worker [1]")),
            (3_600, vec![far + 101, far + 102], names("", "worker [2]")),
        ]
    );
    let profile = Profile::open(&merged).unwrap();
    let ids: Vec<u64> = profile.threads.iter().map(|thread| thread.os_id).collect();
    assert_eq!(ids, [101, 102, far + 101, far + 102]);
    assert!(profile.memory_parts.is_empty());
    outcome(0, "info", &[&merged], &[]);
}

#[test]
fn a_single_trace_keeps_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let original = with_resources(5);
    let (merged, stderr) = merge(&dir, &[&file(&dir, "one.bin", &write(&original))]);
    assert_eq!(stderr, "");
    let found = records(&merged);
    // But for what was not asked the second time: it is as it was.
    for record in original {
        if matches!(record, Record::ThreadTimes(_) | Record::MemoryParts(_)) {
            assert!(found.contains(&record), "{record:?}");
        }
    }
}

/// How a program ends is worth a warning where figures are affected by it.
#[test]
fn an_exit_without_finalize_is_no_warning_and_a_cut_trace_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let ended = |reason: EndReason| {
        let mut records = small();
        records.pop();
        let Record::End(end) = end() else { panic!("an end") };
        records.push(Record::End(End { reason: reason as u8, ..end }));
        write(&records)
    };
    let exited = file(&dir, "exited.bin", &ended(EndReason::ProcessExit));
    for subcommand in ["summary", "top", "leaks", "tree", "scopes", "tasks", "info", "check"] {
        outcome(0, subcommand, &[&exited], &[]);
    }
    let info = outcome(0, "info", &[&exited], &[]);
    assert!(info.contains("exit"), "{info}");
    let failed = file(&dir, "failed.bin", &ended(EndReason::WriteFailed));
    let whole = ended(EndReason::Finalized);
    let cut = file(&dir, "cut.bin", &whole[..whole.len() - 3]);
    let mut records = small();
    records.pop();
    let killed = file(&dir, "killed.bin", &write(&records));
    // Samples before the end are missing: a gate must not take them for freed.
    let (code, _, stderr) = run_with(&[Path::new("check"), &failed]);
    assert!(code == 3 && stderr.contains("Writing the trace failed"), "{code}: {stderr}");
    for (path, said) in [
        (&failed, "Writing the trace failed"),
        (&cut, "The trace has no end"),
        (&killed, "The trace has no end"),
    ] {
        for subcommand in ["summary", "top", "leaks", "tree"] {
            let (code, _, stderr) = run_with(&[Path::new(subcommand), path]);
            assert!(code == 0 && stderr.contains(said), "{subcommand}: {stderr}");
        }
    }
}
