//! hotpath's allocation counter, with one function measured: all of the workload.

#[global_allocator]
static ALLOC: hotpath::CountingAllocator = hotpath::CountingAllocator::new();

fn main() {
    let program = workloads::Program::from_arguments();
    let measuring = hotpath::HotpathGuardBuilder::new("main").build();
    program.run();
    drop(measuring);
}
