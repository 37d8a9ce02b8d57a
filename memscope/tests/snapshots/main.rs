//! A program that grows until there is no more memory for it: what it leaves behind.

mod cgroup;

use cgroup::Cgroup;
use memscope::{Session, Threshold};
use memscope_trace::{Record, TraceReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

const GROW_BYTES: usize = 2 << 20;
const LIMIT_BYTES: u64 = 256 << 20;
const STEP_BYTES: u64 = 16 << 20;
const STEP_PERCENT: f64 = 10.0;
/// Tells the process that it is the one to grow, and where it writes.
const FOLDER: &str = "MEMSCOPE_TEST_GROW_IN";
/// Where it reads how far it has come.
const USAGE: &str = "MEMSCOPE_TEST_USAGE";

/// Grows without an end of its own, and tells how far it has come; returns at once where this is not the process to do so.
fn grow_if_told(threshold: Threshold, usage_bytes: fn() -> u64) {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let _session = Session::builder().output(&folder).on_threshold(threshold).start().expect("a session");
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(vec![1; GROW_BYTES]);
        std::fs::write(Path::new(&folder).join("reached"), usage_bytes().to_string()).expect("told");
        // A step takes 8 of these or more: a look each 100 ms misses none, on a busy machine either.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs this test again, as the process to grow, after those lines of the shell.
fn run(test: &str, preparation: &str, folder: &Path, usage: &Path) -> Output {
    let this = std::env::current_exe().expect("this test");
    let script = format!("{preparation} && exec '{}' --exact {test}", this.display());
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env(FOLDER, folder).env(USAGE, usage).env("MALLOC_ARENA_MAX", "1");
    command.output().expect("a shell")
}

fn rss_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: u64 = text.split(' ').nth(1).expect("resident").parse().expect("a number");
    pages * 4096
}

fn cgroup_bytes() -> u64 {
    let usage = std::env::var(USAGE).expect("a file's name");
    std::fs::read_to_string(usage).expect("the group's usage").trim().parse().expect("a number")
}

/// Snapshots with the sizes in their names, bytes, the least first.
fn snapshots(folder: &Path) -> Vec<(u64, PathBuf)> {
    let of = |path: PathBuf| {
        let size = path.file_stem()?.to_str()?.strip_prefix("snapshot-")?.split_once('-')?.1;
        Some((size.strip_suffix("MiB")?.parse::<u64>().ok()? << 20, path))
    };
    let files = std::fs::read_dir(folder).expect("the folder");
    let mut snapshots: Vec<_> = files.filter_map(|entry| of(entry.ok()?.path())).collect();
    snapshots.sort();
    snapshots
}

fn samples(trace: &Path) -> usize {
    let mut trace = TraceReader::new(std::fs::File::open(trace).expect("a file")).expect("a trace");
    let mut samples = 0;
    while let Some(record) = trace.next_record().expect("readable") {
        if let Record::Samples(rows) = record {
            samples += rows.sites.len();
        }
    }
    samples
}

/// The last snapshot lies within a step of the end, and holds what was held.
fn look_at(folder: &Path, step_bytes: u64) -> String {
    let reached = std::fs::read_to_string(folder.join("reached")).expect("how far it came");
    let reached: u64 = reached.parse().expect("bytes");
    let snapshots = snapshots(folder);
    // The oldest of eight goes once the next is written: killed in between, the process leaves nine.
    assert!((1..=9).contains(&snapshots.len()), "{snapshots:?}");
    let (last, path) = snapshots.last().expect("a snapshot");
    assert!(last + step_bytes + 4 * GROW_BYTES as u64 >= reached, "{last} of {reached}");
    let (in_snapshot, in_trace) = (samples(path), samples(&folder.join("trace.bin")));
    assert!(
        in_snapshot > 10 && in_trace >= in_snapshot,
        "{in_snapshot} samples, and {in_trace} in the trace"
    );
    format!(
        "{} snapshots, the last at {last} of {reached} bytes with {in_snapshot} of {in_trace} samples",
        snapshots.len()
    )
}

/// Where an allocation fails, which aborts the process.
#[test]
fn the_last_snapshot_lies_within_a_step_of_the_end() {
    grow_if_told(Threshold::Bytes(STEP_BYTES), rss_bytes);
    let folder = tempfile::tempdir().expect("a folder");
    let test = "the_last_snapshot_lies_within_a_step_of_the_end";
    // The limit leaves room for the program itself, its threads' arenas and memscope's address ranges.
    let output = run(test, "ulimit -v 786432", folder.path(), Path::new(""));
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    println!("{}", look_at(folder.path(), STEP_BYTES));
}

/// Where the kernel kills the process because its cgroup is full.
#[test]
fn a_kill_for_want_of_memory_leaves_a_snapshot() {
    grow_if_told(Threshold::PercentOfLimit(STEP_PERCENT), cgroup_bytes);
    let group = match Cgroup::with_limit(LIMIT_BYTES) {
        Ok(group) => group,
        Err(refusal) => return println!("skipped: NOTHING was tested, no cgroup can be made ({refusal})"),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let join = format!("echo $$ > '{}'", group.members().display());
    let output = run("a_kill_for_want_of_memory_leaves_a_snapshot", &join, folder.path(), &group.usage());
    assert_eq!(output.status.signal(), Some(libc::SIGKILL), "{output:?}");
    assert_eq!(group.oom_kills(), 1, "it was the kernel");
    let step_bytes = (LIMIT_BYTES as f64 * STEP_PERCENT / 100.0) as u64;
    println!("{}", look_at(folder.path(), step_bytes));
}
