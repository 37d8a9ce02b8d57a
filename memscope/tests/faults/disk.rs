//! The disk fills up, breaks, is slow, or is gone: the program goes on, the loss is counted and said once, the trace is usable
//! up to there, and goes on where there is room again.

use crate::harness::{Effort, Ended, Outcome, Program, Scenario, argument, number};
use crate::shim::{self, Fault};
use crate::traces::{SURE_BYTES, Trace, allocate, allocate_surely, profile};
use memscope::{SamplingConfig, Session};
use memscope_trace::EndReason;
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { rows: "13", name: "enospc_at_n", run: |effort| at_each_write("comes-back", effort) },
    Scenario { rows: "13", name: "enospc_from_n_on", run: |effort| at_each_write("stays-full", effort) },
    Scenario { rows: "13, 16", name: "torn_eio_epipe_at_n", run: |effort| at_each_write("breaks", effort) },
    Scenario { rows: "13", name: "a_disk_that_is_full", run: |_| full_disk("stays-full") },
    Scenario { rows: "13", name: "a_disk_that_was_full", run: |_| full_disk("comes-back") },
    Scenario { rows: "14", name: "short_write", run: |_| shimmed("spoiled", "short") },
    Scenario { rows: "15", name: "eintr", run: |_| shimmed("spoiled", "interrupted") },
    Scenario { rows: "18", name: "slow_disk", run: |_| shimmed("spoiled", "slow") },
    Scenario { rows: "12", name: "atexit_bounded", run: atexit_bounded },
    Scenario { rows: "1", name: "killed_in_a_write", run: killed_in_a_write },
    Scenario { rows: "17", name: "rlimit_fsize", run: file_size_limits },
    Scenario { rows: "13, 17", name: "the_end_has_its_room", run: end_has_its_room },
    Scenario { rows: "19", name: "rlimit_nofile", run: |_| told(Program::new("no-descriptors").run()) },
    Scenario { rows: "20", name: "bad_dirs", run: |_| told(Program::new("bad-folders").run()) },
    Scenario { rows: "21", name: "dir_removed_midrun", run: |_| told(Program::new("removed-folder").run()) },
];

pub(crate) const CHILDREN: &[(&str, fn())] = &[
    ("each-write", each_write_child),
    ("full-disk", full_disk_child),
    ("spoiled", spoiled_child),
    ("stalled-exit", stalled_exit_child),
    ("file-size", file_size_child),
    ("killed-in-a-write", killed_in_a_write_child),
    ("little-by-little", little_by_little_child),
    ("no-descriptors", no_descriptors_child),
    ("bad-folders", bad_folders_child),
    ("removed-folder", removed_folder_child),
];

const FOR_EVER: i64 = i64::MAX / 2;

/// Only [`allocate_surely`] makes samples, so what is recorded and what is lost must add up to what was made.
const ONLY_SURE: SamplingConfig =
    SamplingConfig { sample_rate: 0.01, min_allocation_size: SURE_BYTES, buffer_size: 1 << 20 };

fn told(ended: Ended) -> Outcome {
    Outcome::Passed(ended.expect_success().to_owned())
}

fn with_shim(child: &str, run: impl FnOnce(Program) -> Outcome) -> Outcome {
    match shim::library() {
        Ok(library) => run(Program::new(child).environment("LD_PRELOAD", library)),
        Err(reason) => Outcome::Skipped(reason),
    }
}

fn shimmed(child: &str, how: &str) -> Outcome {
    with_shim(child, |program| told(program.argument(how).run()))
}

/// Faults at each of the first 200 writes, a session for each, all in one process.
fn at_each_write(how: &str, effort: Effort) -> Outcome {
    with_shim("each-write", |program| {
        let ended = program.argument(how).argument(effort.choose(30, 1)).run();
        ended.expect_success();
        assert_eq!(ended.own_stderr(), "", "no noise");
        told(ended)
    })
}

