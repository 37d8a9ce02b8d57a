//! What the hook knows of each thread.
//!
//! * [`meter`]: the countdowns that every allocation and free goes through: the fast path.
//! * [`account`]: the exact figures that follow from them.
//! * [`record`]: figures, sampling state and identity, in memory of our own that outlives the thread.
//! * [`pool`]: where records come from.
//! * [`registry`]: the list of records that the drain thread walks.
//! * [`local`]: from a thread to its record, and the re-entrancy guard.

mod account;
pub(crate) mod local;
pub(crate) mod meter;
mod pool;
pub(crate) mod record;
pub(crate) mod registry;

pub(crate) use local::{Busy, InHook};
pub(crate) use record::ThreadRecord;
