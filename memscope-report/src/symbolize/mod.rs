//! From code addresses to functions, files and lines.
//!
//! Each address of a trace gets its frames, innermost first: several where the compiler inlined calls. Names come
//! from the first of these that has one:
//!
//! 1. the DWARF of the module's binary, where the feature `dwarf` is on and a file with the trace's build id is found
//!    (`binary.rs`), read on all cores (`dwarf.rs`) or kept from an earlier report (`cache/`): function, file, line,
//!    inlined calls;
//! 2. the trace itself, which carries symbol-table names when its session ended in order: functions;
//! 3. the module and the offset in it.
//!
//! Debug information that `dwz` has moved to a file shared by several binaries is read from that file (`shared_debug.rs`).
//!
//! The kernel's vdso is no file: the trace has its names, read from the profiled process's memory. Where its session was cut short a frame is
//! shown as `linux-vdso.so.1+0x100`. No allocation has its call site there.

#[cfg(feature = "dwarf")]
mod binary;
#[cfg(feature = "dwarf")]
mod cache;
#[cfg(feature = "dwarf")]
mod dwarf;
#[cfg(feature = "dwarf")]
mod elf_file;
#[cfg(feature = "dwarf")]
mod engine;
mod modules;
mod name;
#[cfg(feature = "dwarf")]
mod outline;
mod owner;
#[cfg(feature = "dwarf")]
mod place;
#[cfg(feature = "dwarf")]
mod shared_debug;
mod symbols;
#[cfg(feature = "dwarf")]
mod table;

pub(crate) use name::FrameKind;
#[cfg(feature = "tools")]
pub(crate) use name::kind_of as frame_kind;
pub use symbols::Symbols;

use crate::load::Profile;
use crate::progress::Progress;
#[cfg(feature = "export")]
pub(crate) use modules::ModuleMap;
#[cfg(not(feature = "export"))]
use modules::ModuleMap;
use std::path::PathBuf;
use symbols::SymbolsBuilder;

/// Where names may be taken from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SymbolizeOptions {
    /// Whether to read DWARF (without the feature `dwarf` it is never read).
    pub dwarf: bool,
    /// Folders with binaries or debug files, searched by file name and by `.build-id/xx/yyyy.debug`.
    pub symbols_dirs: Vec<PathBuf>,
    /// A folder of the user's own in which what was read from debug information is kept, by build id, for the next
    /// report; `None`, the default, keeps nothing. See [`SymbolizeOptions::default_cache_dir`].
    pub cache_dir: Option<PathBuf>,
    /// Whether stacks keep the frames that lead from the program's code to the allocator, and the profiler's own. By
    /// default a stack begins at the first frame outside of the standard library, and sites whose stacks read the
    /// same from there on are one.
    pub all_frames: bool,
    /// Told how many addresses are done.
    pub progress: Progress,
}

impl Default for SymbolizeOptions {
    fn default() -> Self {
        Self {
            dwarf: true,
            symbols_dirs: Vec::new(),
            cache_dir: None,
            all_frames: false,
            progress: Progress::default(),
        }
    }
}

impl SymbolizeOptions {
    /// The folder for [`SymbolizeOptions::cache_dir`] that the command `memscope-report` takes: `memscope/symbols` in
    /// `$XDG_CACHE_HOME`, or else in `.cache` in `$HOME`; `None` where neither is set to an absolute path. It is made
    /// when it is first needed, for its owner only, and holds 256 MiB at most.
    #[cfg(feature = "dwarf")]
    #[must_use]
    pub fn default_cache_dir() -> Option<PathBuf> {
        cache::default_dir()
    }
}

/// Names for every code address in `profile`. What cannot be named gets its module and offset; why DWARF was not used
/// where it was asked for is in [`Symbols::notes`].
#[must_use]
pub fn symbolize(profile: &Profile, options: &SymbolizeOptions) -> Symbols {
    let modules = ModuleMap::new(&profile.modules);
    let addresses = profile.stacks.addresses();
    let mut symbols = SymbolsBuilder::new(addresses.len(), &profile.session.executable, options.all_frames);
    #[cfg(feature = "dwarf")]
    if options.dwarf {
        dwarf::resolve(addresses, &modules, options, &mut symbols);
    }
    for (row, &address) in addresses.iter().enumerate() {
        if symbols.is_resolved(row) {
            continue;
        }
        let module = modules.find(address);
        match profile.names.get(address) {
            Some(mangled) => symbols.name(row, mangled, module),
            None => symbols.offset(row, address, module),
        }
    }
    symbols.finish()
}
