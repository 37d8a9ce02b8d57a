//! What sampling the process's resources costs, in percent of one core: of a session, and of the collector alone.
//!
//! `collector [SECONDS [THREADS [idle|working]]]`: for 8, 100 and 500 threads, idle and working (each does some 20 µs of work and allocates every 20 ms), runs a session and then
//! a collector for that long, and prints the CPU time of the samples by the sampling thread's own clock.

use memscope::{PlatformResourceCollector, ResourceMetrics, Session};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(10), |text| text.parse())?;
    let only: Option<u32> = std::env::args().nth(2).map(|text| text.parse()).transpose()?;
    let only_work = std::env::args().nth(3);
    println!("| threads | work | session, % of a core | collector, % of a core |");
    println!("| ---: | --- | ---: | ---: |");
    for threads in [8, 100, 500].into_iter().filter(|threads| only.is_none_or(|only| only == *threads)) {
        for works in [false, true] {
            let work = if works { "working" } else { "idle" };
            if only_work.as_ref().is_some_and(|only| only != work) {
                continue;
            }
            let stop = Arc::new(AtomicBool::new(false));
            let running: Vec<JoinHandle<()>> = (0..threads).map(|_| worker(works, &stop)).collect();
            let session = session(seconds)?;
            let alone = alone(seconds)?;
            stop.store(true, Ordering::Relaxed);
            for thread in running {
                thread.thread().unpark();
                thread.join().map_err(|_| "a worker panicked")?;
            }
            println!("| {threads} | {work} | {session:.3} | {alone:.3} |");
        }
    }
    Ok(())
}

fn worker(works: bool, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            if works {
                let text: Vec<String> = (0..100_u32).map(|n| black_box(n).to_string()).collect();
                black_box(text);
                thread::sleep(Duration::from_millis(20));
            } else {
                thread::park_timeout(Duration::from_secs(60));
            }
        }
    })
}

fn session(seconds: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("memscope-collector-{}", std::process::id()));
    let mut session = Session::builder().output(&folder).start()?;
    thread::sleep(Duration::from_secs(seconds));
    let result = session.finalize()?;
    std::fs::remove_dir_all(&folder)?;
    percent(&result.resources.ok_or("a session has resources")?)
}

fn alone(seconds: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let mut collector = PlatformResourceCollector::new()?;
    collector.start_monitoring()?;
    thread::sleep(Duration::from_secs(seconds));
    percent(&collector.stop_monitoring()?)
}

fn percent(metrics: &ResourceMetrics) -> Result<f64, Box<dyn std::error::Error>> {
    let cpu = metrics.sampling_cpu_seconds.ok_or("the sampling thread has a clock")?;
    Ok(100.0 * cpu / metrics.duration_seconds)
}
