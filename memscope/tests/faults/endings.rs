//! How programs end. Each ending happens twice, with memscope and with `MEMSCOPE=off`: exit status and what the program
//! says must be the same.

use crate::harness::{Effort, Ended, Outcome, Program, Scenario, argument};
use crate::traces::{Trace, allocate, allocate_surely, profile};
use std::hint::black_box;
use std::time::{Duration, Instant};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { rows: "3, 4, 5, 7", name: "exit_matrix", run: exit_matrix },
    Scenario { rows: "6", name: "oom_rlimit_as", run: out_of_address_space },
    Scenario { rows: "6", name: "start_without_memory", run: start_without_memory },
];

pub(crate) const CHILDREN: &[(&str, fn())] = &[
    ("ending", || ending(&argument(0))),
    ("out-of-address-space", out_of_address_space_child),
    ("start-without-memory", start_without_memory_child),
];

/// Samples that are drained long before the end, and samples just before it.
const BEFORE: usize = 200;
const JUST_BEFORE: usize = 50;
const BEFORE_TAG: usize = 1;
const JUST_BEFORE_TAG: usize = 2;

#[derive(Clone, Copy, PartialEq)]
enum Keeps {
    /// Everything, and an END.
    All,
    /// What was drained.
    Drained,
}

const ENDINGS: &[(&str, Keeps)] = &[
    ("return", Keeps::All),
    ("exit", Keeps::All),
    ("exit-of-a-thread", Keeps::All),
    ("panic", Keeps::All),
    ("threads-alive", Keeps::All),
    ("detached-threads-at-work", Keeps::All),
    ("panic-in-a-thread", Keeps::All),
    ("panic-in-drop", Keeps::Drained),
    ("panic-that-aborts", Keeps::Drained),
    ("abort", Keeps::Drained),
    ("_exit", Keeps::Drained),
    ("segfault", Keeps::Drained),
    ("sigterm", Keeps::Drained),
    ("sigint", Keeps::Drained),
    ("stack-overflow", Keeps::Drained),
    ("stack-overflow-of-a-thread", Keeps::Drained),
    ("refused-allocation", Keeps::Drained),
    ("exec", Keeps::Drained),
];

fn exit_matrix(_: Effort) -> Outcome {
    for &(how, keeps) in ENDINGS {
        let [with, without] = ["on", "off"]
            .map(|switch| Program::new("ending").argument(how).environment("MEMSCOPE", switch).run());
        assert!(!without.path("out").exists(), "{how}: off means off");
        assert_eq!(with.status, without.status, "{how}: {}", with.stderr);
        assert_eq!(with.stdout, without.stdout, "{how}");
        assert_eq!(with.own_stderr(), without.own_stderr(), "{how}");
        check_ending(how, keeps, &with);
    }
    Outcome::Passed(format!("{} endings, each with and without", ENDINGS.len()))
}

fn check_ending(how: &str, keeps: Keeps, ended: &Ended) {
    let trace = Trace::open(&ended.trace());
    trace.expect_at_most_torn();
    assert_eq!(trace.sure(BEFORE_TAG).times_us.len(), BEFORE, "{how}");
    match keeps {
        Keeps::All => {
            assert!(trace.end.is_some() && trace.stats.is_clean(), "{how}: {:?}", trace.stats);
            assert_eq!(trace.sure(JUST_BEFORE_TAG).times_us.len(), JUST_BEFORE, "{how}");
        }
        Keeps::Drained => assert!(trace.end.is_none(), "{how}"),
    }
    assert!(profile(&ended.trace()).totals.allocations > 1000, "{how}");
    if how.starts_with("stack-overflow") {
        assert!(ended.stderr.contains("has overflowed its stack"), "{how}: std's message: {}", ended.stderr);
    }
}

#[memscope::profile(output = "out", sample_rate = 0.01, buffer_size = 4194304)]
fn ending(how: &str) {
    allocate(5000);
    (0..BEFORE).for_each(|_| allocate_surely(BEFORE_TAG));
    wait_until_drained();
    (0..JUST_BEFORE).for_each(|_| allocate_surely(JUST_BEFORE_TAG));
    println!("about to end: {how}");
    end(how);
}

/// Until the trace has the samples so far, and counters that stand behind them: on a busy machine that takes longer than the promise. Switched
/// off there is no trace to wait for.
fn wait_until_drained() {
    let path = std::path::Path::new("out/trace.bin");
    let is_drained = || {
        let trace = Trace::open(path);
        trace.sure(BEFORE_TAG).times_us.len() == BEFORE && trace.counted_allocations > 1000
    };
    let start = Instant::now();
    while path.exists() && !is_drained() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
    }
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

