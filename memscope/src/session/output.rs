//! The output folder and the trace in it. Nothing that was there is overwritten: an older trace is kept aside, and that is said.

use crate::say::say;
use crate::{Error, Result, sys};
use memscope_trace::rings_path;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The trace's name in the output folder.
pub(crate) const TRACE_NAME: &str = "trace.bin";

/// Makes the folder where it is missing, and an empty trace in it that only the user may read.
pub(crate) fn create_trace(folder: &Path) -> Result<(PathBuf, File)> {
    let failed = |path: &Path, attempted: &'static str| {
        let path = path.to_path_buf();
        move |source| Error::Output { path, attempted, source }
    };
    if !folder.is_dir() {
        sys::create_folder(folder).map_err(failed(folder, "make or use the output folder"))?;
    }
    let path = folder.join(TRACE_NAME);
    keep_aside(&path).map_err(failed(&path, "keep aside the older"))?;
    let file = sys::create_file(&path).map_err(failed(&path, "create"))?;
    // Where the file system has no locks, two processes with one folder are not told apart.
    let _ = file.try_lock();
    Ok((path, file))
}

/// Renames what stands at `path` to `trace.1.bin`, `trace.2.bin`, ...: the first that is free.
fn keep_aside(path: &Path) -> std::io::Result<()> {
    if std::fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    if is_being_written(path) {
        return Err(std::io::Error::other(
            "another process is writing to it: name another output folder for this one",
        ));
    }
    for number in 1_u32..1_000_000 {
        let aside = path.with_file_name(format!("trace.{number}.bin"));
        // A hard link fails where the name is taken: unlike a rename it never replaces anything.
        match std::fs::hard_link(path, &aside) {
            Ok(()) => {
                std::fs::remove_file(path)?;
                keep_rings_aside(path, &aside)?;
                say(format_args!("kept the older {} as {}", path.display(), aside.display()));
                return Ok(());
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return rename_aside(path, &aside, error),
        }
    }
    Err(std::io::Error::other("a million older traces are there: move some away"))
}

/// The rings that a killed process left stay with its trace.
fn keep_rings_aside(trace: &Path, aside: &Path) -> std::io::Result<()> {
    let rings = rings_path(trace);
    if std::fs::symlink_metadata(&rings).is_err() {
        return Ok(());
    }
    std::fs::rename(rings, rings_path(aside))
}

/// Makes way for a new link to rings. What stands there belongs to a trace that is gone: of a link nothing is lost.
pub(super) fn keep_link_aside(link: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(link) {
        Ok(found) if found.is_symlink() => std::fs::remove_file(link),
        _ => Ok(()),
    }
}

/// Whether a session of some process has the trace locked. Only what is plainly a file is asked: opening a FIFO would wait.
fn is_being_written(path: &Path) -> bool {
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    let file = is_file.then(|| File::open(path).ok()).flatten();
    file.is_some_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}

/// For what cannot be linked: folders, and file systems without hard links.
fn rename_aside(path: &Path, aside: &Path, link_error: std::io::Error) -> std::io::Result<()> {
    if std::fs::symlink_metadata(aside).is_ok() {
        return Err(link_error);
    }
    std::fs::rename(path, aside)?;
    keep_rings_aside(path, aside)?;
    say(format_args!("kept the older {} as {}", path.display(), aside.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keeps_everything_that_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        for content in ["first", "second"] {
            std::fs::write(folder.path().join(TRACE_NAME), content).expect("a file");
            create_trace(folder.path()).expect("a trace");
        }
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
        assert_eq!((read("trace.1.bin").as_str(), read("trace.2.bin").as_str()), ("first", "second"));
    }

    #[test]
    fn only_the_user_may_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("a/b");
        let (path, _) = create_trace(&inner).expect("a trace");
        let mode = |path: &Path| std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
        assert_eq!((mode(&inner), mode(&path)), (0o700, 0o600));
    }

    #[test]
    fn says_what_stands_in_the_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "x").expect("a file");
        let error = create_trace(&file).expect_err("a file is no folder").to_string();
        assert!(error.contains("make or use the output folder") && error.contains("file"), "{error}");
        assert!(create_trace(&file.join("below")).is_err());
        assert!(create_trace(Path::new("/proc/memscope-test")).is_err());
        assert_eq!(std::fs::read_to_string(&file).expect("untouched"), "x");
    }

    #[test]
    fn a_trace_that_is_being_written_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, first) = create_trace(folder.path()).expect("a trace");
        let error = create_trace(folder.path()).expect_err("it is being written").to_string();
        assert!(error.contains("another process is writing"), "{error}");
        drop(first);
        create_trace(folder.path()).expect("a trace");
        assert!(path.with_file_name("trace.1.bin").exists());
    }

    #[test]
    fn a_symlink_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("precious");
        std::fs::write(&target, "precious").expect("a file");
        std::os::unix::fs::symlink(&target, folder.path().join(TRACE_NAME)).expect("a link");
        create_trace(folder.path()).expect("a trace");
        assert_eq!(std::fs::read_to_string(&target).expect("untouched"), "precious");
        assert!(!folder.path().join(TRACE_NAME).is_symlink());
    }
}
