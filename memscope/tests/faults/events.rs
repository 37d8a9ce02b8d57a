//! What processes do besides allocating: fork, run others, handle signals, load and unload libraries.

use crate::harness::{Effort, Outcome, Program, Scenario, anonymous_kib, number};
use crate::traces::{SURE_BYTES, Trace, allocate, allocate_surely};
use memscope::{SamplingConfig, Session};
use std::hint::black_box;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { rows: "38", name: "fork_storm", run: |effort| told("fork-storm", effort.choose(60, 1000)) },
    Scenario { rows: "38", name: "a_forked_child_samples_nothing", run: |_| told("forked", 100_000) },
    Scenario { rows: "39", name: "vfork_preexec", run: |effort| told("vfork", effort.choose(30, 500)) },
    Scenario { rows: "25", name: "atexit_and_later", run: atexit_and_later },
    Scenario {
        rows: "40",
        name: "signal_alloc",
        run: |effort| told("signal-alloc", effort.choose(4000, 60_000)),
    },
    Scenario { rows: "41", name: "signal_mask", run: |_| told("signal-mask", 0) },
    Scenario { rows: "42", name: "dlopen_storm", run: dlopen_storm },
    Scenario { rows: "23", name: "reentrancy_by_signal", run: |_| told("reentrancy", 0) },
];

pub(crate) const CHILDREN: &[(&str, fn())] = &[
    ("fork-storm", fork_storm),
    ("forked", forked_child_samples_nothing),
    ("vfork", vfork),
    ("atexit", atexit_child),
    ("signal-alloc", signal_alloc),
    ("signal-mask", signal_mask),
    ("dlopen", dlopen_child),
    ("reentrancy", reentrancy),
];

const DENSE: SamplingConfig =
    SamplingConfig { sample_rate: 0.05, min_allocation_size: 0, buffer_size: 4 << 20 };

fn told(child: &str, amount: u64) -> Outcome {
    let ended = Program::new(child).argument(amount).run();
    let figures = ended.expect_success().to_owned();
    assert_eq!(ended.own_stderr(), "", "no noise");
    let trace = Trace::open(&ended.trace());
    assert!(trace.stats.is_clean() && trace.end.is_some(), "{:?}", trace.stats);
    Outcome::Passed(figures)
}

/// Runs `body` while eight threads allocate, and returns how often each thousand of allocations was done.
fn beside_eight_threads(body: impl FnOnce()) -> u64 {
    static DONE: AtomicBool = AtomicBool::new(false);
    static ROUNDS: AtomicU64 = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !DONE.load(Ordering::Relaxed) {
                    allocate(1000);
                    ROUNDS.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        body();
        DONE.store(true, Ordering::Relaxed);
    });
    ROUNDS.load(Ordering::Relaxed)
}

fn wait_for(pid: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    status
}

/// Children that allocate, start threads, and leave in different ways; none writes a byte into the parent's trace.
fn fork_storm() {
    let forks = number(0);
    let mut session = Session::builder().output("out").config(DENSE).start().expect("a session");
    let rounds = beside_eight_threads(|| {
        for fork in 0..forks {
            // SAFETY: the child allocates (glibc's allocator is made for that), and ends itself.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                // SAFETY: a child that hangs is ended.
                unsafe { libc::alarm(60) };
                allocate(200);
                allocate_surely(7);
                match fork % 3 {
                    // SAFETY: ends the child.
                    0 => unsafe { libc::_exit(0) },
                    // With exit handlers and all.
                    1 => std::process::exit(0),
                    _ => {
                        std::thread::spawn(|| allocate(10)).join().expect("no panic");
                        // SAFETY: ends the child.
                        unsafe { libc::_exit(0) }
                    }
                }
            }
            assert!(pid > 0);
            assert_eq!(wait_for(pid), 0, "fork {fork}: the child hung or failed");
        }
    });
    session.finalize().expect("a result");
    let trace = Trace::open("out/trace.bin".as_ref());
    assert_eq!(trace.sure(7).times_us.len(), 0, "the children's samples are nobody's");
    println!("{forks} forks beside {rounds},000 allocations; {} samples of the parent", trace.samples);
}

