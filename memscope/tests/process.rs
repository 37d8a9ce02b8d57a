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
    ("the_first_sample_after_a_rest_is_drained_at_once", || {
        ends("kill-after-rest", |status, profile| {
            assert_eq!(status.signal(), Some(libc::SIGKILL));
            assert!(profile.sites.iter().any(|site| site.size_bytes == AFTER_REST_BYTES as u64));
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
            let reason = profile.end.expect("an END, for which room was kept").reason;
            assert!(reason == memscope_trace::EndReason::WriteFailed as u8 && profile.samples > 0);
        })
    }),
    ("sessions_in_a_row", || {
        // Each drain thread grows the arena that it is given, which is chance: of sixteen, some are new to it after a hundred sessions still.
        ends_in("many-sessions", &[("MALLOC_ARENA_MAX", "2")], |status, _| {
            assert!(status.success(), "{status}")
        })
    }),
    ("threads_that_come_and_go", || {
        ends("churn", |status, profile| {
            assert!(status.success(), "{status}");
            assert!(profile.end.expect("an end").threads > 5000);
        })
    }),
    ("annotated_functions_run_plain_in_a_forked_child", || {
        ends("fork-annotated", |status, profile| {
            assert!(status.success(), "{status}");
            assert!(profile.end.is_some() && profile.totals.allocations >= 1000);
        })
    }),
    ("a_forked_child_may_have_a_session", || {
        ends("fork-session", |status, profile| {
            assert!(status.success(), "{status}");
            assert!(profile.end.is_some() && profile.read.is_clean());
        })
    }),
    ("a_forked_child_may_have_a_session_whatever_its_parent_was_at", || {
        ends("fork-while-starting", |status, _| assert!(status.success(), "{status}"))
    }),
    ("a_child_that_lives_on_does_not_keep_the_folder", || {
        ends("child-lives-on", |status, _| assert!(status.success(), "{status}"))
    }),
    ("the_program_may_change_its_folder", || {
        ends("chdir", |status, _| assert!(status.success(), "{status}"))
    }),
    ("exit_waits_for_a_finalizing_thread", || {
        // It waits 200 ms at the most, which a machine may need for other things: of some runs one gets to the end. Did nobody wait, none would.
        let has_end = (0..20).any(|_| {
            let mut has_end = false;
            ends("exit-race", |status, profile| {
                assert!(status.success(), "{status}");
                has_end = profile.end.is_some();
            });
            has_end
        });
        assert!(has_end, "nobody waits for the thread that finalizes");
    }),
    ("rings_larger_than_a_tick_lose_nothing", || {
        ends("large-rings", |status, _| assert!(status.success(), "{status}"))
    }),
    ("exact_mode_loses_nothing", || ends("exact", |status, _| assert!(status.success(), "{status}"))),
    ("stacks_elsewhere_are_not_walked", || {
        ends("other-stack", |status, profile| {
            assert!(status.success(), "{status}");
            assert!(profile.loss.stacks > 0);
        })
    }),
    ("threads_have_their_processor_time", || {
        ends("busy-thread", |status, profile| {
            assert!(status.success(), "{status}");
            let time_of = |name: &str| {
                let thread = profile.threads.iter().find(|thread| thread.name == name).expect("the thread");
                thread.processor.expect("it was alive at the end").cpu_us
            };
            // The kernel may be a scheduler tick behind the thread's own clock; the thread does little beyond what it was told.
            let (told, idle) = (BUSY.as_micros() as u64, time_of("idle"));
            assert!(time_of("busy").abs_diff(told) < 40_000 && idle < 40_000, "{} {idle}", time_of("busy"));
        })
    }),
    ("environment_overrides", environment_overrides),
    ("off_means_off", off_means_off),
    ("nonsense_in_the_environment", nonsense_in_the_environment),
    ("a_budget_from_the_environment", a_budget_from_the_environment),
];

/// Runs the child's scenario in a folder of its own, and hands its end and its trace to `check`.
fn ends(scenario: &str, check: impl FnOnce(ExitStatus, Profile)) {
    ends_in(scenario, &[], check);
}

fn ends_in(scenario: &str, environment: &[(&str, &str)], check: impl FnOnce(ExitStatus, Profile)) {
    let folder = tempfile::tempdir().expect("a folder");
    let (status, said) = run(scenario, folder.path(), environment);
    assert!(folder.path().join("out/trace.bin").exists(), "{scenario}: {status}: {said}");
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
    for (variable, value) in [("MEMSCOPE_SAMPLE_RATE", "often"), ("MEMSCOPE_OVERHEAD_BUDGET", "half")] {
        let (status, stderr) = run("annotated", folder.path(), &[(variable, value)]);
        assert!(status.success(), "the program runs plain");
        assert!(stderr.contains(variable) && stderr.contains(value), "{stderr}");
    }
}

