//! The plain program on mimalloc.

#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    workloads::Program::from_arguments().run();
}
