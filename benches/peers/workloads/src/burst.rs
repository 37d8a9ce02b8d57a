//! Threads that come by the hundred and are gone.

use std::hint::black_box;
use std::thread;

pub(crate) const THREADS: usize = 500;

/// Each of five hundred threads makes `count` vectors of 1 to 100 kB.
pub(crate) fn burst(count: usize) {
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for round in 0..count {
                    black_box(vec![1_u8; 1000 + (thread * 7919 + round * 104_729) % 99_000]);
                }
            });
        }
    });
}
