//! Files of the kernel that are read again and again: kept open, read from their beginning into one buffer.
//!
//! Reading them is itself I/O of the process, and the kernel counts it. So the reader counts too, the way the
//! kernel does, and what it spent is taken off the process's figures: a profiler that reads ten files a tick
//! would else report them as the program's.

use super::super::snapshot::{Figure, Gap, Io};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Enough for any of the texts, and for the list of a thousand threads in one call.
const BUFFER_BYTES: usize = 32 * 1024;

/// The buffer, and what has been read through it.
#[derive(Debug)]
pub(super) struct Reader {
    buffer: Box<[u8]>,
    spent: Spent,
}

/// Own reads, as the kernel counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub operations: u64,
    pub bytes: u64,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; BUFFER_BYTES].into_boxed_slice(), spent: Spent::default() }
    }

    /// The first [`BUFFER_BYTES`] of `file` as they are now.
    pub(super) fn read(&mut self, file: &File) -> std::io::Result<&[u8]> {
        // The kernel counts the call also when it fails.
        self.spent.operations += 1;
        let length = file.read_at(&mut self.buffer, 0)?;
        self.spent.bytes += u64::try_from(length).unwrap_or(0);
        Ok(&self.buffer[..length])
    }

    /// At most `bytes` of `file` from `offset` on, and no more than the buffer holds.
    pub(super) fn read_from(&mut self, file: &File, offset: u64, bytes: u64) -> std::io::Result<&[u8]> {
        self.spent.operations += 1;
        let most = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.buffer.len());
        let length = file.read_at(&mut self.buffer[..most], offset)?;
        self.spent.bytes += u64::try_from(length).unwrap_or(0);
        Ok(&self.buffer[..length])
    }

    /// The buffer itself, for what is not a read (the kernel does not count listing a folder).
    pub(super) fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    pub(super) fn spent(&self) -> Spent {
        self.spent
    }
}

impl Spent {
    /// `io` without these reads.
    pub(super) fn taken_off(self, io: Io) -> Io {
        Io {
            read_operations: io.read_operations.saturating_sub(self.operations),
            character_read_bytes: io.character_read_bytes.saturating_sub(self.bytes),
            ..io
        }
    }
}

/// One file, or why it cannot be read.
#[derive(Debug)]
pub(super) struct Source {
    name: &'static str,
    file: Figure<File>,
}

impl Source {
    /// Opens `path`; messages call it `name`.
    pub(super) fn open(name: &'static str, path: &Path) -> Self {
        Self { name, file: File::open(path).map_err(|error| Gap::error(name, &error)) }
    }

    pub(super) const fn missing(gap: Gap) -> Self {
        Self { name: gap.source, file: Err(gap) }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn read<'a>(&self, reader: &'a mut Reader) -> Figure<&'a [u8]> {
        let file = self.file.as_ref().map_err(|gap| *gap)?;
        reader.read(file).map_err(|error| Gap::error(self.name, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_is_read_as_it_is_now_and_counted() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one").unwrap();
        let source = Source::open("figures", file.path());
        let mut reader = Reader::new();
        assert_eq!(source.read(&mut reader).unwrap(), b"one");
        file.write_all(b" two").unwrap();
        assert_eq!(source.read(&mut reader).unwrap(), b"one two");
        assert_eq!(reader.spent(), Spent { operations: 2, bytes: 10 });
    }

    #[test]
    fn a_missing_file_says_so_at_each_read() {
        let source = Source::open("/proc/self/io", Path::new("/proc/self/no-such-file"));
        let gap = source.read(&mut Reader::new()).unwrap_err();
        assert_eq!(gap.to_string(), "/proc/self/io: No such file or directory (os error 2)");
    }

    #[test]
    fn own_reads_are_taken_off_and_never_below_zero() {
        let io = Io { read_operations: 10, write_operations: 7, character_read_bytes: 5, ..Io::default() };
        let left = Spent { operations: 4, bytes: 9 }.taken_off(io);
        assert_eq!(
            left,
            Io { read_operations: 6, write_operations: 7, character_read_bytes: 0, ..Io::default() }
        );
    }
}
