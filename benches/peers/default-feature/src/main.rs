//! memscope by its default feature: no static to declare, and none that the compiler could inline without link-time optimisation.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    session::run(&workloads::Program::from_arguments())
}
