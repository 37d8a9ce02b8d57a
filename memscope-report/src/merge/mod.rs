//! Several traces made into one, as if one process had done everything: for workers of a pool, shards of a test, the hosts of a service.
//!
//! The result is a trace like any other: every command reads it, and it can be merged again.
//!
//! # What adds up
//!
//! All processes run side by side from time 0. Exact totals, threads, samples, losses and call sites add up; samples keep their
//! sampling interval, so estimates are what they were. Scopes of the same name, file and line are one scope with all calls.
//! Times stay as they were, each since its own session's start.
//!
//! Live bytes at a time are the sum of what each process last had. What a process held when its session ended stays in
//! the sum, or live bytes at the end would not add up. The peak is that of the sum: it is looked for at every record of figures
//! and at each process's own peak, so it is right up to the 50 ms in which the other processes' figures may have moved.
//!
//! # What is kept apart
//!
//! *Addresses.* Two processes have different code at the same address, or the same module at different ones. So each process
//! gets an address space of its own: process `k` (from 0) has `k * 2^57` added to its addresses and modules (`k * 2^48` from 65 traces on). Modules
//! keep path, build id and the distance to their bias, which is all that names are found by. Functions with the same names
//! become one in the analysis, whatever process they ran in.
//!
//! *Threads.* Each keeps its name with the number of its trace behind it, in the order in which they were given: `worker [2]`. Where two
//! traces have the same of the operating system's ids, `k * 2^32` is added to those of trace `k`, so that none stands for two threads.
//!
//! *Tasks.* Each instance is one of the merged trace too, with its samples.
//!
//! # What is lost
//!
//! Where resident memory was (`MemoryParts`) stays only in a merge of one trace: the resident memory of a process is explained by its own heap and allocator,
//! so the report of each trace shows it. [`Merged::left_out_memory_parts`] says so. Samples in damaged blocks are counted as lost
//! samples, for which estimates allow. If one trace has no end, nor has the result: that it was cut short is not hidden.

mod figures;
mod ids;
mod kept;
mod outline;
mod resource_figures;
mod samples;
mod scope_figures;
mod tasks;

use crate::error::ReportError;
use crate::load::{open_file, open_trace};
use ids::Ids;
use kept::Kept;
use memscope_trace::{
    End, EndReason, Loss, Module, Modules, Record, Scope, Scopes, Session, Thread, Threads, TraceError,
    TraceReader, TraceWriter,
};
use outline::Outline;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Bytes that may wait to be written.
const PENDING_MAX_BYTES: usize = 1 << 20;
/// Longest name that is made up of others, in characters.
const NAME_MAX: usize = 500;

/// What came of a merge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Merged {
    /// Traces read.
    pub traces: usize,
    /// Samples written.
    pub samples: u64,
    /// Traces without an end: with one of them the result has none either.
    pub cut_short: usize,
    /// Whether a trace was damaged: what is missing from it is missing from the result.
    pub damaged: bool,
    /// Whether traces said where their processes' resident memory was, which is not told of several together.
    pub left_out_memory_parts: bool,
}

/// Reads the traces at `paths` twice, whatever their length in bounded memory, and writes one trace of all to `sink`. (A trace whose
/// exact figures take more than 64 MiB divided by the number of traces, those of days, is read once more for them.)
///
/// # Errors
/// [`ReportError`] with the path of the trace that cannot be read; [`ReportError::Unmergeable`] where ids run out, with more than four
/// billion stacks in all; [`ReportError::Trace`] without a path where the sink fails.
pub fn merge<P: AsRef<Path>>(paths: &[P], sink: impl Write) -> Result<Merged, ReportError> {
    let mut ids = Vec::with_capacity(paths.len());
    let mut outlines: Vec<Outline> = Vec::with_capacity(paths.len());
    let mut kept = Vec::with_capacity(paths.len());
    let mut space = ids::Space::default();
    for (number, path) in paths.iter().enumerate() {
        let path = path.as_ref();
        let mut figures = Kept::new(paths.len())?;
        let outline = Outline::read(path, &mut figures)?;
        kept.push(figures);
        ids.push(
            Ids::new(&outline, &mut space, ids::address_shift(number, paths.len()))
                .map_err(|what| ReportError::Unmergeable { path: path.to_owned(), what })?,
        );
        outlines.push(outline);
    }
    let mut out = Output { writer: TraceWriter::new(sink)? };
    write_names(&mut out, &outlines, &ids)?;
    let totals = figures::write(&mut out, paths, kept, &ids)?;
    let mut done = samples::Done::default();
    for ((path, outline), ids) in paths.iter().zip(&outlines).zip(&ids) {
        samples::write(&mut out, path.as_ref(), outline, ids, &mut done)?;
    }
    match end(&outlines) {
        Some(end) => out.push(&Record::End(End { totals, samples: done.samples, loss: done.loss, ..end }))?,
        None => out.push(&Record::Loss(done.loss))?,
    }
    out.writer.flush()?;
    let damaged = outlines.iter().any(|outline| outline.damaged);
    let left_out_memory_parts = paths.len() > 1 && outlines.iter().any(|outline| outline.has_memory_parts);
    let cut_short = outlines.iter().filter(|outline| outline.end.is_none()).count();
    Ok(Merged { traces: paths.len(), samples: done.samples, cut_short, damaged, left_out_memory_parts })
}

/// The trace in the making.
struct Output<W> {
    writer: TraceWriter<W>,
}

impl<W: Write> Output<W> {
    fn push(&mut self, record: &Record) -> Result<(), TraceError> {
        self.writer.push(record)?;
        if self.writer.pending_bytes() > PENDING_MAX_BYTES { self.writer.flush() } else { Ok(()) }
    }

