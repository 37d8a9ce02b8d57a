//! Imports as tasks of a tokio program, and the one of them that holds what the others have long let go.
//!
//! ```sh
//! cargo run --release --example imports
//! ```
//! Two hundred imports run on four workers, some dozen at once. Each parses its file line by line and waits between; one file has a line that makes its
//! import keep everything. The sums by scope are those of any import; the tasks say which one it was.

use memscope::{FutureExt, SamplingConfig, Session};
use memscope_report::{Profile, Symbols, analysis::analyze, units};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

const OUTPUT: &str = "target/memscope-examples/imports";
const IMPORTS: usize = 200;
const AT_ONCE: usize = 24;
/// The file with the line.
const ODD_FILE: usize = 137;

fn main() -> Result<(), Box<dyn Error>> {
    // A rate of its own, which no budget changes: the program is over in a moment.
    let config = SamplingConfig { sample_rate: 0.001, ..SamplingConfig::default() };
    let mut session = Session::builder().output(OUTPUT).config(config).start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    let kept = runtime.block_on(import_all())?;
    session.finalize()?;
    println!("{} imports, {} rows are kept\n", IMPORTS, kept.iter().map(Vec::len).sum::<usize>());
    print_tasks(&format!("{OUTPUT}/trace.bin"))
}

async fn import_all() -> Result<Vec<Vec<String>>, Box<dyn Error>> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let tasks: Vec<_> = (0..IMPORTS)
        .map(|file| {
            let places = Arc::clone(&places);
            let work = async move {
                let _place = places.acquire().await.ok()?;
                Some(import(file).in_task("import").await)
            };
            tokio::spawn(work)
        })
        .collect();
    let mut kept = Vec::new();
    for task in tasks {
        kept.extend(task.await?);
    }
    Ok(kept)
}

/// Imports one file; returns the rows that are to be looked at again.
async fn import(file: usize) -> Vec<String> {
    let mut rejected = Vec::new();
    let mut keeps = false;
    for line in 0..200 {
        let row = format!("{file};{line};{}", "x".repeat(40_000));
        keeps |= file == ODD_FILE && line == 3;
        if keeps {
            rejected.push(row);
        }
        if line % 20 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    rejected
}

/// The tasks that hold most, with what each of them did.
fn print_tasks(trace: &str) -> Result<(), Box<dyn Error>> {
    // Tasks have names of their own: no symbols are looked up.
    let analysis = analyze(&Profile::open(Path::new(trace))?, &Symbols::default());
    println!("{:<32} {:>6} {:>10} {:>10}  holds at the end", "task", "polls", "allocated", "freed");
    for task in analysis.tasks.iter().take(5) {
        let live = task.live_bytes;
        println!(
            "{:<32} {:>6} {:>10} {:>10}  {} ({})",
            task.label(),
            task.polls,
            units::bytes(task.allocated_bytes as f64),
            units::bytes(task.freed_bytes as f64),
            units::bytes(live.value),
            units::range(live.low, live.high, units::bytes),
        );
    }
    Ok(())
}
