//! What a trace is made of: its header, how the session was set up, its blocks by kind, and what was lost.

use crate::error::ReportError;
use crate::load::open_trace;
use memscope_trace::{End, Interval, Loss, Module, ReadStats, Record, Session, TraceError, TraceWriter};
use std::collections::BTreeSet;
use std::io::Read;

/// The blocks of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct KindBlocks {
    /// The kind's name as the format's description has it: `Samples`.
    pub kind: &'static str,
    /// Blocks.
    pub blocks: u64,
    /// Rows: samples, frees, stacks, ...; 1 a block where the kind has none.
    pub rows: u64,
    /// Bytes, headers included.
    pub bytes: u64,
}

/// What a trace is made of.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TraceInfo {
    /// Major and minor version of the format.
    pub format_version: (u16, u16),
    /// Whether the file's header was damaged (and read past).
    pub header_damaged: bool,
    /// How the session was set up; `None` where that block is lost.
    pub session: Option<Session>,
    /// How it ended; `None` where the trace was cut.
    pub end: Option<End>,
    /// What could not be recorded.
    pub loss: Loss,
    /// The sampling intervals, in the order of the trace.
    pub intervals: Vec<Interval>,
    /// The modules, in the order of the trace.
    pub modules: Vec<Module>,
    /// Threads that are named or counted.
    pub threads: u64,
    /// Scopes that are named.
    pub scopes: u64,
    /// The blocks by kind, in the order of the kinds' numbers.
    pub kinds: Vec<KindBlocks>,
    /// What the reader met.
    pub read: ReadStats,
}

impl TraceInfo {
    /// Reads the trace in `source` to its end.
    ///
    /// # Errors
    /// [`ReportError::Trace`] for a source that fails, is empty, is no trace, or is of another version.
    ///
    /// ```
    /// use memscope_report::info::TraceInfo;
    /// use memscope_trace::{End, Record, TraceWriter};
    /// let mut writer = TraceWriter::new(Vec::new())?;
    /// writer.push(&Record::End(End::default()))?;
    /// writer.flush()?;
    /// let trace = writer.into_inner();
    /// let info = TraceInfo::read(trace.as_slice())?;
    /// assert_eq!(info.kinds[0].kind, "End");
    /// assert_eq!(info.kinds[0].bytes as usize, trace.len() - 32);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(source: impl Read) -> Result<Self, ReportError> {
        let (mut reader, header_damaged) = open_trace(source)?;
        let mut counter = Counter::new()?;
        let mut info = Self { format_version: reader.version(), header_damaged, ..Self::default() };
        while let Some(record) = reader.next_record()? {
            counter.count(&record)?;
            info.add(record);
        }
        info.read = *reader.stats();
        info.threads = counter.threads.len() as u64;
        info.scopes = counter.scopes.len() as u64;
        info.kinds = counter.kinds.into_iter().filter(|kind| kind.blocks > 0).collect();
        Ok(info)
    }

    /// Whether blocks inside the trace are damaged or lost; one that is only cut at its end is not damaged.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        let cut_only = ReadStats { torn_tail_bytes: 0, ..self.read };
        self.header_damaged || !cut_only.is_clean()
    }

    fn add(&mut self, record: Record) {
        match record {
            Record::Session(session) => self.session = Some(session),
            Record::Modules(modules) => self.modules.extend(modules.modules),
            Record::Interval(interval) => self.intervals.push(interval),
            Record::Loss(loss) => self.loss = loss,
            Record::End(end) => {
                self.loss = end.loss;
                self.end = Some(end);
            }
            _ => {}
        }
    }
}

