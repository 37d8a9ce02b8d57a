//! What can go wrong with a trace as a whole. Damage to single blocks is not an error: [`crate::ReadStats`] counts it.

use crate::block::{FILE_HEADER_BYTES, FORMAT_VERSION, MAX_PAYLOAD_BYTES};
use crate::record::MAX_ROWS;
use std::fmt;

/// Why a trace could not be written or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum TraceError {
    /// The operating system refused to read or write.
    Io(std::io::Error),
    /// The file has no bytes.
    Empty,
    /// The file does not begin as a trace does; `found` is its first bytes (16 at most).
    NotATrace {
        /// The first bytes of the file.
        found: Vec<u8>,
    },
    /// The file ends inside its header.
    HeaderCut {
        /// The file's length.
        found_bytes: usize,
    },
    /// The header's checksum or endianness mark is wrong.
    HeaderDamaged,
    /// The trace was written in a format of another major version.
    Version {
        /// Major and minor version of the file.
        found: (u16, u16),
    },
    /// The rings beside a trace are not what they should be.
    Rings {
        /// The file.
        path: std::path::PathBuf,
        /// What was found.
        found: &'static str,
    },
    /// A record is too large for one block: a writer's mistake, the record must be split.
    RecordTooLarge {
        /// The record's kind.
        kind: &'static str,
    },
    /// The columns of a record are not of one length, or have more than [`MAX_ROWS`] rows: a writer's mistake.
    ColumnsDiffer {
        /// The record's kind.
        kind: &'static str,
    },
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Empty => write!(
                f,
                "expected a memscope trace, found an empty file: the program ended before its session wrote anything, \
                 or this is the wrong file"
            ),
            Self::NotATrace { found } => write!(
                f,
                "expected a memscope trace (a file that begins with \"MEMSCOPE\"), found a file that begins with \
                 \"{}\": pass the trace.bin that a profiled program wrote",
                found.escape_ascii()
            ),
            Self::HeaderCut { found_bytes } => write!(
                f,
                "expected a header of {FILE_HEADER_BYTES} bytes, found a file of {found_bytes} bytes: the trace was cut \
                 before its first block, nothing in it can be used"
            ),
            Self::HeaderDamaged => write!(
                f,
                "expected a header with an intact checksum, found a damaged one in the first {FILE_HEADER_BYTES} bytes: \
                 copy the trace again from where it was written"
            ),
            Self::Version { found: (major, minor) } => write!(
                f,
                "expected trace format {}.x, found {major}.{minor}: read this trace with a memscope-report of the \
                 memscope version that wrote it{}",
                FORMAT_VERSION.0,
                if *major > FORMAT_VERSION.0 { " (a newer one than this)" } else { "" }
            ),
            Self::Rings { path, found } => write!(
                f,
                "expected the rings that the trace's process left in {}, found {found}: move that file (or the .rings beside the trace) \
                 away to read the trace without them",
                path.display()
            ),
            Self::RecordTooLarge { kind } => write!(
                f,
                "expected a record that fits into {MAX_PAYLOAD_BYTES} bytes, found a larger one of kind {kind}: split it"
            ),
            Self::ColumnsDiffer { kind } => write!(
                f,
                "expected columns of one length and of at most {MAX_ROWS} rows, found others in a record of kind \
                 {kind}: fill every column in each row, and split what is longer"
            ),
        }
    }
}

impl std::error::Error for TraceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<std::io::Error> for TraceError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}
