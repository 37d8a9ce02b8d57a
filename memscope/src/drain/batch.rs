//! Samples and frees of a tick on their way into columns.

use memscope_trace::{Frees, MAX_ROWS, SampleTasks, Samples};

/// Samples of one interval, in the order of their numbers.
#[derive(Default)]
pub(crate) struct SampleBatch {
    record: Samples,
    last_us: u64,
    next_sample: u64,
}

impl SampleBatch {
    /// Whether a sample of `interval` cannot be added before the batch is taken.
    pub(crate) fn is_full(&self, interval: u32) -> bool {
        let rows = self.record.sites.len();
        rows == MAX_ROWS || (rows > 0 && self.record.interval != interval)
    }

    /// Adds a sample and returns its number.
    pub(crate) fn push(&mut self, time_us: u64, thread: u32, site: u32, interval: u32) -> u64 {
        if self.record.sites.is_empty() {
            self.record.first_sample = self.next_sample;
            self.record.interval = interval;
            self.record.base_us = time_us;
            self.last_us = time_us;
        }
        self.record.delta_us.push(time_us.wrapping_sub(self.last_us) as i64);
        self.record.threads.push(thread);
        self.record.sites.push(site);
        self.last_us = time_us;
        self.next_sample += 1;
        self.next_sample - 1
    }

    pub(crate) fn take(&mut self) -> Option<Samples> {
        (!self.record.sites.is_empty()).then(|| std::mem::take(&mut self.record))
    }

    /// Samples numbered so far.
    pub(crate) fn samples(&self) -> u64 {
        self.next_sample
    }
}

/// The tasks of a batch of samples: as many rows at the most.
#[derive(Default)]
pub(crate) struct TaskBatch {
    record: SampleTasks,
    last_sample: u64,
}

impl TaskBatch {
    /// Adds the task of a sample, if it has one.
    pub(crate) fn push(&mut self, sample: u64, task: u32) {
        if task != 0 {
            self.record.sample_deltas.push(sample.wrapping_sub(self.last_sample) as i64);
            self.record.tasks.push(task);
            self.last_sample = sample;
        }
    }

    pub(crate) fn take(&mut self) -> Option<SampleTasks> {
        self.last_sample = 0;
        (!self.record.tasks.is_empty()).then(|| std::mem::take(&mut self.record))
    }
}

/// Frees of samples.
#[derive(Default)]
pub(crate) struct FreeBatch {
    record: Frees,
    last_us: u64,
    last_sample: u64,
}

impl FreeBatch {
    pub(crate) fn is_full(&self) -> bool {
        self.record.threads.len() == MAX_ROWS
    }

    pub(crate) fn push(&mut self, time_us: u64, thread: u32, sample: u64) {
        if self.record.threads.is_empty() {
            self.record.base_us = time_us;
            self.last_us = time_us;
            self.last_sample = 0;
        }
        self.record.delta_us.push(time_us.wrapping_sub(self.last_us) as i64);
        self.record.threads.push(thread);
        self.record.sample_deltas.push(sample.wrapping_sub(self.last_sample) as i64);
        self.last_us = time_us;
        self.last_sample = sample;
    }

    pub(crate) fn take(&mut self) -> Option<Frees> {
        (!self.record.threads.is_empty()).then(|| std::mem::take(&mut self.record))
    }
}