fn each_write_child() {
    let how = argument(0);
    let (mut sessions, mut lost, mut at) = (0, 0, 1);
    while at <= 200 {
        let (fault, count, comes_back) = match (how.as_str(), sessions % 4) {
            ("comes-back", turn) => (Fault::Fails(libc::ENOSPC), 1 + turn, true),
            ("stays-full", _) => (Fault::Fails(libc::ENOSPC), FOR_EVER, false),
            ("breaks", 0) => (Fault::Fails(libc::EIO), FOR_EVER, false),
            ("breaks", 1) => (Fault::Fails(libc::EPIPE), FOR_EVER, false),
            ("breaks", 2) => (Fault::Torn(libc::ENOSPC), FOR_EVER, false),
            ("breaks", _) => (Fault::Torn(libc::ENOSPC), 4, true),
            other => panic!("{other:?}"),
        };
        lost += one_session(at, fault, count, comes_back);
        sessions += 1;
        at += if at < 20 { 1 } else { number(1) as i64 };
    }
    println!("{sessions} sessions; {lost} samples lost, all counted");
}

/// A session whose writes are spoiled from number `at` on; returns how many samples it lost.
fn one_session(at: i64, fault: Fault, count: i64, comes_back: bool) -> u64 {
    let folder = format!("out-{at}");
    shim::arm(fault, at, count);
    // A tick is a millisecond in exact mode.
    let config = SamplingConfig { sample_rate: 1.0, ..ONLY_SURE };
    let mut session = Session::builder().output(&folder).config(config).start().expect("a session");
    let (mut made, start) = (0_usize, Instant::now());
    let goes_on = || shim::writes() < at + if comes_back { count + 3 } else { 3 };
    // A disk that takes nothing is asked less and less often.
    while goes_on() && start.elapsed() < Duration::from_secs(if comes_back { 20 } else { 2 }) {
        allocate_surely(made);
        made += 1;
        std::thread::sleep(Duration::from_micros(300));
    }
    let finalized = session.finalize();
    shim::arm(fault, FOR_EVER, 0);
    let path = Path::new(&folder).join("trace.bin");
    if let Err(error) = &finalized {
        assert!(!comes_back, "write {at}: {error}");
        let error = error.to_string();
        assert!(error.contains("trace.bin") && error.contains("everything up to that"), "{error}");
    }
    if path.metadata().expect("a trace").len() < 32 {
        // Not even its header.
        assert!(at == 1 && !comes_back);
        return made as u64;
    }
    let trace = Trace::open(&path);
    let of = |tag| trace.sure(tag).times_us.len();
    let kept = (0..made).filter(|&tag| of(tag) == 1).count();
    assert_eq!(kept as u64, trace.samples, "nothing twice");
    if comes_back {
        let result = finalized.expect("the trace is whole");
        assert!(trace.stats.is_clean(), "write {at}: {:?}", trace.stats);
        assert_eq!(trace.end.expect("an end").reason, EndReason::Finalized as u8);
        assert_eq!(
            (result.sampled_allocations + result.lost_samples, trace.samples),
            (made as u64, kept as u64)
        );
        assert!((0..made).all(|tag| trace.sure(tag).freed == of(tag)), "write {at}: no false leak");
        assert_eq!(of(made - 1), 1, "write {at}: the last was made when there was room again");
    } else {
        assert!((0..kept).all(|tag| of(tag) == 1), "write {at}: everything up to the fault");
    }
    profile(&path);
    (made - kept) as u64
}