/// A child goes on without the hooks: in exact mode each of its allocations would else leave a sample in its copy of a ring, which nobody empties.
fn forked_child_samples_nothing() {
    let config = SamplingConfig { sample_rate: 1.0, min_allocation_size: 0, buffer_size: 256 << 20 };
    let mut session = Session::builder().output("out").config(config).start().expect("a session");
    allocate(1000);
    // SAFETY: the child allocates, reads a file and ends itself.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let before_kib = anonymous_kib();
        allocate(number(0) as usize);
        let grown_kib = anonymous_kib().saturating_sub(before_kib);
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(grown_kib > 1024)) };
    }
    assert_eq!(wait_for(pid), 0, "the child's memory grew as if it were sampled");
    allocate(1000);
    let result = session.finalize().expect("a result");
    assert_eq!(result.lost_samples, 0, "{result}");
    println!("{} allocations of a child, none of them sampled", number(0));
}

/// Programs that are run, with and without something to do before `exec` (which decides between vfork and fork).
fn vfork() {
    let mut session = Session::builder().output("out").config(DENSE).start().expect("a session");
    beside_eight_threads(|| {
        for round in 0..number(0) {
            allocate_surely(1);
            let mut command = Command::new("true");
            if round % 2 == 1 {
                // SAFETY: allocating there is what glibc's malloc is made for after a fork.
                unsafe {
                    command.pre_exec(|| {
                        allocate(100);
                        allocate_surely(2);
                        Ok(())
                    });
                }
            }
            assert!(command.status().expect("it runs").success());
        }
    });
    session.finalize().expect("a result");
    let trace = Trace::open("out/trace.bin".as_ref());
    assert_eq!(trace.sure(1).times_us.len() as u64, number(0), "the parent's samples, each");
    assert_eq!(trace.sure(2).times_us.len(), 0, "none of a child's");
    println!("{} programs run; {} samples", number(0), trace.samples);
}

/// Constructors, exit handlers and destructors of thread-locals allocate before, during and after the session's end.
fn atexit_and_later(_: Effort) -> Outcome {
    let mut figures = String::new();
    for how in 0..3 {
        let ended = Program::new("atexit").argument(how).run();
        assert_eq!(ended.status.code(), Some(if how == 1 { 5 } else { 0 }), "{}", ended.stderr);
        assert_eq!(ended.stdout, "main\nhandler\nhandler before the session\n", "ending {how}");
        assert_eq!(ended.own_stderr(), "");
        let trace = Trace::open(&ended.trace());
        assert!(trace.stats.is_clean() && trace.end.is_some(), "ending {how}");
        assert_eq!(trace.sure(1).times_us.len(), 1, "ending {how}");
        figures = format!("3 endings, {} samples in the last", trace.samples);
    }
    Outcome::Passed(figures)
}

/// Allocates on the way out: first in a handler that was there before the session, so that it runs after memscope's.
fn atexit_child() {
    extern "C" fn handler_before() {
        allocate(5000);
        println!("handler before the session");
    }
    extern "C" fn handler() {
        allocate(5000);
        println!("handler");
    }
    struct AllocatesInDrop;
    impl Drop for AllocatesInDrop {
        fn drop(&mut self) {
            allocate(5000);
        }
    }
    thread_local!(static LATE: AllocatesInDrop = const { AllocatesInDrop });
    // SAFETY: the handlers are static functions.
    unsafe { libc::atexit(handler_before) };
    let session = Session::builder().output("out").config(DENSE).start().expect("a session");
    // SAFETY: as above.
    unsafe { libc::atexit(handler) };
    LATE.with(|_| ());
    allocate_surely(1);
    println!("main");
    match number(0) {
        0 => std::mem::forget(session),
        1 => {
            std::mem::forget(session);
            std::process::exit(5);
        }
        _ => drop(session),
    }
}

/// Has `handler` called at each signal of that number.
fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: the action is initialised, and valid for reading.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

static HANDLED: AtomicU64 = AtomicU64::new(0);

/// From an allocator of its own: glibc's must not be re-entered from a handler, memscope's hook may.
fn allocate_in_handler(size: usize) {
    use std::alloc::{GlobalAlloc, Layout};
    let layout = Layout::from_size_align(size, 16).expect("a layout");
    // SAFETY: the layout is not of zero size; the block is freed with it.
    unsafe {
        let address = IN_HANDLERS.alloc(layout);
        if !address.is_null() {
            address.write(1);
            IN_HANDLERS.dealloc(address, layout);
        }
    }
}

