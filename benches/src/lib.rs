//! Workloads to measure memscope on. Nothing here knows memscope: the programs in `bin/` run the same code with and without it.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs the workload called `name`, `count` times its unit; `false` where there is none of that name.
pub fn run(name: &str, count: usize) -> bool {
    match name {
        "pair" => pair(count),
        "mixed" => mixed(count),
        "seed" => seed(100, count),
        "burst" => burst(count),
        _ => return false,
    }
    true
}

/// The workloads' names.
pub const NAMES: &[&str] = &["pair", "mixed", "seed", "burst"];

/// One thread allocates and frees 64 bytes.
pub fn pair(count: usize) {
    for _ in 0..count {
        drop(black_box(Box::new([0_u8; 64])));
    }
}

/// Thirty threads replace vectors of 16 bytes to 8 KiB in rings of 1,000; every tenth is freed by the next thread.
pub fn mixed(count_per_thread: usize) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..30).map(|_| mpsc::sync_channel::<Vec<u8>>(256)).unzip();
    thread::scope(|scope| {
        for (index, receiver) in receivers.into_iter().enumerate() {
            let next = senders[(index + 1) % senders.len()].clone();
            scope.spawn(move || mix(index as u64 + 1, count_per_thread, &next, &receiver));
        }
        drop(senders);
    });
}

fn mix(seed: u64, count: usize, next: &mpsc::SyncSender<Vec<u8>>, receiver: &mpsc::Receiver<Vec<u8>>) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    };
    let mut ring: Vec<Vec<u8>> = (0..1000).map(|_| Vec::new()).collect();
    for round in 0..count {
        let bits = random();
        // Log-uniform between 2^4 and 2^13.
        let size = (1_usize << (4 + bits % 9)) + (bits >> 20) as usize % (1 << (4 + bits % 9));
        let old = std::mem::replace(&mut ring[(bits >> 40) as usize % 1000], Vec::with_capacity(size));
        if round % 10 == 0 {
            // A full queue is no reason to wait: then it is freed here.
            let _ = next.try_send(old);
        }
        while let Ok(theirs) = receiver.try_recv() {
            drop(theirs);
        }
    }
}

/// Threads make vectors of 80 kB, sum them up and drop them, with 1 ms of sleep every hundred.
pub fn seed(threads: usize, iterations: usize) {
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for iteration in 0..iterations {
                    let data = vec![thread; 10_000];
                    black_box(data.iter().sum::<usize>());
                    if iteration % 100 == 0 {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            });
        }
    });
}

/// Five hundred threads make vectors of 1 to 100 kB and are gone.
pub fn burst(count_per_thread: usize) {
    thread::scope(|scope| {
        for thread in 0..500_usize {
            scope.spawn(move || {
                for round in 0..count_per_thread {
                    black_box(vec![1_u8; 1000 + (thread * 7919 + round * 104_729) % 99_000]);
                }
            });
        }
    });
}

/// The command line of the programs: a workload and a count. Says what is expected and ends the program where it is not that.
#[must_use]
pub fn arguments() -> (String, usize) {
    let mut words = std::env::args().skip(1);
    let name = words.next().filter(|name| NAMES.contains(&name.as_str()));
    match (name, words.next().and_then(|count| count.parse().ok())) {
        (Some(name), Some(count)) => (name, count),
        _ => {
            eprintln!("expected a workload ({}) and a count", NAMES.join(", "));
            std::process::exit(2);
        }
    }
}
