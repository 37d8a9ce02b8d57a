//! `sample_rate = 1.0`: every allocation is recorded, every free is matched, and what is left is what leaked.

use memscope::{SamplingAllocator, SamplingConfig, Session};
use memscope_oracle_tests::{Oracle, estimates, wait_until_alone};
use memscope_report::Profile;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::mpsc;

#[global_allocator]
static ORACLE: Oracle<SamplingAllocator<System>> = Oracle::new(SamplingAllocator::new(System));

const LEAKED: usize = 37;

#[inline(never)]
fn leak_some() {
    for index in 0..LEAKED {
        std::mem::forget(vec![1_u8; 1000 + index]);
    }
}

fn realloc_all_shapes() {
    for (from, to) in [(16, 32), (32, 16), (1 << 20, 1 << 22), (1 << 22, 100), (64, 64)] {
        let layout = Layout::from_size_align(from, 8).expect("a layout");
        // SAFETY: sizes are not zero; every block is freed with the layout that it has last.
        unsafe {
            let old = ORACLE.alloc(layout);
            let new = ORACLE.realloc(old, layout, to);
            ORACLE.dealloc(new, Layout::from_size_align(to, 8).expect("a layout"));
        }
    }
}

/// Without the test harness, whose own thread allocates beside what is compared.
fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = SamplingConfig { sample_rate: 1.0, min_allocation_size: 0, buffer_size: 4 << 20 };
    let mut session = Session::builder().output(folder.path()).config(config).start().expect("a session");
    ORACLE.reset();
    let (send, receive) = mpsc::sync_channel::<Vec<u8>>(4);
    let freeing = std::thread::spawn(move || receive.into_iter().map(|bytes| bytes.len()).sum::<usize>());
    for round in 0..3000_usize {
        send.send(vec![1; 1 + round % 700]).expect("the other side listens");
    }
    drop(send);
    freeing.join().expect("no panic");
    realloc_all_shapes();
    leak_some();
    wait_until_alone();
    let truth = ORACLE.truth();
    let result = session.finalize().expect("a result");
    assert_eq!(
        (result.total_allocations, result.sampled_allocations),
        (truth.allocations, truth.allocations)
    );
    assert_eq!(result.lost_samples, 0);

    let profile = Profile::open(folder.path().join("trace.bin")).expect("a trace");
    let analysis = memscope_report::analyze(
        &profile,
        &memscope_report::symbolize(&profile, &memscope_report::SymbolizeOptions::default()),
    );
    let (bytes, _) = estimates(&profile);
    assert_eq!(
        (bytes.value, bytes.low, bytes.high),
        (truth.allocated_bytes as f64, bytes.value, bytes.value)
    );
    let leaks = analysis
        .sites
        .iter()
        .find(|site| site.frames.iter().any(|frame| frame.function.contains("leak_some")));
    let expected: usize = (0..LEAKED).map(|index| 1000 + index).sum();
    assert_eq!(leaks.expect("the leaking site").live_bytes.value, expected as f64);
    // Everything else that is live at the end was allocated once and kept by the runtime or the test: little.
    let live: f64 = analysis.sites.iter().map(|site| site.live_bytes.value).sum();
    assert_eq!(live, (truth.allocated_bytes - truth.freed_bytes) as f64 + freed_but_older(&truth, live));
    println!("every_allocation_is_recorded_and_every_free_matched: 1 passed, 0 failed");
}

/// Bytes freed in the session that were allocated before it: they are in the oracle's frees and in no sample.
fn freed_but_older(truth: &memscope_oracle_tests::Truth, live: f64) -> f64 {
    let older = live - (truth.allocated_bytes - truth.freed_bytes) as f64;
    assert!((0.0..10_000.0).contains(&older), "{older} bytes from before the session");
    older
}
