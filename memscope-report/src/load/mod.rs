//! From the bytes of a trace to a [`Profile`], in one pass and whatever the bytes are.
//!
//! The trace is streamed: memory holds one block, the tables that the trace defines (stacks, sites, names) and the
//! samples not yet freed. A sample is worth a row in a table only until it is freed; then it is folded into its
//! site's totals, and counted in the stretch of time that it belongs to. A large file is read on three threads
//! ([`Profile::open`], [`Profile::from_large_reader`]), with the same result to the last bit. Nothing here believes the trace: ids are looked up, never indexed with; times only move forward;
//! sums saturate or are floating point; what does not fit is counted and passed over.

mod activity;
mod announced;
mod bins;
mod builder;
mod call_sizes;
mod counts;
mod folded;
mod header;
mod intervals;
mod open;
mod ownership;
mod peak;
mod pipeline;
mod profile;
mod replay;
mod samples;
mod scopes;
mod shares;
mod site_ends;
mod site_samples;
mod site_table;
mod site_times;
mod sites;
mod slices;
mod stacks;
mod table;
mod tasks;
mod thin;
mod thread_cpu;
mod thread_series;
mod weights;

#[cfg(feature = "tools")]
pub(crate) use announced::AnnouncedTasks;
pub(crate) use builder::live_bytes;
pub use call_sizes::CallSizes;
pub use folded::FoldedActivity;
#[cfg(feature = "tools")]
pub(crate) use header::open as open_trace;
pub(crate) use ownership::size_class;
pub use ownership::{Amount, Fate, Flow, LifetimeClass, Ownership};
#[cfg(feature = "tools")]
pub(crate) use profile::is_damaged;
pub use profile::{Irregularities, Profile, SymbolNames, ThreadTotals};
#[cfg(any(feature = "parquet", feature = "tools"))]
pub(crate) use replay::Sample;
pub(crate) use replay::{Event, replay};
pub use scopes::{CallDetails, FreeTotals, PathTotals, ScopeTotals, ScopeTroubles};
#[cfg(test)]
pub(crate) use site_samples::Counted;
pub use site_samples::SiteSamples;
pub use site_times::{SiteActivity, SiteTimes};
pub use sites::Site;
pub use stacks::{StackNode, StackTree};
pub use tasks::{TaskCount, TaskInstance, TaskSamples};
pub use thread_cpu::ProcessorTime;
pub use thread_series::{ThreadActivity, ThreadTimes};

use crate::error::ReportError;
use builder::Builder;
use shares::IntervalShares;
use std::fs::File;
use std::io::Read;
use std::path::Path;

impl Profile {
    /// Reads the trace in `source` to its end. The source is read in large pieces: it needs no buffer of its own.
    ///
    /// # Errors
    /// [`ReportError::Trace`] for a source that fails, is empty, is no trace, or is of another version. A trace that
    /// is damaged or cut is no error: see [`Profile::read`] and [`Profile::irregular`].
    ///
    /// ```
    /// use memscope_report::Profile;
    /// use memscope_trace::{End, Record, TraceWriter};
    /// let mut writer = TraceWriter::new(Vec::new())?;
    /// writer.push(&Record::End(End::default()))?;
    /// writer.flush()?;
    /// let profile = Profile::from_reader(writer.into_inner().as_slice())?;
    /// assert!(profile.end.is_some() && profile.read.is_clean());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_reader(source: impl Read) -> Result<Self, ReportError> {
        Self::read_once(source, IntervalShares::default())
    }

    fn read_once(source: impl Read, shares: IntervalShares) -> Result<Self, ReportError> {
        let (mut reader, header_damaged) = header::open(source)?;
        let mut builder = Builder::new(shares);
        while let Some(record) = reader.next_record()? {
            builder.add(record);
        }
        Ok(builder.finish(*reader.stats(), header_damaged))
    }

    /// As [`Profile::from_reader`], with the same result, on three threads: faster for a trace of many megabytes.
    ///
    /// # Errors
    /// As [`Profile::from_reader`].
    pub fn from_large_reader(source: impl Read + Send) -> Result<Self, ReportError> {
        Self::read_in_parallel(source, IntervalShares::default())
    }

    fn read_in_parallel(source: impl Read + Send, shares: IntervalShares) -> Result<Self, ReportError> {
        let mut builder = Builder::new(shares);
        let (stats, header_damaged) = pipeline::read(source, &mut builder)?;
        Ok(builder.finish(stats, header_damaged))
    }

    /// Reads a trace of `bytes` bytes from what `open` opens: once, or twice where losses are to be allowed for interval by interval.
    pub(crate) fn from_file<R: Read + Send>(
        bytes: u64,
        open: impl Fn() -> Result<R, ReportError>,
    ) -> Result<Self, ReportError> {
        let read = |shares| match bytes {
            ..pipeline::LARGE_BYTES => Self::read_once(open()?, shares),
            _ => Self::read_in_parallel(open()?, shares),
        };
        let first = read(IntervalShares::default())?;
        match first.shares.to_restate() {
            Some(shares) => read(shares),
            None => Ok(first),
        }
    }

    /// Reads the trace in the file at `path`.
    ///
    /// # Errors
    /// [`ReportError::Open`] if it cannot be opened, [`ReportError::NotAFile`] if it is a folder, a pipe or a device
    /// (it is not opened then), and what [`Profile::from_reader`] says with the path added.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReportError> {
        let path = path.as_ref();
        let (_, bytes) = open_file(path)?;
        Self::from_file(bytes, || Ok(open_file(path)?.0)).map_err(|error| error.at(path))
    }
}

/// Opens the regular file at `path`; returns it with its length. The trace of a killed process is completed first from the rings that it left, if any
/// ([`memscope_trace::sweep_rings`]). What is no regular file is never opened: opening a
/// pipe waits for its other end.
pub(crate) fn open_file(path: &Path) -> Result<(File, u64), ReportError> {
    let refused = |source| ReportError::Open { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(refused)?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a folder" } else { "a pipe, socket or device" };
        return Err(ReportError::NotAFile { path: path.to_owned(), found });
    }
    let swept = memscope_trace::sweep_rings(path).map_err(|source| ReportError::from(source).at(path))?;
    let metadata = if swept.is_some() { std::fs::metadata(path).map_err(refused)? } else { metadata };
    Ok((File::open(path).map_err(refused)?, metadata.len()))
}
