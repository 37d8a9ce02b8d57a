//! Who freed what, and when: the ends of all samples, over all sites.
//!
//! Each sample adds to one lifetime class and to one flow when its end is known: when it is freed, or when the trace
//! ends and it was not. The latter are *censored*: they live at least as long as the session still ran. They have a column
//! of their own in every class, for leaving them out would make lifetimes too short (and those of leaks vanish).
//!
//! Samples whose site is lost are left out: their size is not known.

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

/// What a sample was, at its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) size_bytes: u64,
    pub(super) probability: f64,
    pub(super) thread: u32,
    pub(super) age_us: u64,
    pub(super) fate: Fate,
    pub(super) is_temporary: bool,
}

/// An [`Ownership`] in the making.
#[derive(Debug, Default)]
pub(super) struct OwnershipFold {
    /// By size class, then by lifetime class.
    classes: Vec<Vec<LifetimeClass>>,
    flows: Vec<Flow>,
    // Keys are the file's choice: the standard, keyed hash.
    flow_of: HashMap<(u32, Fate), u32>,
    /// The flows looked up last, by the low bits of their threads.
    recent: Vec<u32>,
    at_peak: BTreeMap<u32, Amount>,
}

/// The class of a size: the least `i` with `size <= 2^i`, 64 at most.
pub(crate) fn size_class(size_bytes: u64) -> usize {
    match size_bytes {
        0 | 1 => 0,
        size => (u64::BITS - (size - 1).leading_zeros()) as usize,
    }
}

impl OwnershipFold {
    pub(super) fn add(&mut self, sample: Ended) {
        let Ended { size_bytes, probability, thread, age_us, fate, is_temporary } = sample;
        let (size, at) =
            (size_class(size_bytes), LIFETIME_EDGES_US.partition_point(|&edge_us| edge_us < age_us));
        if self.classes.len() <= size {
            self.classes.resize(size + 1, Vec::new());
        }
        let class = class_at(&mut self.classes[size], at);
        let column = if fate == Fate::Live { &mut class.live } else { &mut class.freed };
        column.add(size_bytes, probability);
        let flow = self.flow(thread, fate);
        flow.amount.add(size_bytes, probability);
        if is_temporary {
            flow.temporary.add(size_bytes, probability);
        }
    }

    fn flow(&mut self, thread: u32, fate: Fate) -> &mut Flow {
        let freed_by = if let Fate::FreedBy(thread) = fate { thread } else { 0 };
        let place = ((thread & 63) << 6 | freed_by & 63) as usize;
        if self.recent.is_empty() {
            self.recent = vec![u32::MAX; 1 << 12];
        }
        let recent = self.recent[place] as usize;
        if self.flows.get(recent).is_some_and(|flow| (flow.allocated_by, flow.fate) == (thread, fate)) {
            return &mut self.flows[recent];
        }
        let full = self.flows.len() >= FLOWS_MAX && !self.flow_of.contains_key(&(thread, fate));
        let (allocated_by, fate) = match fate {
            _ if !full => (thread, fate),
            Fate::Live => (0, Fate::Live),
            _ => (0, Fate::FreedByUnknown),
        };
        let at = *self.flow_of.entry((allocated_by, fate)).or_insert_with(|| {
            let nothing = Amount::default();
            self.flows.push(Flow { allocated_by, fate, amount: nothing, temporary: nothing });
            (self.flows.len() - 1) as u32
        });
        self.recent[place] = at;
        &mut self.flows[at as usize]
    }

    /// Adds a sample of `thread` that was live at the peak.
    pub(super) fn add_at_peak(&mut self, thread: u32, size_bytes: u64, probability: f64) {
        self.at_peak.entry(thread).or_default().add(size_bytes, probability);
    }

    pub(super) fn finish(self) -> Ownership {
        let mut flows = self.flows;
        flows.sort_unstable_by_key(|flow| (flow.allocated_by, flow.fate));
        let mut lifetimes = Vec::new();
        for (at, class) in self.classes.iter().flat_map(|classes| classes.iter().enumerate()) {
            let all = class_at(&mut lifetimes, at);
            all.freed.merge(&class.freed);
            all.live.merge(&class.live);
        }
        let lifetimes_by_size = (0..).zip(self.classes).filter(|(_, classes)| !classes.is_empty()).collect();
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
    use super::*;

    fn ended(thread: u32, age_us: u64, fate: Fate) -> Ended {
        Ended { size_bytes: 10, probability: 0.5, thread, age_us, fate, is_temporary: false }
    }

    #[test]
    fn a_lifetime_class_ends_at_one_two_or_five() {
        assert_eq!(LIFETIME_EDGES_US[..7], [1, 2, 5, 10, 20, 50, 100]);
        assert_eq!(LIFETIME_EDGES_US[38], 5_000_000_000_000);
        let mut fold = OwnershipFold::default();
        for age_us in [0, 1, 2, 3, 1_000, 1_001] {
            fold.add(ended(1, age_us, Fate::FreedBy(1)));
        }
        fold.add(ended(1, u64::MAX, Fate::Live));
        let classes = fold.finish().lifetimes;
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
        for (thread, fate) in [(2, Fate::Live), (1, Fate::FreedBy(2)), (1, Fate::FreedBy(2))] {
            fold.add(ended(thread, 5, fate));
        }
        for thread in 3..2 * FLOWS_MAX as u32 {
            fold.add(ended(thread, 5, Fate::FreedBy(thread)));
        }
        let flows = fold.finish().flows;
        assert_eq!(flows.len(), FLOWS_MAX + 1);
        assert_eq!((flows[0].allocated_by, flows[0].fate), (0, Fate::FreedByUnknown));
        assert_eq!((flows[1].allocated_by, flows[1].fate), (1, Fate::FreedBy(2)));
        assert_eq!(flows[1].amount.bytes.value(), 40.0);
        let all: u64 = flows.iter().map(|flow| flow.amount.bytes.samples()).sum();
        assert_eq!(all, 2 * FLOWS_MAX as u64);
    }
}
