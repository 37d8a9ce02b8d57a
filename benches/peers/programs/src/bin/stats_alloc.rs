//! stats_alloc: counters that all threads share.

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOC: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    workloads::Program::from_arguments().run();
    println!("{:?}", ALLOC.stats());
}
