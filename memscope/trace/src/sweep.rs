//! Completing the trace of a process that was killed from the rings that it left.
//!
//! ```text
//! trace.bin                           trace.rings (shared rings, of the same session)
//!  ... samples written | torn tail     samples that were on their way, some of them written already
//!                      ^-- cut here, and what is not written yet goes behind
//! ```
//!
//! A sample leaves its ring only when it is in the trace: so one may be in both, but none in neither. What is in both is known by its thread,
//! time and size. Once everything is in the trace the rings are removed; who is interrupted before begins again.

use crate::TraceError;
use crate::dictionary::Dictionary;
use crate::reader::TraceReader;
use crate::record::{Interval, MAX_ROWS, Record, Samples, Session, Thread, Threads};
use crate::rings::{self, INTERVALS, Left, LeftSample};
use crate::task::SampleTasks;
use crate::writer::TraceWriter;
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// What came of [`sweep_rings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Samples that were taken from the rings into the trace.
    pub samples: u64,
    /// Samples in the rings that stood in the trace already.
    pub known_samples: u64,
}

/// Where the rings of the session that writes `trace` are, or a link to them: `trace.rings` beside `trace.bin`.
#[must_use]
pub fn rings_path(trace: &Path) -> PathBuf {
    trace.with_extension("rings")
}

/// Completes the trace at `trace` from the rings that its process left, and removes them. `None` where there is nothing to do: no rings are beside it
/// (only sessions with shared rings have any), or its process still runs.
///
/// # Errors
/// [`TraceError::Rings`] for rings that are not this trace's; [`TraceError::Io`] where trace or rings cannot be read, or the trace cannot be
/// written to; else what is wrong with the trace. The trace is as it was then.
pub fn sweep_rings(trace: &Path) -> Result<Option<Swept>, TraceError> {
    let link = rings_path(trace);
    // What is no file (a pipe above all) is not opened; a link to rings that are gone with their machine leads nowhere.
    if !std::fs::metadata(&link).is_ok_and(|found| found.is_file()) || link == trace {
        return Ok(None);
    }
    let target = std::fs::canonicalize(&link)?;
    let mut file = OpenOptions::new().read(true).write(true).open(trace)?;
    match file.try_lock() {
        Ok(()) => {}
        // A running session has it locked.
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(TraceError::Io(error)),
    }
    let refused = |found| TraceError::Rings { path: target.clone(), found };
    let left = rings::read(&mut File::open(&target)?)?.map_err(refused)?;
    let (known, pending) = Known::read(&file, left.samples.iter())?;
    let session = known.session.as_ref().map(|session| (session.process_id, session.started_unix_ns));
    if session != Some((left.header.process_id, left.header.started_unix_ns)) {
        return Err(refused("the rings of another session"));
    }
    let mut swept = Swept { samples: 0, known_samples: left.samples.len() as u64 };
    if !known.has_end {
        swept = known.append(&mut file, &left, pending)?;
    }
    for path in [&link, &target] {
        // The link may have been the rings themselves.
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(TraceError::Io(error));
        }
    }
    Ok(Some(swept))
}

/// Thread, time in microseconds, size.
type Key = (u32, u64, u64);

fn key(sample: &LeftSample) -> Key {
    (sample.thread, sample.time_us, sample.size)
}

/// How many samples of a kind are in the rings and not in the trace.
type Pending = HashMap<Key, u64>;

/// What the trace says so far.
#[derive(Default)]
struct Known {
    session: Option<Session>,
    dictionary: Dictionary,
    intervals: HashSet<u32>,
    last_interval: Interval,
    threads: HashSet<u32>,
    next_sample: u64,
    next_sequence: u32,
    /// Where the last whole block ends.
    whole_bytes: u64,
    has_end: bool,
}

