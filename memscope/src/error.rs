//! What can go wrong, told in full: what was expected, what was found, where, and what to do.

use std::fmt;
use std::path::PathBuf;

/// The result of memscope's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// Why memscope could not do what was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A session is active already; a process has one at a time.
    SessionActive {
        /// Where the active session writes.
        output: PathBuf,
    },
    /// `finalize` was called a second time.
    AlreadyFinalized,
    /// `stop_tracing` was called with nothing running.
    NoSession,
    /// A field of the configuration is outside its range.
    InvalidConfig {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        range: &'static str,
    },
    /// An environment variable cannot be understood.
    Environment {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The output folder or a file in it cannot be made.
    Output {
        /// The folder or file.
        path: PathBuf,
        /// What was attempted.
        attempted: &'static str,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Writing the trace failed while the session ran; what was written up to then is in the file.
    Write {
        /// The trace.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The operating system gave no memory or no thread to start with.
    Start {
        /// What it refused.
        refused: &'static str,
        /// What it said, where it said something.
        source: Option<std::io::Error>,
    },
    /// The session was started by another process: this one was forked from it.
    Forked {
        /// The process that has the session.
        process_id: u32,
    },
    /// Memscope does not record on this operating system.
    Unsupported {
        /// Its name, as in `std::env::consts::OS`.
        system: &'static str,
    },
    /// Neither `SamplingAllocator` nor the feature `global-allocator` is in use, so that nothing would be recorded.
    NoAllocator,
    /// The trace could not be read back or drawn.
    Report(memscope_report::ReportError),
    /// The platform's figures could not be collected.
    Resources(crate::resources::ResourceError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionActive { output } => write!(
                f,
                "expected no active session, found one that writes to {}: finalize it (or call stop_tracing) before \
                 starting another",
                output.display()
            ),
            Self::AlreadyFinalized => write!(
                f,
                "expected a running session, found one that was finalized already: keep the AnalysisResult of the first call"
            ),
            Self::NoSession => write!(
                f,
                "expected a running session, found none: call trace_all before stop_tracing, and stop_tracing once"
            ),
            Self::InvalidConfig { field, value, range } => {
                write!(
                    f,
                    "expected {field} to be {range}, found {value}: change that field of the configuration"
                )
            }
            Self::Environment { variable, value, expected } => write!(
                f,
                "expected the environment variable {variable} to be {expected}, found {value:?}: change or unset it"
            ),
            Self::Output { path, attempted, source } => {
                write!(
                    f,
                    "expected to {attempted} {}, found: {source}: name an output folder that can be written",
                    path.display()
                )
            }
            Self::Write { path, source } => write!(
                f,
                "expected to write on to {}, found: {source}: the trace holds everything up to that; make room, or write \
                 elsewhere",
                path.display()
            ),
            Self::Start { refused, source } => {
                write!(f, "expected {refused} from the operating system, found a refusal")?;
                if let Some(source) = source {
                    write!(f, " ({source})")?;
                }
                write!(f, ": raise the limit, or run without a session")
            }
            Self::Forked { process_id } => write!(
                f,
                "expected the process that started the session ({process_id}), found a child forked from it: start a session of \
                 its own in the child"
            ),
            Self::Unsupported { system } => write!(
                f,
                "expected Linux, found {system}: memscope records on Linux only; elsewhere the program runs as it would without memscope"
            ),
            Self::NoAllocator => write!(
                f,
                "expected the program's global allocator to be memscope's, found another: enable the default feature \
                 `global-allocator`, or write `memscope::install!();` in the program's main.rs"
            ),
            Self::Report(error) => write!(f, "{error}"),
            Self::Resources(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Output { source, .. }
            | Self::Write { source, .. }
            | Self::Start { source: Some(source), .. } => Some(source),
            Self::Report(error) => Some(error),
            Self::Resources(error) => Some(error),
            _ => None,
        }
    }
}

impl From<memscope_report::ReportError> for Error {
    fn from(error: memscope_report::ReportError) -> Self {
        Self::Report(error)
    }
}

impl From<crate::resources::ResourceError> for Error {
    fn from(error: crate::resources::ResourceError) -> Self {
        Self::Resources(error)
    }
}
