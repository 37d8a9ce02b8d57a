//! A program that grows until its address space ends: what it leaves behind.

use memscope::{Session, Threshold};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const STEP_BYTES: u64 = 16 << 20;
const GROW_BYTES: usize = 2 << 20;
/// Tells the process that it is the one to grow, and where.
const FOLDER: &str = "MEMSCOPE_TEST_GROW_IN";

/// Grows until an allocation fails, which aborts the process; tells its RSS as it goes.
fn grow(folder: &str) {
    let _session = Session::builder()
        .output(folder)
        .on_threshold(Threshold::Bytes(STEP_BYTES))
        .start()
        .expect("a session");
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(vec![1; GROW_BYTES]);
        std::fs::write(Path::new(folder).join("reached"), rss_bytes().to_string()).expect("told");
        // A step takes 8 of these: a look each 100 ms misses none.
        std::thread::sleep(Duration::from_millis(30));
    }
}

fn rss_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: u64 = text.split(' ').nth(1).expect("resident").parse().expect("a number");
    pages * 4096
}

#[test]
fn the_last_snapshot_lies_within_a_step_of_the_end() {
    if let Ok(folder) = std::env::var(FOLDER) {
        grow(&folder);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let this = std::env::current_exe().expect("this test");
    // The limit leaves room for the program itself, its threads' arenas and memscope's address ranges.
    let script = format!(
        "ulimit -v 786432; exec '{}' --exact the_last_snapshot_lies_within_a_step_of_the_end",
        this.display()
    );
    let status = Command::new("sh")
        .args(["-c", &script])
        .env(FOLDER, folder.path())
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .expect("a shell");
    assert!(!status.status.success(), "the process ends where its memory does");
    let reached = std::fs::read_to_string(folder.path().join("reached")).expect("how far it came");
    let reached: u64 = reached.parse().expect("bytes");
    let mut snapshots: Vec<(u64, std::path::PathBuf)> = std::fs::read_dir(folder.path())
        .expect("the folder")
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let size = path.file_stem()?.to_str()?.strip_prefix("snapshot-")?.split_once('-')?.1;
            Some((size.strip_suffix("MiB")?.parse::<u64>().ok()? << 20, path))
        })
        .collect();
    snapshots.sort();
    assert!((1..=8).contains(&snapshots.len()), "{snapshots:?}");
    let (last, path) = snapshots.last().expect("a snapshot");
    assert!(last + STEP_BYTES + (GROW_BYTES as u64) * 4 >= reached, "{last} of {reached}");
    let trace = memscope_trace::TraceReader::new(std::fs::File::open(path).expect("the snapshot"));
    let mut trace = trace.expect("a trace");
    let mut samples = 0;
    while let Some(record) = trace.next_record().expect("readable") {
        if let memscope_trace::Record::Samples(rows) = record {
            samples += rows.sites.len();
        }
    }
    assert!(samples > 10, "what was held is in it: {samples}");
}