/// A real disk, of 64 KiB: a file system in memory, in a mount namespace of the child's own.
fn full_disk(how: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "mkdir disk && mount -t tmpfs -o size=96k none disk && exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, "sh"]).arg(std::env::current_exe().expect("a path"));
    command.args(["--child", "full-disk", how]).current_dir(folder.path());
    let probe = std::process::Command::new("unshare")
        .args(["-rm", "sh", "-c", "mount -t tmpfs -o size=96k none /mnt"])
        .output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return Outcome::Skipped("no mount namespaces here (unshare -rm): no disk to fill".into());
    }
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let lines = said.lines().count();
    assert!((1..=3).contains(&lines), "said once, and at the end: {said}");
    Outcome::Passed(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn full_disk_child() {
    let comes_back = argument(0) == "comes-back";
    std::fs::write("disk/ballast", vec![1; 40 << 10]).expect("room");
    let mut session = Session::builder().output("disk/out").config(ONLY_SURE).start().expect("a session");
    // Recorded while there is room, freed when there is none: their frees must come all the same.
    const HELD: usize = 50;
    const HELD_TAG: usize = 1 << 20;
    let held: Vec<Vec<u8>> = (0..HELD).map(|at| Vec::with_capacity(SURE_BYTES + HELD_TAG + at)).collect();
    std::thread::sleep(Duration::from_millis(200));
    let (mut held, mut made) = (Some(held), 0);
    while made < 8000 {
        if made == 7000 {
            held = None;
        }
        allocate_surely(made);
        made += 1;
        if made.is_multiple_of(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    if comes_back {
        std::fs::remove_file("disk/ballast").expect("it was there");
        std::thread::sleep(Duration::from_millis(1500));
        (0..100).for_each(|at| allocate_surely(made + at));
        made += 100;
    }
    drop(held);
    let finalized = session.finalize();
    made += HELD;
    let trace = Trace::open("disk/out/trace.bin".as_ref());
    let end = trace.end.expect("an END, for which room was kept");
    assert_eq!(end.samples + end.loss.samples(), made as u64, "{end:?}");
    assert_eq!(
        (end.loss.buffer_full_bytes / end.loss.samples().max(1)) >> 20,
        32,
        "the lost bytes are counted"
    );
    assert!(end.loss.samples() > 0, "the disk was full");
    if comes_back {
        let result = finalized.expect("the trace is whole");
        assert_eq!(end.reason, EndReason::Finalized as u8);
        assert_eq!((trace.samples, result.lost_samples), (end.samples, end.loss.samples()));
        let last = made - HELD;
        assert!((0..HELD).all(|at| trace.sure(HELD_TAG + at).freed == 1), "freed in the outage");
        assert!((last - 100..last).all(|tag| trace.sure(tag).times_us.len() == 1), "recorded again");
        assert!(trace.sizes.values().all(|size| size.freed == size.times_us.len()), "no false leak");
        assert!(trace.stats.is_clean(), "{:?}", trace.stats);
    } else {
        assert_eq!(end.reason, EndReason::WriteFailed as u8);
        let error = finalized.expect_err("the trace is not whole").to_string();
        assert!(error.contains("everything up to that"), "{error}");
        assert_eq!(
            (trace.stats.damaged_blocks, trace.stats.skipped_bytes, trace.stats.torn_tail_bytes),
            (0, 0, 0)
        );
    }
    println!("{} samples of {made} recorded, {} lost and counted", trace.samples, end.loss.samples());
}

/// Writes that are short, interrupted or slow cost nothing but time, and that not the program's.
fn spoiled_child() {
    let how = argument(0);
    let fault = match how.as_str() {
        "short" => Fault::Short,
        "interrupted" => Fault::Interrupted,
        _ => Fault::Slow(50),
    };
    shim::arm(fault, 1, FOR_EVER);
    let small = SamplingConfig { buffer_size: 4096, ..ONLY_SURE };
    let config = if fault == Fault::Slow(50) { small } else { ONLY_SURE };
    let mut session = Session::builder().output("out").config(config).start().expect("a session");
    let start = Instant::now();
    let made = 3000;
    for tag in 0..made {
        allocate(50);
        allocate_surely(tag);
    }
    let took = start.elapsed();
    let result = session.finalize().expect("a result");
    let trace = Trace::open("out/trace.bin".as_ref());
    assert!(trace.stats.is_clean() && trace.end.is_some(), "{:?}", trace.stats);
    assert_eq!(trace.samples + result.lost_samples, made as u64);
    assert_eq!(result.sampled_allocations, trace.samples);
    assert!(trace.sizes.values().all(|size| size.freed == size.times_us.len()), "no false leak");
    if how == "slow" {
        assert!(result.lost_samples > 0, "a ring of 4 KiB does not last for 50 ms");
    } else {
        assert_eq!(result.lost_samples, 0);
    }
    println!(
        "{} writes; {} samples, {} lost, in {} ms",
        shim::writes(),
        trace.samples,
        result.lost_samples,
        took.as_millis()
    );
}

/// A process that exits does not wait for a disk that has stalled.
fn atexit_bounded(_: Effort) -> Outcome {
    with_shim("stalled-exit", |program| {
        let start = Instant::now();
        let ended = program.run();
        assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
        // Each write takes a minute.
        assert!(start.elapsed() < Duration::from_secs(30));
        Outcome::Passed(format!(
            "{} ms from exit() to the end, each write stalled for a minute",
            exit_ms(&ended)
        ))
    })
}

fn exit_ms(ended: &Ended) -> u64 {
    let end_ns = crate::harness::monotonic_ns();
    end_ns.saturating_sub(ended.stdout.trim().parse().expect("a time")) / 1_000_000
}

fn stalled_exit_child() {
    let session = Session::builder().output("out").config(ONLY_SURE).start().expect("a session");
    std::mem::forget(session);
    shim::arm(Fault::Slow(60_000), 1, FOR_EVER);
    for tag in 0..1000 {
        allocate_surely(tag);
    }
    std::thread::sleep(Duration::from_millis(50));
    println!("{}", crate::harness::monotonic_ns());
    std::process::exit(3);
}

/// With shared rings: killed while the samples are neither in the trace nor waiting for the drain thread any more, for it is about to write them.
fn killed_in_a_write(_: Effort) -> Outcome {
    with_shim("killed-in-a-write", |program| {
        let ended = program.run();
        let signal = std::os::unix::process::ExitStatusExt::signal(&ended.status);
        assert_eq!(signal, Some(libc::SIGKILL), "{}", ended.stderr);
        assert_eq!(Trace::open(&ended.trace()).samples, 0, "nothing was written");
        let swept = memscope_trace::sweep_rings(&ended.trace()).expect("its rings").expect("rings");
        assert_eq!(swept.samples, 1000);
        let trace = Trace::open(&ended.trace());
        (0..1000).for_each(|tag| assert_eq!(trace.sure(tag).times_us.len(), 1, "sample {tag}"));
        Outcome::Passed("1000 samples that were being written, 0 lost".to_owned())
    })
}

fn killed_in_a_write_child() {
    let builder = Session::builder().output("out").config(ONLY_SURE).shared_rings(true);
    let session = builder.start().expect("a session");
    std::mem::forget(session);
    shim::arm(Fault::Slow(60_000), 1, FOR_EVER);
    (0..500).for_each(allocate_surely);
    // The drain thread has taken them, and stays in its write.
    while shim::writes() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    (500..1000).for_each(allocate_surely);
    // SAFETY: ends this process.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

/// The limit is met in the header, in the first record, and later: the process is not killed by SIGXFSZ.
fn file_size_limits(effort: Effort) -> Outcome {
    let limits = [0_u64, 1, 31, 32, 100, 1000, 5000, 20_000, 70_000];
    let mut ends = 0;
    for limit in limits {
        let ended = Program::new("file-size").argument(limit).argument(effort.choose(300, 2000)).run();
        let length = ended.trace().metadata().expect("a trace").len();
        assert!(length <= limit, "{length} of {limit} bytes");
        ended.expect_success();
        assert_eq!(
            (ended.said().len(), ended.own_stderr()),
            (1, String::new()),
            "said once: {}",
            ended.stderr
        );
        if length >= 32 {
            let trace = Trace::open(&ended.trace());
            assert_eq!((trace.stats.damaged_blocks, trace.stats.skipped_bytes), (0, 0));
            let reason = trace.end.map(|end| end.reason);
            assert!(reason.is_none_or(|reason| reason == EndReason::WriteFailed as u8));
            assert!(limit < 10_000 || reason.is_some(), "limit {limit}: END has its room");
            ends += u32::from(reason.is_some());
        }
    }
    Outcome::Passed(format!("limits {limits:?} bytes; {ends} traces with an END"))
}

fn file_size_child() {
    let bytes = number(0);
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: the limit is valid for reading.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
    let config = SamplingConfig { sample_rate: 1.0, ..SamplingConfig::high_precision() };
    let mut session = Session::builder().output("out").config(config).start().expect("a session");
    for _ in 0..number(1) {
        allocate(100);
        std::thread::sleep(Duration::from_millis(1));
    }
    let error = session.finalize().expect_err("the trace is not whole").to_string();
    assert!(error.contains("trace.bin") && error.contains("everything up to that"), "{error}");
}

/// The file comes near its limit in steps shorter than an END: whatever is left then, the END still fits.
fn end_has_its_room(effort: Effort) -> Outcome {
    let limits = (0..effort.choose(6, 40)).map(|at| 9000 + 37 * at);
    let mut lengths = Vec::new();
    for limit in limits {
        let ended = Program::new("little-by-little").argument(limit).run();
        ended.expect_success();
        let trace = Trace::open(&ended.trace());
        // Blocks that were dropped have used up their numbers; what is there is whole.
        let stats = trace.stats;
        assert_eq!((stats.damaged_blocks, stats.skipped_bytes, stats.torn_tail_bytes), (0, 0, 0));
        let reason = trace.end.map(|end| end.reason);
        assert_eq!(reason, Some(EndReason::WriteFailed as u8), "limit {limit}");
        lengths.push(limit - ended.trace().metadata().expect("a trace").len());
    }
    Outcome::Passed(format!("{} limits, an END within each; bytes left: {lengths:?}", lengths.len()))
}

fn little_by_little_child() {
    let limit = libc::rlimit { rlim_cur: number(0), rlim_max: number(0) };
    // SAFETY: the limit is valid for reading.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
    let mut session = Session::builder().output("out").config(ONLY_SURE).start().expect("a session");
    for _ in 0..150 {
        allocate_surely(1);
        std::thread::sleep(Duration::from_millis(5));
    }
    session.finalize().expect_err("the trace is not whole");
}

fn no_descriptors_child() {
    // A program opens some things before it can be watched: std does at its first output.
    println!("a session needs descriptors");
    let next = std::fs::File::open("/dev/null").expect("a file");
    let next_descriptor = std::os::fd::AsRawFd::as_raw_fd(&next) as u64;
    drop(next);
    for room in 0..4 {
        let limit = libc::rlimit { rlim_cur: next_descriptor + room, rlim_max: 4096 };
        // SAFETY: the limit is valid for reading.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
        match Session::builder().output(format!("out-{room}")).config(ONLY_SURE).start() {
            Err(error) => {
                println!("with {room} more: {error}");
                assert!(matches!(memscope::stop_tracing(), Err(memscope::Error::NoSession)));
            }
            Ok(mut session) => {
                assert!(room > 0, "without a descriptor there is no trace");
                (0..100).for_each(allocate_surely);
                // Whether it can be read back is a matter of descriptors.
                println!(
                    "with {room} more: {}",
                    session.finalize().map_or_else(|e| e.to_string(), |_| "recorded".into())
                );
            }
        }
        allocate(1000);
    }
}

fn bad_folders_child() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let start = |output: &str| Session::builder().output(output).config(ONLY_SURE).start();
    let refused = |output: &str| {
        let error = start(output).map(drop).expect_err(output);
        assert!(matches!(error, memscope::Error::Output { .. }), "{output}: {error}");
    };
    std::fs::write("file", "precious").expect("a file");
    refused("file");
    refused("file/below");
    refused("/proc/memscope");
    refused("/dev/null");
    symlink("nowhere", "dangling").expect("a link");
    refused("dangling");
    std::fs::create_dir("read-only").expect("a folder");
    std::fs::set_permissions("read-only", PermissionsExt::from_mode(0o500)).expect("a mode");
    // SAFETY: no arguments. Root writes everywhere.
    let is_root = unsafe { libc::geteuid() } == 0;
    if !is_root {
        refused("read-only");
    }
    // What is called trace.bin is kept aside, whatever it is, and never opened: a FIFO would wait.
    std::fs::create_dir("fifo").expect("a folder");
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(c"fifo/trace.bin".as_ptr(), 0o600) }, 0);
    std::fs::create_dir_all("folder/trace.bin/inner").expect("a folder");
    std::fs::create_dir("linked").expect("a folder");
    symlink("../file", "linked/trace.bin").expect("a link");
    for output in ["fifo", "folder", "linked", "a/b/c"] {
        let mut session = start(output).expect(output);
        allocate_surely(1);
        session.finalize().expect(output);
        let trace = Path::new(output).join("trace.bin");
        assert!(trace.symlink_metadata().expect("a trace").is_file(), "{output}");
        let mode = trace.metadata().expect("a trace").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{output}");
    }
    assert_eq!(std::fs::metadata("a/b").expect("a folder").permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_to_string("file").expect("a file"), "precious");
    println!("{}", if is_root { "as root: a read-only folder could not be tried" } else { "all refused" });
}

fn removed_folder_child() {
    let mut session = Session::builder().output("out").config(ONLY_SURE).start().expect("a session");
    (0..100).for_each(allocate_surely);
    std::thread::sleep(Duration::from_millis(50));
    std::fs::remove_dir_all("out").expect("it was there");
    (0..100).for_each(allocate_surely);
    std::thread::sleep(Duration::from_millis(50));
    let error = session.finalize().expect_err("the trace is gone").to_string();
    assert!(error.contains("trace.bin"), "{error}");
    // Nothing stays behind that would keep another session from starting.
    let mut session = Session::builder().output("out").config(ONLY_SURE).start().expect("a session");
    allocate_surely(1);
    assert_eq!(session.finalize().expect("a result").sampled_allocations, 1);
    println!("said: {error}");
}
