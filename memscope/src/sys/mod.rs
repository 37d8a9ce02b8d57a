//! What memscope asks of the operating system and the processor. Nothing here allocates from the global allocator.

mod cpu;
mod files;
#[cfg(target_os = "linux")]
mod linux;
// Elsewhere nothing is mapped.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
mod mapped;
#[cfg(not(target_os = "linux"))]
mod other;

pub(crate) use cpu::*;
pub(crate) use files::{create_file, create_folder, is_full, link};
#[cfg(target_os = "linux")]
pub(crate) use linux::*;
pub(crate) use mapped::for_each_mapping;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::*;
