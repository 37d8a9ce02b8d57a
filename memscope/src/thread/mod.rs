//! What the hook knows of each thread.
//!
//! * [`record`]: the thread's figures and sampling state, in memory of our own that outlives the thread.
//! * [`pool`]: where records come from.
//! * [`registry`]: the list of records that the drain thread walks.
//! * [`local`]: the one thread-local pointer from a thread to its record, and the re-entrancy guard.

pub(crate) mod local;
mod pool;
pub(crate) mod record;
pub(crate) mod registry;

pub(crate) use local::{Busy, InHook};
pub(crate) use record::ThreadRecord;
