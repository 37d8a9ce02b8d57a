//! Copies of the trace, taken while memory grows: what is left of a session that the kernel kills for its memory.
//!
//! A trace survives a kill by itself, up to the last tick. What it has not is a mark of how far memory had come, and a name that says so; and the folder
//! of a program that is started anew keeps the newest trace only under its plain name. A *snapshot* is the trace so far, copied to a
//! file whose name has the size that was reached. Each threshold fires at each multiple of its step that was not reached before; of more than
//! [`MOST_SNAPSHOTS`] the oldest goes.
//!
//! A copy is made under another name and renamed, so that a kill in the middle leaves none that is half. It is in the page cache then, which
//! outlives the process (not the machine).

use crate::say::say;
use crate::threshold::Threshold;
use memscope_trace::Resources;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Snapshots that are kept: the newest.
const MOST_SNAPSHOTS: usize = 8;

pub(crate) struct Snapshots {
    trace: PathBuf,
    steps: Vec<Step>,
    limit_bytes: Option<u64>,
    /// The size that asks for a snapshot.
    due_bytes: Option<u64>,
    taken: VecDeque<PathBuf>,
    number: u32,
    has_failed: bool,
}

/// A threshold, and how many of its steps have been reached.
struct Step {
    threshold: Threshold,
    /// RSS when it was looked at first.
    first_bytes: Option<u64>,
    reached: u64,
}

impl Step {
    /// The size if another step was reached.
    fn observe(&mut self, resources: &Resources, limit_bytes: Option<u64>) -> Option<u64> {
        let rss_bytes = resources.rss_bytes?;
        let (size, grown, step) = match self.threshold {
            Threshold::Bytes(step) => (rss_bytes, rss_bytes, step),
            Threshold::Growth(step) => {
                let first = *self.first_bytes.get_or_insert(rss_bytes);
                (rss_bytes, rss_bytes.saturating_sub(first), step)
            }
            Threshold::PercentOfLimit(percent) => {
                let usage = resources.cgroup_usage_bytes?;
                (usage, usage, (limit_bytes? as f64 * percent / 100.0) as u64)
            }
        };
        let reached = grown / step.max(1);
        let is_new = reached > self.reached;
        self.reached = self.reached.max(reached);
        is_new.then_some(size)
    }
}

impl Snapshots {
    /// `None` where nothing is to be watched.
    pub(crate) fn new(trace: &Path, thresholds: &[Threshold]) -> Option<Self> {
        let steps: Vec<Step> =
            thresholds.iter().map(|&threshold| Step { threshold, first_bytes: None, reached: 0 }).collect();
        (!steps.is_empty()).then(|| Self {
            trace: trace.to_path_buf(),
            steps,
            limit_bytes: None,
            due_bytes: None,
            taken: VecDeque::new(),
            number: 0,
            has_failed: false,
        })
    }

    /// Looks at the figures; [`Self::take`] then takes the snapshot, once what belongs to it is written.
    pub(crate) fn observe(&mut self, resources: &Resources) {
        self.limit_bytes = resources.cgroup_limit_bytes.or(self.limit_bytes);
        for step in &mut self.steps {
            if let Some(size) = step.observe(resources, self.limit_bytes) {
                self.due_bytes = self.due_bytes.max(Some(size));
            }
        }
    }

    /// Takes the snapshot that is due, if one is.
    pub(crate) fn take(&mut self) {
        let Some(bytes) = self.due_bytes.take() else { return };
        if let Err(error) = self.copy(bytes)
            && !self.has_failed
        {
            self.has_failed = true;
            say(format_args!("no snapshot of {}: {error}", self.trace.display()));
        }
    }

    fn copy(&mut self, bytes: u64) -> io::Result<()> {
        self.number += 1;
        let name = format!("snapshot-{:04}-{}MiB.bin", self.number, bytes >> 20);
        let path = self.trace.with_file_name(name);
        let unfinished = path.with_extension("unfinished");
        let copied = fs::copy(&self.trace, &unfinished).and_then(|_| fs::rename(&unfinished, &path));
        if let Err(error) = copied {
            // What is left of it is of no use to anybody.
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        self.taken.push_back(path);
        if self.taken.len() > MOST_SNAPSHOTS
            && let Some(oldest) = self.taken.pop_front()
        {
            fs::remove_file(oldest)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(rss_bytes: u64) -> Resources {
        Resources { rss_bytes: Some(rss_bytes), ..Resources::default() }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn each_step_fires_once_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace.bin");
        fs::write(&trace, "a trace").unwrap();
        let mut snapshots = Snapshots::new(&trace, &[Threshold::Bytes(10 << 20)]).unwrap();
        for mib in [5, 12, 15, 9, 12] {
            snapshots.observe(&at(mib << 20));
            snapshots.take();
        }
        assert_eq!(names(folder.path()), ["snapshot-0001-12MiB.bin", "trace.bin"]);
        for step in 2..=11 {
            snapshots.observe(&at((step * 10 + 1) << 20));
            snapshots.take();
        }
        let names = names(folder.path());
        assert_eq!(names.len(), MOST_SNAPSHOTS + 1);
        assert_eq!(names[MOST_SNAPSHOTS - 1], "snapshot-0011-111MiB.bin");
    }

    #[test]
    fn growth_counts_from_the_first_look_and_percent_from_the_limit() {
        let mut growth = Step { threshold: Threshold::Growth(100), first_bytes: None, reached: 0 };
        let seen = [1000, 1099, 1100, 1150, 1400].map(|bytes| growth.observe(&at(bytes), None));
        assert_eq!(seen, [None, None, Some(1100), None, Some(1400)]);
        let mut percent = Step { threshold: Threshold::PercentOfLimit(25.0), first_bytes: None, reached: 0 };
        let used = |usage| Resources { cgroup_usage_bytes: Some(usage), ..at(1) };
        assert_eq!(percent.observe(&used(900), None), None, "no limit is set");
        let seen = [240, 250, 499, 760].map(|usage| percent.observe(&used(usage), Some(1000)));
        assert_eq!(seen, [None, Some(250), None, Some(760)]);
    }
}
