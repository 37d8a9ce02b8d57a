//! How many samples a call site has and how they ended, in little memory.
//!
//! The samples of a site are of one size, so under one sampling interval of one probability: whole numbers by probability say all
//! of them. Most sites saw one interval, and hundreds of thousands of sites are common, so what is made of the numbers (estimates want seven
//! sums of each kind) is made when it is asked for.

use super::sites::TEMPORARY_US;
use crate::statistics::Total;

/// Probabilities that are told apart, beside the first: as many intervals as a session has mostly.
const OTHERS_MAX: usize = 32;

/// What the samples of one site are. Its totals count allocations; all allocations of a site have the same size, so
/// [`Total::scaled`] by the size gives their bytes.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SiteSamples {
    first: Counted,
    /// Those of other probabilities, [`OTHERS_MAX`] of them at most.
    others: Vec<Counted>,
    /// Those of still others.
    summed: Option<Box<Summed>>,
    /// Estimated sum of the lifetimes of those freed, microseconds.
    pub lifetime_us: f64,
    /// Estimated sum of the ages at the trace's end of those that were not freed, microseconds.
    pub live_age_us: f64,
}

/// Numbers of samples of one probability.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Counted {
    pub(crate) probability: f64,
    pub(crate) live: u64,
    pub(crate) at_peak: u64,
    pub(crate) temporary: u64,
    pub(crate) cross_thread: u64,
    pub(crate) freed: u64,
}

/// Samples of any probabilities.
#[derive(Debug, Clone, Default)]
struct Summed {
    live: Total,
    at_peak: Total,
    temporary: Total,
    cross_thread: Total,
    freed: Total,
}

impl SiteSamples {
    /// All of them, how many and as the estimate of the allocations that they stand for.
    #[must_use]
    pub fn allocated(&self) -> Total {
        let mut all = self.total(Counted::allocated, |summed| &summed.freed);
        if let Some(summed) = &self.summed {
            all.merge(&summed.live);
        }
        all
    }

    /// Those that were not freed.
    #[must_use]
    pub fn live(&self) -> Total {
        self.total(|counted| counted.live, |summed| &summed.live)
    }

    /// Those that were live at the time that the trace gives for the process's peak: the tick at which it was noticed.
    #[must_use]
    pub fn at_peak(&self) -> Total {
        self.total(|counted| counted.at_peak, |summed| &summed.at_peak)
    }

    /// Those freed within a millisecond by the thread that made them.
    #[must_use]
    pub fn temporary(&self) -> Total {
        self.total(|counted| counted.temporary, |summed| &summed.temporary)
    }

    /// Those freed by another thread than the one that made them.
    #[must_use]
    pub fn cross_thread(&self) -> Total {
        self.total(|counted| counted.cross_thread, |summed| &summed.cross_thread)
    }

    /// Those freed.
    #[must_use]
    pub fn freed(&self) -> Total {
        self.total(|counted| counted.freed, |summed| &summed.freed)
    }

    /// How many there are.
    #[must_use]
    pub fn samples(&self) -> u64 {
        let counted = self.first.allocated() + self.others.iter().map(Counted::allocated).sum::<u64>();
        counted + self.summed.as_ref().map_or(0, |summed| summed.freed.samples() + summed.live.samples())
    }

    #[inline]
    fn total(&self, number: fn(&Counted) -> u64, sum: fn(&Summed) -> &Total) -> Total {
        let mut total = Total::default();
        total.add_many(number(&self.first), 1.0, self.first.probability);
        for counted in &self.others {
            total.add_many(number(counted), 1.0, counted.probability);
        }
        if let Some(summed) = &self.summed {
            total.merge(sum(summed));
        }
        total
    }

    /// Adds samples of one probability.
    pub(crate) fn add(&mut self, counted: &Counted) {
        match self.of_probability(counted.probability) {
            Some(known) => known.add(counted),
            None => self.summed.get_or_insert_default().add(counted),
        }
    }