/// Memscope's hook over blocks that are mapped and unmapped: safe in a signal handler.
static IN_HANDLERS: memscope::SamplingAllocator<Mapping> = memscope::SamplingAllocator::new(Mapping);

struct Mapping;

// SAFETY: each block is a mapping of its own.
unsafe impl std::alloc::GlobalAlloc for Mapping {
    unsafe fn alloc(&self, layout: std::alloc::Layout) -> *mut u8 {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a private mapping at an address of the kernel's choice.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), layout.size(), protection, flags, -1, 0) };
        if at == libc::MAP_FAILED { std::ptr::null_mut() } else { at.cast() }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: std::alloc::Layout) {
        // SAFETY: the caller's contract.
        unsafe { libc::munmap(address.cast(), layout.size()) };
    }
}

extern "C" fn allocating_handler(_: i32) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
    allocate_in_handler(100);
    allocate_in_handler(SURE_BYTES + 3);
}

/// A timer at up to 10 kHz whose handler allocates through the hook, in whatever the threads are at.
fn signal_alloc() {
    let mut session = Session::builder().output("out").config(DENSE).start().expect("a session");
    handle(libc::SIGPROF, allocating_handler);
    let every = libc::timeval { tv_sec: 0, tv_usec: 100 };
    let timer = libc::itimerval { it_interval: every, it_value: every };
    // SAFETY: the timer is valid for reading.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_PROF, &timer, std::ptr::null_mut()) }, 0);
    // SAFETY: a process that deadlocks is ended.
    unsafe { libc::alarm(number(0) as u32 / 1000 + 60) };
    let duration = Duration::from_millis(number(0));
    let rounds = beside_eight_threads(|| {
        let start = Instant::now();
        // Signals that are aimed, at a rate that the timer (of the kernel's ticks) does not reach.
        while start.elapsed() < duration {
            // SAFETY: this thread is alive.
            unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGPROF) };
            allocate(20);
        }
    });
    let none = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: none, it_value: none };
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_PROF, &timer, std::ptr::null_mut()) }, 0);
    let result = session.finalize().expect("a result");
    let handled = HANDLED.load(Ordering::Relaxed);
    assert!(handled > 500, "{handled} handlers ran");
    assert!(result.total_allocations > rounds * 1000, "{result}");
    let trace = Trace::open("out/trace.bin".as_ref());
    let of_handlers = trace.sure(3);
    assert!(of_handlers.times_us.len() > 100, "samples are taken in handlers too");
    assert!(of_handlers.freed == of_handlers.times_us.len(), "and their frees");
    println!(
        "{handled} handlers ran in {} s; {} of their samples",
        number(0) / 1000,
        of_handlers.times_us.len()
    );
}

/// A handler that comes while its own thread is in the hook: its allocations pass by, and the hook goes on.
///
/// A signal is sent when the one before has been handled and the thread has gone on since: without that, a thread that is signalled faster than it
/// handles does nothing else.
fn reentrancy() {
    let config = SamplingConfig { sample_rate: 1.0, ..DENSE };
    let mut session = Session::builder().output("out").config(config).start().expect("a session");
    handle(libc::SIGUSR2, allocating_handler);
    let (done, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    // SAFETY: no arguments.
    let thread = unsafe { libc::pthread_self() };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for sent in 1.. {
                let round = rounds.load(Ordering::Relaxed);
                // SAFETY: the thread waits for this one.
                unsafe { libc::pthread_kill(thread, libc::SIGUSR2) };
                let goes_on =
                    || HANDLED.load(Ordering::Relaxed) >= sent && rounds.load(Ordering::Relaxed) > round;
                while !goes_on() {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    std::thread::yield_now();
                }
            }
        });
        // Nearly all of the time goes into samples: nearly all signals come there.
        for round in 0.. {
            if round >= 20_000 && HANDLED.load(Ordering::Relaxed) > 100 {
                break;
            }
            black_box(vec![0_u8; 100 + round % 100]);
            rounds.fetch_add(1, Ordering::Relaxed);
        }
        done.store(true, Ordering::Relaxed);
    });
    let result = session.finalize().expect("a result");
    let trace = Trace::open("out/trace.bin".as_ref());
    let handled = HANDLED.load(Ordering::Relaxed);
    let of_handlers = trace.sure(3).times_us.len() as u64;
    // One handler may interrupt another's hook: then it is passed by.
    assert!(handled > 100 && of_handlers <= handled, "{of_handlers} of {handled}");
    let own: usize =
        (100..200).map(|size| trace.sizes.get(&size).map_or(0, |size| size.times_us.len())).sum();
    assert!(own as u64 + result.lost_samples >= 20_000, "{own}: {result}");
    println!("{handled} handlers in {} samples; {} passed by", trace.samples, handled - of_handlers);
}

