//! Many threads with large vectors and little else to do: what the first programs of memscope's users look like.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

/// Each thread makes vectors of 80 kB, sums them up and drops them, with 1 ms of sleep every hundred.
pub fn seed(threads: usize, iterations: usize) {
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for iteration in 0..iterations {
                    let data = black_box(vec![thread; 10_000]);
                    black_box(data.iter().sum::<usize>());
                    if iteration % 100 == 99 {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            });
        }
    });
}