    /// The numbers of that probability; `None` if that were too many.
    fn of_probability(&mut self, probability: f64) -> Option<&mut Counted> {
        if self.first.probability == 0.0 {
            self.first.probability = probability;
        }
        if self.first.probability == probability {
            return Some(&mut self.first);
        }
        let at = match self.others.iter().position(|counted| counted.probability == probability) {
            Some(at) => at,
            None if self.others.len() < OTHERS_MAX => {
                self.others.push(Counted { probability, ..Counted::default() });
                self.others.len() - 1
            }
            None => return None,
        };
        self.others.get_mut(at)
    }

    /// Folds in the end of an allocation that had `probability`.
    pub(super) fn add_free(&mut self, probability: f64, ending: Ending) {
        self.add(&ending.counted(probability));
        self.lifetime_us += ending.lifetime_us as f64 / probability;
    }
}

impl Counted {
    /// All: those freed and those that were not.
    fn allocated(&self) -> u64 {
        self.freed + self.live
    }

    fn add(&mut self, other: &Self) {
        self.live += other.live;
        self.at_peak += other.at_peak;
        self.temporary += other.temporary;
        self.cross_thread += other.cross_thread;
        self.freed += other.freed;
    }
}

impl Summed {
    fn add(&mut self, counted: &Counted) {
        let parts = [
            (&mut self.live, counted.live),
            (&mut self.at_peak, counted.at_peak),
            (&mut self.temporary, counted.temporary),
            (&mut self.cross_thread, counted.cross_thread),
            (&mut self.freed, counted.freed),
        ];
        for (total, number) in parts {
            total.add_many(number, 1.0, counted.probability);
        }
    }
}

/// How an allocation ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    pub(super) lifetime_us: u64,
    pub(super) is_temporary: bool,
    pub(super) is_cross_thread: bool,
}

impl Ending {
    /// Of one that `thread` made and `freed_by` freed. A thread that is not known (0: it was past its thread-local life) makes an end
    /// neither temporary nor cross-thread.
    #[inline]
    pub(super) fn new(lifetime_us: u64, thread: u32, freed_by: u32) -> Self {
        let is_known = thread != 0 && freed_by != 0;
        Self {
            lifetime_us,
            is_temporary: is_known && thread == freed_by && lifetime_us <= TEMPORARY_US,
            is_cross_thread: is_known && thread != freed_by,
        }
    }
    /// One that ended so, as numbers.
    fn counted(self, probability: f64) -> Counted {
        let (temporary, cross_thread) = (self.is_temporary.into(), self.is_cross_thread.into());
        Counted { probability, temporary, cross_thread, freed: 1, ..Counted::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_probabilities_than_are_told_apart_are_summed_up() {
        let (mut samples, mut allocated, mut freed) =
            (SiteSamples::default(), Total::default(), Total::default());
        for at in 1..=3 * OTHERS_MAX {
            let probability = 1.0 / at as f64;
            samples.add(&Counted { probability, live: 2, at_peak: 1, ..Counted::default() });
            samples.add_free(probability, Ending::new(at as u64, 1, 2));
            allocated.add_many(3, 1.0, probability);
            freed.add(1.0, probability);
        }
        assert!(samples.others.len() == OTHERS_MAX && samples.summed.is_some());
        let close = |one: f64, other: f64| (one - other).abs() < 1e-9 * other;
        for (found, expected) in [(samples.allocated(), allocated), (samples.freed(), freed)] {
            assert_eq!(found.samples(), expected.samples());
            assert!(close(found.value(), expected.value()) && close(found.variance(), expected.variance()));
        }
        let counts = [samples.live(), samples.at_peak(), samples.temporary(), samples.cross_thread()];
        assert_eq!(counts.map(|total| total.samples()), [192, 96, 0, 96]);
        assert_eq!(samples.samples(), 288);
        // A lifetime of `at` microseconds stands for `at` of them.
        assert_eq!(samples.lifetime_us, (1..=96).map(|at| f64::from(at * at)).sum::<f64>());
    }
}
