//! The plain program on jemalloc, built without its profiler.

#[global_allocator]
static ALLOC: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    workloads::Program::from_arguments().run();
}