    /// Pushes a record of `items`, or several where they do not fit into one.
    fn push_all<T: Clone>(&mut self, items: &[T], record: fn(Vec<T>) -> Record) -> Result<(), TraceError> {
        let mut pieces = vec![items];
        while let Some(piece) = pieces.pop() {
            if piece.is_empty() {
                continue;
            }
            match self.push(&record(piece.to_vec())) {
                Err(TraceError::RecordTooLarge { .. }) if piece.len() > 1 => {
                    let (one, other) = piece.split_at(piece.len() / 2);
                    pieces.extend([other, one]);
                }
                result => result?,
            }
        }
        Ok(())
    }
}

/// Opens the trace at `path`; says whether its header is damaged.
fn open(path: &Path) -> Result<(TraceReader<impl std::io::Read + use<>>, bool), ReportError> {
    let file: File = open_file(path)?.0;
    open_trace(file).map_err(|error| ReportError::from(error).at(path))
}

fn write_names<W: Write>(out: &mut Output<W>, outlines: &[Outline], ids: &[Ids]) -> Result<(), TraceError> {
    out.push(&Record::Session(session(outlines)))?;
    let mut scopes: Vec<Scope> = Vec::new();
    for (number, (outline, ids)) in outlines.iter().zip(ids).enumerate() {
        let module = |module: &Module| Module {
            start: module.start.wrapping_add(ids.address_shift),
            end: module.end.wrapping_add(ids.address_shift),
            bias: module.bias.wrapping_add(ids.address_shift),
            ..module.clone()
        };
        let modules: Vec<Module> = outline.modules.iter().map(module).collect();
        out.push_all(&modules, |modules| Record::Modules(Modules { modules }))?;
        let several = outlines.len() > 1;
        let thread = |thread: &Thread| Thread {
            id: ids.thread(thread.id),
            os_id: ids.os_id(thread.os_id),
            name: match thread.name.as_str() {
                name if !several => name.to_owned(),
                "" => numbered(&format!("thread {}", thread.id), number + 1),
                name => numbered(name, number + 1),
            },
            ..thread.clone()
        };
        let threads: Vec<Thread> = outline.threads.values().map(thread).collect();
        out.push_all(&threads, |threads| Record::Threads(Threads { threads }))?;
        for scope in outline.scopes.values() {
            let id = ids.scope(scope.id);
            if scopes.iter().all(|known| known.id != id) {
                scopes.push(Scope { id, ..scope.clone() });
            }
        }
    }
    out.push_all(&scopes, |scopes| Record::Scopes(Scopes { scopes }))
}

/// `worker [2]`.
fn numbered(name: &str, number: usize) -> String {
    let name: String = name.chars().take(NAME_MAX).collect();
    format!("{name} [{number}]")
}

/// One session for all.
fn session(outlines: &[Outline]) -> Session {
    let sessions: Vec<&Session> = outlines.iter().filter_map(|outline| outline.session.as_ref()).collect();
    let Some((&first, others)) = sessions.split_first() else { return Session::default() };
    let joined = |text: fn(&Session) -> &str| {
        let mut texts: Vec<&str> =
            sessions.iter().map(|session| text(session)).filter(|text| !text.is_empty()).collect();
        texts.dedup();
        texts.join(" + ").chars().take(NAME_MAX).collect::<String>()
    };
    if others.is_empty() {
        return first.clone();
    }
    let all = || sessions.iter();
    Session {
        memscope_version: joined(|session| &session.memscope_version),
        name: joined(|session| &session.name),
        executable: joined(|session| &session.executable),
        process_id: 0,
        started_unix_ns: all().map(|session| session.started_unix_ns).min().unwrap_or(0),
        arch: joined(|session| &session.arch),
        os: joined(|session| &session.os),
        cpus: all().map(|session| session.cpus).max().unwrap_or(0),
        page_bytes: first.page_bytes,
        sample_rate: all().map(|session| session.sample_rate).fold(f64::INFINITY, f64::min),
        // What one of them did not sample cannot be told of all.
        min_allocation_size_bytes: all().map(|session| session.min_allocation_size_bytes).max().unwrap_or(0),
        buffer_size_bytes: all().map(|session| session.buffer_size_bytes).max().unwrap_or(0),
        unwinder: joined(|session| &session.unwinder),
    }
}

/// The end of all, but for what is added up elsewhere; `None` where one has none.
fn end(outlines: &[Outline]) -> Option<End> {
    let ends: Vec<End> = outlines.iter().map(|outline| outline.end).collect::<Option<_>>()?;
    let grave = |end: &End| EndReason::from_u8(end.reason) as u8;
    let sum = |figure: fn(&End) -> u64| ends.iter().map(figure).fold(0, u64::saturating_add);
    Some(End {
        reason: ends.iter().map(grave).max().unwrap_or(0),
        threads: sum(|end| end.threads),
        drain_cpu_us: sum(|end| end.drain_cpu_us),
        sampling_us: sum(|end| end.sampling_us),
        ..End::default()
    })
}

/// `one` and `other` together; the later time.
fn add_losses(one: &Loss, other: &Loss) -> Loss {
    Loss {
        time_us: one.time_us.max(other.time_us),
        buffer_full: one.buffer_full.saturating_add(other.buffer_full),
        buffer_full_bytes: one.buffer_full_bytes.saturating_add(other.buffer_full_bytes),
        table_full: one.table_full.saturating_add(other.table_full),
        table_full_bytes: one.table_full_bytes.saturating_add(other.table_full_bytes),
        stacks: one.stacks.saturating_add(other.stacks),
        late_events: one.late_events.saturating_add(other.late_events),
    }
}
