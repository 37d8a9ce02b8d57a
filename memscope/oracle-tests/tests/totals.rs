//! Exact figures and the peak, against the oracle, on programs with many threads.

use memscope::{SamplingAllocator, SamplingConfig, Session};
use memscope_oracle_tests::{Oracle, Random, Truth, peak_tolerance_bytes, wait_until_alone};
use std::alloc::System;
use std::sync::mpsc;

#[global_allocator]
static ORACLE: Oracle<SamplingAllocator<System>> = Oracle::new(SamplingAllocator::new(System));

/// Without the test harness, whose own thread allocates beside what is compared.
fn main() {
    thirty_threads_hand_memory_around();
    spikes_between_two_sums_are_seen();
    one_thread_allocates_and_another_frees();
    two_hundred_short_threads();
    destructors_of_thread_locals_count();
    println!("every_figure_equals_the_oracles: 1 passed, 0 failed");
}

/// Runs `work` in a session and compares what memscope says with what the oracle saw.
fn compare(config: SamplingConfig, work: impl FnOnce()) -> (memscope::AnalysisResult, Truth) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session =
        Session::builder().output(folder.path()).config(config).seed(1).start().expect("a session");
    ORACLE.reset();
    work();
    wait_until_alone();
    let truth = ORACLE.truth();
    let result = session.finalize().expect("a result");
    assert_eq!((result.total_allocations, result.total_bytes), (truth.allocations, truth.allocated_bytes));
    let reported = result.peak_memory_mb * 1024.0 * 1024.0;
    let tolerance = peak_tolerance_bytes(truth.peak_bytes, result.thread_count);
    assert!(
        (reported - truth.peak_bytes as f64).abs() <= tolerance,
        "peak {reported} against {} +- {tolerance}",
        truth.peak_bytes
    );
    let profile = memscope_report::Profile::open(folder.path().join("trace.bin")).expect("a trace");
    assert_eq!((profile.totals.frees, profile.totals.freed_bytes), (truth.frees, truth.freed_bytes));
    (result, truth)
}

fn thirty_threads_hand_memory_around() {
    for config in
        [SamplingConfig::default(), SamplingConfig::high_precision(), SamplingConfig::low_overhead()]
    {
        let (result, _) = compare(config, || {
            let (senders, receivers): (Vec<_>, Vec<_>) =
                (0..30).map(|_| mpsc::sync_channel::<Vec<u8>>(64)).unzip();
            std::thread::scope(|scope| {
                for (index, receiver) in receivers.into_iter().enumerate() {
                    let next = senders[(index + 1) % 30].clone();
                    scope.spawn(move || {
                        let mut random = Random(index as u64);
                        let mut kept: Vec<Vec<u8>> = Vec::new();
                        for round in 0..2000 {
                            let mut bytes = vec![1; random.size()];
                            if round % 3 == 0 {
                                bytes.reserve_exact(bytes.len() + 100);
                            }
                            if round % 10 == 0 {
                                let _ = next.try_send(bytes);
                            } else {
                                kept.push(bytes);
                            }
                            if kept.len() > 100 {
                                kept.swap_remove(random.next() as usize % 100);
                            }
                            while receiver.try_recv().is_ok() {}
                        }
                    });
                }
                drop(senders);
            });
        });
        assert_eq!(result.thread_count, 31);
        assert!(result.sampled_allocations > 0 && result.lost_samples == 0, "{result}");
    }
}

fn spikes_between_two_sums_are_seen() {
    let (result, truth) = compare(SamplingConfig::default(), || {
        for round in 1..=20_usize {
            drop(std::hint::black_box(vec![1_u8; round * 1024 * 1024]));
        }
    });
    assert!(truth.peak_bytes >= 20 << 20);
    assert_eq!(result.thread_count, 1);
}

fn one_thread_allocates_and_another_frees() {
    compare(SamplingConfig::default(), || {
        let (send, receive) = mpsc::sync_channel::<Vec<u8>>(10);
        let freeing = std::thread::spawn(move || receive.into_iter().map(|bytes| bytes.len()).sum::<usize>());
        for round in 0..20_000 {
            send.send(vec![0; 1000 + round % 50_000]).expect("the other side listens");
        }
        drop(send);
        assert!(freeing.join().expect("no panic") > 0);
    });
}

fn two_hundred_short_threads() {
    let (result, _) = compare(SamplingConfig::default(), || {
        for batch in 0..20 {
            std::thread::scope(|scope| {
                for index in 0..10 {
                    scope.spawn(move || std::hint::black_box(vec![0_u8; batch * 100 + index]).len());
                }
            });
        }
    });
    assert!(result.thread_count > 180, "threads whose vector was empty may have allocated nothing: {result}");
}

fn destructors_of_thread_locals_count() {
    struct Late(Vec<u8>);
    impl Drop for Late {
        fn drop(&mut self) {
            std::hint::black_box(vec![0_u8; 10_000]);
            self.0 = vec![1; 20_000];
        }
    }
    thread_local!(static LATE: std::cell::RefCell<Option<Late>> = const { std::cell::RefCell::new(None) });
    compare(SamplingConfig::high_precision(), || {
        for _ in 0..100 {
            let touch = || LATE.with(|late| *late.borrow_mut() = Some(Late(vec![2; 5000])));
            std::thread::spawn(touch).join().expect("no panic");
        }
    });
}
