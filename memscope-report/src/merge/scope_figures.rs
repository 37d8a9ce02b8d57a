//! The exact figures of scopes that several traces have in common, summed: frees, times, polls, and how the bytes of calls are distributed.

use super::ids::Ids;
use memscope_trace::{MAX_ROWS, Record, ScopeDetails, ScopeFrees, ScopeSizes};
use std::collections::{BTreeMap, HashMap};

/// Of each trace what it last said of each of its scopes, and the sums of all, by scope of the merged trace.
#[derive(Debug, Default)]
pub(super) struct ScopeSums {
    frees: Rows<4>,
    details: Rows<4>,
    most_bytes: HashMap<u32, u64>,
    troubles: HashMap<usize, [u64; 2]>,
    sizes: HashMap<(usize, u32), BTreeMap<u64, u64>>,
    merged_sizes: HashMap<u32, BTreeMap<u64, u64>>,
}

/// Figures that add up.
#[derive(Debug)]
struct Rows<const N: usize> {
    last: HashMap<(usize, u32), [u64; N]>,
    sums: HashMap<u32, [u64; N]>,
}

impl<const N: usize> Default for Rows<N> {
    fn default() -> Self {
        Self { last: HashMap::new(), sums: HashMap::new() }
    }
}

impl<const N: usize> Rows<N> {
    /// Trace `at` says this of its scope `id`, which is `scope` in the merged trace; returns what all say together.
    fn add(&mut self, at: usize, id: u32, scope: u32, now: [u64; N]) -> [u64; N] {
        let before = self.last.insert((at, id), now).unwrap_or([0; N]);
        let sum = self.sums.entry(scope).or_insert([0; N]);
        for (sum, (now, before)) in sum.iter_mut().zip(now.into_iter().zip(before)) {
            *sum = sum.wrapping_add(now).wrapping_sub(before);
        }
        *sum
    }
}

impl ScopeSums {
    /// Takes frees of trace `at` in; returns what all traces together say now of the same scopes.
    pub(super) fn add_frees(&mut self, at: usize, record: &ScopeFrees, ids: &Ids) -> Record {
        let mut merged = ScopeFrees { time_us: record.time_us, ..ScopeFrees::default() };
        for (row, &id) in record.scopes.iter().enumerate() {
            let now = [
                record.frees[row],
                record.freed_bytes[row],
                record.own_frees[row],
                record.own_freed_bytes[row],
            ];
            let scope = ids.scope(id);
            let [frees, freed_bytes, own_frees, own_freed_bytes] = self.frees.add(at, id, scope, now);
            merged.scopes.push(scope);
            merged.frees.push(frees);
            merged.freed_bytes.push(freed_bytes);
            merged.own_frees.push(own_frees);
            merged.own_freed_bytes.push(own_freed_bytes);
        }
        Record::ScopeFrees(merged)
    }

    /// The same of polls and times.
    pub(super) fn add_details(&mut self, at: usize, record: &ScopeDetails, ids: &Ids) -> Record {
        self.troubles.insert(at, [record.refused_names, record.out_of_order]);
        let trouble =
            |of: usize| self.troubles.values().fold(0_u64, |sum, troubles| sum.saturating_add(troubles[of]));
        let mut merged = ScopeDetails {
            time_us: record.time_us,
            refused_names: trouble(0),
            out_of_order: trouble(1),
            ..ScopeDetails::default()
        };
        for (row, &id) in record.scopes.iter().enumerate() {
            let now = [record.cancelled[row], record.polls[row], record.busy_us[row], record.wall_us[row]];
            let scope = ids.scope(id);
            let [cancelled, polls, busy_us, wall_us] = self.details.add(at, id, scope, now);
            let most = self.most_bytes.entry(scope).or_default();
            *most = (*most).max(record.most_bytes[row]);
            merged.scopes.push(scope);
            merged.parents.push(ids.scope(record.parents[row]));
            merged.cancelled.push(cancelled);
            merged.polls.push(polls);
            merged.busy_us.push(busy_us);
            merged.wall_us.push(wall_us);
            merged.most_bytes.push(*most);
        }
        Record::ScopeDetails(merged)
    }

    /// The same of how the bytes of calls are distributed. All buckets of a scope stand in one record, so there may be several.
    pub(super) fn add_sizes(&mut self, at: usize, record: &ScopeSizes, ids: &Ids) -> Vec<Record> {
        let mut now: BTreeMap<u32, BTreeMap<u64, u64>> = BTreeMap::new();
        for (row, &id) in record.scopes.iter().enumerate() {
            now.entry(id).or_default().insert(record.from_bytes[row], record.calls[row]);
        }
        let mut records = Vec::new();
        let mut merged = ScopeSizes { time_us: record.time_us, ..ScopeSizes::default() };
        for (id, buckets) in now {
            let scope = ids.scope(id);
            let sums = self.merged_sizes.entry(scope).or_default();
            for (from_bytes, calls) in &buckets {
                let sum = sums.entry(*from_bytes).or_default();
                *sum = sum.wrapping_add(*calls);
            }
            for (from_bytes, calls) in self.sizes.insert((at, id), buckets).unwrap_or_default() {
                let sum = sums.entry(from_bytes).or_default();
                *sum = sum.wrapping_sub(calls);
            }
            if merged.scopes.len() + sums.len() > MAX_ROWS && !merged.scopes.is_empty() {
                let next = ScopeSizes { time_us: record.time_us, ..ScopeSizes::default() };
                records.push(Record::ScopeSizes(std::mem::replace(&mut merged, next)));
            }
            for (&from_bytes, &calls) in sums.iter().take(MAX_ROWS) {
                merged.scopes.push(scope);
                merged.from_bytes.push(from_bytes);
                merged.calls.push(calls);
            }
        }
        records.push(Record::ScopeSizes(merged));
        records
    }
}
