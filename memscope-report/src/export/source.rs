//! The trace that is exported: what it says, its names, and a way to read it once more.

use super::ExportError;
use crate::analysis::{Analysis, LifetimeBucket, analyze, site_lifetimes};
use crate::error::ReportError;
use crate::load::{Event, Profile, open_file, replay};
use crate::page::MOST_SITES;
use crate::symbolize::{SymbolizeOptions, Symbols, symbolize};
use std::fmt;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A trace to be exported.
pub struct ExportSource {
    profile: Profile,
    symbols: Symbols,
    trace: Trace,
}

/// Where the trace is.
#[derive(Clone)]
enum Trace {
    File(PathBuf),
    Bytes(Arc<[u8]>),
}

impl Trace {
    fn open(&self) -> Result<Box<dyn Read + Send>, ReportError> {
        Ok(match self {
            Self::File(path) => Box::new(open_file(path)?.0),
            Self::Bytes(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
        })
    }
}

impl ExportSource {
    /// Reads the trace in the file at `path` and finds names for it. The file is read again by formats that tell single
    /// samples.
    ///
    /// # Errors
    /// As for [`Profile::open`].
    pub fn open(path: impl AsRef<Path>, options: &SymbolizeOptions) -> Result<Self, ReportError> {
        let path = path.as_ref();
        let profile = Profile::open(path)?;
        Ok(Self { symbols: symbolize(&profile, options), profile, trace: Trace::File(path.to_owned()) })
    }

    /// Reads the trace that `bytes` are.
    ///
    /// # Errors
    /// As for [`Profile::from_reader`].
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>, options: &SymbolizeOptions) -> Result<Self, ReportError> {
        let bytes = bytes.into();
        let profile = Profile::from_file(bytes.len() as u64, || Ok(Cursor::new(Arc::clone(&bytes))))?;
        let trace = Trace::Bytes(bytes);
        Ok(Self { symbols: symbolize(&profile, options), profile, trace })
    }

    /// The trace in the file at `path`, which `profile` was read from and `symbols` are the names of.
    #[must_use]
    pub fn from_parts(profile: Profile, symbols: Symbols, path: impl Into<PathBuf>) -> Self {
        Self { profile, symbols, trace: Trace::File(path.into()) }
    }

    /// What the trace says.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The names of its code addresses.
    #[must_use]
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// What the report shows of it: worked out anew by each call.
    #[must_use]
    pub fn analysis(&self) -> Analysis {
        analyze(&self.profile, &self.symbols)
    }

    /// How long the allocations of the call sites live, of as many as the page shows.
    pub(super) fn site_lifetimes(
        &self,
        analysis: &Analysis,
    ) -> Result<Vec<Vec<LifetimeBucket>>, ExportError> {
        site_lifetimes(self.trace.open()?, &self.profile, analysis, MOST_SITES)
            .map_err(|error| self.at(error))
    }

    /// The error with the trace's path.
    fn at(&self, error: ReportError) -> ExportError {
        ExportError::Report(match &self.trace {
            Trace::File(path) => error.at(path),
            Trace::Bytes(_) => error,
        })
    }

    /// Calls `tell` with each sample and its end.
    pub(super) fn replay(
        &self,
        tell: impl FnMut(Event) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let at = |error| match error {
            ExportError::Report(error) => self.at(error),
            error => error,
        };
        replay(self.trace.open()?, &self.profile, tell).map_err(at)
    }

    /// The name of the thread `id`: its number where it has none.
    pub(super) fn thread_name(&self, id: u32) -> String {
        let threads = &self.profile.threads;
        let known = threads.binary_search_by_key(&id, |thread| thread.id).ok().map(|row| &threads[row]);
        match known.filter(|thread| !thread.name.is_empty()) {
            Some(thread) => thread.name.clone(),
            None => format!("thread {id}"),
        }
    }

    /// The name of the scope `id`: `None` for 0, outside any.
    pub(super) fn scope_name(&self, id: u32) -> Option<String> {
        let scopes = &self.profile.scopes;
        let known = scopes.binary_search_by_key(&id, |totals| totals.scope.id).ok().map(|row| &scopes[row]);
        match known.filter(|totals| !totals.scope.name.is_empty()) {
            _ if id == 0 => None,
            Some(totals) => Some(totals.scope.name.clone()),
            None => Some(format!("(scope {id})")),
        }
    }

    /// What the profiled program is called.
    pub(super) fn title(&self) -> String {
        let session = &self.profile.session;
        if session.name.is_empty() { session.executable.clone() } else { session.name.clone() }
    }
}

impl fmt::Debug for ExportSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportSource").field("profile", &self.profile).finish_non_exhaustive()
    }
}
