//! Who freed what: the thread-to-thread matrix.

use super::types::ThreadFlow;
use crate::load::Flow;
use crate::statistics::Losses;

/// The matrix' cells, most bytes first. Samples whose site is lost to damage are in none.
pub(super) fn flows(flows: &[Flow], losses: Losses) -> Vec<ThreadFlow> {
    let cell = |flow: &Flow| ThreadFlow {
        allocated_by: flow.allocated_by,
        fate: flow.fate,
        allocations: flow.amount.allocations.thinned(losses).estimate(),
        bytes: flow.amount.bytes.thinned(losses).estimate(),
    };
    let mut cells: Vec<ThreadFlow> = flows.iter().map(cell).collect();
    // The sort is stable, and flows come in the order of their threads.
    cells.sort_by(|one, other| other.bytes.value.total_cmp(&one.bytes.value));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Fate, Profile};
    use memscope_trace::{Frees, Interval, Record, Samples, Sites, TraceWriter};

    /// Thread 1 allocates six of 100 bytes: it frees one, thread 2 frees three, two stay.
    #[test]
    fn a_hand_over_is_seen() {
        let records = [
            Record::Interval(Interval::default()),
            Record::Sites(Sites {
                stacks: vec![0],
                sizes: vec![100],
                old_sizes: vec![0],
                scopes: vec![0],
                kinds: vec![0],
                ..Sites::default()
            }),
            Record::Samples(Samples {
                delta_us: vec![1; 6],
                threads: vec![1; 6],
                sites: vec![0; 6],
                ..Samples::default()
            }),
            Record::Frees(Frees {
                delta_us: vec![9; 4],
                threads: vec![1, 2, 2, 2],
                sample_deltas: vec![0, 1, 1, 1],
                ..Frees::default()
            }),
        ];
        let mut writer = TraceWriter::new(Vec::new()).unwrap();
        records.iter().for_each(|record| writer.push(record).unwrap());
        writer.flush().unwrap();
        let profile = Profile::from_reader(writer.into_inner().as_slice()).unwrap();
        let cells = flows(&profile.ownership.flows, profile.losses());
        let cells: Vec<_> = cells
            .iter()
            .map(|cell| (cell.allocated_by, cell.fate, cell.bytes.value, cell.bytes.high))
            .collect();
        assert_eq!(
            cells,
            [
                (1, Fate::FreedBy(2), 300.0, 300.0),
                (1, Fate::Live, 200.0, 200.0),
                (1, Fate::FreedBy(1), 100.0, 100.0)
            ]
        );
    }
}
