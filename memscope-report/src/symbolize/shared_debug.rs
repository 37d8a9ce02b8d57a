//! Debug information that a binary shares with others: `dwz -m` moves what several have alike to one file, and leaves in each a link with
//! that file's path and build id (`.gnu_debugaltlink`).
//!
//! The file is looked for where the link says, by its name in the folders that the user names, by its build id in them and under `/usr/lib/debug`; the
//! build id decides. Without it an inlined call has a place, but no name: such calls are left out, and that is said.

use super::binary;
use super::elf_file::SharedLink;
use memscope_trace::Module;
use std::path::{Path, PathBuf};

/// What a binary shares, and where that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SharedDebug {
    /// The path in the link.
    pub(super) name: String,
    /// The file on this machine.
    pub(super) path: Option<PathBuf>,
}

impl SharedDebug {
    /// Looks for the file that the binary at `binary` has a link to.
    pub(super) fn find(link: &SharedLink, binary: &Path, symbols_dirs: &[PathBuf]) -> Self {
        let module = Module { build_id: link.build_id.clone(), ..Module::default() };
        let is_it = |path: &PathBuf| binary::check(path, &module, false).is_ok();
        let path = candidates(&link.path, binary, symbols_dirs, &module).into_iter().find(is_it);
        Self { name: link.path.clone(), path }
    }
}

fn candidates(link: &str, binary: &Path, symbols_dirs: &[PathBuf], module: &Module) -> Vec<PathBuf> {
    let link = Path::new(link);
    // A link that leads out of the binary's folder counts from where that really is.
    let binary = std::fs::canonicalize(binary).unwrap_or_else(|_| binary.to_owned());
    let mut candidates = vec![binary.parent().unwrap_or(Path::new("/")).join(link)];
    for dir in symbols_dirs {
        candidates.extend(link.file_name().map(|name| dir.join(name)));
        candidates.extend(binary::by_build_id(dir, module));
    }
    candidates.extend(binary::by_build_id(Path::new(binary::DEBUG_DIR), module));
    candidates
}
