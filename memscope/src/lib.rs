//! A sampling heap profiler that stays on in production.
//!
//! Annotate `main` and run the program; it writes a `trace.bin` that `memscope-report` turns into charts and one HTML page: where the
//! memory goes, who holds it, what only churns, which thread frees what another allocated.
//!
//! ```no_run
//! #[memscope::profile(output = "profile")]
//! fn main() {
//!     let words: Vec<String> = (0..1000).map(|i| format!("word {i}")).collect();
//!     println!("{}", words.len());
//! }
//! ```
//!
//! or open a session in code:
//!
//! ```no_run
//! # fn work() {}
//! let mut session = memscope::comprehensive_profile_execution("profile", None)?;
//! work();
//! let analysis = session.finalize()?;
//! println!("{analysis}");
//! # Ok::<(), memscope::Error>(())
//! ```
//!
//! # What is exact and what is estimated
//!
//! Counts and bytes of allocations and frees, per thread and per annotated function, are exact, and so is the live heap over time.
//! *Which stack* they belong to is estimated from samples: a Poisson process over bytes, each sample weighted by the inverse of its
//! probability, every estimate with its 95% interval. A session counts from its start: memory that was live before is not in its
//! figures.
//!
//! # The allocator
//!
//! With the default feature `global-allocator` nothing needs declaring. For production, put the allocator into the program's own
//! crate, where it is inlined without link-time optimisation: take memscope with `default-features = false` and write
//! [`install!`]`();` or `install!(MiMalloc);` in `main.rs`.
//!
//! # The flow
//!
//! ```text
//! SamplingAllocator -> thread record (sampler, scope, stack) -> ring -> drain thread -> trace.bin -> memscope-report
//! ```

mod allocator;
mod arena;
mod attribute;
mod bell;
mod control;
mod drain;
mod error;
mod future;
mod global;
mod hook;
mod live;
mod resources;
mod ring;
mod sampler;
mod say;
mod scope;
mod session;
#[cfg(feature = "stream")]
mod stream;
mod sync;
mod sys;
pub mod task;
mod thread;
mod threshold;
#[cfg(feature = "tracing")]
mod tracing;
mod unwind;

pub use allocator::SamplingAllocator;
pub use error::{Error, Result};
pub use future::{FutureExt, Scoped};
#[cfg(feature = "report")]
pub use global::export_comprehensive_analysis;
pub use global::{comprehensive_profile_execution, stop_tracing, trace_all};
pub use memscope_macros::profile;
pub use memscope_report::analysis::{Bottleneck, BottleneckKind, Severity};
pub use memscope_report::statistics::Estimate;
pub use resources::{
    AllocatorMetrics, CpuResourceMetrics, IoResourceMetrics, MemoryResourceMetrics,
    PlatformResourceCollector, ResourceError, ResourceMetrics, ThreadCpu, ThreadResourceMetrics, Unavailable,
};
pub use scope::{Scope, scope};
pub use session::{AnalysisResult, SamplingConfig, Session, SessionBuilder};
#[cfg(feature = "stream")]
pub use stream::StreamExt;
pub use threshold::Threshold;
#[cfg(feature = "tracing")]
pub use tracing::ScopeLayer;
pub use unwind::UnwinderChoice;

/// Every public name once more, for programs written against `memscope_rs::lockfree`.
pub mod lockfree {
    #[doc(hidden)]
    pub use crate::__private;
    #[cfg(feature = "report")]
    pub use crate::export_comprehensive_analysis;
    pub use crate::{
        AnalysisResult, Bottleneck, BottleneckKind, CpuResourceMetrics, Error, Estimate, FutureExt,
        IoResourceMetrics, MemoryResourceMetrics, PlatformResourceCollector, ResourceError, ResourceMetrics,
        Result, SamplingAllocator, SamplingConfig, Scope, Scoped, Session, SessionBuilder, Severity,
        ThreadCpu, ThreadResourceMetrics, Unavailable, UnwinderChoice, comprehensive_profile_execution,
        install, profile, scope, stop_tracing, task, trace_all,
    };
}

#[cfg(feature = "global-allocator")]
#[global_allocator]
static GLOBAL: SamplingAllocator<std::alloc::System, true> = SamplingAllocator::trusting(std::alloc::System);

/// Makes [`SamplingAllocator`] the program's global allocator, over the system's or over the one that is named.
///
/// Write it once, in the program's own crate (a binary, or a library for another language), and take memscope with `default-features = false`: two global allocators do not link.
///
/// ```
/// # // The library's own tests run with the default feature, where a second allocator would not link.
/// # macro_rules! main_rs { ($($code:tt)*) => {} }
/// # main_rs! {
/// memscope::install!();
/// # }
/// # main_rs! {
/// memscope::install!(mimalloc::MiMalloc);
/// # }
/// ```
#[macro_export]
macro_rules! install {
    () => {
        $crate::install!(::std::alloc::System);
    };
    ($inner:path) => {
        #[global_allocator]
        static MEMSCOPE_ALLOCATOR: $crate::SamplingAllocator<$inner, true> =
            $crate::SamplingAllocator::trusting($inner);
    };
}

/// What macros expand to; no part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::__stream as stream;
    pub use crate::attribute::{Entered, Function, Options, enter};
    #[cfg(not(feature = "stream"))]
    pub use crate::future::make_in_scope;
    pub use crate::future::{Making, Scoped, making, never};
    pub use crate::scope::{scope_of, scope_with_labels};

    /// The time that a scope notes at its edges, in ticks.
    #[must_use]
    #[inline(always)]
    pub fn ticks() -> u64 {
        crate::scope::counter()
    }

    /// Whether an allocation of the calling thread would be counted now.
    #[must_use]
    pub fn is_recording() -> bool {
        crate::control::is_active() && !crate::thread::local::is_busy()
    }
}
