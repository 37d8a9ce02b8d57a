//! Several files that appear together or not at all.
//!
//! Each is written beside its place, and only when all are complete are they renamed into it. So a disk that fills up while the last
//! chart is written leaves the report of yesterday as it was, and nothing half done beside it.

use crate::error::ReportError;
use crate::render::create_beside;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Files that are complete, but not in their places yet. Those that never get there are removed.
#[derive(Debug, Default)]
pub(crate) struct Staging {
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    temporary: PathBuf,
    path: PathBuf,
}

impl Staging {
    /// Writes what `content` writes, for `path`.
    pub(crate) fn write(
        &mut self,
        path: &Path,
        content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), ReportError> {
        let failed = |source| ReportError::Incomplete { path: path.to_owned(), source, written: Vec::new() };
        let (temporary, file) = create_beside(path).map_err(failed)?;
        self.waiting.push(Waiting { temporary, path: path.to_owned() });
        let mut out = BufWriter::new(file);
        content(&mut out).and_then(|()| out.flush()).map_err(failed)
    }

    /// Puts all files into their places, in the order in which they were written.
    pub(crate) fn publish(mut self) -> Result<(), ReportError> {
        let mut written = Vec::with_capacity(self.waiting.len());
        for Waiting { temporary, path } in &self.waiting {
            if let Err(source) = fs::rename(temporary, path) {
                return Err(ReportError::Incomplete { path: path.clone(), source, written });
            }
            written.push(path.clone());
        }
        self.waiting.clear();
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        for Waiting { temporary, .. } in &self.waiting {
            // Ours and of no use; one that is in its place already is not found here.
            let _ = fs::remove_file(temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_at_the_last_file_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = ["one.svg", "two.svg"].map(|name| dir.path().join(name));
        fs::write(&one, "yesterday").unwrap();
        let mut staging = Staging::default();
        staging.write(&one, |out| out.write_all(b"today")).unwrap();
        let error = staging
            .write(&other, |out| {
                out.write_all(b"half")?;
                Err(io::ErrorKind::StorageFull.into())
            })
            .unwrap_err();
        drop(staging);
        let text = error.to_string();
        assert!(text.contains("two.svg") && text.contains("nothing of the report was written"), "{text}");
        assert_eq!(fs::read_to_string(&one).unwrap(), "yesterday");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_take_its_place_names_those_that_did() {
        let dir = tempfile::tempdir().unwrap();
        let [one, folder, last] = ["one.svg", "two.svg", "z.svg"].map(|name| dir.path().join(name));
        let mut staging = Staging::default();
        for path in [&one, &folder, &last] {
            staging.write(path, |out| out.write_all(b"chart")).unwrap();
        }
        fs::create_dir(&folder).unwrap();
        let text = staging.publish().unwrap_err().to_string();
        assert!(text.contains("only these were written") && text.contains("one.svg"), "{text}");
        assert!(!text.contains("z.svg") && one.is_file() && !last.exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
