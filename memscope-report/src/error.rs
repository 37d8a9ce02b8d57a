//! What can keep a report from being made.

use memscope_trace::TraceError;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a trace could not be read or a report not be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReportError {
    /// The trace could not be opened.
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The trace is no regular file.
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What stands there.
        found: &'static str,
    },
    /// The trace could not be read as one.
    Trace {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// What is wrong with it.
        source: TraceError,
    },
    /// The output folder is something else.
    NotAFolder {
        /// The path.
        path: PathBuf,
        /// What stands there.
        found: &'static str,
    },
    /// The output could not be written.
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The files of a report could not all be written.
    #[cfg(feature = "charts")]
    Incomplete {
        /// The first that could not.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
        /// Those that are in their places; none unless moving them there failed half-way.
        written: Vec<PathBuf>,
    },
    /// A chart could not be drawn.
    #[cfg(feature = "charts")]
    Draw(crate::chart::DrawError),
    /// The trace could not be exported.
    #[cfg(feature = "export")]
    Export(Box<crate::export::ExportError>),
    /// Standard output could not be written.
    #[cfg(feature = "cli")]
    Print(std::io::Error),
    /// What is to be written would replace a trace that it is made from.
    #[cfg(feature = "cli")]
    OverTrace {
        /// The trace.
        path: PathBuf,
    },
    /// The page could not be served.
    #[cfg(feature = "cli")]
    Serve(std::io::Error),
    /// A trace cannot be merged with the others: together they have too much of something for one trace.
    #[cfg(feature = "tools")]
    Unmergeable {
        /// The trace.
        path: PathBuf,
        /// Of what there is too much.
        what: &'static str,
    },
    /// A scope that was asked for made no call.
    #[cfg(feature = "tools")]
    UnknownScope {
        /// What was asked for.
        name: String,
        /// The scopes that made calls, by name.
        known: Vec<String>,
    },
}

impl ReportError {
    /// Adds the path of the trace where it is not known yet.
    pub(crate) fn at(self, path: &Path) -> Self {
        match self {
            Self::Trace { path: None, source } => Self::Trace { path: Some(path.to_owned()), source },
            other => other,
        }
    }
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, source } => write!(
                f,
                "{}: expected a trace that can be read, found: {source}; pass the path of the trace.bin that a \
                 profiled program wrote",
                path.display()
            ),
            Self::NotAFile { path, found } => write!(
                f,
                "{}: expected a trace file, found {found}; pass the trace.bin that a profiled program wrote",
                path.display()
            ),
            Self::Trace { path: Some(path), source } => write!(f, "{}: {source}", path.display()),
            Self::Trace { path: None, source } => write!(f, "{source}"),
            Self::NotAFolder { path, found } => write!(
                f,
                "{}: expected a folder, or nothing there yet, found {found}; pass another one",
                path.display()
            ),
            Self::Write { path, source } => write!(
                f,
                "{}: expected a place that can be written to, found: {source}; pass an output elsewhere",
                path.display()
            ),
            #[cfg(feature = "charts")]
            Self::Incomplete { path, source, written } => write!(
                f,
                "{}: expected a place that can be written to, with room for the report, found: {source}; {}; make room, or \
                 pass an output folder elsewhere",
                path.display(),
                what_was_written(written)
            ),
            #[cfg(feature = "charts")]
            Self::Draw(error) => write!(f, "{error}"),
            #[cfg(feature = "export")]
            Self::Export(error) => write!(f, "{error}"),
            #[cfg(feature = "cli")]
            Self::Print(source) => write!(f, "expected to print to standard output, found: {source}"),
            #[cfg(feature = "cli")]
            Self::OverTrace { path } => write!(
                f,
                "{}: expected an output beside the traces that are read, found one of them, which would be lost; pass \
                 another file",
                path.display()
            ),
            #[cfg(feature = "cli")]
            Self::Serve(source) => {
                write!(f, "expected to serve the page on a port of 127.0.0.1, found: {source}")
            }
            #[cfg(feature = "tools")]
            Self::Unmergeable { path, what } => write!(
                f,
                "{}: expected fewer than {} {what} in all traces together, found more with this one; merge fewer",
                path.display(),
                u32::MAX
            ),
            #[cfg(feature = "tools")]
            Self::UnknownScope { name, known } => write!(
                f,
                "expected a scope whose calls the trace has, found none called {name:?}; {}",
                known_scopes(known)
            ),
        }
    }
}

#[cfg(feature = "charts")]
fn what_was_written(written: &[PathBuf]) -> String {
    if written.is_empty() {
        return "nothing of the report was written".to_owned();
    }
    let names: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    format!("only these were written: {}", names.join(", "))
}

/// The scopes that there are, as many as a line takes. Quoted: a name must not reach a terminal as it is.
#[cfg(feature = "tools")]
fn known_scopes(known: &[String]) -> String {
    const SHOWN: usize = 8;
    if known.is_empty() {
        return "no scope made a call: annotate a function with #[memscope::profile]".to_owned();
    }
    let shown: Vec<String> = known.iter().take(SHOWN).map(|name| format!("{name:?}")).collect();
    let more = if known.len() > SHOWN { " and more" } else { "" };
    format!("pass one of {}{more}", shown.join(", "))
}

impl std::error::Error for ReportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { source, .. } | Self::Write { source, .. } => Some(source),
            Self::Trace { source, .. } => Some(source),
            Self::NotAFile { .. } | Self::NotAFolder { .. } => None,
            #[cfg(feature = "charts")]
            Self::Incomplete { source, .. } => Some(source),
            #[cfg(feature = "charts")]
            Self::Draw(error) => Some(error),
            #[cfg(feature = "export")]
            Self::Export(error) => Some(&**error),
            #[cfg(feature = "cli")]
            Self::Print(source) | Self::Serve(source) => Some(source),
            #[cfg(feature = "cli")]
            Self::OverTrace { .. } => None,
            #[cfg(feature = "tools")]
            Self::Unmergeable { .. } | Self::UnknownScope { .. } => None,
        }
    }
}

impl From<TraceError> for ReportError {
    fn from(source: TraceError) -> Self {
        Self::Trace { path: None, source }
    }
}
