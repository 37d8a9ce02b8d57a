//! Prints a trace's exact totals as `key=value` words, for scripts.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: trace_totals trace.bin");
        return ExitCode::from(2);
    };
    match memscope_report::Profile::open(&path) {
        Ok(profile) => {
            let threads = profile.threads.iter().filter(|thread| thread.allocations > 0).count();
            println!(
                "allocations={} allocated_bytes={} frees={} freed_bytes={} peak_bytes={} threads={threads} samples={} lost={} complete={}",
                profile.totals.allocations,
                profile.totals.allocated_bytes,
                profile.totals.frees,
                profile.totals.freed_bytes,
                profile.totals.peak_bytes,
                profile.samples,
                profile.loss.samples(),
                u8::from(profile.end.is_some()),
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("trace_totals: {path}: {error}");
            ExitCode::FAILURE
        }
    }
}
