//! Each thread's part of the span.
//!
//! A thread in the first list had run before, and what it had used by then is not this span's. A thread that
//! turns up later began within the span, so all that it has used counts. An ended thread keeps the last
//! figures that were seen of it. A program may start millions of threads: of the ended ones the busiest are
//! kept, and the rest are summed.

use super::super::snapshot::{Figure, Gap, Thread, ThreadName};
use super::NO_SAMPLE;
use super::span::later;
use std::mem::take;

/// Ended threads that are listed one by one.
const MOST_ENDED: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct ThreadFold {
    lists: u64,
    /// Ordered by `tid`.
    live: Vec<Seen>,
    ended: Vec<Seen>,
    merged: Merged,
    seen: u64,
    gap: Option<Gap>,
}

/// One thread's part so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub tid: u32,
    pub name: ThreadName,
    pub ended: bool,
    pub wait: Figure<Waited>,
    cpu: Growth,
    sequence: u64,
    /// The last list that had it.
    list: u64,
    is_new: bool,
}

/// Waiting, and the CPU time that was read with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waited {
    wait: Growth,
    cpu: Growth,
}

#[derive(Debug, Clone, Copy)]
struct Growth {
    from: u64,
    to: u64,
}

/// What is known of threads that are not listed one by one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Merged {
    pub threads: u64,
    pub cpu_ns: u64,
    paired: Paired,
}

/// CPU time and waiting of the threads of which both are known, nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Paired {
    pub cpu_ns: u64,
    pub wait_ns: u64,
}

/// The threads of the whole span.
#[derive(Debug)]
pub(super) struct Threads {
    /// Most CPU time first.
    pub listed: Vec<Seen>,
    pub merged: Merged,
    pub seen: u64,
    /// Summed over all threads whose waiting is known.
    pub paired: Figure<Paired>,
}

impl ThreadFold {
    pub(super) fn push(&mut self, threads: Figure<&[Thread]>) {
        let threads = match threads {
            Ok(threads) => threads,
            Err(gap) => {
                self.gap = Some(self.gap.map_or(gap, |before| later(before, gap)));
                return;
            }
        };
        self.lists += 1;
        for thread in threads {
            self.update(thread);
        }
        let list = self.lists;
        let gone = self.live.extract_if(.., |seen| seen.list != list);
        for seen in gone {
            retire(&mut self.ended, &mut self.merged, seen);
        }
    }

    fn update(&mut self, thread: &Thread) {
        let is_new = self.lists > 1;
        match self.live.binary_search_by_key(&thread.tid, |seen| seen.tid) {
            Ok(at) if self.live[at].sequence == thread.sequence => self.live[at].update(thread, self.lists),
            Ok(at) => {
                let before = std::mem::replace(&mut self.live[at], Seen::new(thread, self.lists, is_new));
                retire(&mut self.ended, &mut self.merged, before);
                self.seen += 1;
            }
            Err(at) => {
                self.live.insert(at, Seen::new(thread, self.lists, is_new));
                self.seen += 1;
            }
        }
    }

    pub(super) fn finish(mut self) -> Figure<Threads> {
        if self.lists == 0 {
            return Err(self.gap.unwrap_or(NO_SAMPLE));
        }
        let mut listed = take(&mut self.live);
        listed.append(&mut self.ended);
        listed.sort_unstable_by_key(|seen| (std::cmp::Reverse(seen.cpu_ns()), seen.tid, seen.sequence));
        let known = listed.iter().filter_map(Seen::paired);
        let paired = known.fold(self.merged.paired, Paired::plus);
        let gap = listed.iter().find_map(|seen| seen.wait.err()).unwrap_or(NO_SAMPLE);
        let paired = if paired == Paired::default() { Err(gap) } else { Ok(paired) };
        Ok(Threads { listed, merged: self.merged, seen: self.seen, paired })
    }
}

/// Adds an ended thread to `ended`; if there are too many, the half with the least CPU time goes to `merged`.
fn retire(ended: &mut Vec<Seen>, merged: &mut Merged, seen: Seen) {
    if ended.len() >= MOST_ENDED {
        ended.sort_unstable_by_key(|seen| std::cmp::Reverse(seen.cpu_ns()));
        for seen in ended.drain(MOST_ENDED / 2..) {
            merged.threads += 1;
            merged.cpu_ns += seen.cpu_ns();
            merged.paired = merged.paired.plus(seen.paired().unwrap_or_default());
        }
    }
    ended.push(Seen { ended: true, ..seen });
}

impl Seen {
    fn new(thread: &Thread, list: u64, is_new: bool) -> Self {
        let cpu = Growth::begin(thread.cpu_ns, is_new);
        let wait = thread.wait_ns.map(|wait| Waited { wait: Growth::begin(wait, is_new), cpu });
        Self {
            tid: thread.tid,
            name: thread.name,
            ended: false,
            wait,
            cpu,
            sequence: thread.sequence,
            list,
            is_new,
        }
    }

    fn update(&mut self, thread: &Thread, list: u64) {
        self.list = list;
        self.name = thread.name;
        self.cpu.to = thread.cpu_ns;
        if let Ok(wait_ns) = thread.wait_ns {
            let mut waited = self.wait.unwrap_or(Waited {
                wait: Growth::begin(wait_ns, self.is_new),
                cpu: Growth::begin(thread.cpu_ns, self.is_new),
            });
            waited.wait.to = wait_ns;
            waited.cpu.to = thread.cpu_ns;
            self.wait = Ok(waited);
        }
    }

    pub(super) fn cpu_ns(&self) -> u64 {
        self.cpu.ns()
    }

    fn paired(&self) -> Option<Paired> {
        let waited = self.wait.ok()?;
        Some(Paired { cpu_ns: waited.cpu.ns(), wait_ns: waited.wait.ns() })
    }
}

impl Waited {
    pub(super) fn wait_ns(&self) -> u64 {
        self.wait.ns()
    }
}

impl Growth {
    /// Of a thread that began within the span, all that it has counts.
    fn begin(now: u64, is_new: bool) -> Self {
        Self { from: if is_new { 0 } else { now }, to: now }
    }

    fn ns(self) -> u64 {
        self.to.saturating_sub(self.from)
    }
}

impl Paired {
    fn plus(self, other: Self) -> Self {
        Self { cpu_ns: self.cpu_ns + other.cpu_ns, wait_ns: self.wait_ns + other.wait_ns }
    }
}

#[cfg(test)]
mod tests;
