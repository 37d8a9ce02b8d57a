//! Which samples belong to which task: told before the samples themselves, so it waits until they come.

use memscope_trace::SampleTasks;
use std::collections::HashMap;

/// Samples that wait, at most: what a damaged trace announces and does not hold is not kept for ever.
const WAITING_MAX: usize = 1 << 18;

/// Samples whose task is known before they are. A trace without tasks costs nothing here.
#[derive(Debug, Default)]
pub(crate) struct AnnouncedTasks {
    // Keys are the file's choice: the standard, keyed hash.
    by_sample: HashMap<u64, u32>,
}

impl AnnouncedTasks {
    /// Takes in what the trace tells of the samples that come next.
    pub(crate) fn add(&mut self, record: &SampleTasks) {
        if self.by_sample.len() > WAITING_MAX {
            self.by_sample.clear();
        }
        let mut sample = 0_u64;
        for (&delta, &task) in record.sample_deltas.iter().zip(&record.tasks) {
            sample = sample.wrapping_add(delta as u64);
            self.by_sample.insert(sample, task);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_sample.is_empty()
    }

    /// The task of the sample `id`, which has come; `None` where it is in none.
    pub(crate) fn take(&mut self, id: u64) -> Option<u32> {
        // Nothing is hashed in a trace without tasks.
        if self.is_empty() { None } else { self.by_sample.remove(&id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_task_once() {
        let mut announced = AnnouncedTasks::default();
        assert!(announced.is_empty());
        announced.add(&SampleTasks { sample_deltas: vec![10, 3], tasks: vec![7, 8] });
        assert_eq!([13, 10, 11, 13].map(|id| announced.take(id)), [Some(8), Some(7), None, None]);
        assert!(announced.is_empty());
    }

    #[test]
    fn what_never_comes_is_not_kept_for_ever() {
        let mut announced = AnnouncedTasks::default();
        let rows = 1_000;
        for round in 0..300 {
            let mut sample_deltas = vec![1; rows];
            sample_deltas[0] = round * rows as i64;
            announced.add(&SampleTasks { sample_deltas, tasks: vec![1; rows] });
        }
        assert!(announced.by_sample.len() < WAITING_MAX + rows && announced.take(299_000).is_some());
    }
}
