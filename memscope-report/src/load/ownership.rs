//! Who freed what, and when: the ends of all samples, over all sites.
//!
//! Each sample adds to one lifetime class and to one flow when its end is known: when it is freed, or when the trace
//! ends and it was not. The latter are *censored*: they live at least as long as the session still ran. They have a column
//! of their own in every class, for leaving them out would make lifetimes too short (and those of leaks vanish).
//!
//! Samples whose site is lost are left out: their size is not known.

use super::counts::CountTable;
use super::site_samples::Ending;
use super::weights::Weight;
use crate::statistics::Total;
use std::collections::{BTreeMap, HashMap};

/// Flows that are kept apart; what other pairs of threads add is one flow between no known threads.
const FLOWS_MAX: usize = 1 << 16;

/// The largest lifetimes of the classes, microseconds: 1, 2, 5, 10, ... to 5 million seconds. Beyond is one class more.
pub(crate) const LIFETIME_EDGES_US: [u64; 39] = edges();

const fn edges() -> [u64; 39] {
    let (mut edges, mut at, mut decade) = ([0; 39], 0, 1);
    while at < edges.len() {
        edges[at] = decade;
        edges[at + 1] = 2 * decade;
        edges[at + 2] = 5 * decade;
        decade *= 10;
        at += 3;
    }
    edges
}

/// Samples by number and by bytes.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Amount {
    /// The allocations.
    pub allocations: Total,
    /// Their bytes.
    pub bytes: Total,
}

impl Amount {
    pub(super) fn add(&mut self, size_bytes: u64, probability: f64) {
        self.allocations.add(1.0, probability);
        self.bytes.add(size_bytes as f64, probability);
    }

    /// Adds `count` samples of one size and probability.
    pub(crate) fn add_many(&mut self, count: u64, size_bytes: u64, probability: f64) {
        self.allocations.add_many(count, 1.0, probability);
        self.bytes.add_many(count, size_bytes as f64, probability);
    }

    /// `count` samples like the one of this amount.
    pub(super) fn times(&self, count: u64) -> Self {
        let mut sums = Self::default();
        sums.allocations.add_times(count, &self.allocations);
        sums.bytes.add_times(count, &self.bytes);
        sums
    }

    /// Adds the samples of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.allocations.merge(&other.allocations);
        self.bytes.merge(&other.bytes);
    }
}

/// The samples of one lifetime class.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct LifetimeClass {
    /// The longest lifetime in the class, microseconds; `None` for the last class, which has no end.
    pub up_to_us: Option<u64>,
    /// Those freed at that age.
    pub freed: Amount,
    /// Those not freed, of that age at the trace's end.
    pub live: Amount,
}

impl LifetimeClass {
    /// The class of `age_us` among `classes`, which are those up to the highest that was asked for.
    pub(crate) fn of(classes: &mut Vec<Self>, age_us: u64) -> &mut Self {
        class_at(classes, lifetime_class(age_us))
    }
}

/// How an allocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[non_exhaustive]
pub enum Fate {
    /// A thread freed it: the id in the trace.
    FreedBy(u32),
    /// It was freed by a thread that is not known: one past its thread-local life.
    FreedByUnknown,
    /// It was live at the end.
    Live,
}

/// What one thread allocated and one thread freed, or nobody.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Flow {
    /// The allocating thread's id in the trace; 0 where it is not known.
    pub allocated_by: u32,
    /// What became of it.
    pub fate: Fate,
    /// How much that is.
    pub amount: Amount,
    /// What of it was freed within a millisecond by the thread that made it.
    pub temporary: Amount,
}

/// The ends of all samples whose site is known.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Ownership {
    /// By lifetime, shortest first, up to the last class that has samples.
    pub lifetimes: Vec<LifetimeClass>,
    /// The same for each size class that has samples, smallest first: the least `i` with `size <= 2^i`, and its lifetimes.
    pub lifetimes_by_size: Vec<(u32, Vec<LifetimeClass>)>,
    /// By allocating thread, then by what became of it.
    pub flows: Vec<Flow>,
    /// What was live at the process's peak, by the allocating thread.
    pub at_peak: Vec<(u32, Amount)>,
}

/// The allocating thread and what became of it.
type Pair = (u32, Fate);

/// An [`Ownership`] in the making.
#[derive(Debug, Default)]
pub(super) struct OwnershipFold {
    /// Those freed in lifetime class `i` under key `2 i`, those live under the next.
    lifetimes: CountTable,
    pairs: Vec<Pair>,
    /// All of pair `i` under key `2 i`, the temporary ones under the next too.
    flows: CountTable,
    // Keys are the file's choice: the standard, keyed hash.
    pair_of: HashMap<Pair, u32>,
    /// The pairs looked up last, by the low bits of their threads.
    recent: Vec<u32>,
    at_peak: BTreeMap<u32, Amount>,
}

