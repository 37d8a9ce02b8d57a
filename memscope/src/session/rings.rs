//! The file of shared rings: in a memory file system, with a link to it beside the trace.
//!
//! Not on a disk: a store to a mapped file waits while the disk writes the page, some 20 ms where it is busy, and stores to rings are made by the
//! program's threads.

use super::output;
use crate::arena::{Arena, Owner};
use crate::{Error, Result, sys};
use memscope_trace::rings_path;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Makes the rings of the session that writes `trace`.
pub(super) fn create(trace: &Path, ring_bytes: usize, owner: &Owner) -> Result<Arena> {
    let link = std::path::absolute(rings_path(trace)).unwrap_or_else(|_| rings_path(trace));
    output::keep_link_aside(&link).map_err(|source| Error::Output {
        path: link.clone(),
        attempted: "keep aside the older",
        source,
    })?;
    let (file, paths) = create_file(&link, owner.started_unix_ns)?;
    Arena::create(file, paths, ring_bytes, owner)
        .map_err(|source| Error::Start { refused: "memory for shared rings", source: Some(source) })
}

/// An empty file, and the paths by which it is found: beside the trace where that is in memory, else where there is memory.
fn create_file(link: &Path, started_unix_ns: u64) -> Result<(File, Vec<PathBuf>)> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Output { path, attempted: "create", source }
    };
    let beside = sys::create_file(link).map_err(failed(link))?;
    if sys::is_in_memory(&beside) {
        return Ok((beside, vec![link.to_path_buf()]));
    }
    // That it can be made there is known now; what stands there is to be the link.
    std::fs::remove_file(link).map_err(failed(link))?;
    let name = format!("memscope-{}-{started_unix_ns}.rings", sys::process_id());
    let folders = [Some(PathBuf::from("/dev/shm")), std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)];
    for folder in folders.into_iter().flatten() {
        let path = folder.join(&name);
        let Ok(file) = sys::create_file(&path) else { continue };
        if !sys::is_in_memory(&file) {
            // Made just now, and of no use.
            let _ = std::fs::remove_file(&path);
            continue;
        }
        let linked = sys::link(&path, link);
        if linked.is_err() {
            let _ = std::fs::remove_file(&path);
        }
        return linked.map(|()| (file, vec![link.to_path_buf(), path])).map_err(failed(link));
    }
    let source = io::Error::other("neither the output folder nor /dev/shm nor $XDG_RUNTIME_DIR is in memory");
    Err(Error::Start { refused: "a memory file system (tmpfs) for shared rings", source: Some(source) })
}
