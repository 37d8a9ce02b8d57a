//! Threads in numbers, their ends, and sessions in numbers.

use crate::harness::{Outcome, Program, Scenario, number, resident_kib, settled_kib};
use crate::traces::{Trace, allocate, allocate_surely};
use memscope::{Error, SamplingConfig, Session};
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        rows: "37",
        name: "thread_churn",
        run: |effort| told("churn", effort.choose(100_000, 1_000_000)),
    },
    Scenario { rows: "36", name: "threads_alive", run: |effort| told("alive", effort.choose(4000, 10_000)) },
    Scenario { rows: "24", name: "tls_dtor_alloc", run: |effort| told("tls", effort.choose(3000, 10_000)) },
    Scenario { rows: "45", name: "sessions", run: |effort| told("sessions", effort.choose(200, 10_000)) },
    Scenario { rows: "45", name: "start_here_finalize_there", run: |_| told("elsewhere", 0) },
    Scenario {
        rows: "45",
        name: "concurrent_start",
        run: |effort| told("concurrent", effort.choose(50, 2000)),
    },
    Scenario {
        rows: "35",
        name: "first_sample_bias",
        run: |effort| told("first", effort.choose(20_000, 100_000)),
    },
    Scenario {
        rows: "32",
        name: "ring_overflow",
        run: |effort| told("overflow", effort.choose(200_000, 2_000_000)),
    },
    Scenario {
        rows: "31",
        name: "address_reuse",
        run: |effort| told("reuse", effort.choose(1_000_000, 20_000_000)),
    },
];

pub(crate) const CHILDREN: &[(&str, fn())] = &[
    ("churn", churn),
    ("alive", alive),
    ("tls", tls),
    ("sessions", sessions),
    ("elsewhere", elsewhere),
    ("concurrent", concurrent),
    ("first", first),
    ("overflow", overflow),
    ("reuse", reuse),
];

const DENSE: SamplingConfig =
    SamplingConfig { sample_rate: 0.05, min_allocation_size: 0, buffer_size: 64 << 10 };

fn told(child: &str, amount: u64) -> Outcome {
    let ended = Program::new(child).argument(amount).run();
    let figures = ended.expect_success().to_owned();
    assert_eq!(ended.own_stderr(), "", "no noise");
    Outcome::Passed(figures)
}

/// Starts threads that sample, and returns how much memory is resident once the drain thread has caught up with their ends, KiB.
fn churned_kib(threads: u64) -> u64 {
    for _ in 0..threads / 4 {
        let four = [(); 4].map(|()| std::thread::spawn(|| allocate(50)));
        four.into_iter().for_each(|thread| thread.join().expect("no panic"));
    }
    std::thread::sleep(Duration::from_secs(1));
    settled_kib()
}

/// Many short threads that all sample: what they leave behind is used again.
///
/// Where the drain thread gets no processor, more records wait for it at once than ever before, and that many stay mapped. So memory may grow in one
/// part of the run, or two; what leaks grows in each.
fn churn() {
    const PARTS: u64 = 6;
    let threads = number(0) / 12 * 4;
    let mut session = Session::builder().output("out").config(DENSE).start().expect("a session");
    let mut started = threads;
    let mut resident_kib = vec![churned_kib(threads)];
    let is_flat = |kib: &[u64]| matches!(kib, [.., before, after] if *after < before + 512 + before / 20);
    while started < 3 * threads || !is_flat(&resident_kib) {
        assert!(started < PARTS * threads, "memory grows with the number of threads, KiB: {resident_kib:?}");
        resident_kib.push(churned_kib(threads));
        started += threads;
    }
    let result = session.finalize().expect("a result");
    assert_eq!(result.thread_count as u64, started + 1, "each is counted, and the main thread");
    println!("{started} threads; KiB resident after each {threads} of them: {resident_kib:?}");
}