/// The class of a lifetime: the first whose edge is not below it.
fn lifetime_class(age_us: u64) -> usize {
    // The class of the least number of so many bits; between that and twice as much there is one edge at most.
    const FIRST: [u8; 65] = first_classes();
    let at = usize::from(FIRST[(u64::BITS - age_us.leading_zeros()) as usize]);
    at + usize::from(LIFETIME_EDGES_US.get(at).is_some_and(|&edge_us| edge_us < age_us))
}

const fn first_classes() -> [u8; 65] {
    let (mut classes, mut bits, mut at) = ([0; 65], 1, 0);
    while bits < classes.len() {
        while at < LIFETIME_EDGES_US.len() && LIFETIME_EDGES_US[at] < 1 << (bits - 1) {
            at += 1;
        }
        classes[bits] = at as u8;
        bits += 1;
    }
    classes
}

/// The class of a size: the least `i` with `size <= 2^i`, 64 at most.
pub(crate) fn size_class(size_bytes: u64) -> usize {
    match size_bytes {
        0 | 1 => 0,
        size => (u64::BITS - (size - 1).leading_zeros()) as usize,
    }
}

impl OwnershipFold {
    /// A sample that the first thread made was freed by the second.
    pub(super) fn add_freed(
        &mut self,
        (thread, freed_by): (u32, u32),
        ending: Ending,
        weight: u32,
        weights: &[Weight],
    ) {
        self.lifetimes.add(2 * lifetime_class(ending.lifetime_us) as u32, weight, weights);
        let fate = if freed_by == 0 { Fate::FreedByUnknown } else { Fate::FreedBy(freed_by) };
        let key = 2 * self.pair(thread, fate);
        self.flows.add(key, weight, weights);
        if ending.is_temporary {
            self.flows.add(key + 1, weight, weights);
        }
    }

    /// A sample of `age_us` that the thread made was live at the end.
    pub(super) fn add_live(&mut self, thread: u32, age_us: u64, weight: u32, weights: &[Weight]) {
        self.lifetimes.add(2 * lifetime_class(age_us) as u32 + 1, weight, weights);
        let key = 2 * self.pair(thread, Fate::Live);
        self.flows.add(key, weight, weights);
    }

    fn pair(&mut self, thread: u32, fate: Fate) -> u32 {
        let freed_by = if let Fate::FreedBy(thread) = fate { thread } else { 0 };
        let place = ((thread & 63) << 6 | freed_by & 63) as usize;
        if self.recent.is_empty() {
            self.recent = vec![u32::MAX; 1 << 12];
        }
        let recent = self.recent[place];
        if self.pairs.get(recent as usize) == Some(&(thread, fate)) {
            return recent;
        }
        let full = self.pairs.len() >= FLOWS_MAX && !self.pair_of.contains_key(&(thread, fate));
        let pair = match fate {
            _ if !full => (thread, fate),
            Fate::Live => (0, Fate::Live),
            _ => (0, Fate::FreedByUnknown),
        };
        let at = *self.pair_of.entry(pair).or_insert_with(|| {
            self.pairs.push(pair);
            (self.pairs.len() - 1) as u32
        });
        self.recent[place] = at;
        at
    }

    /// Whether some of it are weighted sums already.
    pub(super) fn has_spilled(&self) -> bool {
        self.lifetimes.has_spilled() || self.flows.has_spilled()
    }

    /// Adds a sample of `thread` that was live at the peak.
    pub(super) fn add_at_peak(&mut self, thread: u32, size_bytes: u64, probability: f64) {
        self.at_peak.entry(thread).or_default().add(size_bytes, probability);
    }

