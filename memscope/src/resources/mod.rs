//! What the process takes from the machine: CPU time, resident memory, I/O, threads.
//!
//! Two ways to ask, one chain behind both:
//!
//! ```text
//! kernel -> Sampler::sample -> Snapshot -> Fold::push ... Fold::finish -> ResourceMetrics
//! ```
//!
//! * A *snapshot* is every figure at one instant. [`Sampler`] takes it: on Linux from descriptors that stay
//!   open and one buffer, so that a sample allocates nothing once the list of threads is known. A figure that
//!   cannot be had is a `Gap`: which source was asked, and what was wrong with it.
//! * A *fold* turns a row of snapshots into [`ResourceMetrics`]. It is pure: no clock, no file, the same on
//!   every platform.
//! * [`PlatformResourceCollector`] drives the two from a thread of its own; whoever already has a thread (the
//!   drain thread) drives [`Sampler`] by hand.
//!
//! Nothing is guessed: what no snapshot had is `None` in the metrics, with the reason in
//! [`ResourceMetrics::unavailable`].

// Asked on Linux only, where the rest of the reckoning is.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
mod allocator;
mod collector;
mod error;
mod fold;
mod metrics;
mod os;
// Elsewhere nothing fills in most of it.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
mod snapshot;

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod platform;

pub use collector::PlatformResourceCollector;
pub use error::ResourceError;
pub use metrics::{
    AllocatorMetrics, CpuResourceMetrics, IoResourceMetrics, MemoryResourceMetrics, ResourceMetrics,
    ThreadCpu, ThreadResourceMetrics, Unavailable,
};

// The pull form, for a thread that has other work as well.
#[allow(unused_imports)]
pub(crate) use self::{fold::Fold, platform::Sampler, snapshot::Detail, snapshot::Snapshot};
