//! The share of the samples that was recorded, interval by interval.
//!
//! A sample can be lost after it was drawn, where a thread's buffer is full. One share for the whole trace would do if all samples stood
//! for the same; but a session that raises its sampling interval loses most while the interval is short and each sample stands for little. So the
//! share is told for each interval by itself: the trace counts the losses up to each change.
//!
//! What is lost under an interval is known only behind its samples. So samples are counted by interval, and each weight's probability is multiplied by its
//! interval's share at the end. Only a trace with so many sizes, threads and sites that such counts were summed up early is read once more.

use std::collections::HashMap;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counts {
    recorded: u64,
    lost: u64,
}

/// What was recorded and lost under each interval.
#[derive(Debug, Clone, Default)]
pub(crate) struct IntervalShares {
    /// Empty as long as they are not known.
    known: HashMap<u32, f64>,
    counts: HashMap<u32, Counts>,
    /// The interval in force, and the losses before it.
    current: Option<(u32, u64)>,
}

impl IntervalShares {
    /// An interval came into force after `lost` losses in all.
    pub(crate) fn begins(&mut self, interval: u32, lost: u64) {
        self.close(lost);
        self.current = Some((interval, lost));
    }

    fn close(&mut self, lost: u64) {
        if let Some((interval, before)) = self.current.take() {
            self.counts.entry(interval).or_default().lost += lost.saturating_sub(before);
        }
    }

    pub(crate) fn recorded(&mut self, interval: u32, samples: u64) {
        self.counts.entry(interval).or_default().recorded += samples;
    }

    /// The trace has ended, with `lost` losses in all.
    pub(crate) fn ended(mut self, lost: u64) -> Self {
        self.close(lost);
        self
    }

    /// The share of the samples of `interval` that was recorded; 1 as long as it is not known.
    pub(crate) fn retained(&self, interval: u32) -> f64 {
        self.known.get(&interval).copied().unwrap_or(1.0)
    }

    /// Whether the samples have been restated already.
    pub(crate) fn are_known(&self) -> bool {
        !self.known.is_empty()
    }

    /// The shares, where they tell more than one share for all: `None` where nothing was lost, or all under one interval, or they have been
    /// allowed for.
    pub(crate) fn to_restate(&self) -> Option<Self> {
        let with_samples = self.counts.values().filter(|counts| counts.recorded > 0).count();
        if self.are_known() || self.counts.values().all(|counts| counts.lost == 0) || with_samples < 2 {
            return None;
        }
        let share = |counts: &Counts| match counts.recorded {
            0 => 1.0,
            recorded => recorded as f64 / (recorded as f64 + counts.lost as f64),
        };
        let known = self.counts.iter().map(|(&interval, counts)| (interval, share(counts))).collect();
        Some(Self { known, ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_belong_to_the_interval_that_they_came_under() {
        let mut shares = IntervalShares::default();
        shares.begins(0, 0);
        shares.recorded(0, 100);
        shares.begins(1, 300);
        shares.recorded(0, 0);
        shares.recorded(1, 100);
        let second = shares.ended(300).to_restate().expect("there is something to restate");
        assert_eq!((second.retained(0), second.retained(1), second.retained(7)), (0.25, 1.0, 1.0));
        assert!(second.are_known() && second.to_restate().is_none());
    }

    #[test]
    fn one_interval_or_no_loss_needs_no_restating() {
        let mut one = IntervalShares::default();
        one.begins(0, 0);
        one.recorded(0, 5);
        assert!(one.ended(5).to_restate().is_none());
        let mut none = IntervalShares::default();
        none.begins(0, 0);
        none.recorded(0, 5);
        none.begins(1, 0);
        none.recorded(1, 5);
        assert!(none.ended(0).to_restate().is_none());
    }
}
