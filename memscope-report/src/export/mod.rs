//! A trace in the formats of other tools.
//!
//! | format | reads it | one file, or a folder |
//! | --- | --- | --- |
//! | `pprof` | `go tool pprof`, Pyroscope, Parca, Grafana | file |
//! | `speedscope` | speedscope.app | file |
//! | `firefox` | profiler.firefox.com | file |
//! | `dhat` | valgrind's `dh_view.html` | file |
//! | `folded` | `inferno-flamegraph`, `flamegraph.pl` | file |
//! | `csv` | spreadsheets, pandas | file: the call sites; folder: the whole analysis |
//! | `json` | scripts | file |
//! | `parquet` | DuckDB, Spark, pandas (the feature `parquet`) | folder |
//!
//! [`EXPORTERS`] lists them, one file of this module each. What every format says of a stack comes from one place
//! (`stacks.rs`): names from the symbols, memscope's own and the allocator's entry frames taken off, as on the page.
//! What it says of amounts too (`totals.rs`, and for formats with threads and times the trace once more, sample by
//! sample). The amounts are estimates, restated for lost samples. So the totals of every format are those of the
//! report; where a format wants whole numbers they are rounded in a way that keeps the totals (`round.rs`).
//!
//! ```
//! use memscope_report::export::{ExportOptions, ExportSource, exporter};
//! # let mut writer = memscope_trace::TraceWriter::new(Vec::new())?;
//! # writer.push(&memscope_trace::Record::Counters(Default::default()))?;
//! # writer.flush()?;
//! # let trace = writer.into_inner();
//! let source = ExportSource::from_bytes(trace, &Default::default())?;
//! let mut folded = Vec::new();
//! exporter("folded")?.write(&source, &ExportOptions::default(), &mut folded)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod csv;
mod dhat;
mod error;
mod firefox;
mod folded;
mod json;
mod parquet;
mod pprof;
mod round;
mod source;
mod speedscope;
mod stacks;
mod text;
mod totals;

pub use error::ExportError;
pub use source::ExportSource;
pub use totals::Measure;

use crate::render::{make_folder, write_file};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Every format, in the order of `--help`. A new one is a file beside this and a line here.
pub const EXPORTERS: &[Exporter] = &[
    pprof::EXPORTER,
    speedscope::EXPORTER,
    firefox::EXPORTER,
    dhat::EXPORTER,
    folded::EXPORTER,
    csv::EXPORTER,
    json::EXPORTER,
    parquet::EXPORTER,
];

/// What can be chosen about an export.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ExportOptions {
    /// The measure of formats that have one only (`folded`).
    pub measure: Measure,
}

impl ExportOptions {
    /// Another measure.
    #[must_use]
    pub fn measure(mut self, measure: Measure) -> Self {
        self.measure = measure;
        self
    }
}

type WriteFile = fn(&ExportSource, &ExportOptions, &mut dyn Write) -> Result<(), ExportError>;
type WriteTables = fn(&ExportSource, &Tables<'_>) -> Result<(), ExportError>;

/// A format.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Exporter {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is and what reads it, in a few words.
    pub about: &'static str,
    /// The usual end of a file's name, without a dot.
    pub extension: &'static str,
    file: Option<WriteFile>,
    tables: Option<WriteTables>,
}

/// The format called `name`.
///
/// # Errors
/// [`ExportError::UnknownFormat`] if there is none.
pub fn exporter(name: &str) -> Result<&'static Exporter, ExportError> {
    let found = EXPORTERS.iter().find(|exporter| exporter.name == name);
    found.ok_or_else(|| ExportError::UnknownFormat { found: name.to_owned() })
}

impl Exporter {
    /// Writes the format as one file to `out`.
    ///
    /// # Errors
    /// [`ExportError`] if the format is a folder of tables, if the trace can no longer be read, or if `out` fails.
    pub fn write(
        &self,
        source: &ExportSource,
        options: &ExportOptions,
        out: &mut dyn Write,
    ) -> Result<(), ExportError> {
        let write = self.file.ok_or(ExportError::NeedsFolder { format: self.name })?;
        write(source, options, out)?;
        Ok(out.flush()?)
    }

    /// Writes the format to `path`: a file, or a folder with a file for each table. A format that can be both is a
    /// file where `path` ends in `.` and [`Exporter::extension`]. Files are readable by their owner only and appear
    /// when they are complete. Returns the files that were written.
    ///
    /// # Errors
    /// [`ExportError`] if the trace can no longer be read or a file not be written.
    pub fn write_to(
        &self,
        source: &ExportSource,
        options: &ExportOptions,
        path: impl AsRef<Path>,
    ) -> Result<Vec<PathBuf>, ExportError> {
        let path = path.as_ref();
        let is_named_like_file = path.extension().is_some_and(|extension| extension == self.extension);
        match (self.tables, self.file) {
            (Some(write), file) if file.is_none() || !is_named_like_file => {
                let tables = Tables { folder: path, extension: self.extension, written: Default::default() };
                write(source, &tables)?;
                Ok(tables.written.into_inner())
            }
            _ => {
                write_whole(path, |out| self.write(source, options, out))?;
                Ok(vec![path.to_owned()])
            }
        }
    }
}

/// Where the tables of a format go.
#[derive(Debug)]
struct Tables<'a> {
    folder: &'a Path,
    extension: &'static str,
    written: std::cell::RefCell<Vec<PathBuf>>,
}

impl Tables<'_> {
    /// Writes the table `name`.
    fn write(
        &self,
        name: &str,
        content: impl FnOnce(&mut BufWriter<File>) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        // Not before there is something to put into it: what fails leaves no empty folder.
        make_folder(self.folder)?;
        let path = self.folder.join(format!("{name}.{}", self.extension));
        write_whole(&path, content)?;
        self.written.borrow_mut().push(path);
        Ok(())
    }
}

/// Writes the file at `path`, which is there when it is complete or not at all.
fn write_whole(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut failed = None;
    let written = write_file(path, |out| {
        content(out).map_err(|error| match error {
            ExportError::Write(error) => error,
            other => {
                failed = Some(other);
                io::Error::other("the export failed")
            }
        })
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(written?),
    }
}
