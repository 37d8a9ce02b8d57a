//! What memscope asks of the operating system and the processor. Nothing here allocates from the global allocator.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "memscope's allocator hook runs on Linux in this version; elsewhere leave the dependency out by `cfg`"
);

mod cpu;
mod linux;
mod mapped;
pub(crate) use cpu::*;
pub(crate) use linux::*;
pub(crate) use mapped::for_each_mapping;
