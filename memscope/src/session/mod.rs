//! A session: the time in which the hooks record.
//!
//! ```text
//!  builder --start--> active --finalize / drop--> finalized
//!                       |
//!                       +-- process exits: the drain thread writes what there is
//!                       +-- process is killed: the trace ends a tick before
//! ```
//!
//! A process has one active session at a time, however it was started.

pub(crate) mod active;
pub(crate) mod budget;
mod builder;
mod config;
pub(crate) mod environment;
pub(crate) mod output;
mod result;
mod rings;
mod start;

pub use builder::SessionBuilder;
pub use config::SamplingConfig;
pub use result::AnalysisResult;

use crate::drain::{Handle, Outcome};
use crate::say::say;
use crate::thread::Busy;
use crate::{Error, Result, sys};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An active session. Dropping it finalizes it.
///
/// ```no_run
/// let mut session = memscope::Session::builder().output("profile").start()?;
/// let numbers: Vec<u64> = (0..1000).collect();
/// let analysis = session.finalize()?;
/// println!("{analysis}");
/// # drop(numbers);
/// # Ok::<(), memscope::Error>(())
/// ```
#[must_use = "a session that is dropped ends at once"]
pub struct Session {
    running: Option<Arc<Running>>,
    trace: PathBuf,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("trace", &self.trace)
            .field("active", &self.running.is_some())
            .finish()
    }
}

/// What an active session consists of.
pub(crate) struct Running {
    pub(crate) output: PathBuf,
    pub(crate) trace: PathBuf,
    /// The same, wherever the program may change its folder to.
    pub(crate) trace_absolute: PathBuf,
    pub(crate) process_id: u32,
    pub(crate) drain: Handle,
}

impl Session {
    pub(crate) fn new(running: Arc<Running>) -> Self {
        Self { trace: running.trace.clone(), running: Some(running) }
    }

    /// Settings for a session that is to start.
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    /// The trace that the session writes.
    #[must_use]
    pub fn trace_path(&self) -> &Path {
        &self.trace
    }

    /// Ends the session, writes the rest of the trace and analyses it.
    ///
    /// # Errors
    /// [`Error::AlreadyFinalized`] the second time, [`Error::Forked`] in a child of the process that started the session,
    /// [`Error::Write`] when the trace could not be written to its end, [`Error::Report`] when it could not be read back.
    pub fn finalize(&mut self) -> Result<AnalysisResult> {
        let _busy = Busy::enter();
        let running = self.running.take().ok_or(Error::AlreadyFinalized)?;
        let outcome = stop(&running)?;
        result::analyse(&running.trace_absolute, outcome)
    }

    /// Ends the session and writes the rest of the trace, without analysing it.
    pub(crate) fn end(&mut self) -> Result<()> {
        let running = self.running.take().ok_or(Error::AlreadyFinalized)?;
        stop(&running).map(|_| ())
    }

    /// Ends the session of an annotated function: where the trace is, on stderr; what failed, likewise.
    pub(crate) fn finish_annotated(mut self) {
        let _busy = Busy::enter();
        let Some(running) = self.running.take() else { return };
        match stop(&running) {
            Ok(_) => say(format_args!("wrote {}", running.trace.display())),
            Err(Error::Forked { .. }) => {}
            Err(error) => say(format_args!("{error}")),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _busy = Busy::enter();
        if let Some(running) = self.running.take()
            && let Err(error) = stop(&running)
            && !matches!(error, Error::Forked { .. })
        {
            say(format_args!("{error}"));
        }
    }
}

/// Ends the active session.
fn stop(running: &Arc<Running>) -> Result<Outcome> {
    if running.process_id != sys::process_id() {
        // Never dropped: the drain thread that it would detach is not in this process.
        std::mem::forget(Arc::clone(running));
        return Err(Error::Forked { process_id: running.process_id });
    }
    crate::control::switch_off();
    let outcome = running.drain.stop();
    let mut slot = active::lock();
    if slot.as_ref().is_some_and(|active| Arc::ptr_eq(active, running)) {
        *slot = None;
    }
    drop(slot);
    let Some(mut outcome) = outcome else {
        let source = std::io::Error::other("the drain thread ended before its session");
        return Err(Error::Write { path: running.trace.clone(), source });
    };
    match outcome.write_error.take() {
        Some(source) => Err(Error::Write { path: running.trace.clone(), source }),
        None => Ok(outcome),
    }
}
