//! divan's allocation counter: counts of the thread that runs a benchmark, kept for every thread.

use divan::AllocProfiler;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    workloads::Program::from_arguments().run();
}
