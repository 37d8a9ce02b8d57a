//! memscope over the system's allocator, with the static in the program's own crate.

use std::error::Error;

memscope::install!();

fn main() -> Result<(), Box<dyn Error>> {
    session::run(&workloads::Program::from_arguments())
}
