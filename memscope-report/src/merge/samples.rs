//! Stacks, call sites, tasks, samples and frees of one trace, behind those of the traces before.
//!
//! One trace after the other, for losses: a reader attributes what was lost to the sampling interval in force, and there is one at a
//! time.

use super::ids::Ids;
use super::outline::Outline;
use super::tasks::MovedTasks;
use super::{Output, add_losses, open};
use crate::error::ReportError;
use memscope_trace::{Frees, Interval, Loss, MAX_ROWS, Record, Samples, Sites, Stacks, Symbols, TraceError};
use std::io::Write;
use std::path::Path;

/// What has been written of the traces so far.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) samples: u64,
    pub(super) loss: Loss,
    intervals: u64,
}

/// Writes the trace at `path`.
pub(super) fn write<W: Write>(
    out: &mut Output<W>,
    path: &Path,
    outline: &Outline,
    ids: &Ids,
    done: &mut Done,
) -> Result<(), ReportError> {
    let (mut reader, _) = open(path)?;
    let mut moved = MovedSamples::new(done.samples);
    let mut tasks = MovedTasks::default();
    let failed = |error: TraceError| ReportError::from(error).at(path);
    while let Some(record) = reader.next_record().map_err(failed)? {
        match record {
            Record::Stacks(stacks) => out.push(&Record::Stacks(move_stacks(&stacks, ids)))?,
            Record::Sites(sites) => out.push(&Record::Sites(move_sites(sites, ids)))?,
            Record::Symbols(symbols) => out.push(&Record::Symbols(move_symbols(symbols, ids)))?,
            Record::Interval(interval) => {
                if done.intervals > 0 {
                    out.push(&Record::Loss(add_losses(&done.loss, &moved.loss)))?;
                }
                done.intervals += 1;
                out.push(&Record::Interval(Interval { id: ids.interval(interval.id), ..interval }))?;
            }
            Record::Loss(loss) => {
                moved.loss = loss;
                out.push(&Record::Loss(add_losses(&done.loss, &loss)))?;
            }
            Record::Samples(samples) => {
                if let Some(samples) = moved.samples(&samples, ids) {
                    let (new_first, rows) = (samples.first_sample, samples.sites.len() as u64);
                    if let Some(told) = tasks.of_samples((moved.next_old - rows, new_first), rows, ids) {
                        out.push(&told)?;
                    }
                    out.push(&Record::Samples(samples))?;
                }
            }
            Record::Frees(frees) => {
                if let Some(frees) = moved.frees(&frees, ids) {
                    out.push(&Record::Frees(frees))?;
                }
            }
            other => {
                if let Some(told) = tasks.record(other, ids) {
                    out.push(&told)?;
                }
            }
        }
    }
    for frees in moved.early_frees() {
        out.push(&Record::Frees(frees))?;
    }
    done.samples = moved.next;
    done.loss = add_losses(&done.loss, &outline.loss);
    Ok(())
}

fn move_stacks(stacks: &Stacks, ids: &Ids) -> Stacks {
    let rows = 0_u32..;
    let parent_deltas = rows.zip(&stacks.parent_deltas).map(|(row, &delta)| {
        let id = stacks.first_node.saturating_add(row);
        // An outermost frame hangs from node 0, wherever it is moved; so does what would hang from nowhere.
        if delta == 0 || delta >= id { ids.node(id) } else { delta }
    });
    Stacks {
        first_frame: ids.first_frame(stacks.first_frame),
        addresses: shifted(&stacks.addresses, ids),
        first_node: ids.first_node(stacks.first_node),
        parent_deltas: parent_deltas.collect(),
        frames: stacks.frames.iter().map(|&frame| ids.frame(frame)).collect(),
    }
}

/// Differences whose sums are all greater by the trace's shift: the first one counts from 0.
fn shifted(differences: &[i64], ids: &Ids) -> Vec<i64> {
    let mut differences = differences.to_vec();
    if let Some(first) = differences.first_mut() {
        *first = first.wrapping_add(ids.address_shift as i64);
    }
    differences
}

fn move_sites(sites: Sites, ids: &Ids) -> Sites {
    Sites {
        first_site: ids.site(sites.first_site),
        stacks: sites.stacks.iter().map(|&stack| ids.node(stack)).collect(),
        scopes: sites.scopes.iter().map(|&scope| ids.scope(scope)).collect(),
        ..sites
    }
}

fn move_symbols(symbols: Symbols, ids: &Ids) -> Symbols {
    Symbols { address_deltas: shifted(&symbols.address_deltas, ids), ..symbols }
}

