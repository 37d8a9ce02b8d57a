//! The global switch: `trace_all`, `stop_tracing`, `export_comprehensive_analysis`; and the one-call way into a session.

use crate::session::{SamplingConfig, Session};
use crate::thread::Busy;
use crate::{Error, Result};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

static TRACING: Mutex<Option<Session>> = Mutex::new(None);

fn tracing() -> MutexGuard<'static, Option<Session>> {
    TRACING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a session that writes to the folder `output`, configured by `config` or, without one, for production: with
/// [`SamplingConfig::default`] and an overhead budget of half a percent of the process's CPU time
/// ([`crate::SessionBuilder::overhead_budget`]).
///
/// # Errors
/// As [`crate::SessionBuilder::start`].
pub fn comprehensive_profile_execution(
    output: impl AsRef<Path>,
    config: Option<SamplingConfig>,
) -> Result<Session> {
    let _busy = Busy::enter();
    let builder = Session::builder().output(output);
    match config {
        Some(config) => builder.config(config).start(),
        None => builder.start(),
    }
}

/// Starts recording into the folder `output`, until [`stop_tracing`].
///
/// # Errors
/// As [`crate::SessionBuilder::start`].
pub fn trace_all(output: impl AsRef<Path>) -> Result<()> {
    let _busy = Busy::enter();
    let session = Session::builder().output(output).start()?;
    // What was there is a forked child's of its parent's. The lock is not held for longer: a fork might come in between.
    drop(tracing().replace(session));
    Ok(())
}

/// Stops what [`trace_all`] started; the trace is complete then.
///
/// # Errors
/// [`Error::NoSession`] when nothing is running, and as [`Session::finalize`].
pub fn stop_tracing() -> Result<()> {
    let _busy = Busy::enter();
    let mut session = tracing().take().ok_or(Error::NoSession)?;
    session.end()
}

/// Draws the trace in the folder `output`: one self-contained `NAME.html` in that folder, and the charts as SVG files under
/// `NAME/`. Works in a later process too.
///
/// Functions are named from the symbol tables of the time; `memscope-report trace.bin` adds file and line from DWARF.
///
/// # Errors
/// [`Error::Report`] when the folder holds no trace that can be read, or the page cannot be written.
#[cfg(feature = "report")]
pub fn export_comprehensive_analysis(output: impl AsRef<Path>, name: &str) -> Result<()> {
    let _busy = Busy::enter();
    let folder = crate::session::environment::output(output.as_ref());
    if name.is_empty() || Path::new(name).components().count() != 1 || Path::new(name).file_name().is_none() {
        return Err(Error::InvalidConfig {
            field: "name",
            value: format!("{name:?}"),
            range: "a plain file name",
        });
    }
    let trace = folder.join(crate::session::output::TRACE_NAME);
    let mut options = memscope_report::RenderOptions::default();
    options.dwarf = false;
    memscope_report::render_page(&trace, folder.join(format!("{name}.html")), folder.join(name), &options)?;
    Ok(())
}
