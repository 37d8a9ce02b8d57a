//! memscope over mimalloc, with the static in the program's own crate.

use std::error::Error;

memscope::install!(mimalloc::MiMalloc);

fn main() -> Result<(), Box<dyn Error>> {
    session::run(&workloads::Program::from_arguments())
}
