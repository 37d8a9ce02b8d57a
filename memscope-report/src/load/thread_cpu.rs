//! What each thread has used of the processors, as far as it was told.
//!
//! The system knows threads by ids that it gives again once a thread has ended. So what is told of such an id belongs to the thread of the
//! trace that has it at that time; what comes before the thread is named is kept until it is.

use memscope_trace::{Thread, ThreadTimes};
use std::collections::HashMap;

/// Time of a thread on processors, and waiting for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ProcessorTime {
    /// On a processor, microseconds.
    pub cpu_us: u64,
    /// Runnable without a processor, microseconds; `None` where the system did not tell.
    pub wait_us: Option<u64>,
}

/// The times in the making.
// Keys are the file's choice: the standard, keyed hash.
#[derive(Debug, Default)]
pub(super) struct ThreadCpuFold {
    by_os_id: HashMap<u64, Holder>,
    by_thread: HashMap<u32, ProcessorTime>,
}

/// Who has an id of the system now.
#[derive(Debug, Default)]
struct Holder {
    thread: Option<u32>,
    /// What was told last of it, and when.
    told: Option<(u64, ProcessorTime)>,
}

impl ThreadCpuFold {
    /// A thread is named: perhaps again, under another name.
    pub(super) fn named(&mut self, thread: &Thread) {
        let holder = self.by_os_id.entry(thread.os_id).or_default();
        if holder.thread != Some(thread.id) {
            holder.thread = Some(thread.id);
            holder.told = holder.told.filter(|(time_us, _)| *time_us >= thread.start_us);
            self.by_thread.extend(holder.told.map(|(_, time)| (thread.id, time)));
        }
    }

    /// Adds what was told of some threads.
    pub(super) fn add(&mut self, record: &ThreadTimes) {
        for (row, &os_id) in record.os_ids.iter().enumerate() {
            let wait_us = (record.wait_known[row] != 0).then_some(record.wait_us[row]);
            let time = ProcessorTime { cpu_us: record.cpu_us[row], wait_us };
            let holder = self.by_os_id.entry(os_id).or_default();
            holder.told = Some((record.time_us, time));
            let Some(thread) = holder.thread else { continue };
            let known = self.by_thread.entry(thread).or_default();
            // Less than before: another thread has the id already.
            if time.cpu_us >= known.cpu_us {
                *known = time;
            }
        }
    }

    /// The thread has ended: the system may give its id to another.
    pub(super) fn ended(&mut self, thread: u32, os_id: u64) {
        if self.by_os_id.get(&os_id).is_some_and(|holder| holder.thread == Some(thread)) {
            self.by_os_id.remove(&os_id);
        }
    }

    /// What is known of a thread.
    pub(super) fn of(&self, thread: u32) -> Option<ProcessorTime> {
        self.by_thread.get(&thread).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(id: u32, start_us: u64) -> Thread {
        Thread { id, os_id: 77, name: String::new(), start_us }
    }

    fn told(fold: &mut ThreadCpuFold, time_us: u64, cpu_us: u64, wait_known: u8) {
        fold.add(&ThreadTimes {
            time_us,
            os_ids: vec![77],
            cpu_us: vec![cpu_us],
            wait_us: vec![5],
            wait_known: vec![wait_known],
            names: vec![String::new()],
        });
    }

    #[test]
    fn times_belong_to_the_thread_that_has_the_id() {
        let mut fold = ThreadCpuFold::default();
        // Told before it is named.
        told(&mut fold, 10, 3, 1);
        fold.named(&thread(1, 8));
        assert_eq!(fold.of(1), Some(ProcessorTime { cpu_us: 3, wait_us: Some(5) }));
        told(&mut fold, 20, 9, 0);
        fold.named(&thread(1, 8));
        assert_eq!(fold.of(1), Some(ProcessorTime { cpu_us: 9, wait_us: None }));
        // Another thread's already, though that the first has ended was not told.
        told(&mut fold, 30, 1, 1);
        assert_eq!(fold.of(1).map(|time| time.cpu_us), Some(9));
        fold.named(&thread(2, 25));
        assert_eq!(fold.of(2).map(|time| time.cpu_us), Some(1));
        fold.ended(2, 77);
        told(&mut fold, 40, 100, 1);
        assert_eq!([1, 2].map(|id| fold.of(id).map(|time| time.cpu_us)), [Some(9), Some(1)]);
        // Told before it began: of somebody else.
        fold.named(&thread(3, 50));
        assert_eq!(fold.of(3), None);
    }
}
