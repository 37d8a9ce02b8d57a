//! A table indexed by the ids that a trace counts upwards, which damage may have torn holes into.
//!
//! Rows lie densely in the order of their ids; each stretch of ids without a hole is a *run*. An intact trace has one
//! run, and a look-up there is a subtraction. Holes cost nothing, whatever id a damaged or hostile trace names next.

/// Rows by id.
#[derive(Debug, Clone)]
pub(crate) struct IdTable<T> {
    rows: Vec<T>,
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    first_id: u32,
    first_row: usize,
}

impl<T> Default for IdTable<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), runs: Vec::new() }
    }
}

impl<T> IdTable<T> {
    /// Adds `rows` with ids from `first_id` on; what has an id at or below one that is there already, or beyond the
    /// largest id, is left out. Returns how many were.
    pub(crate) fn extend(&mut self, first_id: u32, rows: impl ExactSizeIterator<Item = T>) -> u64 {
        let next_id = self.next_id();
        let given = rows.len() as u64;
        let known = next_id.saturating_sub(u64::from(first_id)).min(given);
        let first_new = u64::from(first_id) + known;
        let room = (u64::from(u32::MAX) + 1).saturating_sub(first_new);
        let taken = (given - known).min(room);
        if taken > 0 {
            if first_new != next_id || self.runs.is_empty() {
                self.runs.push(Run { first_id: first_new as u32, first_row: self.rows.len() });
            }
            self.rows.extend(rows.skip(known as usize).take(taken as usize));
        }
        given - taken
    }

    /// The id behind the last one.
    fn next_id(&self) -> u64 {
        self.runs.last().map_or(0, |run| u64::from(run.first_id) + (self.rows.len() - run.first_row) as u64)
    }

    /// The row number of `id`, from 0 in the order of the ids.
    pub(crate) fn row_of(&self, id: u32) -> Option<usize> {
        let at = match self.runs.as_slice() {
            [] => return None,
            [_] => 0,
            runs => runs.partition_point(|run| run.first_id <= id).checked_sub(1)?,
        };
        let run = self.runs[at];
        let end = self.runs.get(at + 1).map_or(self.rows.len(), |next| next.first_row);
        let row = run.first_row + id.checked_sub(run.first_id)? as usize;
        (row < end).then_some(row)
    }

    /// The rows, in the order of their ids.
    pub(crate) fn rows(&self) -> &[T] {
        &self.rows
    }

    /// The ids with their rows, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.runs.iter().enumerate().flat_map(move |(at, run)| {
            let end = self.runs.get(at + 1).map_or(self.rows.len(), |next| next.first_row);
            (run.first_id..=u32::MAX).zip(&self.rows[run.first_row..end])
        })
    }

    /// The rows alone.
    pub(crate) fn into_rows(self) -> Vec<T> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(parts: &[(u32, &[char])]) -> (IdTable<char>, u64) {
        let mut table = IdTable::default();
        let mut left_out = 0;
        for (first_id, rows) in parts {
            left_out += table.extend(*first_id, rows.iter().copied());
        }
        (table, left_out)
    }

    fn at(table: &IdTable<char>, id: u32) -> Option<char> {
        table.row_of(id).map(|row| table.rows()[row])
    }

    #[test]
    fn parts_that_meet_are_one_run() {
        let (table, left_out) = table(&[(1, &['a', 'b']), (3, &['c'])]);
        assert_eq!((left_out, table.runs.len()), (0, 1));
        assert_eq!([0, 1, 2, 3, 4].map(|id| at(&table, id)), [None, Some('a'), Some('b'), Some('c'), None]);
    }

    #[test]
    fn holes_cost_nothing() {
        let (table, left_out) = table(&[(2, &['a']), (4_000_000_000, &['b', 'c']), (4_100_000_000, &['d'])]);
        assert_eq!((left_out, table.rows().len()), (0, 4));
        let found = [0, 2, 3, 3_999_999_999, 4_000_000_001, 4_000_000_002, 4_100_000_000, u32::MAX];
        let expected = [None, Some('a'), None, None, Some('c'), None, Some('d'), None];
        assert_eq!(found.map(|id| at(&table, id)), expected);
        let ids: Vec<u32> = table.iter().map(|(id, _)| id).collect();
        assert_eq!(ids, [2, 4_000_000_000, 4_000_000_001, 4_100_000_000]);
    }

    #[test]
    fn what_is_there_stays() {
        let (table, left_out) = table(&[(5, &['a', 'b']), (5, &['x', 'y', 'c']), (0, &['z'])]);
        assert_eq!(left_out, 3);
        assert_eq!([0, 5, 6, 7].map(|id| at(&table, id)), [None, Some('a'), Some('b'), Some('c')]);
    }

    #[test]
    fn ids_end_at_their_type() {
        let (table, left_out) = table(&[(u32::MAX, &['a', 'b']), (u32::MAX, &['c'])]);
        assert_eq!((left_out, at(&table, u32::MAX)), (2, Some('a')));
        assert_eq!(table.iter().count(), 1);
    }
}