fn a_budget_from_the_environment() {
    let intervals = |environment: &[(&str, &str)]| {
        let folder = tempfile::tempdir().expect("a folder");
        let (status, stderr) = run("busy", folder.path(), environment);
        assert!(status.success(), "{stderr}");
        Profile::open(folder.path().join("out/trace.bin")).map_or(0, |profile| profile.intervals.len())
    };
    assert_eq!(intervals(&[]), 1, "the code has a configuration of its own");
    let tiny = ("MEMSCOPE_OVERHEAD_BUDGET", "0.0001");
    assert!(intervals(&[tiny]) > 1);
    assert!(intervals(&[("MEMSCOPE_OVERHEAD_BUDGET", "Off")]) == 1);
    assert_eq!(intervals(&[tiny, ("MEMSCOPE_SAMPLE_RATE", "1")]), 0, "not both: the program runs plain");
}

// What the child does.

fn child(scenario: &str) {
    match scenario {
        "return" => annotated(|| ()),
        "annotated" => annotated(|| ()),
        "busy" => annotated(|| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(300) {
                allocate(1000);
            }
        }),
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
        "kill-after-rest" => annotated(|| {
            // The drain thread sleeps for longer and longer, and in the end for half a second.
            std::thread::sleep(Duration::from_millis(1500));
            std::hint::black_box(Vec::<u8>::with_capacity(AFTER_REST_BYTES));
            std::thread::sleep(Duration::from_millis(100));
            // SAFETY: ends this process.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }),
        "fork" => annotated(fork_and_allocate),
        "file-limit" => file_limit(),
        "fork-annotated" => annotated(fork_and_call_annotated),
        "fork-session" => fork_and_start_session(),
        "chdir" => change_folder(),
        "exit-race" => exit_while_finalizing(),
        "large-rings" => large_rings(),
        "exact" => exact_mode(),
        "other-stack" => on_another_stack(),
        "busy-thread" => annotated(busy_thread),
        "many-sessions" => many_sessions(),
        "fork-while-starting" => fork_while_starting(),
        "child-lives-on" => child_lives_on(),
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

/// So large that it is a sample: the chance that it is not is 1 in 10^27.
const AFTER_REST_BYTES: usize = 32 << 20;

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

/// Forks, runs `child` there, and waits for its good end.
fn in_forked_child(child: impl FnOnce()) {
    // SAFETY: the child leaves without running destructors of the parent's threads.
    unsafe {
        match libc::fork() {
            0 => {
                let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).is_ok();
                libc::_exit(i32::from(!passed));
            }
            pid => {
                let mut status = 0;
                assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
                assert_eq!(status, 0);
            }
        }
    }
}

fn fork_and_call_annotated() {
    in_forked_child(|| (0..20).for_each(|_| annotated(|| ())));
    let traces = std::fs::read_dir("out").expect("the session's folder").count();
    assert_eq!(traces, 1, "the child has written nothing");
}

fn fork_and_start_session() {
    let config = memscope::SamplingConfig { sample_rate: 1.0, ..memscope::SamplingConfig::high_precision() };
    memscope::trace_all("out").expect("a session");
    allocate(5000);
    in_forked_child(|| {
        let mut session =
            memscope::comprehensive_profile_execution("of-the-child", Some(config)).expect("its own");
        std::thread::spawn(|| allocate(1000)).join().expect("no panic");
        allocate(1000);
        let result = session.finalize().expect("a result");
        assert!(
            result.total_allocations >= 2000 && result.sampled_allocations == result.total_allocations,
            "{result}"
        );
        let stolen = memscope::trace_all("out").expect_err("the parent's trace is being written").to_string();
        assert!(stolen.contains("another process"), "{stolen}");
        memscope::trace_all("of-the-child-too").expect("the older guard does no harm");
        memscope::stop_tracing().expect("it was running");
    });
    memscope::stop_tracing().expect("it was running");
}

/// A forked child has its parent's trace open, and its parent starts another session in the same folder.
fn child_lives_on() {
    memscope::trace_all("out").expect("a session");
    // SAFETY: the child does nothing but wait until it is killed, or ten seconds.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: as above.
        unsafe {
            libc::sleep(10);
            libc::_exit(0);
        }
    }
    memscope::stop_tracing().expect("it was running");
    let again = memscope::trace_all("out");
    // SAFETY: ends the child of above.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
    again.expect("the first session is over");
    memscope::stop_tracing().expect("it was running");
}

/// Forks while another thread starts and ends sessions: what that thread held is nobody's in the child.
fn fork_while_starting() {
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                let output = if round == 0 { "out".to_owned() } else { format!("session-{round}") };
                memscope::trace_all(output).expect("a session");
                memscope::stop_tracing().expect("it was running");
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
            }
        });
        for round in 0..40 {
            std::thread::sleep(Duration::from_micros(500 + 137 * round));
            in_forked_child(|| {
                // SAFETY: a child that waits for ever is ended.
                unsafe { libc::alarm(10) };
                let mut session =
                    memscope::comprehensive_profile_execution("of-a-child", None).expect("its own");
                allocate(100);
                assert!(session.finalize().expect("a result").total_allocations >= 100);
            });
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

fn change_folder() {
    let mut session = memscope::comprehensive_profile_execution("out", None).expect("a session");
    std::env::set_current_dir("/").expect("a folder");
    session.finalize().expect("the trace is found all the same");
}

fn exit_while_finalizing() {
    let mut session = memscope::comprehensive_profile_execution("out", None).expect("a session");
    allocate(50_000);
    std::thread::spawn(move || session.finalize().map(drop));
    std::thread::sleep(Duration::from_micros(200));
    std::process::exit(0);
}

/// Rings much too small for what comes: the threads wait.
fn exact_mode() {
    let config = memscope::SamplingConfig { sample_rate: 1.0, min_allocation_size: 0, buffer_size: 8192 };
    let mut session = memscope::comprehensive_profile_execution("out", Some(config)).expect("a session");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| allocate(10_000));
        }
    });
    let result = session.finalize().expect("a result");
    assert_eq!((result.sampled_allocations, result.lost_samples), (result.total_allocations, 0), "{result}");
}

