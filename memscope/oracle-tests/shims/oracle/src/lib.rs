//! Stands in for memscope in a program that is not to be changed: the same names, the same profiler, and around its allocator an
//! oracle, which prints the truth to stderr when the program ends.

use memscope_oracle_tests::Oracle;
use std::alloc::System;
use std::sync::Once;

pub use memscope::*;

#[global_allocator]
static ORACLE: Oracle<SamplingAllocator<System>> = Oracle::new(SamplingAllocator::new(System));

extern "C" fn print_truth() {
    let truth = ORACLE.truth();
    eprintln!(
        "oracle: allocations={} allocated_bytes={} frees={} freed_bytes={} peak_bytes={} threads={}",
        truth.allocations,
        truth.allocated_bytes,
        truth.frees,
        truth.freed_bytes,
        truth.peak_bytes,
        ORACLE.threads()
    );
}

fn print_at_exit() {
    static ONCE: Once = Once::new();
    // SAFETY: the handler is a static function.
    ONCE.call_once(|| _ = unsafe { libc::atexit(print_truth) });
}

/// Says on stderr how long `work` took.
fn timed<R>(what: &str, work: impl FnOnce() -> R) -> R {
    let start = std::time::Instant::now();
    let result = work();
    eprintln!("timed: {what}_us={}", start.elapsed().as_micros());
    result
}

/// The names that the programs use, with the oracle's print arranged before the session starts, and its end timed.
pub mod lockfree {
    pub use memscope::lockfree::{
        AnalysisResult, CpuResourceMetrics, Error, IoResourceMetrics, PlatformResourceCollector, Result,
        SamplingConfig, ThreadResourceMetrics,
    };
    use std::path::Path;

    pub struct Session(memscope::Session);

    impl Session {
        pub fn finalize(&mut self) -> Result<AnalysisResult> {
            super::timed("finalize", || self.0.finalize())
        }
    }

    pub fn trace_all(output: impl AsRef<Path>) -> Result<()> {
        super::print_at_exit();
        memscope::trace_all(output)
    }

    pub fn stop_tracing() -> Result<()> {
        super::timed("stop", memscope::stop_tracing)
    }

    pub fn export_comprehensive_analysis(output: impl AsRef<Path>, name: &str) -> Result<()> {
        super::timed("export", || memscope::export_comprehensive_analysis(output, name))
    }

    pub fn comprehensive_profile_execution(
        output: impl AsRef<Path>,
        config: Option<SamplingConfig>,
    ) -> Result<Session> {
        super::print_at_exit();
        memscope::comprehensive_profile_execution(output, config).map(Session)
    }
}