/// The kinds, in the order in which they are told.
const KINDS: [&str; 29] = [
    "Session",
    "Modules",
    "Threads",
    "Stacks",
    "Sites",
    "Interval",
    "Samples",
    "Frees",
    "Counters",
    "ThreadCounters",
    "Scopes",
    "ScopeCounters",
    "Symbols",
    "Resources",
    "Loss",
    "End",
    "ScopeDetails",
    "ScopeFrees",
    "ScopeSizes",
    "MemoryParts",
    "ResourceDetails",
    "ThreadTimes",
    "Tasks",
    "TaskCounters",
    "SampleTasks",
    "TaskTotals",
    "TaskEnds",
    "ScopePaths",
    "OwnMemory",
];

/// Counts blocks. How long one was is known by writing it again: a writer has one form for each record.
struct Counter {
    kinds: Vec<KindBlocks>,
    threads: BTreeSet<u32>,
    scopes: BTreeSet<u32>,
    writer: TraceWriter<std::io::Sink>,
}

impl Counter {
    fn new() -> Result<Self, TraceError> {
        let kinds = KINDS.iter().map(|&kind| KindBlocks { kind, blocks: 0, rows: 0, bytes: 0 }).collect();
        let writer = TraceWriter::new(std::io::sink())?;
        Ok(Self { kinds, threads: BTreeSet::new(), scopes: BTreeSet::new(), writer })
    }

    fn count(&mut self, record: &Record) -> Result<(), TraceError> {
        self.writer.push(record)?;
        let bytes = self.writer.pending_bytes() as u64;
        self.writer.flush()?;
        match record {
            Record::Threads(named) => self.threads.extend(named.threads.iter().map(|thread| thread.id)),
            Record::ThreadCounters(counted) => self.threads.extend(&counted.threads),
            Record::Scopes(named) => self.scopes.extend(named.scopes.iter().map(|scope| scope.id)),
            _ => {}
        }
        let Some((kind, rows)) = kind_and_rows(record) else { return Ok(()) };
        let counted = &mut self.kinds[kind];
        counted.blocks += 1;
        counted.rows += rows as u64;
        counted.bytes += bytes;
        Ok(())
    }
}

/// Index into [`KINDS`], and the rows of the record; `None` for a kind that a newer memscope-trace knows.
fn kind_and_rows(record: &Record) -> Option<(usize, usize)> {
    Some(match record {
        Record::Session(_) => (0, 1),
        Record::Modules(modules) => (1, modules.modules.len()),
        Record::Threads(threads) => (2, threads.threads.len()),
        Record::Stacks(stacks) => (3, stacks.frames.len()),
        Record::Sites(sites) => (4, sites.stacks.len()),
        Record::Interval(_) => (5, 1),
        Record::Samples(samples) => (6, samples.sites.len()),
        Record::Frees(frees) => (7, frees.threads.len()),
        Record::Counters(_) => (8, 1),
        Record::ThreadCounters(counters) => (9, counters.threads.len()),
        Record::Scopes(scopes) => (10, scopes.scopes.len()),
        Record::ScopeCounters(counters) => (11, counters.scopes.len()),
        Record::Symbols(symbols) => (12, symbols.address_deltas.len()),
        Record::Resources(_) => (13, 1),
        Record::Loss(_) => (14, 1),
        Record::End(_) => (15, 1),
        Record::ScopeDetails(details) => (16, details.scopes.len()),
        Record::ScopeFrees(frees) => (17, frees.scopes.len()),
        Record::ScopeSizes(sizes) => (18, sizes.scopes.len()),
        Record::MemoryParts(_) => (19, 1),
        Record::ResourceDetails(_) => (20, 1),
        Record::ThreadTimes(times) => (21, times.os_ids.len()),
        Record::Tasks(tasks) => (22, tasks.tasks.len()),
        Record::TaskCounters(counters) => (23, counters.tasks.len()),
        Record::SampleTasks(tasks) => (24, tasks.tasks.len()),
        Record::TaskTotals(_) => (25, 1),
        Record::TaskEnds(ends) => (26, ends.tasks.len()),
        Record::ScopePaths(paths) => (27, paths.paths.len()),
        Record::OwnMemory(_) => (28, 1),
        _ => return None,
    })
}