fn large_rings() {
    let config =
        memscope::SamplingConfig { sample_rate: 1.0, min_allocation_size: 0, buffer_size: 128 << 20 };
    let mut session = memscope::comprehensive_profile_execution("out", Some(config)).expect("a session");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| allocate(250_000));
        }
    });
    let result = session.finalize().expect("a result");
    assert_eq!(result.sampled_allocations + result.lost_samples, result.total_allocations, "{result}");
    assert!(result.sampled_allocations > 200_000, "{result}");
}

/// A signal handler on a stack of its own allocates, as a coroutine would on its stack.
fn on_another_stack() {
    extern "C" fn handler(_: libc::c_int) {
        allocate(200);
    }
    let config = memscope::SamplingConfig { sample_rate: 1.0, ..memscope::SamplingConfig::high_precision() };
    let mut session = memscope::comprehensive_profile_execution("out", Some(config)).expect("a session");
    let bytes = 1 << 20;
    // SAFETY: the mapping is the signal stack for the rest of the process; the handler only allocates and frees, from where
    // nothing else is going on in this thread.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let stack = libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        assert_ne!(stack, libc::MAP_FAILED);
        let stack = libc::stack_t { ss_sp: stack, ss_flags: 0, ss_size: bytes };
        assert_eq!(libc::sigaltstack(&stack, std::ptr::null_mut()), 0);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_ONSTACK;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
        libc::raise(libc::SIGUSR1);
    }
    session.finalize().expect("a result");
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

/// Processor time, by its own clock, of the thread that is busy.
const BUSY: Duration = Duration::from_millis(300);

/// Two threads that outlive the session: one has used [`BUSY`], the other nothing to speak of.
fn busy_thread() {
    for (name, time) in [("busy", BUSY), ("idle", Duration::ZERO)] {
        let (say, hear) = std::sync::mpsc::channel();
        let work = move || {
            allocate(1000);
            while own_cpu_time() < time {
                std::hint::spin_loop();
            }
            say.send(()).expect("heard");
            loop {
                std::thread::park();
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(work).expect("a thread");
        hear.recv().expect("done");
    }
}

/// Processor time of the calling thread.
fn own_cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local timespec.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
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

/// More threads than there are records: records of ended threads are used again.
fn churn() {
    let start = Instant::now();
    let mut session = memscope::comprehensive_profile_execution("out", None).expect("a session");
    let mut started = 0;
    for _ in 0..35_000 {
        let pair = [std::thread::spawn(|| allocate(5)), std::thread::spawn(|| allocate(5))];
        pair.into_iter().for_each(|thread| thread.join().expect("no panic"));
        started += 2;
        if start.elapsed() > Duration::from_secs(60) {
            break;
        }
    }
    let result = session.finalize().expect("a result");
    assert_eq!(result.thread_count, started + 1);
}
