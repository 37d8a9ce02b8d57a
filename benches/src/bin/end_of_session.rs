//! How long the end of a session takes, by number of threads: `finalize()`, the export, and the size of the trace.
//!
//! Each thread makes 1,000 vectors of 80 kB as in the workload `seed`, sampled as that program asks for: one in 100 at least.

use memscope::SamplingConfig;
use std::path::Path;
use std::time::Instant;

fn main() -> memscope::Result<()> {
    let config = SamplingConfig { sample_rate: 0.01, min_allocation_size: 1024, buffer_size: 1024 * 1024 };
    println!("threads  finalize ms  export ms  trace kB  samples  lost");
    for threads in [30, 100, 500] {
        let output = Path::new("target/memscope-benches").join(format!("end-{threads}"));
        // An older trace of this program's own making would be kept aside.
        let _ = std::fs::remove_dir_all(&output);
        let mut session = memscope::comprehensive_profile_execution(&output, Some(config))?;
        memscope_benches::seed(threads, 1000);
        let start = Instant::now();
        let result = session.finalize()?;
        let finalize = start.elapsed();
        let start = Instant::now();
        memscope::export_comprehensive_analysis(&output, "page")?;
        let export = start.elapsed();
        let bytes = std::fs::metadata(output.join("trace.bin")).map_or(0, |metadata| metadata.len());
        println!(
            "{threads:7}  {:11.1}  {:9.1}  {:8.1}  {:7}  {:4}",
            finalize.as_secs_f64() * 1000.0,
            export.as_secs_f64() * 1000.0,
            bytes as f64 / 1000.0,
            result.sampled_allocations,
            result.lost_samples
        );
    }
    Ok(())
}