/// A program that waits for its signals in a thread gets every one: none is delivered to the drain thread.
fn signal_mask() {
    let session = Session::builder().output("out").config(DENSE).start().expect("a session");
    static ELSEWHERE: AtomicU64 = AtomicU64::new(0);
    extern "C" fn handler(_: i32) {
        ELSEWHERE.fetch_add(1, Ordering::Relaxed);
    }
    handle(libc::SIGUSR1, handler);
    // SAFETY: the set is initialised before it is used.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGUSR1);
        // Blocked in this thread, the program's only one; if the drain thread took it, the handler would run.
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        for _ in 0..2000 {
            allocate(20);
            libc::kill(libc::getpid(), libc::SIGUSR1);
            let mut signal = 0;
            assert_eq!(libc::sigwait(&set, &mut signal), 0);
        }
    }
    assert_eq!(ELSEWHERE.load(Ordering::Relaxed), 0, "delivered to the drain thread");
    drop(session);
    println!("2000 signals, each waited for and got");
}

/// A small shared library, loaded and unloaded again and again while threads allocate, panic, and sample stacks through it.
fn dlopen_storm(effort: Effort) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("called.c");
    let text = "void call_back(void (*back)(void)) { back(); __asm__(\"\"); }";
    std::fs::write(&source, text).expect("a file");
    for name in ["one.so", "two.so"] {
        let mut command = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()));
        command.args(["-shared", "-fPIC", "-o"]).arg(folder.path().join(name)).arg(&source);
        match command.output() {
            Err(error) => return Outcome::Skipped(format!("no C compiler: {error}")),
            Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        }
    }
    let program = Program::new("dlopen").argument(effort.choose(30, 300)).argument(folder.path().display());
    let ended = program.run();
    let figures = ended.expect_success().to_owned();
    let trace = Trace::open(&ended.trace());
    assert!(trace.stats.is_clean() && trace.end.is_some());
    Outcome::Passed(figures)
}

fn dlopen_child() {
    extern "C" fn back() {
        allocate(200);
    }
    std::panic::set_hook(Box::new(|_| ()));
    // SAFETY: a process that deadlocks is ended.
    unsafe { libc::alarm(number(0) as u32 + 120) };
    // Framehop reads the modules' unwind tables, which is what dlclose takes away.
    let builder = Session::builder().output("out").config(DENSE).unwinder(memscope::UnwinderChoice::Framehop);
    let mut session = builder.start().expect("a session");
    let folder = crate::harness::argument(1);
    let loads = AtomicU64::new(0);
    beside_eight_threads(|| {
        std::thread::scope(|scope| {
            for name in ["one.so", "two.so"] {
                let path = Path::new(&folder).join(name);
                let path = std::ffi::CString::new(path.to_str().expect("a text")).expect("no zero");
                let loads = &loads;
                scope.spawn(move || {
                    let start = Instant::now();
                    while start.elapsed() < Duration::from_secs(number(0)) {
                        // SAFETY: the library has no constructors; the function has this type; nothing of it is used after dlclose.
                        unsafe {
                            let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
                            assert!(!library.is_null());
                            let function = libc::dlsym(library, c"call_back".as_ptr());
                            assert!(!function.is_null());
                            let function: extern "C" fn(extern "C" fn()) = std::mem::transmute(function);
                            function(back);
                            assert_eq!(libc::dlclose(library), 0);
                        }
                        assert!(std::panic::catch_unwind(|| panic!("{}", "x".repeat(100))).is_err());
                        loads.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
    });
    let result = session.finalize().expect("a result");
    println!(
        "{} loads in {} s; {} samples",
        loads.load(Ordering::Relaxed),
        number(0),
        result.sampled_allocations
    );
}
