//! Endings, forks, limits and the environment: each scenario is a process of its own, this program called again.
//!
//! Without the test harness: `main` runs every scenario and says what failed.

use memscope_report::Profile;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("--child") {
        child(&arguments.next().expect("a scenario"));
        return;
    }
    let mut failed = 0;
    for (name, scenario) in SCENARIOS {
        let passed = std::panic::catch_unwind(scenario).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    println!("{} passed, {failed} failed", SCENARIOS.len() - failed);
    std::process::exit(i32::from(failed > 0));
}

const SCENARIOS: &[(&str, fn())] = &[
    ("return_loses_nothing", || {
        ends("return", |status, profile| {
            assert!(status.success());
            assert!(profile.end.is_some() && profile.totals.allocations >= 100_000);
        })
    }),
    ("annotated_main_ends_with_question_mark", || {
        ends("annotated-error", |status, profile| {
            assert_eq!(status.code(), Some(1));
            assert!(profile.end.is_some());
        })
    }),
    ("panic_unwinds_into_finalize", || {
        ends("panic", |status, profile| {
            assert_eq!(status.code(), Some(101));
            assert!(profile.end.is_some() && profile.totals.allocations >= 100_000);
        })
    }),
    ("process_exit_keeps_everything", || {
        ends("exit", |status, profile| {
            assert_eq!(status.code(), Some(7));
            assert!(profile.end.is_some() && profile.totals.allocations >= 100_000);
        })
    }),
    ("abort_keeps_what_was_drained", || {
        ends("abort", |status, profile| {
            assert_eq!(status.signal(), Some(libc::SIGABRT));
            assert!(profile.end.is_none() && profile.samples > 0);
        })
    }),
    ("kill_keeps_what_was_drained", || {
        ends("kill", |status, profile| {
            assert_eq!(status.signal(), Some(libc::SIGKILL));
            assert!(profile.end.is_none() && profile.samples > 0);
        })
    }),
    ("forked_child_leaves_the_trace_alone", || {
        ends("fork", |status, profile| {
            assert!(status.success(), "{status}");
            assert!(profile.end.is_some() && profile.read.is_clean());
        })
    }),
    ("file_size_limit_does_not_kill", || {
        ends("file-limit", |status, profile| {
            assert!(status.success(), "{status}");
            assert!(profile.end.is_none() && profile.samples > 0);
        })
    }),
    ("sessions_in_a_row", || ends("many-sessions", |status, _| assert!(status.success(), "{status}"))),
    ("threads_that_come_and_go", || {
        ends("churn", |status, profile| {
            assert!(status.success(), "{status}");
            assert!(profile.end.expect("an end").threads > 5000);
        })
    }),
    ("environment_overrides", environment_overrides),
    ("off_means_off", off_means_off),
    ("nonsense_in_the_environment", nonsense_in_the_environment),
];

/// Runs the child's scenario in a folder of its own, and hands its end and its trace to `check`.
fn ends(scenario: &str, check: impl FnOnce(ExitStatus, Profile)) {
    let folder = tempfile::tempdir().expect("a folder");
    let status = run(scenario, folder.path(), &[]).0;
    let profile = Profile::open(folder.path().join("out/trace.bin")).expect("a trace");
    check(status, profile);
}

