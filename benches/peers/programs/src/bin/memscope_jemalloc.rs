//! memscope over jemalloc, with the static in the program's own crate.

use std::error::Error;

memscope::install!(tikv_jemallocator::Jemalloc);

fn main() -> Result<(), Box<dyn Error>> {
    session::run(&workloads::Program::from_arguments())
}
