//! Tasks: work that is handed to other threads and executors.
//!
//! An instance of a task ([`FutureExt::in_task`](crate::FutureExt::in_task), `spawn_tracked`) has figures of its own in the trace: bytes, polls, time,
//! and through its samples what is live of it. Its scope goes on summing all instances of one name.
//!
//! A spawned task starts outside any scope: what it allocates belongs to nobody. [`FutureExt::in_current_scope`](crate::FutureExt::in_current_scope) takes the
//! scope along for any runtime; here are the same for closures, and for tokio's `spawn` (feature `tokio`).

mod future;
pub(crate) mod slot;

pub use future::InTask;

use crate::scope;

/// The closure as work of the scope that the caller is in now, on whatever thread it is called: for `std::thread::spawn`, `spawn_blocking`,
/// pools. The scope's calls stay as many as they are. Outside any scope, or without a session, the closure does only what it did.
///
/// ```
/// let sum = std::thread::spawn(memscope::task::carry_scope(|| vec![1, 2, 3].iter().sum::<i32>()));
/// assert_eq!(sum.join().ok(), Some(6));
/// ```
pub fn carry_scope<R>(work: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let function = scope::current();
    move || {
        let _visit = function.map(crate::future::making);
        work()
    }
}

/// Spawns a task on the current tokio runtime that works for the scope that the caller is in now, and is an instance of a task whose name is the
/// place of this call.
///
/// Like `tokio::spawn`, it panics outside a runtime.
#[cfg(feature = "tokio")]
#[track_caller]
pub fn spawn_tracked<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    use crate::FutureExt;
    let place = core::panic::Location::caller();
    tokio::spawn(InTask::new("", place, future.in_current_scope()))
}