fn run(scenario: &str, folder: &Path, environment: &[(&str, &str)]) -> (ExitStatus, String) {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.args(["--child", scenario]).current_dir(folder).envs(environment.iter().copied());
    let output = command.output().expect("it runs");
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn environment_overrides() {
    let folder = tempfile::tempdir().expect("a folder");
    let environment = [
        ("MEMSCOPE_OUTPUT", "elsewhere"),
        ("MEMSCOPE_SAMPLE_RATE", "1"),
        ("MEMSCOPE_MIN_ALLOCATION_SIZE", "64"),
        ("MEMSCOPE_BUFFER_SIZE", "1048576"),
        ("MEMSCOPE_UNWINDER", "none"),
    ];
    assert!(run("annotated", folder.path(), &environment).0.success());
    assert!(!folder.path().join("out").exists());
    let profile = Profile::open(folder.path().join("elsewhere/trace.bin")).expect("a trace");
    let session = &profile.session;
    assert_eq!((session.sample_rate, session.min_allocation_size_bytes), (1.0, 64));
    assert_eq!((session.buffer_size_bytes, session.unwinder.as_str()), (1 << 20, "none"));
}

fn off_means_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let (status, stderr) = run("annotated", folder.path(), &[("MEMSCOPE", "off")]);
    assert!(status.success() && stderr.is_empty(), "{stderr}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

fn nonsense_in_the_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let (status, stderr) = run("annotated", folder.path(), &[("MEMSCOPE_SAMPLE_RATE", "often")]);
    assert!(status.success(), "the program runs plain");
    assert!(stderr.contains("MEMSCOPE_SAMPLE_RATE") && stderr.contains("often"), "{stderr}");
}

// What the child does.

fn child(scenario: &str) {
    match scenario {
        "return" => annotated(|| ()),
        "annotated" => annotated(|| ()),
        "annotated-error" => {
            if annotated_with_error().is_err() {
                std::process::exit(1);
            }
        }
        "panic" => annotated(|| panic!("on purpose")),
        "exit" => annotated(|| std::process::exit(7)),
        "abort" => annotated(|| {
            wait_for_drain();
            std::process::abort()
        }),
        "kill" => annotated(|| {
            wait_for_drain();
            // SAFETY: ends this process.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }),
        "fork" => annotated(fork_and_allocate),
        "file-limit" => file_limit(),
        "many-sessions" => many_sessions(),
        "churn" => churn(),
        other => panic!("no scenario called {other}"),
    }
}

#[memscope::profile(output = "out", sample_rate = 0.01)]
fn annotated(end: impl FnOnce()) {
    allocate(100_000);
    end();
}

#[memscope::profile(output = "out", sample_rate = 0.01)]
fn annotated_with_error() -> Result<(), std::num::ParseIntError> {
    allocate(1000);
    "no number".parse::<u32>()?;
    Ok(())
}

fn allocate(count: usize) {
    for round in 0..count {
        std::hint::black_box(vec![0_u8; 1 + round % 500]);
    }
}

/// Long enough for several ticks of the drain thread.
fn wait_for_drain() {
    std::thread::sleep(Duration::from_millis(150));
}

fn fork_and_allocate() {
    for _ in 0..20 {
        // SAFETY: the child allocates, frees and leaves without running destructors of the parent's threads.
        unsafe {
            match libc::fork() {
                0 => {
                    allocate(1000);
                    libc::_exit(0);
                }
                pid => {
                    allocate(1000);
                    let mut status = 0;
                    assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
                    assert_eq!(status, 0);
                }
            }
        }
    }
}

/// The trace grows into the limit: the program goes on, and is told at the end.
fn file_limit() {
    let limit = libc::rlimit { rlim_cur: 20_000, rlim_max: 20_000 };
    // SAFETY: the limit is valid for reading.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
    let config = memscope::SamplingConfig { sample_rate: 1.0, ..memscope::SamplingConfig::high_precision() };
    let mut session = memscope::comprehensive_profile_execution("out", Some(config)).expect("a session");
    for _ in 0..50 {
        allocate(1000);
        std::thread::sleep(Duration::from_millis(2));
    }
    let error = session.finalize().expect_err("the trace is not whole").to_string();
    assert!(error.contains("trace.bin") && error.contains("everything up to that"), "{error}");
}

fn many_sessions() {
    let memory =
        || std::fs::read_to_string("/proc/self/statm").expect("statm").split(' ').nth(1).map(str::to_owned);
    let pages = || memory().and_then(|pages| pages.parse::<u64>().ok()).expect("a number");
    let mut after_ten = 0;
    for round in 0..100 {
        let output = format!("session-{round}");
        let mut session = memscope::comprehensive_profile_execution(&output, None).expect("a session");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| allocate(200));
            }
        });
        let result = session.finalize().expect("a result");
        assert!((800..2000).contains(&result.total_allocations), "{result}");
        if round == 10 {
            after_ten = pages();
        }
    }
    assert!(
        pages() < after_ten + 2000,
        "{} pages after ten sessions, {} after a hundred",
        after_ten,
        pages()
    );
    std::fs::create_dir("out").expect("a folder");
    std::fs::rename("session-0/trace.bin", "out/trace.bin").expect("a trace");
}

/// Threads by the thousand: their records are used again.
fn churn() {
    let start = Instant::now();
    let mut session = memscope::comprehensive_profile_execution("out", None).expect("a session");
    for _ in 0..3000 {
        let pair = [std::thread::spawn(|| allocate(5)), std::thread::spawn(|| allocate(5))];
        pair.into_iter().for_each(|thread| thread.join().expect("no panic"));
        if start.elapsed() > Duration::from_secs(60) {
            break;
        }
    }
    let result = session.finalize().expect("a result");
    assert_eq!(result.thread_count, 6001);
}
