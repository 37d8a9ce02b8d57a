//! Which samples were live when the process had most live bytes.
//!
//! When that was is only known afterwards: each record of counters says when the highest live bytes *so far* were, and that
//! time only moves forward. So of the samples that have ended it is enough to keep those that were live at the peak so far
//! (*settled*), and those that ended since the last record of counters (*recent*), for the peak may have moved since then.

/// Ended samples that wait for a record of counters, at most: in a trace without such records they are not kept for ever.
const RECENT_MAX: usize = 1 << 18;

/// A sample that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    pub(super) site_row: u32,
    pub(super) thread: u32,
    pub(super) weight: u32,
    pub(super) start_us: u64,
    pub(super) end_us: u64,
}

/// The samples that may have been live at the peak.
#[derive(Debug, Default)]
pub(super) struct PeakFold {
    peak_us: u64,
    settled: Vec<Life>,
    recent: Vec<Life>,
}

impl PeakFold {
    /// A sample has ended.
    pub(super) fn end(&mut self, life: Life) {
        self.recent.push(life);
        if self.recent.len() > RECENT_MAX {
            self.settle();
        }
    }

    /// The highest live bytes so far were at `peak_us`.
    pub(super) fn peak_at(&mut self, peak_us: u64) {
        if peak_us > self.peak_us {
            self.peak_us = peak_us;
            self.settled.retain(|life| life.end_us > peak_us);
        }
        self.settle();
    }

    fn settle(&mut self) {
        let peak_us = self.peak_us;
        let live = self.recent.drain(..).filter(|life| life.start_us <= peak_us && peak_us < life.end_us);
        self.settled.extend(live);
    }

    /// The ended samples that were live at the peak, and when that was.
    pub(super) fn finish(&mut self) -> (Vec<Life>, u64) {
        self.settle();
        (std::mem::take(&mut self.settled), self.peak_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn life(start_us: u64, end_us: u64) -> Life {
        Life { site_row: 0, thread: 1, weight: 0, start_us, end_us }
    }

    #[test]
    fn what_is_not_settled_in_time_is_bounded() {
        let mut fold = PeakFold::default();
        fold.peak_at(50);
        for start_us in 0..3 * RECENT_MAX as u64 {
            fold.end(life(start_us, start_us + 10));
        }
        assert!(fold.recent.len() <= RECENT_MAX);
        assert_eq!(fold.finish().0.len(), 10);
    }

    proptest! {
        /// Every so often a record says when the level was highest so far; lives end in order meanwhile.
        #[test]
        fn those_live_at_the_last_peak_are_found(
            mut lives in prop::collection::vec((0_u64..100, 1_u64..40), 0..60),
            levels in prop::collection::vec(0_u32..1000, 140),
            every in 1_usize..50,
        ) {
            lives.sort_by_key(|(start, length)| start + length);
            let peak_by = |time: usize| (0..=time).rev().max_by_key(|&at| levels[at]).unwrap_or_default() as u64;
            let (mut fold, mut ended) = (PeakFold::default(), lives.iter().peekable());
            for time in (0..levels.len()).step_by(every).chain([levels.len() - 1]) {
                while let Some((start, length)) = ended.next_if(|(start, length)| start + length <= time as u64) {
                    fold.end(life(*start, start + length));
                }
                fold.peak_at(peak_by(time));
            }
            let (found, peak_us) = fold.finish();
            prop_assert_eq!(peak_us, peak_by(levels.len() - 1));
            let expected = lives.iter().filter(|(start, length)| *start <= peak_us && peak_us < start + length);
            prop_assert_eq!(found.len(), expected.count());
        }
    }
}