    pub(super) fn finish(self, weights: &[Weight]) -> Ownership {
        let nothing = Amount::default();
        let flow =
            |&(allocated_by, fate): &Pair| Flow { allocated_by, fate, amount: nothing, temporary: nothing };
        let mut flows: Vec<Flow> = self.pairs.iter().map(flow).collect();
        self.flows.sum(weights, |key, _, sums| {
            let flow = &mut flows[key as usize / 2];
            if key % 2 == 0 { flow.amount.merge(sums) } else { flow.temporary.merge(sums) }
        });
        flows.sort_unstable_by_key(|flow| (flow.allocated_by, flow.fate));
        let (mut lifetimes, mut by_size) = (Vec::new(), Vec::<Vec<LifetimeClass>>::new());
        self.lifetimes.sum(weights, |key, size, sums| {
            if by_size.len() <= size as usize {
                by_size.resize(size as usize + 1, Vec::new());
            }
            for classes in [&mut lifetimes, &mut by_size[size as usize]] {
                let class = class_at(classes, key as usize / 2);
                if key % 2 == 0 { class.freed.merge(sums) } else { class.live.merge(sums) }
            }
        });
        let lifetimes_by_size = (0..).zip(by_size).filter(|(_, classes)| !classes.is_empty()).collect();
        let at_peak = self.at_peak.into_iter().collect();
        Ownership { lifetimes, lifetimes_by_size, flows, at_peak }
    }
}

/// Class `at`, made together with those before it if it is not there.
fn class_at(classes: &mut Vec<LifetimeClass>, at: usize) -> &mut LifetimeClass {
    while classes.len() <= at {
        let up_to_us = LIFETIME_EDGES_US.get(classes.len()).copied();
        classes.push(LifetimeClass { up_to_us, ..LifetimeClass::default() });
    }
    &mut classes[at]
}

#[cfg(test)]
mod tests {
    use super::super::weights::WeightTable;
    use super::*;
    use memscope_trace::Interval;

    /// One weight: of 10 bytes and probability 0.5.
    fn weights() -> WeightTable {
        let mut weights = WeightTable::default();
        let under = weights.under(&Interval::default(), 0.5);
        weights.of(under, 10);
        weights
    }

    #[test]
    fn a_lifetime_is_in_the_first_class_that_it_does_not_exceed() {
        let edges = LIFETIME_EDGES_US.iter().flat_map(|&edge_us| [edge_us - 1, edge_us, edge_us + 1]);
        let powers = (0..64).map(|bits| 1 << bits);
        for age_us in edges.chain(powers).chain([0, 3, 999, u64::MAX]) {
            let class = LIFETIME_EDGES_US.partition_point(|&edge_us| edge_us < age_us);
            assert_eq!(lifetime_class(age_us), class, "{age_us}");
        }
    }

    #[test]
    fn a_lifetime_class_ends_at_one_two_or_five() {
        assert_eq!(LIFETIME_EDGES_US[..7], [1, 2, 5, 10, 20, 50, 100]);
        assert_eq!(LIFETIME_EDGES_US[38], 5_000_000_000_000);
        let mut fold = OwnershipFold::default();
        for age_us in [0, 1, 2, 3, 1_000, 1_001] {
            fold.add_freed((1, 1), Ending::new(age_us, 1, 1), 0, weights().rows());
        }
        fold.add_live(1, u64::MAX, 0, weights().rows());
        let classes = fold.finish(weights().rows()).lifetimes;
        assert_eq!(classes.len(), 40);
        let used: Vec<_> = classes
            .iter()
            .filter(|class| class.freed.bytes.samples() + class.live.bytes.samples() > 0)
            .map(|class| (class.up_to_us, class.freed.bytes.value(), class.live.allocations.value()))
            .collect();
        assert_eq!(
            used,
            [
                (Some(1), 40.0, 0.0),
                (Some(2), 20.0, 0.0),
                (Some(5), 20.0, 0.0),
                (Some(1_000), 20.0, 0.0),
                (Some(2_000), 20.0, 0.0),
                (None, 0.0, 2.0)
            ]
        );
    }

    #[test]
    fn flows_are_kept_by_pair_up_to_a_bound() {
        let mut fold = OwnershipFold::default();
        let weights = weights();
        fold.add_live(2, 5, 0, weights.rows());
        (0..2).for_each(|_| fold.add_freed((1, 2), Ending::new(5, 1, 2), 0, weights.rows()));
        for thread in 3..2 * FLOWS_MAX as u32 {
            fold.add_freed((thread, thread), Ending::new(5_000, thread, thread), 0, weights.rows());
        }
        let flows = fold.finish(weights.rows()).flows;
        assert_eq!(flows.len(), FLOWS_MAX + 1);
        assert_eq!((flows[0].allocated_by, flows[0].fate), (0, Fate::FreedByUnknown));
        assert_eq!((flows[1].allocated_by, flows[1].fate), (1, Fate::FreedBy(2)));
        assert_eq!(flows[1].amount.bytes.value(), 40.0);
        let all: u64 = flows.iter().map(|flow| flow.amount.bytes.samples()).sum();
        assert_eq!(all, 2 * FLOWS_MAX as u64);
    }
}
