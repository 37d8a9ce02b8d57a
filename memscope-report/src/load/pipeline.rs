//! A large trace, read on three threads: the same records in the same order, so the same profile to the last bit.
//!
//! ```text
//! reading, decoding -> matching frees to samples, tables -> sums over time, lifetimes, flows
//! ```
//!
//! Each thread does one part of the work for all of the trace and hands batches on through a channel of a few places: memory is
//! bounded, and the slowest part sets the pace. A small trace is read before the threads would have started.

use super::activity::{ActivityFold, Ended};
use super::builder::Builder;
use super::header;
use super::open::Open;
use super::site_times::SitePlace;
use super::weights::Weight;
use crate::error::ReportError;
use memscope_trace::{ReadStats, Record, TraceError};
use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Files from this length on are read on several threads, bytes.
pub(crate) const LARGE_BYTES: u64 = 8 << 20;
/// Records handed on at once; most have 1,000 rows.
const RECORDS: usize = 16;
/// Batches of records that may wait.
const BATCHES: usize = 8;
/// Messages handed on at once, most of them with the samples of one record: waking a thread takes longer than to make one.
const MESSAGES: usize = 16;
/// Batches of messages that may wait.
const MESSAGE_BATCHES: usize = 4;

/// Reads the trace in `source` into `builder`.
pub(super) fn read(
    source: impl Read + Send,
    builder: &mut Builder,
) -> Result<(ReadStats, bool), ReportError> {
    builder.spread();
    for_each_record(source, |record| {
        builder.add(record);
        Ok(())
    })
}

/// Decodes the trace in `source` on another thread and hands its records to `take` here, in order, until it refuses one.
pub(super) fn for_each_record<E: From<ReportError>>(
    source: impl Read + Send,
    mut take: impl FnMut(Record) -> Result<(), E>,
) -> Result<(ReadStats, bool), E> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Vec<Record>>(BATCHES);
        let work = move || decode(source, &sender);
        let reading = thread::Builder::new().spawn_scoped(scope, work);
        let reading = reading.map_err(|error| ReportError::from(TraceError::Io(error)))?;
        for batch in receiver {
            batch.into_iter().try_for_each(&mut take)?;
        }
        // What it panics with is not caught here: the scope hands it on.
        Ok(reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?)
    })
}

/// Reads and decodes to the end, or until nobody wants more.
fn decode(source: impl Read, sender: &SyncSender<Vec<Record>>) -> Result<(ReadStats, bool), ReportError> {
    let (mut reader, header_damaged) = header::open(source)?;
    loop {
        let mut batch = Vec::with_capacity(RECORDS);
        while batch.len() < RECORDS {
            match reader.next_record()? {
                Some(record) => batch.push(record),
                None => break,
            }
        }
        let ended = batch.len() < RECORDS;
        if sender.send(batch).is_err() || ended {
            return Ok((*reader.stats(), header_damaged));
        }
    }
}

#[derive(Debug)]
enum Message {
    Places(Vec<SitePlace>),
    Weights(Vec<Weight>),
    Made(Vec<Open>),
    Ended(Vec<Ended>),
    Peak(u64),
}

/// An [`ActivityFold`] here or on a thread of its own.
#[derive(Debug)]
pub(super) enum Activity {
    Here(Box<ActivityFold>),
    There(Remote),
}

/// One on a thread of its own.
#[derive(Debug)]
pub(super) struct Remote {
    sender: SyncSender<Vec<Message>>,
    pending: Vec<Message>,
    thread: thread::JoinHandle<Box<ActivityFold>>,
}

impl Remote {
    fn hand_on(&mut self) {
        let batch = std::mem::replace(&mut self.pending, Vec::with_capacity(MESSAGES));
        // It fails only if the thread has panicked, which joining it hands on.
        let _ = self.sender.send(batch);
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self::Here(Box::default())
    }
}

impl Activity {
    /// Moves the work to another thread, if one can be had.
    pub(super) fn spread(&mut self) {
        if !matches!(self, Self::Here(_)) {
            return;
        }
        let Self::Here(mut fold) = std::mem::take(self) else { return };
        let (sender, receiver): (_, Receiver<Vec<Message>>) = sync_channel(MESSAGE_BATCHES);
        let (hand_over, take_over) = sync_channel::<Box<ActivityFold>>(1);
        let work = move || {
            let mut fold = take_over.recv().unwrap_or_default();
            receiver.into_iter().flatten().for_each(|message| take(&mut fold, message));
            fold
        };
        *self = match thread::Builder::new().name("memscope-activity".into()).spawn(work) {
            Ok(thread) => {
                // It waits for exactly this; were it gone, joining it would say so.
                let _ = hand_over.send(std::mem::take(&mut fold));
                Self::There(Remote { sender, pending: Vec::new(), thread })
            }
            Err(_) => Self::Here(fold),
        };
    }

    fn tell(&mut self, message: Message) {
        match self {
            Self::Here(fold) => take(fold, message),
            Self::There(remote) => {
                remote.pending.push(message);
                if remote.pending.len() >= MESSAGES {
                    remote.hand_on();
                }
            }
        }
    }

    /// As [`ActivityFold::add_places`].
    pub(super) fn add_places(&mut self, places: impl Iterator<Item = SitePlace>) {
        self.tell(Message::Places(places.collect()));
    }

    /// As [`ActivityFold::add_weights`].
    pub(super) fn add_weights(&mut self, weights: &[Weight]) {
        self.tell(Message::Weights(weights.to_vec()));
    }

    /// As [`ActivityFold::made`].
    pub(super) fn made(&mut self, samples: Vec<Open>) {
        self.tell(Message::Made(samples));
    }

    /// As [`ActivityFold::ended`].
    pub(super) fn ended(&mut self, samples: Vec<Ended>) {
        if !samples.is_empty() {
            self.tell(Message::Ended(samples));
        }
    }

    /// As [`ActivityFold::peak_at`].
    pub(super) fn peak_at(&mut self, peak_us: u64) {
        self.tell(Message::Peak(peak_us));
    }

    /// The whole, once everything was added.
    pub(super) fn finish(self) -> Box<ActivityFold> {
        match self {
            Self::Here(fold) => fold,
            Self::There(mut remote) => {
                remote.hand_on();
                drop(remote.sender);
                remote.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
        }
    }
}

fn take(fold: &mut ActivityFold, message: Message) {
    match message {
        Message::Places(places) => fold.add_places(places.into_iter()),
        Message::Weights(weights) => fold.add_weights(&weights),
        Message::Made(samples) => fold.made(&samples),
        Message::Ended(samples) => fold.ended(&samples),
        Message::Peak(peak_us) => fold.peak_at(peak_us),
    }
}
