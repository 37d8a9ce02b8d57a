//! What the operating system says of the process, with no session at all: processor, memory, files, threads.
//!
//! ```sh
//! cargo run --release --example resources
//! ```
//! Six threads sort a million numbers each, write them to a file and read them back.

use memscope::PlatformResourceCollector;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::thread;

const OUTPUT: &str = "target/memscope-examples/resources";

fn main() -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(OUTPUT)?;
    let mut collector = PlatformResourceCollector::new()?;
    collector.start_monitoring()?;

    let sums = thread::scope(|scope| {
        let sorters: Vec<_> = (0..6).map(|seed| scope.spawn(move || sort_to_disk(seed))).collect();
        let sums = sorters.into_iter().map(|sorter| sorter.join().expect("a sorter does not panic"));
        sums.collect::<io::Result<Vec<_>>>()
    })?;

    let metrics = collector.stop_monitoring()?;
    let sum = sums.iter().fold(0_u64, |sum, of_file| sum.wrapping_add(*of_file));
    println!("{} files were sorted and read back; the sum of their numbers is {sum:x}", sums.len());
    println!("processor, peak:    {:.0}% of one core", metrics.cpu_metrics.peak_usage_percent);
    println!("memory, peak:       {:.3} GiB resident", metrics.memory_metrics.peak_usage_gb);
    println!("reads and writes:   {}", metrics.io_metrics.total_operations);
    println!("thread efficiency:  {:.1}%", metrics.thread_metrics.efficiency_percent);
    Ok(())
}

/// Sorts a million numbers into a file, and gives the sum of what the file then holds.
fn sort_to_disk(seed: u64) -> io::Result<u64> {
    let next = |number: &u64| Some(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed | 1));
    let mut numbers: Vec<u64> = std::iter::successors(Some(seed), next).take(1_000_000).collect();
    numbers.sort();

    let path = Path::new(OUTPUT).join(format!("sorted-{seed}.txt"));
    let mut file = BufWriter::new(File::create(&path)?);
    numbers.iter().try_for_each(|number| writeln!(file, "{number}"))?;
    file.flush()?;

    let mut sum = 0_u64;
    for line in BufReader::new(File::open(&path)?).lines() {
        sum = sum.wrapping_add(line?.parse().map_err(io::Error::other)?);
    }
    fs::remove_file(&path)?;
    Ok(sum)
}
