//! A trace once more, sample by sample, for what a [`Profile`] does not keep: each sample with its time, thread and
//! fate.
//!
//! A [`Profile`] is needed first: what a sample stands for hangs on all that was lost (`shares.rs`,
//! [`Profile::losses`]). The weights told here add up to the profile's totals restated for losses; a test holds the
//! two together. Memory holds the samples not freed yet, as in the first pass, and 16 bytes for each site.

use super::announced::AnnouncedTasks;
use super::header;
use super::intervals::Intervals;
use super::open::{Open, OpenTable};
use super::ownership::Fate;
use super::pipeline::{LARGE_BYTES, for_each_record};
use super::profile::Profile;
use super::samples::NO_SITE;
use super::table::IdTable;
use super::weights::{NO_WEIGHT, Weight, WeightTable};
use crate::error::ReportError;
use memscope_trace::{Frees, Record, Samples, Sites};
use std::collections::HashMap;
use std::io::Read;

/// A sampled allocation.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "one export looks at all of it"))]
pub(crate) struct Sample {
    /// Id in the trace.
    pub(crate) id: u64,
    /// When it was allocated, microseconds.
    pub(crate) time_us: u64,
    /// The allocating thread; 0 where it is not known.
    pub(crate) thread: u32,
    /// Its row in [`Profile::sites`]; `None` where the trace does not define the site.
    pub(crate) site_row: Option<u32>,
    /// The innermost task that allocated it; 0 outside any.
    #[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "a column of the Parquet tables alone"))]
    pub(crate) task: u32,
    /// How many allocations it stands for.
    pub(crate) allocations: f64,
    /// How many bytes.
    pub(crate) bytes: f64,
}

/// What happens, in the order of the trace.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "one export looks at all of it"))]
pub(crate) enum Event {
    /// An allocation.
    Allocated(Sample),
    /// Its end: the fate and when, microseconds. Samples that live are told last, in the order of their ids, with the
    /// time of the trace's end.
    Ended(Sample, Fate, u64),
}

struct Replay<'a> {
    profile: &'a Profile,
    /// The share of the samples that the trace has.
    retained: f64,
    /// What a sample of a lost site stands for: allocations and bytes of the mean sample.
    mean: (f64, f64),
    intervals: Intervals,
    sample_rate: f64,
    /// The rows of the sites' ids.
    sites: IdTable<()>,
    weights: WeightTable,
    /// For each weight the allocations and the bytes that a sample of it stands for.
    stands_for: Vec<(f64, f64)>,
    /// For each row the weight that its samples had last.
    weight_of: Vec<u32>,
    open: OpenTable,
    // Keys are the file's choice: the standard, keyed hash.
    early: HashMap<u64, (u32, u64)>,
    announced: AnnouncedTasks,
    /// The tasks of the open samples that belong to one.
    tasks: HashMap<u64, u32>,
    next_sample: u64,
}

/// Reads the trace in `source`, which `profile` was read from, and calls `tell` with what happens.
///
/// # Errors
/// What `tell` returns, and what reading the source gives.
pub(crate) fn replay<E: From<ReportError>>(
    source: impl Read + Send,
    profile: &Profile,
    mut tell: impl FnMut(Event) -> Result<(), E>,
) -> Result<(), E> {
    // A trace that is being written has grown since: no further than the profile.
    let source = source.take(profile.read.bytes);
    let mut replay = Replay::new(profile);
    if profile.read.bytes >= LARGE_BYTES {
        for_each_record(source, |record| replay.add(record, &mut tell))?;
    } else {
        let read = |error| E::from(ReportError::from(error));
        let (mut reader, _) = header::open(source).map_err(read)?;
        while let Some(record) = reader.next_record().map_err(read)? {
            replay.add(record, &mut tell)?;
        }
    }
    let live_at_us = profile.duration_us;
    let mut open = std::mem::take(&mut replay.open);
    open.try_drain(|id, open| tell(Event::Ended(replay.sample(id, open), Fate::Live, live_at_us)))
}

impl<'a> Replay<'a> {
    fn new(profile: &'a Profile) -> Self {
        let known = profile.sites.iter().fold((0.0, 0.0, 0), |(allocations, bytes, samples), site| {
            let allocated = site.samples.allocated();
            let value = allocated.value();
            (allocations + value, bytes + value * site.size_bytes as f64, samples + allocated.samples())
        });
        let retained = profile.losses().retained();
        let each = (known.2.max(1) as f64) * retained;
        Self {
            profile,
            retained,
            mean: (known.0 / each, known.1 / each),
            intervals: Intervals::default(),
            sample_rate: 0.0,
            sites: IdTable::default(),
            weights: WeightTable::default(),
            stands_for: Vec::new(),
            weight_of: Vec::new(),
            open: OpenTable::default(),
            early: HashMap::new(),
            announced: AnnouncedTasks::default(),
            tasks: HashMap::new(),
            next_sample: 0,
        }
    }