/// All alive at once, each with a sample.
fn alive() {
    let threads = number(0) as usize;
    let mut session = Session::builder().output("out").config(DENSE).start().expect("a session");
    let before = resident_kib();
    let (here, go) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
    let mut during = 0;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let body = || {
                here.wait();
                allocate_surely(1);
                allocate(100);
                go.wait();
            };
            std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, body).expect("a thread");
        }
        here.wait();
        during = resident_kib();
        go.wait();
    });
    let after = resident_kib();
    let result = session.finalize().expect("a result");
    assert_eq!(result.thread_count, threads + 1);
    let trace = Trace::open("out/trace.bin".as_ref());
    assert!(trace.stats.is_clean());
    let there = trace.sure(1).times_us.len() as u64;
    assert!(there + result.lost_samples >= threads as u64, "{there} of {threads}: {result}");
    // A thread takes a page or two of its ring, and its stack's pages.
    assert!(after.saturating_sub(before) < 64 * threads as u64, "{before} KiB to {after}");
    println!(
        "{threads} threads at once, {there} of their samples; {before} KiB, then {during}, then {after}"
    );
}

struct Counts(&'static AtomicU64);

impl Drop for Counts {
    fn drop(&mut self) {
        allocate(20);
        allocate_surely(5);
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

static DROPPED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static EARLY: Counts = const { Counts(&DROPPED) };
    static LATE: std::cell::RefCell<Vec<Counts>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// A key of the operating system's whose destructor sets it again: it runs in each round of destructors, after memscope's too.
unsafe extern "C" fn key_destructor(value: *mut libc::c_void) {
    let rounds = value as usize;
    allocate(20);
    drop(black_box(Box::new([1_u8; 64])));
    if rounds > 1 {
        // SAFETY: the key lives for as long as the process.
        unsafe {
            libc::pthread_setspecific(KEY.load(Ordering::Relaxed) as u32, (rounds - 1) as *mut libc::c_void)
        };
    }
}

static KEY: AtomicU64 = AtomicU64::new(0);

/// Destructors of thread-locals that allocate and free: some set before memscope's own, some after, some again and again.
fn tls() {
    let mut key = 0;
    // SAFETY: `key` is valid for writing.
    assert_eq!(unsafe { libc::pthread_key_create(&mut key, Some(key_destructor)) }, 0);
    KEY.store(key.into(), Ordering::Relaxed);
    let mut session = Session::builder().output("out").config(DENSE).start().expect("a session");
    let threads = number(0);
    for round in 0..threads / 4 {
        let body = move |turn: u64| {
            if turn.is_multiple_of(2) {
                EARLY.with(|_| ());
            }
            // SAFETY: the key was made above.
            unsafe { libc::pthread_setspecific(KEY.load(Ordering::Relaxed) as u32, 4 as *mut libc::c_void) };
            allocate((round % 3) as usize);
            LATE.with(|late| late.borrow_mut().push(Counts(&DROPPED)));
            EARLY.with(|_| ());
        };
        let four = [0, 1, 2, 3].map(|turn| std::thread::spawn(move || body(turn)));
        // A scope would end before their destructors have run.
        four.into_iter().for_each(|thread| thread.join().expect("no panic"));
    }
    let result = session.finalize().expect("a result");
    assert_eq!(DROPPED.load(Ordering::Relaxed), 2 * threads, "each destructor ran");
    let trace = Trace::open("out/trace.bin".as_ref());
    let sure = trace.sure(5);
    assert_eq!(sure.times_us.len() as u64 + result.lost_samples, 2 * threads, "{result}");
    assert_eq!(sure.freed, sure.times_us.len(), "no false leak");
    println!("{threads} threads, {} destructors; {} late events", 2 * threads, trace.loss.late_events);
}

/// Sessions in a row, each with threads: nothing stays.
fn sessions() {
    let rounds = number(0);
    let descriptors = || std::fs::read_dir("/proc/self/fd").expect("a folder").count();
    let mappings = || std::fs::read_to_string("/proc/self/maps").expect("maps").lines().count();
    let (mut early, start) = ((0, 0, 0), Instant::now());
    for round in 0..rounds {
        memscope::trace_all("out").expect("a session");
        assert!(matches!(memscope::trace_all("out"), Err(Error::SessionActive { .. })));
        if round % 8 == 0 {
            std::thread::spawn(|| allocate(100)).join().expect("no panic");
        }
        allocate_surely(1);
        memscope::stop_tracing().expect("it was running");
        assert!(matches!(memscope::stop_tracing(), Err(Error::NoSession)));
        if round < rounds - 1 {
            std::fs::remove_dir_all("out").expect("it was there");
        }
        // By then the allocator has what it keeps; a page a session from here on is more than is allowed.
        if round == rounds / 3 {
            early = (settled_kib(), descriptors(), mappings());
        }
    }
    let late = (settled_kib(), descriptors(), mappings());
    assert!(
        late.0 < early.0 + 512 && late.1 <= early.1 && late.2 <= early.2 + 20,
        "{early:?} grew to {late:?}"
    );
    assert_eq!(Trace::open("out/trace.bin".as_ref()).sure(1).times_us.len(), 1);
    println!(
        "{rounds} sessions in {:.1} s; KiB resident, descriptors, mappings: {early:?}, then {late:?}",
        start.elapsed().as_secs_f64()
    );
}

/// Started by one thread that ends, finalized by another.
fn elsewhere() {
    for round in 0..20 {
        let start = || Session::builder().output("out").config(DENSE).start().expect("a session");
        let session = std::thread::spawn(start).join().expect("no panic");
        allocate_surely(round);
        let finalize = move || {
            let mut session = session;
            session.finalize().map(|result| result.total_allocations)
        };
        let allocations = std::thread::spawn(finalize).join().expect("no panic").expect("a result");
        assert!(allocations >= 1);
        let trace = Trace::open("out/trace.bin".as_ref());
        assert_eq!(trace.sure(round).times_us.len(), 1);
        assert!(trace.end.is_some() && trace.stats.is_clean());
        std::fs::remove_dir_all("out").expect("it was there");
    }
    println!("20 sessions");
}

/// Of those that start a session at the same time one gets it, and the others are told.
fn concurrent() {
    let (got, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    for round in 0..number(0) {
        let barrier = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    match Session::builder().output(format!("out-{round}")).config(DENSE).start() {
                        Ok(mut session) => {
                            got.fetch_add(1, Ordering::Relaxed);
                            allocate_surely(1);
                            session.finalize().map(drop).expect("a result");
                        }
                        Err(Error::SessionActive { .. }) => _ = refused.fetch_add(1, Ordering::Relaxed),
                        Err(other) => panic!("{other}"),
                    }
                });
            }
        });
        std::fs::remove_dir_all(format!("out-{round}")).expect("somebody got it");
    }
    let (got, refused) = (got.into_inner(), refused.into_inner());
    assert!(got >= number(0) && got + refused == 4 * number(0));
    println!("{got} sessions, {refused} refusals");
}

