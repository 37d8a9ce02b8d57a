//! Instances of tasks of one trace, among those of the others.
//!
//! A task ran in one process, so nothing of it adds up: it is given a new id, and so are the scope and the task that it was made in. Which samples are
//! a task's is told before the samples themselves, whose new ids are known only with them: it waits until they come.

use super::ids::Ids;
use crate::load::AnnouncedTasks;
use memscope_trace::{Record, SampleTasks, Tasks};

/// The tasks of one trace, being moved.
#[derive(Debug, Default)]
pub(super) struct MovedTasks {
    /// By the ids that sample and task have in their own trace.
    announced: AnnouncedTasks,
}

impl MovedTasks {
    /// The record with new ids; `None` for one that is not of tasks, or has to wait.
    pub(super) fn record(&mut self, record: Record, ids: &Ids) -> Option<Record> {
        let moved = |tasks: &mut Vec<u32>| tasks.iter_mut().for_each(|task| *task = ids.task(*task));
        match record {
            Record::Tasks(mut record) => {
                moved(&mut record.tasks);
                moved(&mut record.parents);
                let scopes = record.scopes.iter().map(|&scope| ids.scope(scope)).collect();
                Some(Record::Tasks(Tasks { scopes, ..record }))
            }
            Record::TaskCounters(mut record) => {
                moved(&mut record.tasks);
                Some(Record::TaskCounters(record))
            }
            Record::TaskEnds(mut record) => {
                moved(&mut record.tasks);
                Some(Record::TaskEnds(record))
            }
            Record::SampleTasks(record) => {
                self.announced.add(&record);
                None
            }
            _ => None,
        }
    }

    /// The tasks of the `rows` samples from `old_first` on, which have become those from `new_first` on; `None` where they are in none.
    pub(super) fn of_samples(
        &mut self,
        (old_first, new_first): (u64, u64),
        rows: u64,
        ids: &Ids,
    ) -> Option<Record> {
        if self.announced.is_empty() {
            return None;
        }
        let mut told = SampleTasks::default();
        let mut before = 0_u64;
        for row in 0..rows {
            let Some(task) = self.announced.take(old_first + row) else { continue };
            let sample = new_first + row;
            told.sample_deltas.push(sample.wrapping_sub(std::mem::replace(&mut before, sample)) as i64);
            told.tasks.push(ids.task(task));
        }
        (!told.tasks.is_empty()).then_some(Record::SampleTasks(told))
    }
}
