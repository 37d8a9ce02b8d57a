//! Where a result must not go: over what it is made from, and where it has no room.

use super::screen;
use crate::error::ReportError;
use std::fs;
use std::path::Path;

/// Refuses a file for the result that is one of the traces it is made from. It would be gone, and with it what no report keeps.
///
/// # Errors
/// [`ReportError::OverTrace`].
pub(super) fn is_no_trace<'a>(
    output: &Path,
    traces: impl IntoIterator<Item = &'a Path>,
) -> Result<(), ReportError> {
    // What is not there yet is none of those that are.
    let Ok(place) = fs::canonicalize(output) else { return Ok(()) };
    match traces.into_iter().any(|trace| fs::canonicalize(trace).is_ok_and(|trace| trace == place)) {
        true => Err(ReportError::OverTrace { path: output.to_owned() }),
        false => Ok(()),
    }
}

/// Refuses standard output for what is a folder of files.
///
/// # Errors
/// [`ReportError::NotAFolder`].
pub(super) fn is_folder(output: &Path) -> Result<(), ReportError> {
    let found = "standard output, which takes one file only (./- is a folder of that name)";
    match screen::is_stdout(output) {
        true => Err(ReportError::NotAFolder { path: output.to_owned(), found }),
        false => Ok(()),
    }
}
