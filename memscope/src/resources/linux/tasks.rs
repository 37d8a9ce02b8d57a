//! The threads of this process, from one walk to the next.
//!
//! A walk asks each thread that it knows for its CPU clock: a system call without a file, which also tells
//! when the thread is gone. Only a thread that has run since the last walk can have waited for a core, so
//! only then is its `schedstat` read. And only if the kernel counts more threads than are known is the folder
//! listed for new ones. An idle thread thus costs a fraction of a microsecond. (Known threads are never
//! dropped because a listing lacks them: the kernel may skip one while threads come and go, and it would be
//! counted twice when it turns up again.)
//!
//! `schedstat` stays open, since opening costs many times a reading; but open files are the program's to
//! spend. At most an eighth of its limit is taken, and never more than [`MOST_KEPT`], some at each walk; the
//! waiting of threads beyond is unknown.

use super::super::os;
use super::super::snapshot::{Figure, Gap, Thread, ThreadName};
use super::list::add_tids;
use super::schedstat;
use super::source::Reader;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::fs::MetadataExt;

const MOST_KEPT: u64 = 512;
/// The kernel stalls for milliseconds each time the table of open files has to double: let the stalls lie
/// apart.
const OPENED_PER_WALK: usize = 64;
/// A thread often gets its name a moment after it began: look again on the second walk.
const NAME_WALKS: u32 = 2;
const SCHEDSTAT: &str = "/proc/self/task/TID/schedstat";
const FOLDER: &str = "/proc/self/task";
const NOT_ACCOUNTED: Gap =
    Gap::because(SCHEDSTAT, "this kernel does not account scheduling (it prints `0 0 0`)");
const NOT_COUNTED: Gap = Gap::because(FOLDER, "the links of this folder do not count threads here");
const NO_DESCRIPTOR: Gap = Gap::because(
    SCHEDSTAT,
    "not opened for this thread (or not yet): at most an eighth of the limit on open files is used",
);

#[derive(Debug)]
pub(super) struct Tasks {
    folder: Figure<File>,
    /// Ordered by `tid`; `threads` mirrors it.
    known: Vec<Known>,
    threads: Vec<Thread>,
    /// How many of them have an open file, and how many may.
    kept: u64,
    kept_limit: u64,
    tids: Vec<u32>,
    /// Whether the kernel accounts scheduling.
    accounted: Figure<()>,
    next_sequence: u64,
    /// Whose name is looked at next, so that renamed threads are found in time.
    next_name: usize,
}

#[derive(Debug)]
struct Known {
    thread: Thread,
    schedstat: Option<File>,
    walks: u32,
}

impl Tasks {
    pub(super) fn open(reader: &mut Reader) -> Self {
        let own = os::own_tid();
        // Looked up by its id, so that a `/proc` of another process namespace, with other ids, is found out.
        let folder = open(own, "comm").and_then(|_| os::thread_cpu_ns(own)).and_then(|_| File::open(FOLDER));
        Self {
            folder: folder.map_err(|error| Gap::error(FOLDER, &error)),
            known: Vec::new(),
            threads: Vec::new(),
            kept: 0,
            kept_limit: os::descriptor_limit().map_or(0, |limit| limit / 8).min(MOST_KEPT),
            tids: Vec::new(),
            accounted: is_accounted(own, reader),
            next_sequence: 0,
            next_name: 0,
        }
    }

    /// Brings the list up to date, without the thread `set_apart`. `count` is the kernel's number of threads,
    /// if it is known.
    pub(super) fn walk(
        &mut self,
        reader: &mut Reader,
        count: Option<u64>,
        set_apart: Option<u32>,
    ) -> Figure<()> {
        self.folder.as_ref().map_err(|gap| *gap)?;
        self.known.retain_mut(|known| Some(known.thread.tid) != set_apart && known.update(reader));
        let apart = u64::from(set_apart.is_some());
        if count.is_none_or(|count| u64::try_from(self.known.len()).unwrap_or(0) + apart != count) {
            self.list(reader)?;
            self.add_new(reader, set_apart);
        }
        self.keep_files(reader);
        self.look_at_names(reader);
        self.threads.clear();
        self.threads.extend(self.known.iter().map(|known| known.thread));
        Ok(())
    }

    /// The threads as the last walk found them, ordered by id.
    pub(super) fn threads(&self) -> &[Thread] {
        &self.threads
    }

    /// How many there are, with the one set apart: the kernel counts them as links of their folder, beyond the two that each folder has.
    pub(super) fn count(&self) -> Figure<u64> {
        let folder = self.folder.as_ref().map_err(|gap| *gap)?;
        let links = folder.metadata().map_err(|error| Gap::error(FOLDER, &error))?.nlink();
        links.checked_sub(2).filter(|count| *count > 0).ok_or(NOT_COUNTED)
    }

