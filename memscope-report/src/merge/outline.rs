//! What has to be known of a trace before the first of its records can be written: its names, and how many ids it takes.

use super::kept::Kept;
use crate::error::ReportError;
use crate::load::is_damaged;
use memscope_trace::{
    End, Loss, MAX_ROWS, Module, ReadStats, Record, Scope, Session, Tasks, Thread, TraceError,
};
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
    /// The tasks that anything names.
    pub(super) task_ids: BTreeSet<u32>,
    /// The operating system's ids of its threads.
    pub(super) os_ids: BTreeSet<u64>,
    /// Whether it tells where resident memory was.
    pub(super) has_memory_parts: bool,
    pub(super) last_frame: u32,
    pub(super) last_node: u32,
    pub(super) last_site: u32,
    pub(super) last_interval: u32,
    pub(super) end: Option<End>,
    /// What could not be recorded, and what damage took.
    pub(super) loss: Loss,
    pub(super) damaged: bool,
    pub(super) missing: MissingSamples,
}

impl Outline {
    /// Reads the trace at `path`, and keeps its figures in `kept`.
    pub(super) fn read(path: &Path, kept: &mut Kept) -> Result<Self, ReportError> {
        let mut outline = Self::default();
        let (mut reader, header_damaged) = super::open(path)?;
        let failed = |error: TraceError| ReportError::from(error).at(path);
        while let Some(record) = reader.next_record().map_err(failed)? {
            outline.add(&record);
            kept.keep(&record).map_err(failed)?;
        }
        let read = *reader.stats();
        outline.damaged = is_damaged(header_damaged, &read);
        let missing = outline.missing.of(outline.end, &read);
        outline.loss.buffer_full = outline.loss.buffer_full.saturating_add(missing);
        Ok(outline)
    }

    fn add(&mut self, record: &Record) {
        match record {
            Record::Session(session) => self.session = Some(session.clone()),
            Record::Modules(modules) => self.modules.extend(modules.modules.iter().cloned()),
            Record::Threads(named) => {
                self.thread_ids.extend(named.threads.iter().map(|thread| thread.id));
                self.os_ids.extend(named.threads.iter().map(|thread| thread.os_id));
                self.threads.extend(named.threads.iter().map(|thread| (thread.id, thread.clone())));
            }
            Record::ThreadCounters(counted) => self.thread_ids.extend(&counted.threads),
            Record::Samples(samples) => {
                self.thread_ids.extend(&samples.threads);
                self.missing.pass(samples.first_sample, samples.sites.len() as u64);
            }
            Record::Loss(loss) => self.loss = *loss,
            Record::Frees(frees) => self.thread_ids.extend(&frees.threads),
            Record::Scopes(named) => {
                self.scope_ids.extend(named.scopes.iter().map(|scope| scope.id));
                self.scopes.extend(named.scopes.iter().map(|scope| (scope.id, scope.clone())));
            }
            Record::ScopeCounters(counted) => self.scope_ids.extend(&counted.scopes),
            Record::ScopeDetails(told) => self.scope_ids.extend(told.scopes.iter().chain(&told.parents)),
            Record::ScopeFrees(told) => self.scope_ids.extend(&told.scopes),
            Record::ScopeSizes(told) => self.scope_ids.extend(&told.scopes),
            Record::Tasks(tasks) => self.add_tasks(tasks),
            Record::TaskCounters(counted) => self.task_ids.extend(&counted.tasks),
            Record::TaskEnds(ended) => self.task_ids.extend(&ended.tasks),
            Record::SampleTasks(told) => self.task_ids.extend(&told.tasks),
            Record::ThreadTimes(times) => self.os_ids.extend(&times.os_ids),
            Record::MemoryParts(_) => self.has_memory_parts = true,
            Record::Stacks(stacks) => {
                raise(&mut self.last_frame, stacks.first_frame, stacks.addresses.len());
                raise(&mut self.last_node, stacks.first_node, stacks.frames.len());
            }
            Record::Sites(sites) => {
                self.scope_ids.extend(&sites.scopes);
                raise(&mut self.last_site, sites.first_site, sites.stacks.len());
            }
            Record::Interval(interval) => self.last_interval = self.last_interval.max(interval.id),
            Record::End(end) => {
                self.end = Some(*end);
                self.loss = end.loss;
            }
            _ => {}
        }
    }