/// Threads that make one allocation each: it is sampled as often as any other, though it is their first.
fn first() {
    const BYTES: usize = 7777;
    const INTERVAL_BYTES: f64 = 524_288.0;
    let (rate, threads) = (0.01, number(0));
    let config = SamplingConfig { sample_rate: rate, min_allocation_size: 0, buffer_size: 64 << 10 };
    let builder = Session::builder().output("out").config(config).seed(20_250_101);
    let mut session = builder.sampling_interval_bytes(INTERVAL_BYTES as u64).start().expect("a session");
    for _ in 0..threads / 4 {
        let four = [(); 4].map(|()| std::thread::spawn(|| drop(black_box(Vec::<u8>::with_capacity(BYTES)))));
        four.into_iter().for_each(|thread| thread.join().expect("no panic"));
    }
    let result = session.finalize().expect("a result");
    assert_eq!(result.lost_samples, 0, "{result}");
    let sampled = Trace::open("out/trace.bin".as_ref())
        .sizes
        .get(&(BYTES as u64))
        .map_or(0, |size| size.times_us.len());
    let credit_bytes = -INTERVAL_BYTES * f64::ln(1.0 - rate);
    let probability = 1.0 - f64::exp(-(BYTES as f64 + credit_bytes) / INTERVAL_BYTES);
    let (expected, count) = (threads as f64 * probability, threads as f64);
    let sigmas = (sampled as f64 - expected) / (count * probability * (1.0 - probability)).sqrt();
    assert!(
        sigmas.abs() < 4.0,
        "{sampled} sampled where {expected:.0} are expected: {sigmas:.1} standard deviations"
    );
    println!(
        "{threads} threads: {sampled} sampled, {expected:.0} expected, {sigmas:+.2} standard deviations"
    );
}

