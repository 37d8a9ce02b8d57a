//! A future as an instance of a task.
//!
//! While it is polled, what its thread allocates and frees is the task's, exactly: the thread's counters are read before and after. A sample that
//! falls into a poll belongs to the task, wherever the memory is freed: so the report can tell what is live of each.

use super::slot::{self, COUNTS, Identity, Slot};
use crate::sync::Ordering;
use crate::thread::{ThreadRecord, local};
use crate::{control, scope, sys};
use core::fmt;
use core::panic::Location;
use core::pin::Pin;
use core::task::{Context, Poll};
use memscope_trace::TaskEnd;

/// A future that is an instance of a task. Made by [`FutureExt::in_task`](crate::FutureExt::in_task) and
/// `memscope::task::spawn_tracked`.
///
/// It is `Send`, `Sync` and `Unpin` where the future inside is.
#[must_use = "futures do nothing unless polled"]
pub struct InTask<F> {
    /// Pinned as the whole is. `None` only while and after it is dropped.
    future: Option<F>,
    instance: Instance,
}

/// What is known of the task.
#[derive(Debug)]
struct Instance {
    name: &'static str,
    place: &'static Location<'static>,
    /// Where it was made: the scope, and the task with its session.
    scope: u32,
    parent: (u32, u32),
    /// The session that it was begun in last; 0 before the first poll.
    generation: u32,
    /// 0 for none.
    slot: u32,
    is_done: bool,
}

impl<F> InTask<F> {
    pub(crate) fn new(name: &'static str, place: &'static Location<'static>, future: F) -> Self {
        let session = control::session();
        let (scope, parent) =
            if session == 0 { (0, 0) } else { (scope::current_id(), slot::id_of(current_slot())) };
        let parent = (parent, session);
        let instance = Instance { name, place, scope, parent, generation: 0, slot: 0, is_done: false };
        Self { future: Some(future), instance }
    }

    fn project(self: Pin<&mut Self>) -> (Pin<&mut Option<F>>, &mut Instance) {
        // SAFETY: the future is never moved once the whole is pinned: this is the only way to it, it is dropped in place by `Pin::set`, and
        // `InTask` has no `Unpin` of its own, so that it is `Unpin` only where the future is.
        unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &mut this.instance)
        }
    }
}

/// The slot of the task that the calling thread polls; 0 outside any.
fn current_slot() -> u32 {
    local::record().map_or(0, |record| record.state.task.load(Ordering::Relaxed))
}

impl Instance {
    /// Begins a poll in that session; it ends when what is returned is dropped.
    fn enter(&mut self, session: u32) -> Visit<'_> {
        if self.generation != session && session != 0 {
            self.begin(session);
        }
        let measured = if session == 0 { None } else { self.measure() };
        // Until the poll has returned it may panic.
        Visit { instance: self, measured, end: Some(TaskEnd::Panicked) }
    }

    fn measure(&self) -> Option<Measured> {
        let record = local::record_or_register()?;
        let slot = slot::slot(self.slot)?;
        let outer = record.state.task.load(Ordering::Relaxed);
        record.state.task.store(self.slot, Ordering::Relaxed);
        Some(Measured { record, slot, outer, at_entry: record.account.own_totals(), ticks: scope::ticks() })
    }

    #[cold]
    fn begin(&mut self, session: u32) {
        self.generation = session;
        COUNTS.started.fetch_add(1, Ordering::Relaxed);
        // The slot of an earlier session serves on.
        if self.slot == 0 {
            self.slot = slot::take().unwrap_or(0);
        }
        let Some(slot) = slot::slot(self.slot) else {
            COUNTS.unnumbered.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let identity = Identity {
            id: Slot::next_id(),
            name: self.name,
            place: self.place,
            scope: self.scope,
            parent: if self.parent.1 == session { self.parent.0 } else { 0 },
            started_ns: sys::monotonic_ns(),
        };
        slot.begin(identity, session);
    }

    /// The task ends; whatever its session has become.
    #[cold]
    fn end(&mut self, end: TaskEnd) {
        if self.is_done {
            return;
        }
        self.is_done = true;
        let is_in_session = self.generation != 0 && self.generation == control::session();
        if is_in_session {
            COUNTS.ended.fetch_add(1, Ordering::Relaxed);
            let cancelled = u64::from(end == TaskEnd::Cancelled);
            COUNTS.cancelled.fetch_add(cancelled, Ordering::Relaxed);
        }
        if let Some(slot) = slot::slot(self.slot) {
            slot.end(self.slot, end as u8, sys::monotonic_ns(), is_in_session);
        }
        self.slot = 0;
    }
}

/// A poll under way.
struct Measured {
    record: &'static ThreadRecord,
    slot: &'static Slot,
    /// The slot of the task around it.
    outer: u32,
    at_entry: [u64; 4],
    ticks: u64,
}

impl Measured {
    fn end(&self) {
        let ticks = scope::ticks().saturating_sub(self.ticks);
        let now = self.record.account.own_totals();
        self.slot.add_poll(ticks, [0, 1, 2, 3].map(|at| now[at].wrapping_sub(self.at_entry[at])));
        self.record.state.task.store(self.outer, Ordering::Relaxed);
    }
}

/// Ends the poll when dropped, and the task where `end` says so.
struct Visit<'a> {
    instance: &'a mut Instance,
    measured: Option<Measured>,
    end: Option<TaskEnd>,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.measured.iter().for_each(Measured::end);
        if let Some(end) = self.end {
            self.instance.end(end);
        }
    }
}

impl<F: Future> Future for InTask<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let (future, instance) = self.project();
        let future = future.as_pin_mut().expect("a future is not polled after it has been dropped");
        let mut visit = instance.enter(control::session());
        let result = future.poll(context);
        visit.end = result.is_ready().then_some(TaskEnd::Done);
        result
    }
}

impl<F> Drop for InTask<F> {
    fn drop(&mut self) {
        // SAFETY: what is dropped is not moved any more.
        let (mut future, instance) = unsafe { Pin::new_unchecked(self) }.project();
        if instance.is_done {
            return;
        }
        // What it holds is freed inside the task, if it was polled in this session.
        let session = control::session();
        let is_begun = instance.generation == session;
        let mut visit = instance.enter(if is_begun { session } else { 0 });
        visit.end = Some(TaskEnd::Cancelled);
        future.set(None);
    }
}

impl<F> fmt::Debug for InTask<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InTask").field("instance", &self.instance).finish_non_exhaustive()
    }
}