impl Known {
    /// Reads the trace; of `left`, what it does not have is returned.
    fn read<'a>(
        file: &File,
        left: impl Iterator<Item = &'a LeftSample>,
    ) -> Result<(Self, Pending), TraceError> {
        let mut pending = Pending::new();
        left.for_each(|sample| *pending.entry(key(sample)).or_default() += 1);
        let mut known = Self::default();
        let mut reader = TraceReader::new(file)?;
        while let Some(record) = reader.next_record()? {
            known.learn(record, &mut pending);
        }
        known.next_sequence = reader.next_sequence();
        known.whole_bytes = reader.stats().bytes - reader.stats().torn_tail_bytes;
        Ok((known, pending))
    }

    fn learn(&mut self, record: Record, pending: &mut Pending) {
        match record {
            Record::Session(session) => self.session = Some(session),
            Record::Threads(record) => self.threads.extend(record.threads.iter().map(|thread| thread.id)),
            Record::Stacks(record) => self.dictionary.learn_stacks(&record),
            Record::Sites(record) => self.dictionary.learn_sites(&record),
            Record::Interval(interval) => {
                self.intervals.insert(interval.id);
                self.last_interval = interval;
            }
            Record::Samples(record) => {
                let end = record.first_sample.saturating_add(record.sites.len() as u64);
                self.next_sample = self.next_sample.max(end);
                let mut time_us = record.base_us;
                for (row, (&delta_us, &thread)) in record.delta_us.iter().zip(&record.threads).enumerate() {
                    time_us = time_us.wrapping_add_signed(delta_us);
                    let size = self.dictionary.size_of(record.sites[row]);
                    if let Some(size) = size
                        && let Some(count) = pending.get_mut(&(thread, time_us, size))
                    {
                        *count = count.saturating_sub(1);
                    }
                }
            }
            Record::End(_) => self.has_end = true,
            _ => {}
        }
    }

    /// Writes what is pending of `left` behind the trace's last whole block, in one write.
    fn append(mut self, file: &mut File, left: &Left, mut pending: Pending) -> Result<Swept, TraceError> {
        let mut samples: Vec<&LeftSample> = left.samples.iter().collect();
        samples.retain(|sample| {
            let count = pending.entry(key(sample)).or_default();
            let is_pending = *count > 0;
            *count = count.saturating_sub(1);
            is_pending
        });
        let swept = Swept {
            samples: samples.len() as u64,
            known_samples: (left.samples.len() - samples.len()) as u64,
        };
        if samples.is_empty() {
            return Ok(swept);
        }
        samples.sort_by_key(|sample| (sample.interval, sample.time_us));
        let mut records = Vec::new();
        self.add_threads(left, &samples, &mut records);
        for of_interval in samples.chunk_by(|one, other| one.interval == other.interval) {
            self.add_interval(left, of_interval[0], &mut records);
            for rows in of_interval.chunks(MAX_ROWS) {
                self.add_samples(rows, &mut records);
            }
        }
        file.set_len(self.whole_bytes)?;
        file.seek(SeekFrom::Start(self.whole_bytes))?;
        let mut writer = TraceWriter::continuing(file, self.next_sequence);
        records.iter().try_for_each(|record| writer.push(record))?;
        writer.flush()?;
        Ok(swept)
    }

    /// Threads that the trace has not been told of; their names are gone with them.
    fn add_threads(&self, left: &Left, samples: &[&LeftSample], records: &mut Vec<Record>) {
        let system_ids: HashMap<u32, u32> = left.threads.iter().copied().collect();
        let mut first_us: HashMap<u32, u64> = HashMap::new();
        for sample in samples.iter().filter(|sample| !self.threads.contains(&sample.thread)) {
            let time_us = first_us.entry(sample.thread).or_insert(u64::MAX);
            *time_us = sample.time_us.min(*time_us);
        }
        let mut new: Vec<Thread> = first_us
            .into_iter()
            .map(|(id, start_us)| Thread {
                id,
                os_id: system_ids.get(&id).copied().unwrap_or(0).into(),
                name: String::new(),
                start_us,
            })
            .collect();
        new.sort_by_key(|thread| thread.id);
        let batches = new.chunks(MAX_ROWS);
        records.extend(batches.map(|threads| Record::Threads(Threads { threads: threads.to_vec() })));
    }

    /// An interval that came into force just before the end.
    fn add_interval(&self, left: &Left, first: &LeftSample, records: &mut Vec<Record>) {
        if self.intervals.contains(&first.interval) {
            return;
        }
        let told = left.interval_bytes[first.interval as usize % INTERVALS];
        let interval_bytes = if told > 0.0 { told } else { self.last_interval.interval_bytes };
        records.push(Record::Interval(Interval {
            id: first.interval,
            start_us: first.time_us,
            interval_bytes,
            credit_bytes: left.header.credit_bytes,
        }));
    }

    fn add_samples(&mut self, rows: &[&LeftSample], records: &mut Vec<Record>) {
        let mut record = Samples {
            first_sample: self.next_sample,
            interval: rows[0].interval,
            base_us: rows[0].time_us,
            ..Samples::default()
        };
        let mut tasks = SampleTasks::default();
        let mut last_us = record.base_us;
        let mut last_in_task = 0;
        for (number, sample) in (self.next_sample..).zip(rows) {
            if sample.task != 0 {
                tasks.sample_deltas.push(number.wrapping_sub(last_in_task) as i64);
                tasks.tasks.push(sample.task);
                last_in_task = number;
            }
            record.delta_us.push(sample.time_us.wrapping_sub(last_us) as i64);
            record.threads.push(sample.thread);
            record.sites.push(self.dictionary.site(sample, records));
            last_us = sample.time_us;
        }
        self.next_sample = self.next_sample.saturating_add(rows.len() as u64);
        self.dictionary.take_new(records);
        if !tasks.tasks.is_empty() {
            records.push(Record::SampleTasks(tasks));
        }
        records.push(Record::Samples(record));
    }
}