    /// Fills in the ids of all threads.
    fn list(&mut self, reader: &mut Reader) -> Figure<()> {
        let folder = self.folder.as_mut().map_err(|gap| *gap)?;
        let failed = |error| Gap::error(FOLDER, &error);
        folder.rewind().map_err(failed)?;
        self.tids.clear();
        loop {
            let length = os::directory_entries(folder, reader.buffer()).map_err(failed)?;
            if length == 0 {
                return Ok(());
            }
            add_tids(reader.buffer().get(..length).unwrap_or_default(), &mut self.tids);
        }
    }

    /// Adds the listed threads that are not known yet.
    fn add_new(&mut self, reader: &mut Reader, set_apart: Option<u32>) {
        for tid in self.tids.iter().copied().filter(|tid| Some(*tid) != set_apart) {
            let Err(at) = self.known.binary_search_by_key(&tid, |known| known.thread.tid) else { continue };
            let wait_ns = Err(self.accounted.err().unwrap_or(NO_DESCRIPTOR));
            let thread =
                Thread { tid, sequence: self.next_sequence, name: ThreadName::default(), cpu_ns: 0, wait_ns };
            let mut new = Known { thread, schedstat: None, walks: 0 };
            if new.update(reader) {
                self.next_sequence += 1;
                self.known.insert(at, new);
            }
        }
    }

    /// Opens the `schedstat` of threads that have none, as far as descriptors go: those of ended threads are
    /// free again.
    fn keep_files(&mut self, reader: &mut Reader) {
        if self.accounted.is_err() {
            return;
        }
        let has_file = |known: &&Known| known.schedstat.is_some();
        self.kept = u64::try_from(self.known.iter().filter(has_file).count()).unwrap_or(u64::MAX);
        let without = self.known.iter_mut().filter(|known| known.schedstat.is_none());
        for known in without.take(OPENED_PER_WALK) {
            if self.kept >= self.kept_limit {
                return;
            }
            known.schedstat = open(known.thread.tid, "schedstat").ok();
            known.read_wait(reader);
            self.kept += u64::from(known.schedstat.is_some());
        }
    }

    fn look_at_names(&mut self, reader: &mut Reader) {
        self.next_name = if self.next_name + 1 < self.known.len() { self.next_name + 1 } else { 0 };
        for (index, known) in self.known.iter_mut().enumerate() {
            if known.walks <= NAME_WALKS || index == self.next_name {
                known.look_at_name(reader);
            }
        }
    }
}

impl Known {
    /// Reads the thread's times; `false` if it has ended.
    fn update(&mut self, reader: &mut Reader) -> bool {
        self.walks = self.walks.saturating_add(1);
        match os::thread_cpu_ns(self.thread.tid) {
            Ok(cpu_ns) if cpu_ns == self.thread.cpu_ns => true,
            Ok(cpu_ns) if cpu_ns > self.thread.cpu_ns => {
                self.thread.cpu_ns = cpu_ns;
                self.read_wait(reader)
            }
            // Gone, or less than before: then the id belongs to another thread by now.
            _ => false,
        }
    }

    /// Reads how long the thread has waited, if its file is open; `false` if the thread has ended.
    fn read_wait(&mut self, reader: &mut Reader) -> bool {
        let Some(file) = &self.schedstat else { return true };
        let Some(read) = reader.read(file).ok().and_then(schedstat::parse) else { return false };
        self.thread.wait_ns = Ok(read.wait_ns);
        true
    }

    fn look_at_name(&mut self, reader: &mut Reader) {
        let Ok(file) = open(self.thread.tid, "comm") else { return };
        if let Ok(text) = reader.read(&file) {
            self.thread.name = name_in(text);
        }
    }
}

/// The name in the text of a `comm` file: all but the line feed at its end. (The name may hold anything, line
/// feeds too.)
fn name_in(text: &[u8]) -> ThreadName {
    ThreadName::new(text.strip_suffix(b"\n").unwrap_or(text))
}

/// Opens a file of one thread; the path is built on the stack.
fn open(tid: u32, file: &str) -> std::io::Result<File> {
    let mut path = [0_u8; 48];
    let mut rest = &mut path[..];
    write!(rest, "{FOLDER}/{tid}/{file}")?;
    let left = rest.len();
    let length = path.len() - left;
    let path = std::str::from_utf8(&path[..length]).map_err(std::io::Error::other)?;
    File::open(path)
}

fn is_accounted(own: u32, reader: &mut Reader) -> Figure<()> {
    let file = open(own, "schedstat").map_err(|error| Gap::error(SCHEDSTAT, &error))?;
    let text = reader.read(&file).map_err(|error| Gap::error(SCHEDSTAT, &error))?;
    match schedstat::parse(text) {
        Some(own) if own.turns > 0 => Ok(()),
        Some(_) => Err(NOT_ACCOUNTED),
        None => Err(Gap::lacks(SCHEDSTAT, "CPU WAIT TURNS")),
    }
}

#[cfg(test)]
#[path = "tasks_tests.rs"]
mod tests;
