//! Names from real binaries, in every form in which they come.
#![cfg(all(feature = "dwarf", target_os = "linux"))]

#[path = "../common/mod.rs"]
mod common;

mod call_site;
mod debug_files;
mod kept;
mod mapped;
mod program;
mod shared_debug;
mod this_binary;