/// Rings that overflow all the time: what is recorded and what is lost add up, in number and bytes, and no free is missed.
fn overflow() {
    const BYTES: usize = 4096;
    let config = SamplingConfig { sample_rate: 0.9999999, min_allocation_size: BYTES, buffer_size: 4096 };
    let mut session = Session::builder().output("out").config(config).start().expect("a session");
    let each = number(0) / 8;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut held = Vec::with_capacity(64);
                for round in 0..each {
                    held.push(vec![0_u8; BYTES]);
                    if round % 64 == 63 {
                        held.clear();
                    }
                }
            });
        }
    });
    let result = session.finalize().expect("a result");
    let trace = Trace::open("out/trace.bin".as_ref());
    assert!(trace.stats.is_clean());
    let of_size = trace.sizes.get(&(BYTES as u64)).cloned().unwrap_or_default();
    let end = trace.end.expect("an end");
    let sampled = trace.samples + end.loss.samples();
    assert!(result.lost_samples > 0, "the rings are too small for what comes");
    // One in ten million is not drawn.
    assert!(
        sampled.abs_diff(8 * each) <= 32,
        "{} recorded and {} lost of {}",
        trace.samples,
        end.loss.samples(),
        8 * each
    );
    let lost_bytes = end.loss.buffer_full_bytes + end.loss.table_full_bytes;
    assert!(lost_bytes >= end.loss.samples() * BYTES as u64);
    assert_eq!(of_size.freed, of_size.times_us.len(), "false leaks");
    println!("{} recorded, {} lost, of {}; false leaks 0", trace.samples, end.loss.samples(), 8 * each);
}

/// Addresses that are used again at once, by other threads: each sample has one free, and it comes after it.
fn reuse() {
    let config = SamplingConfig { sample_rate: 0.2, min_allocation_size: 0, buffer_size: 8 << 20 };
    let builder = Session::builder().output("out").config(config).unwinder(memscope::UnwinderChoice::None);
    let mut session = builder.start().expect("a session");
    let pairs = 4;
    let each = number(0) / pairs;
    std::thread::scope(|scope| {
        for pair in 0..pairs {
            let (send, receive) = std::sync::mpsc::sync_channel::<Box<[u8]>>(64);
            scope.spawn(move || {
                for _ in 0..each {
                    let block = vec![pair as u8; 1000 + pair as usize].into_boxed_slice();
                    send.send(block).expect("the other side listens");
                }
            });
            scope.spawn(move || {
                for block in receive {
                    assert_eq!(block[999], pair as u8);
                }
            });
        }
    });
    let result = session.finalize().expect("a result");
    let profile = crate::traces::profile("out/trace.bin".as_ref());
    assert!(profile.read.is_clean());
    let trace = Trace::open("out/trace.bin".as_ref());
    let mut samples = 0;
    for pair in 0..pairs {
        let of_pair = trace.sizes.get(&(1000 + pair)).cloned().unwrap_or_default();
        assert_eq!(of_pair.freed, of_pair.times_us.len(), "each sample freed once");
        samples += of_pair.freed;
    }
    assert!(samples as u64 + result.lost_samples > number(0) / 8, "{result}");
    println!("{} hand-offs, {samples} samples, each freed once", number(0));
}
