//! Standard output: as wide as the terminal, coloured only there, and quiet when nobody reads any more.

use crate::chart::text::clean;
use crate::error::ReportError;
use crate::tables::TextOptions;
use anstream::ColorChoice;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

/// How text is laid out on standard output. Names are whole where it is no terminal; colours follow `NO_COLOR`, `CLICOLOR`,
/// `CLICOLOR_FORCE` and `TERM`.
pub(super) fn text_options() -> TextOptions {
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    let columns = || terminal_size::terminal_size_of(&stdout).map_or(80, |(width, _)| usize::from(width.0));
    let colour = anstream::AutoStream::choice(&stdout) != ColorChoice::Never;
    TextOptions { width: terminal.then(columns), colour }
}

/// Writes to standard output. A reader that has gone (`| head`) is no error.
///
/// # Errors
/// [`ReportError::Print`] for anything else.
pub(super) fn print(content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), ReportError> {
    let mut out = BufWriter::new(io::stdout().lock());
    match content(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(ReportError::Print(error)),
        _ => Ok(()),
    }
}

/// Says on standard error what is wrong with the trace at `path`, a line each. What cannot be printed there cannot be told anywhere.
pub(super) fn warn(path: &Path, warnings: &[String]) {
    let mut err = io::stderr().lock();
    for warning in warnings {
        let _ = writeln!(err, "memscope-report: warning: {}: {}", path.display(), clean(warning));
    }
}

/// Writes to the file `path`, or to standard output where that is `-`.
///
/// # Errors
/// [`ReportError::Write`] or [`ReportError::Print`].
pub(super) fn write_to(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), ReportError> {
    if is_stdout(path) { print(content) } else { crate::render::write_file(path, |out| content(out)) }
}

/// Whether `path` stands for standard output: written there it would else replace the link that the system keeps for it.
pub(super) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-" || path == Path::new("/dev/stdout")
}
