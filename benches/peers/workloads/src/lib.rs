//! What memscope and its peers are measured on: programs in small that allocate in ways of their own.
//!
//! Each takes a size, does the same in every run (random numbers are seeded), and ends by itself. Nothing here knows a profiler: the
//! programs put their allocator under it.

#![forbid(unsafe_code)]

mod burst;
mod json;
mod mixed;
mod pair;
mod program;
mod random;
#[cfg(feature = "server")]
mod scopes;
mod seed;
#[cfg(feature = "server")]
mod server;

pub use pair::pair;
pub use program::Program;
pub use seed::seed;
#[cfg(feature = "server")]
#[doc(hidden)]
pub use tokio;

/// One workload.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, counted one by one.
    pub unit: &'static str,
    /// How many units a size of 1 is: the number of threads where the size counts for each thread.
    pub units_per_size: usize,
    /// Does it, at the given size.
    pub run: fn(usize),
}

const SEED_THREADS: usize = 100;

/// The workloads, in the order of the tables.
pub const WORKLOADS: &[Workload] = &[
    Workload { name: "pair", unit: "pair", units_per_size: 1, run: pair },
    Workload { name: "zeroed", unit: "pair", units_per_size: 1, run: pair::zeroed },
    Workload { name: "mixed", unit: "operation", units_per_size: mixed::THREADS, run: mixed::mixed },
    Workload { name: "json", unit: "round", units_per_size: 1, run: json::json },
    Workload {
        name: "seed",
        unit: "vector",
        units_per_size: SEED_THREADS,
        run: |iterations| seed(SEED_THREADS, iterations),
    },
    #[cfg(feature = "server")]
    Workload { name: "server", unit: "request", units_per_size: 1, run: server::server },
    Workload { name: "burst", unit: "vector", units_per_size: burst::THREADS, run: burst::burst },
    #[cfg(feature = "server")]
    Workload { name: "scopes", unit: "task", units_per_size: 1, run: scopes::plain::scopes },
];

/// The workload of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.name == name)
}