    fn add<E>(&mut self, record: Record, tell: &mut impl FnMut(Event) -> Result<(), E>) -> Result<(), E> {
        match record {
            Record::Session(session) => self.sample_rate = session.sample_rate,
            Record::Sites(sites) => self.add_sites(&sites),
            Record::Interval(interval) => {
                self.intervals.add(interval);
            }
            Record::SampleTasks(told) => self.announced.add(&told),
            Record::Samples(samples) => self.add_samples(&samples, tell)?,
            Record::Frees(frees) => self.add_frees(&frees, tell)?,
            _ => {}
        }
        Ok(())
    }

    fn add_sites(&mut self, record: &Sites) {
        self.sites.extend(record.first_site, record.stacks.iter().map(|_| ()));
        self.weight_of.resize(self.sites.rows().len(), NO_WEIGHT);
    }

    fn add_samples<E>(
        &mut self,
        record: &Samples,
        tell: &mut impl FnMut(Event) -> Result<(), E>,
    ) -> Result<(), E> {
        let interval = self.intervals.get(record.interval);
        let interval = interval.unwrap_or_else(|| self.intervals.stand_in(record.interval, self.sample_rate));
        let retained = self.retained * self.profile.shares.retained(interval.id);
        let under = self.weights.under(&interval, retained);
        let mut time_us = record.base_us;
        let columns = record.delta_us.iter().zip(&record.threads).zip(&record.sites);
        for (row, ((&delta_us, &thread), &site)) in columns.enumerate() {
            time_us = time_us.saturating_add_signed(delta_us);
            let id = record.first_sample.saturating_add(row as u64);
            if id == u64::MAX {
                break;
            }
            if id < self.next_sample {
                continue;
            }
            self.next_sample = id + 1;
            let (site_row, weight) = self.weigh(site, under);
            let open = Open { site_row, thread, weight, time_us };
            self.tasks.extend(self.announced.take(id).map(|task| (id, task)));
            let sample = self.sample(id, open);
            tell(Event::Allocated(sample))?;
            match if self.early.is_empty() { None } else { self.early.remove(&id) } {
                Some((thread, time_us)) => {
                    self.tasks.remove(&id);
                    tell(Event::Ended(sample, fate(thread), time_us))?;
                }
                None => self.open.insert(id, open),
            }
        }
        Ok(())
    }

    /// The row of the site with that id, and the weight of a sample of it.
    fn weigh(&mut self, site: u32, under: u32) -> (u32, u32) {
        let known = self.sites.row_of(site).and_then(|row| Some((row, self.profile.sites.get(row)?)));
        let Some((row, site)) = known else { return (NO_SITE, NO_WEIGHT) };
        if self.weights.interval_of(self.weight_of[row]) != under {
            self.weight_of[row] = self.weights.of(under, site.size_bytes);
            let new = &self.weights.rows()[self.stands_for.len()..];
            let one =
                |weight: &Weight| (1.0 / weight.probability, weight.size_bytes as f64 / weight.probability);
            self.stands_for.extend(new.iter().map(one));
        }
        (row as u32, self.weight_of[row])
    }

    /// The sample, and what it stands for.
    fn sample(&self, id: u64, open: Open) -> Sample {
        let Open { site_row, thread, time_us, weight } = open;
        let (site_row, (allocations, bytes)) = match self.stands_for.get(weight as usize) {
            Some(one) => (Some(site_row), *one),
            None => (None, self.mean),
        };
        let task = if self.tasks.is_empty() { 0 } else { self.tasks.get(&id).copied().unwrap_or(0) };
        Sample { id, time_us, thread, site_row, task, allocations, bytes }
    }

    fn add_frees<E>(
        &mut self,
        record: &Frees,
        tell: &mut impl FnMut(Event) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut time_us = record.base_us;
        let mut id = 0_u64;
        let columns = record.delta_us.iter().zip(&record.threads).zip(&record.sample_deltas);
        for ((&delta_us, &thread), &delta) in columns {
            time_us = time_us.saturating_add_signed(delta_us);
            id = id.wrapping_add(delta as u64);
            if let Some(open) = self.open.remove(id) {
                let sample = self.sample(id, open);
                if sample.task != 0 {
                    self.tasks.remove(&id);
                }
                tell(Event::Ended(sample, fate(thread), time_us))?;
            } else if id >= self.next_sample {
                self.early.insert(id, (thread, time_us));
            }
        }
        Ok(())
    }
}

fn fate(thread: u32) -> Fate {
    if thread == 0 { Fate::FreedByUnknown } else { Fate::FreedBy(thread) }
}
