//! Names that an earlier report found, kept by build id.
//!
//! A build id stands for one content, so what was found in a binary once is true for good. One file for each build id
//! holds every address that was ever asked for (`codec.rs`): a second report of the same program, or one of another
//! trace of it, reads no debug information, and one whose binary is gone still has its lines. Where the binary is
//! there, the entry counts only if it was made from the same file: debug information may have come since.
//!
//! The folder is the user's alone: one that somebody else owns or may write to is refused, and so is an entry that is
//! not a regular file of the user's. Nothing in an entry is trusted beyond that: one that is damaged, of another
//! version or too large is as good as none. The cache is a convenience, so whatever fails, the report goes on.

mod codec;

use super::binary::hex;
use super::table::FrameTable;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Larger entries are neither written nor read, bytes.
const ENTRY_BYTES_MAX: u64 = 32 << 20;
/// What all entries may take, bytes; beyond, those that were not used for longest go.
const CACHE_BYTES_MAX: u64 = 256 << 20;
/// Lengths of build ids that are trusted to be one: a shorter one may be any number, a longer one is no hash.
const BUILD_ID_BYTES: std::ops::RangeInclusive<usize> = 8..=64;
/// How entries are called.
const SUFFIX: &str = ".frames";

/// A folder with entries.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// The cache in `dir`; what is not there yet is made when there is something to keep.
    ///
    /// # Errors
    /// One clause that says why the folder is not used.
    pub(super) fn open(dir: &Path) -> Result<Self, String> {
        match fs::symlink_metadata(dir) {
            Ok(metadata) if !metadata.is_dir() => Err("it is no folder".to_owned()),
            Ok(metadata) if !is_private(&metadata) => {
                Err("it is not yours alone (another user owns it, or `chmod go-w` would keep others from writing to it)".to_owned())
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(Self { dir: dir.to_owned() }),
        }
    }

    /// What is known of the binary with that build id: only if it was made from the file with that stamp, where one
    /// is given.
    pub(super) fn load(&self, build_id: &[u8], stamp: Option<&str>) -> Option<FrameTable> {
        let path = self.path(build_id)?;
        let metadata = fs::symlink_metadata(&path).ok()?;
        if !metadata.is_file() || !is_private(&metadata) || metadata.len() > ENTRY_BYTES_MAX {
            return None;
        }
        let file = File::open(&path).ok()?;
        let mut bytes = Vec::new();
        (&file).take(ENTRY_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let table = codec::decode(&bytes, build_id, stamp)?;
        // What was used last goes last. A folder that cannot be written to serves all the same.
        let _ = file.set_modified(SystemTime::now());
        Some(table)
    }

    /// Keeps what is known of the binary with that build id.
    pub(super) fn store(&self, build_id: &[u8], stamp: &str, table: &FrameTable) {
        let Some(path) = self.path(build_id) else { return };
        let bytes = codec::encode(build_id, stamp, table);
        if bytes.len() as u64 <= ENTRY_BYTES_MAX && self.make().is_some() && self.write(&path, &bytes).is_ok()
        {
            self.shrink(CACHE_BYTES_MAX);
        }
    }

    /// Makes the folder unless it is there; `None` if it is not, or is another's.
    fn make(&self) -> Option<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.dir).ok()?;
        let metadata = fs::symlink_metadata(&self.dir).ok()?;
        (metadata.is_dir() && is_private(&metadata)).then_some(())
    }

    fn path(&self, build_id: &[u8]) -> Option<PathBuf> {
        BUILD_ID_BYTES.contains(&build_id.len()).then(|| self.dir.join(format!("{}{SUFFIX}", hex(build_id))))
    }

    /// Writes to a new file and renames it, so that nobody ever reads half an entry.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.dir.join(format!(".{}.tmp", std::process::id()));
        // One left behind by a process of the same number.
        let _ = fs::remove_file(&temporary);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options
            .open(&temporary)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Removes the entries that were not used for longest until all take `bytes_max` at most.
    fn shrink(&self, bytes_max: u64) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let entry = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok().filter(Metadata::is_file)?;
            let is_ours = entry.file_name().to_str()?.ends_with(SUFFIX);
            is_ours.then(|| {
                (metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), entry.path())
            })
        };
        let mut entries: Vec<_> = entries.filter_map(entry).collect();
        entries.sort();
        let mut bytes: u64 = entries.iter().map(|entry| entry.1).sum();
        for (_, length, path) in entries {
            if bytes <= bytes_max {
                return;
            }
            if fs::remove_file(path).is_ok() {
                bytes -= length;
            }
        }
    }
}

