//! dhat: each allocation with its stack, behind one mutex.

use std::error::Error;

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

fn main() -> Result<(), Box<dyn Error>> {
    let program = workloads::Program::from_arguments();
    let folder = tempfile::tempdir()?;
    let profiler = dhat::Profiler::builder().file_name(folder.path().join("dhat-heap.json")).build();
    program.run();
    drop(profiler);
    Ok(())
}
