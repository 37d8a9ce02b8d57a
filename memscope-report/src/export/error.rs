//! What can keep an export from being made.

use super::EXPORTERS;
use crate::error::ReportError;
use std::{fmt, io};

/// Why a trace could not be exported.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// There is no such format.
    UnknownFormat {
        /// What was asked for.
        found: String,
    },
    /// The format is a folder of tables and was to be written as one file.
    NeedsFolder {
        /// The format.
        format: &'static str,
    },
    /// The format is left out of this build.
    NotBuilt {
        /// The format.
        format: &'static str,
        /// The feature of `memscope-report` that has it.
        feature: &'static str,
    },
    /// The trace could not be read, or a file not be made.
    Report(ReportError),
    /// The output failed.
    Write(io::Error),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFormat { found } => {
                let known: Vec<&str> = EXPORTERS.iter().map(|exporter| exporter.name).collect();
                write!(f, "expected a format of {}, found {found:?}", known.join(", "))
            }
            Self::NeedsFolder { format } => write!(
                f,
                "{format}: expected a folder for its tables, found standard output or a single file; pass the path \
                 of a folder"
            ),
            Self::NotBuilt { format, feature } => write!(
                f,
                "{format}: expected a memscope-report with the feature `{feature}`, found one without; build it with \
                 `cargo install memscope-report --features {feature}`"
            ),
            Self::Report(error) => write!(f, "{error}"),
            Self::Write(error) => {
                write!(f, "expected an output that can be written to, found: {error}; pass another one")
            }
        }
    }
}

impl std::error::Error for ExportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Report(error) => Some(error),
            Self::Write(error) => Some(error),
            Self::UnknownFormat { .. } | Self::NeedsFolder { .. } | Self::NotBuilt { .. } => None,
        }
    }
}

impl From<ReportError> for ExportError {
    fn from(error: ReportError) -> Self {
        Self::Report(error)
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<ExportError> for ReportError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Report(error) => error,
            other => Self::Export(Box::new(other)),
        }
    }
}
