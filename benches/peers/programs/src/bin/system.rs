//! The plain program: the system's allocator.

fn main() {
    workloads::Program::from_arguments().run();
}
