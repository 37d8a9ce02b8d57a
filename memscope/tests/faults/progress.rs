//! What a child has done so far, in memory that outlives it: a shared mapping of a file.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

const BYTES: usize = 1 << 20;

pub(crate) struct Progress {
    words: &'static [AtomicU64],
}

impl Progress {
    /// Maps the file `progress` in `folder`, made where it is missing. The mapping stays for as long as the process.
    pub(crate) fn open(folder: &Path) -> Self {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(folder.join("progress")).expect("a file");
        file.set_len(BYTES as u64).expect("room");
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let file = std::os::fd::AsRawFd::as_raw_fd(&file);
        // SAFETY: a shared mapping at an address of the kernel's choice; it is never unmapped.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), BYTES, protection, libc::MAP_SHARED, file, 0) };
        assert_ne!(at, libc::MAP_FAILED);
        // SAFETY: the mapping is as long, page-aligned, and only ever accessed through atomics.
        let words = unsafe { std::slice::from_raw_parts(at.cast::<AtomicU64>(), BYTES / 8) };
        Self { words }
    }

    pub(crate) fn get(&self, word: usize) -> u64 {
        self.words[word].load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, word: usize, value: u64) {
        self.words[word].store(value, Ordering::Release);
    }

    /// Waits until the word is not 0; `false` after a minute.
    pub(crate) fn wait_for(&self, word: usize) -> bool {
        for _ in 0..60_000 {
            if self.get(word) != 0 {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        false
    }
}
