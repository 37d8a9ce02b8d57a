//! Exact figures of each thread, and estimates of what only samples tell.

use super::group::thread_sums;
use super::types::ThreadFigures;
use crate::load::Profile;
use crate::statistics::Losses;
use std::cmp::Reverse;

/// The threads, most allocated bytes first.
pub(super) fn threads(profile: &Profile, losses: Losses) -> Vec<ThreadFigures> {
    let sums = thread_sums(profile);
    let mut threads: Vec<ThreadFigures> = profile
        .threads
        .iter()
        .map(|thread| ThreadFigures {
            id: thread.id,
            os_id: thread.os_id,
            name: thread.name.clone(),
            allocations: thread.allocations,
            allocated_bytes: thread.allocated_bytes,
            frees: thread.frees,
            freed_bytes: thread.freed_bytes,
            start_us: thread.start_us,
            ended_us: thread.ended_us,
            cpu_us: thread.processor.map(|time| time.cpu_us),
            wait_us: thread.processor.and_then(|time| time.wait_us),
            sampled: sums.get(&thread.id).map(|sums| sums.figures(losses)).unwrap_or_default(),
        })
        .collect();
    threads.sort_by_key(|thread| (Reverse(thread.allocated_bytes), thread.id));
    threads
}