/// A run of samples whose ids follow each other in both traces.
#[derive(Debug, Clone, Copy)]
struct Run {
    old_first: u64,
    new_first: u64,
    samples: u64,
}

/// A free that waits for its sample.
#[derive(Debug, Clone, Copy)]
struct Free {
    time_us: u64,
    thread: u32,
    sample: u64,
}

/// Samples and their new ids, which have no gaps: what is missing is counted as lost.
struct MovedSamples {
    runs: Vec<Run>,
    /// The next id in the merged trace.
    next: u64,
    /// The next id that is new in this trace.
    next_old: u64,
    early: Vec<Free>,
    loss: Loss,
}

impl MovedSamples {
    fn new(next: u64) -> Self {
        Self { runs: Vec::new(), next, next_old: 0, early: Vec::new(), loss: Loss::default() }
    }

    /// The record with new ids, without the samples that an earlier one had already.
    fn samples(&mut self, record: &Samples, ids: &Ids) -> Option<Samples> {
        let rows = record.sites.len() as u64;
        let known = self.next_old.saturating_sub(record.first_sample).min(rows);
        let room = u64::MAX - record.first_sample.saturating_add(known);
        let taken = (rows - known).min(room);
        if taken == 0 {
            return None;
        }
        let old_first = record.first_sample + known;
        self.add_run(Run { old_first, new_first: self.next, samples: taken });
        let (skip, take) = (known as usize, taken as usize);
        let before = record.delta_us[..skip].iter();
        let base_us = before.fold(record.base_us, |time, &delta| time.saturating_add_signed(delta));
        let moved = Samples {
            first_sample: self.next,
            interval: ids.interval(record.interval),
            base_us,
            delta_us: record.delta_us[skip..skip + take].to_vec(),
            threads: record.threads[skip..skip + take].iter().map(|&thread| ids.thread(thread)).collect(),
            sites: record.sites[skip..skip + take].iter().map(|&site| ids.site(site)).collect(),
        };
        self.next += taken;
        self.next_old = old_first + taken;
        Some(moved)
    }

    fn add_run(&mut self, run: Run) {
        match self.runs.last_mut() {
            Some(last) if last.old_first + last.samples == run.old_first => last.samples += run.samples,
            _ => self.runs.push(run),
        }
    }

    fn new_id(&self, old: u64) -> Option<u64> {
        let at = self.runs.partition_point(|run| run.old_first <= old).checked_sub(1)?;
        let run = self.runs[at];
        let offset = old - run.old_first;
        (offset < run.samples).then(|| run.new_first + offset)
    }

    /// The record with new ids. A free whose sample comes later waits; one whose sample is lost is left out.
    fn frees(&mut self, record: &Frees, ids: &Ids) -> Option<Frees> {
        let (mut time_us, mut sample) = (record.base_us, 0_u64);
        let mut found = Vec::with_capacity(record.threads.len());
        let columns = record.delta_us.iter().zip(&record.threads).zip(&record.sample_deltas);
        for ((&delta_us, &thread), &delta) in columns {
            time_us = time_us.saturating_add_signed(delta_us);
            sample = sample.wrapping_add(delta as u64);
            let free = Free { time_us, thread: ids.thread(thread), sample };
            match self.new_id(sample) {
                Some(sample) => found.push(Free { sample, ..free }),
                None if sample >= self.next_old => self.early.push(free),
                None => {}
            }
        }
        frees_of(&found)
    }

    /// The frees that came before their samples.
    fn early_frees(&mut self) -> Vec<Frees> {
        let early = std::mem::take(&mut self.early);
        let found: Vec<Free> = early
            .into_iter()
            .filter_map(|free| Some(Free { sample: self.new_id(free.sample)?, ..free }))
            .collect();
        found.chunks(MAX_ROWS).filter_map(frees_of).collect()
    }
}

fn frees_of(rows: &[Free]) -> Option<Frees> {
    let base_us = rows.first()?.time_us;
    let (mut time_us, mut sample) = (base_us, 0_u64);
    let mut frees = Frees { base_us, ..Frees::default() };
    for row in rows {
        frees.delta_us.push(row.time_us.wrapping_sub(std::mem::replace(&mut time_us, row.time_us)) as i64);
        frees.threads.push(row.thread);
        frees.sample_deltas.push(row.sample.wrapping_sub(std::mem::replace(&mut sample, row.sample)) as i64);
    }
    Some(frees)
}
