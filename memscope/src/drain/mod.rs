//! The drain thread: everything that the hooks leave behind, made into records and written.
//!
//! It wakes up at every tick while there are samples, and sleeps until the next one otherwise (`rhythm`). Then it takes the rings that hold something and the list of freed samples, and writes what they give in one go: the tick is
//! how much a crash can lose. At a slower pace it sums the exact counters, looks for new threads and modules, and asks the operating
//! system for the process's figures.
//!
//! With the sums of the counters comes a step of the overhead budget: `budget` says how far apart samples have to be, `govern` tells hooks
//! and trace.
//!
//! There is one drain thread per session. It is busy (see [`crate::thread::Busy`]) all its life, so that nothing of what it does is counted.

mod batch;
mod budget;
mod collect;
mod figures;
mod govern;
mod handle;
mod intern;
mod output;
mod own_memory;
mod resources;
mod rhythm;
mod scope_paths;
mod scopes;
mod snapshots;
#[cfg(feature = "symbols")]
mod symbols;
mod tasks;
mod thread;
mod tick_cost;

pub(crate) use handle::Handle;
pub(crate) use snapshots::Snapshots;
pub(crate) use thread::{Outcome, Setup};