    /// A task may name one that nothing else is told of: what they have in common is kept.
    fn add_tasks(&mut self, tasks: &Tasks) {
        self.task_ids.extend(tasks.tasks.iter().chain(&tasks.parents));
        self.scope_ids.extend(&tasks.scopes);
    }
}

/// How many samples damage took: the loader's rule (`load/builder.rs`), which a test holds this to.
#[derive(Debug, Clone, Default)]
pub(super) struct MissingSamples {
    next: u64,
    passed: u64,
    missing: u64,
}

impl MissingSamples {
    /// A record of `rows` samples from `first` on.
    fn pass(&mut self, first: u64, rows: u64) {
        let rows = (u64::MAX - first).saturating_add(1).min(rows);
        let known = self.next.saturating_sub(first).min(rows);
        if known < rows {
            self.missing = self.missing.saturating_add(first + known - self.next);
            self.next = first.saturating_add(rows);
            self.passed += rows - known;
        }
    }

    /// No more than the blocks that are known to be lost can have held.
    fn of(&self, end: Option<End>, read: &ReadStats) -> u64 {
        let recorded = end.map_or(0, |end| end.samples);
        let lost_blocks = read.damaged_blocks.saturating_add(read.missing_blocks);
        let missing = self.missing.max(recorded.saturating_sub(self.passed));
        missing.min(lost_blocks.saturating_mul(MAX_ROWS as u64))
    }
}

/// Takes the last of `rows` ids from `first` on into account.
fn raise(last: &mut u32, first: u32, rows: usize) {
    if rows > 0 {
        *last = (*last).max(first.saturating_add(rows as u32 - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Profile;
    use memscope_trace::{Samples, TraceWriter};

    /// Every block of samples damaged in turn, and the trace cut at every block: what is said of it is what the loader says.
    #[test]
    fn damage_is_what_the_loader_takes_it_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trace.bin");
        let samples = |first_sample: u64| {
            let rows = 3;
            Record::Samples(Samples {
                first_sample,
                delta_us: vec![1; rows],
                threads: vec![1; rows],
                sites: vec![0; rows],
                ..Samples::default()
            })
        };
        let (mut writer, mut ends) = (TraceWriter::new(Vec::new()).unwrap(), Vec::new());
        let loss = Loss { buffer_full: 7, ..Loss::default() };
        let end = Record::End(End { samples: 14, loss, ..End::default() });
        for record in [samples(0), samples(3), samples(5), samples(8), samples(11), Record::Loss(loss), end] {
            writer.push(&record).unwrap();
            writer.flush().unwrap();
            ends.push(writer.written_bytes() as usize);
        }
        let whole = writer.into_inner();
        let mut tried = vec![whole.clone()];
        for &end in &ends {
            let mut damaged = whole.clone();
            damaged[end - 1] ^= 0x10;
            tried.extend([damaged, whole[..end].to_vec(), whole[..end - 2].to_vec()]);
        }
        let mut seen = BTreeSet::new();
        for bytes in tried {
            std::fs::write(&path, &bytes).unwrap();
            let outline = Outline::read(&path, &mut Kept::new(1).unwrap()).unwrap();
            let profile = Profile::open(&path).unwrap();
            let mut loss = profile.loss;
            loss.buffer_full += profile.irregular.missing_samples;
            assert_eq!((outline.damaged, outline.loss), (profile.is_damaged(), loss));
            seen.insert(profile.irregular.missing_samples);
        }
        assert!(seen.len() > 2, "{seen:?}: nothing was missing");
    }
}
