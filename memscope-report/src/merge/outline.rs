//! What has to be known of a trace before the first of its records can be written: its names, and how many ids it takes.

use crate::error::ReportError;
use crate::load::Profile;
use memscope_trace::{End, Loss, Module, Record, Scope, Session, Thread, TraceError};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A trace in short.
#[derive(Debug, Clone, Default)]
pub(super) struct Outline {
    pub(super) session: Option<Session>,
    pub(super) modules: Vec<Module>,
    pub(super) threads: BTreeMap<u32, Thread>,
    /// The threads that anything names.
    pub(super) thread_ids: BTreeSet<u32>,
    pub(super) scopes: BTreeMap<u32, Scope>,
    /// The scopes that anything names.
    pub(super) scope_ids: BTreeSet<u32>,
    pub(super) last_frame: u32,
    pub(super) last_node: u32,
    pub(super) last_site: u32,
    pub(super) last_interval: u32,
    pub(super) end: Option<End>,
    /// What could not be recorded, and what damage took.
    pub(super) loss: Loss,
    pub(super) damaged: bool,
}

impl Outline {
    pub(super) fn read(path: &Path) -> Result<Self, ReportError> {
        let mut outline = Self::default();
        let mut reader = super::open(path)?;
        let failed = |error: TraceError| ReportError::from(error).at(path);
        while let Some(record) = reader.next_record().map_err(failed)? {
            outline.add(&record);
        }
        // Which samples damage took, the loader knows.
        let profile = Profile::open(path)?;
        outline.damaged = profile.is_damaged();
        outline.loss = profile.loss;
        let missing = profile.irregular.missing_samples;
        outline.loss.buffer_full = outline.loss.buffer_full.saturating_add(missing);
        Ok(outline)
    }

    fn add(&mut self, record: &Record) {
        match record {
            Record::Session(session) => self.session = Some(session.clone()),
            Record::Modules(modules) => self.modules.extend(modules.modules.iter().cloned()),
            Record::Threads(named) => {
                self.thread_ids.extend(named.threads.iter().map(|thread| thread.id));
                self.threads.extend(named.threads.iter().map(|thread| (thread.id, thread.clone())));
            }
            Record::ThreadCounters(counted) => self.thread_ids.extend(&counted.threads),
            Record::Samples(samples) => self.thread_ids.extend(&samples.threads),
            Record::Frees(frees) => self.thread_ids.extend(&frees.threads),
            Record::Scopes(named) => {
                self.scope_ids.extend(named.scopes.iter().map(|scope| scope.id));
                self.scopes.extend(named.scopes.iter().map(|scope| (scope.id, scope.clone())));
            }
            Record::ScopeCounters(counted) => self.scope_ids.extend(&counted.scopes),
            Record::ScopeDetails(told) => self.scope_ids.extend(told.scopes.iter().chain(&told.parents)),
            Record::ScopeFrees(told) => self.scope_ids.extend(&told.scopes),
            Record::ScopeSizes(told) => self.scope_ids.extend(&told.scopes),
            Record::Stacks(stacks) => {
                raise(&mut self.last_frame, stacks.first_frame, stacks.addresses.len());
                raise(&mut self.last_node, stacks.first_node, stacks.frames.len());
            }
            Record::Sites(sites) => {
                self.scope_ids.extend(&sites.scopes);
                raise(&mut self.last_site, sites.first_site, sites.stacks.len());
            }
            Record::Interval(interval) => self.last_interval = self.last_interval.max(interval.id),
            Record::End(end) => self.end = Some(*end),
            _ => {}
        }
    }
}

/// Takes the last of `rows` ids from `first` on into account.
fn raise(last: &mut u32, first: u32, rows: usize) {
    if rows > 0 {
        *last = (*last).max(first.saturating_add(rows as u32 - 1));
    }
}
