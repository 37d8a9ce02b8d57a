//! Exact figures of each thread.

use super::types::ThreadFigures;
use crate::load::Profile;
use std::cmp::Reverse;

/// The threads, most allocated bytes first.
pub(super) fn threads(profile: &Profile) -> Vec<ThreadFigures> {
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
        })
        .collect();
    threads.sort_by_key(|thread| (Reverse(thread.allocated_bytes), thread.id));
    threads
}