fn end(how: &str) {
    match how {
        "return" => {}
        "exit" => std::process::exit(7),
        "exit-of-a-thread" => drop(std::thread::spawn(|| std::process::exit(8)).join()),
        "panic" => panic!("on purpose"),
        "threads-alive" => {
            for _ in 0..4 {
                std::thread::spawn(|| std::thread::sleep(Duration::from_secs(1000)));
            }
        }
        "detached-threads-at-work" => {
            for _ in 0..4 {
                std::thread::spawn(|| {
                    loop {
                        allocate(100);
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        "panic-in-a-thread" => {
            let panicked = std::thread::spawn(|| panic!("in a thread")).join().is_err();
            assert!(panicked);
        }
        "panic-in-drop" => {
            let _guard = PanicsInDrop;
            panic!("the first");
        }
        "panic-that-aborts" => {
            // What `panic = "abort"` does: abort once the message is out.
            let said = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |information| {
                said(information);
                std::process::abort();
            }));
            panic!("the last");
        }
        "stack-overflow" => drop(black_box(overflow(black_box(0)))),
        "stack-overflow-of-a-thread" => drop(std::thread::spawn(|| overflow(black_box(0))).join()),
        "refused-allocation" => drop(black_box(Vec::<u8>::with_capacity(1 << 46))),
        how => by_the_system(how),
    }
}

fn by_the_system(how: &str) {
    // SAFETY: each of these ends the process.
    unsafe {
        match how {
            "abort" => libc::abort(),
            "_exit" => libc::_exit(9),
            // Nothing is mapped there. (Std's handler lives through a signal that is only raised.)
            "segfault" => std::ptr::without_provenance_mut::<u8>(16).write_volatile(1),
            "sigterm" => _ = libc::kill(libc::getpid(), libc::SIGTERM),
            "sigint" => _ = libc::kill(libc::getpid(), libc::SIGINT),
            "exec" => {
                let error = std::os::unix::process::CommandExt::exec(&mut std::process::Command::new("true"));
                panic!("{error}");
            }
            other => panic!("no ending called {other}"),
        }
    }
    std::thread::sleep(Duration::from_secs(10));
    panic!("still here after {how}");
}

/// Allocates at each step, so that samples are taken at every depth.
#[allow(unconditional_recursion, reason = "that is what overflows")]
fn overflow(depth: u64) -> u64 {
    let held = black_box(vec![depth; 100]);
    overflow(depth + 1) + held[(depth % 100) as usize]
}

fn limit_address_space(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: the limit is valid for reading.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

fn address_space() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
    statm.split(' ').next().expect("a figure").parse::<u64>().expect("a number") * 4096
}

/// Allocations are refused where they would be without memscope, and the program that lives with that lives on.
fn out_of_address_space(_: Effort) -> Outcome {
    let [with, without] = ["on", "off"]
        .map(|switch| Program::new("out-of-address-space").environment("MEMSCOPE", switch).run());
    assert_eq!(with.status, without.status, "{}", with.stderr);
    let got = |ended: &Ended| ended.expect_success().parse::<i64>().expect("a number");
    let (got_with, got_without) = (got(&with), got(&without));
    // Rings take some of what is left: a MiB at most.
    assert!((got_with - got_without).abs() <= 2, "{got_with} MiB with, {got_without} MiB without");
    let trace = Trace::open(&with.trace());
    assert!(trace.end.is_some() && trace.stats.is_clean());
    let figures = format!("{got_with} MiB before the first refusal, {got_without} without memscope");
    Outcome::Passed(figures)
}

#[memscope::profile(output = "out", sample_rate = 0.01)]
fn out_of_address_space_child() {
    allocate(1000);
    limit_address_space(address_space() + (200 << 20));
    let mut held: Vec<Vec<u8>> = Vec::with_capacity(4096);
    loop {
        let mut next = Vec::new();
        if next.try_reserve_exact(1 << 20).is_err() {
            break;
        }
        held.push(next);
    }
    let got = held.len();
    // Refused again and again, sampled or not.
    for _ in 0..1000 {
        assert!(Vec::<u8>::new().try_reserve_exact(64 << 20).is_err());
    }
    drop(held);
    allocate(10_000);
    println!("{got}");
}

/// A session that cannot have its memory is an error, and the program runs on without one.
fn start_without_memory(_: Effort) -> Outcome {
    let ended = Program::new("start-without-memory").run();
    Outcome::Passed(ended.expect_success().to_owned())
}

fn start_without_memory_child() {
    limit_address_space(address_space() + (32 << 20));
    let refused = memscope::trace_all("out").expect_err("there is no memory").to_string();
    assert!(refused.contains("memory"), "{refused}");
    allocate(10_000);
    assert!(matches!(memscope::stop_tracing(), Err(memscope::Error::NoSession)));
    println!("refused with: {refused}");
}