/// `memscope/symbols` in the user's cache folder: `$XDG_CACHE_HOME`, or else `.cache` in `$HOME`; `None` where neither
/// is set to an absolute path.
pub(super) fn default_dir() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(caches.join("memscope").join("symbols"))
}

/// Whether it is the user's, and nobody else may write to it.
#[cfg(unix)]
fn is_private(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

#[cfg(not(unix))]
fn is_private(_: &Metadata) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::analysis::Frame;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    const ID: [u8; 20] = [7; 20];

    fn table(functions: &[&str]) -> FrameTable {
        let mut table = FrameTable::default();
        for (at, function) in functions.iter().enumerate() {
            let frame = Frame { function: (*function).to_owned(), ..Frame::default() };
            table.insert(at as u64, [frame]);
        }
        table
    }

    #[test]
    fn what_was_stored_is_loaded_while_the_file_is_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("a/b")).unwrap();
        assert!(cache.load(&ID, None).is_none());
        cache.store(&ID, "stamp", &table(&["f"]));
        assert_eq!(cache.load(&ID, Some("stamp")).unwrap().frames()[0].function, "f");
        assert!(cache.load(&ID, None).is_some());
        assert!(cache.load(&ID, Some("another")).is_none());
        assert!(cache.load(&[8; 20], None).is_none());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&cache.dir), mode(&cache.path(&ID).unwrap())), (0o700, 0o600));
        assert_eq!(fs::read_dir(&cache.dir).unwrap().count(), 1);
    }

    #[test]
    fn build_ids_that_are_none_have_no_entry() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        for length in [0, 7, 65, 100_000] {
            cache.store(&vec![1; length], "", &table(&["f"]));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn folders_and_entries_that_others_may_write_to_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        cache.store(&ID, "", &table(&["f"]));
        let set = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        let entry = cache.path(&ID).unwrap();
        set(&entry, 0o622);
        assert!(cache.load(&ID, None).is_none());
        set(&entry, 0o600);
        let moved = dir.path().join("moved");
        fs::rename(&entry, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &entry).unwrap();
        assert!(cache.load(&ID, None).is_none());

        set(dir.path(), 0o777);
        assert!(Cache::open(dir.path()).unwrap_err().contains("not yours alone"));
        set(dir.path(), 0o700);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert!(Cache::open(&link).is_err());
        assert!(Cache::open(&moved).is_err());
        Cache::open(Path::new("/proc/nothing/here")).unwrap().store(&ID, "", &table(&["f"]));
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let now = SystemTime::now();
        for (id, age_s) in [(1, 10), (2, 30), (3, 20)] {
            cache.store(&[id; 20], "", &table(&["f"]));
            let file = File::open(cache.path(&[id; 20]).unwrap()).unwrap();
            file.set_modified(now - Duration::from_secs(age_s)).unwrap();
        }
        // Being used makes it the youngest.
        assert!(cache.load(&[2; 20], None).is_some());
        let length = fs::metadata(cache.path(&[2; 20]).unwrap()).unwrap().len();
        cache.shrink(2 * length);
        let left = [1, 2, 3].map(|id| cache.path(&[id; 20]).unwrap().exists());
        assert_eq!(left, [true, true, false]);
    }
}
