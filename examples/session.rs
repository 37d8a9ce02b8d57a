//! A session in the program's own hands: start it with a config, work, and look at the result in the program
//! itself.
//!
//! ```sh
//! cargo run --release --example session
//! ```
//! Twelve threads read an access log each, and the figures per path are merged.

use memscope::SamplingConfig;
use std::collections::HashMap;
use std::error::Error;
use std::thread;

const OUTPUT: &str = "target/memscope-examples/session";

fn main() -> Result<(), Box<dyn Error>> {
    let config = SamplingConfig {
        sample_rate: 0.01,        // At least one allocation in a hundred is recorded ...
        min_allocation_size: 16,  // ... of those that have 16 bytes or more; the others are only counted.
        buffer_size: 1024 * 1024, // No thread's buffer takes more than this.
    };
    let mut session = memscope::comprehensive_profile_execution(OUTPUT, Some(config))?;

    let figures = thread::scope(|scope| {
        let readers: Vec<_> = (0..12).map(|file| scope.spawn(move || read(&access_log(file)))).collect();
        let mut merged: HashMap<String, Figures> = HashMap::new();
        for reader in readers {
            for (path, figures) in reader.join().expect("a log of our own can be read") {
                merged.entry(path).or_default().durations_ms.extend(figures.durations_ms);
            }
        }
        merged
    });
    let analysis = session.finalize()?;

    let requests: usize = figures.values().map(|figures| figures.durations_ms.len()).sum();
    println!("{requests} requests for {} paths\n", figures.len());
    println!("{analysis}");
    let per_request = analysis.total_allocations as f64 / requests.max(1) as f64;
    println!("\nThe totals are exact: {per_request:.2} allocations a request");
    println!("\nDraw it: memscope-report {OUTPUT}/trace.bin");
    Ok(())
}

/// What is known of a path. To keep every duration is what makes this program large.
#[derive(Default)]
struct Figures {
    durations_ms: Vec<u32>,
}

fn access_log(file: u32) -> String {
    let mut log = String::new();
    for line in 0..60_000_u32 {
        let (item, duration_ms) = (line.wrapping_mul(2_654_435_761) >> 22, (line * 7 + file) % 90);
        log.push_str(&format!("10.0.{file}.{} GET /items/{item} 200 {duration_ms}\n", line % 250));
    }
    log
}

fn read(log: &str) -> HashMap<String, Figures> {
    let mut paths: HashMap<String, Figures> = HashMap::new();
    for line in log.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, _, path, _, duration_ms] = fields[..] else { continue };
        let Ok(duration_ms) = duration_ms.parse() else { continue };
        paths.entry(path.to_owned()).or_default().durations_ms.push(duration_ms);
    }
    paths
}
