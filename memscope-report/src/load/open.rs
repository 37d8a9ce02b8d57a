//! The samples that are not freed yet, by their id.
//!
//! Ids are given in order, without holes in an intact trace. So samples lie in pages by their id, and finding one is an index
//! into a page. Pages shrink with what is left in them: one that is emptied holds no memory, one with few samples left only those.
//! What a damaged or hostile trace names out of line (an id far beyond the last one) is kept in a hash table instead: memory follows
//! the number of samples, whatever their ids. So is one whose time is far from its page's.

use std::collections::HashMap;

/// Ids of a page, a power of two.
const PAGE_IDS: u64 = 1 << 10;
/// The most ids that are passed over within a page, as holes.
const HOLES_MAX: usize = 8;
/// The most pages that are passed over, as empty ones.
const EMPTY_PAGES_MAX: u64 = 4;
/// How long before its first sample a page's time begins, microseconds: half an hour, and more than that after it.
const BEFORE_US: u64 = 1 << 31;
/// A page with less than one in so many of its samples left holds only those.
const SPARSE_PART: usize = 8;

/// A sample not yet freed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Open {
    /// [`NO_SITE`](super::samples::NO_SITE) where the trace does not define its site.
    pub(super) site_row: u32,
    pub(super) thread: u32,
    /// What it stands for ([`WeightTable`](super::weights::WeightTable)).
    pub(super) weight: u32,
    pub(super) time_us: u64,
}

/// The same in 16 bytes, its time counted from its page's.
#[derive(Debug, Clone, Copy)]
struct Packed {
    site_row: u32,
    thread: u32,
    weight: u32,
    delta_us: u32,
}

/// In the place of one that was freed or never was.
const NONE: Packed = Packed { site_row: u32::MAX - 1, thread: 0, weight: 0, delta_us: 0 };

impl Packed {
    fn is_none(&self) -> bool {
        self.site_row == NONE.site_row
    }
}

/// The samples whose ids share all but their last ten bits.
#[derive(Debug, Default)]
struct Page {
    /// In a dense page the offset of the first one; the others follow without a gap.
    first: u16,
    live: u16,
    base_us: u64,
    opens: Vec<Packed>,
    /// In a sparse page the offset of each; empty in a dense one.
    offsets: Vec<u16>,
}

impl Page {
    /// Adds the next sample; `false` if it does not fit in line.
    fn push(&mut self, offset: u16, open: Open) -> bool {
        if self.opens.is_empty() {
            self.first = offset;
            self.base_us = open.time_us.saturating_sub(BEFORE_US);
        }
        let since_us = open.time_us.checked_sub(self.base_us);
        let Some(delta_us) = since_us.and_then(|us| u32::try_from(us).ok()) else { return false };
        if !self.offsets.is_empty() {
            self.offsets.push(offset);
        } else if self.opens.is_empty() {
            self.opens.reserve_exact(usize::from(PAGE_IDS as u16 - offset));
        } else {
            let holes = usize::from(offset) - usize::from(self.first) - self.opens.len();
            if holes > HOLES_MAX {
                return false;
            }
            self.opens.extend(std::iter::repeat_n(NONE, holes));
        }
        let Open { site_row, thread, weight, .. } = open;
        self.opens.push(Packed { site_row, thread, weight, delta_us });
        self.live += 1;
        true
    }

    /// Adds samples of ids in a row, the first at `offset`, as far as they continue the page without a gap; returns how many.
    fn push_all(&mut self, offset: u16, opens: &[Open]) -> usize {
        let before = self.opens.len();
        if !self.offsets.is_empty() || before == 0 || usize::from(self.first) + before != usize::from(offset)
        {
            return 0;
        }
        let base_us = self.base_us;
        self.opens.extend(opens.iter().map_while(|&Open { site_row, thread, weight, time_us }| {
            let delta_us = u32::try_from(time_us.checked_sub(base_us)?).ok()?;
            Some(Packed { site_row, thread, weight, delta_us })
        }));
        let added = self.opens.len() - before;
        self.live += added as u16;
        added
    }

    fn open(&self, packed: Packed) -> Open {
        let Packed { site_row, thread, weight, delta_us } = packed;
        Open { site_row, thread, weight, time_us: self.base_us + u64::from(delta_us) }
    }

    fn take(&mut self, offset: u16) -> Option<Open> {
        if !self.offsets.is_empty() {
            let at = self.offsets.binary_search(&offset).ok()?;
            self.offsets.remove(at);
            self.live -= 1;
            let open = self.opens.remove(at);
            let open = self.open(open);
            if self.live == 0 {
                *self = Self::default();
            }
            return Some(open);
        }
        let place = self.opens.get_mut(usize::from(offset.checked_sub(self.first)?))?;
        let open = std::mem::replace(place, NONE);
        if open.is_none() {
            return None;
        }
        self.live -= 1;
        Some(self.open(open))
    }

    /// Gives back the memory of what was taken; for a page to which nothing more is added.
    fn shrink(&mut self) {
        if self.live == 0 {
            *self = Self::default();
        } else if self.offsets.is_empty() && usize::from(self.live) < self.opens.len() / SPARSE_PART {
            let first = self.first;
            let left = || (first..).zip(&self.opens).filter(|(_, open)| !open.is_none());
            let (mut offsets, mut opens) = (Vec::new(), Vec::new());
            offsets.reserve_exact(usize::from(self.live));
            opens.reserve_exact(usize::from(self.live));
            offsets.extend(left().map(|(offset, _)| offset));
            opens.extend(left().map(|(_, open)| *open));
            (self.offsets, self.opens) = (offsets, opens);
        } else if !self.offsets.is_empty() && self.opens.capacity() > 2 * self.opens.len() {
            self.offsets.shrink_to_fit();
            self.opens.shrink_to_fit();
        }
    }

    fn iter(&self) -> impl Iterator<Item = (u16, Open)> {
        let opens = self.opens.iter().enumerate().filter(|(_, open)| !open.is_none());
        opens.map(|(at, open)| {
            let offset = self.offsets.get(at).copied().unwrap_or(self.first + at as u16);
            (offset, self.open(*open))
        })
    }
}

/// The samples not yet freed.
#[derive(Debug, Default)]
pub(super) struct OpenTable {
    /// Page `i` holds the ids from `i * PAGE_IDS` on.
    pages: Vec<Page>,
    // Keys are the file's choice: the standard, keyed hash.
    far: HashMap<u64, Open>,
}

impl OpenTable {
    /// Adds the sample with an id above all that were added before.
    pub(super) fn insert(&mut self, id: u64, open: Open) {
        let (page, offset) = (id / PAGE_IDS, (id % PAGE_IDS) as u16);
        if page >= self.pages.len() as u64 {
            if page - self.pages.len() as u64 > EMPTY_PAGES_MAX {
                self.far.insert(id, open);
                return;
            }
            self.pages.resize_with(page as usize + 1, Page::default);
        }
        if !self.pages[page as usize].push(offset, open) {
            self.far.insert(id, open);
        }
    }

    /// Adds samples with ids in a row from `id` on, all above those added before.
    pub(super) fn extend(&mut self, mut id: u64, mut opens: &[Open]) {
        while let [first, others @ ..] = opens {
            self.insert(id, *first);
            (id, opens) = (id.wrapping_add(1), others);
            let (page, offset) = (id / PAGE_IDS, id % PAGE_IDS);
            if offset > 0
                && let Some(page) = usize::try_from(page).ok().and_then(|page| self.pages.get_mut(page))
            {
                let room = opens.len().min((PAGE_IDS - offset) as usize);
                let added = page.push_all(offset as u16, &opens[..room]);
                (id, opens) = (id.wrapping_add(added as u64), &opens[added..]);
            }
        }
    }

    /// Takes the sample out.
    pub(super) fn remove(&mut self, id: u64) -> Option<Open> {
        let page = id / PAGE_IDS;
        let is_last = page + 1 >= self.pages.len() as u64;
        if let Some(page) = usize::try_from(page).ok().and_then(|page| self.pages.get_mut(page))
            && let Some(open) = page.take((id % PAGE_IDS) as u16)
        {
            // Looked at for every eighth only: most pages are emptied soon anyway.
            if !is_last && page.live.is_multiple_of(8) {
                page.shrink();
            }
            return Some(open);
        }
        if self.far.is_empty() { None } else { self.far.remove(&id) }
    }

    /// How many are left.
    pub(super) fn len(&self) -> usize {
        self.pages.iter().map(|page| usize::from(page.live)).sum::<usize>() + self.far.len()
    }

    /// Hands over all that are left, by id.
    pub(super) fn drain(&mut self, mut take: impl FnMut(Open)) {
        let Ok(()) = self.try_drain(|_, open| {
            take(open);
            Ok::<(), std::convert::Infallible>(())
        });
    }

    /// Hands over all that are left with their ids, in order, until `take` refuses one.
    pub(super) fn try_drain<E>(&mut self, mut take: impl FnMut(u64, Open) -> Result<(), E>) -> Result<(), E> {
        let mut far: Vec<(u64, Open)> = std::mem::take(&mut self.far).into_iter().collect();
        far.sort_unstable_by_key(|(id, _)| *id);
        let mut far = far.into_iter().peekable();
        // Page by page, each given back at once.
        for (number, page) in (0_u64..).zip(std::mem::take(&mut self.pages)) {
            for (offset, open) in page.iter() {
                let id = number * PAGE_IDS + u64::from(offset);
                while let Some((far_id, before)) = far.next_if(|(far_id, _)| *far_id < id) {
                    take(far_id, before)?;
                }
                take(id, open)?;
            }
        }
        far.try_for_each(|(id, open)| take(id, open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn open(id: u64) -> Open {
        // Times go back and forth, most of them a little.
        let time_us = 1_000 * id + if id.is_multiple_of(97) { 1 << 40 } else { 999 - id % 1_000 };
        Open { site_row: 1, thread: 2, weight: 3, time_us }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
        /// Steps of one mostly, now and then a gap of any size; frees of any of them, some twice, some of none.
        #[test]
        fn it_is_a_map(
            steps in prop::collection::vec((prop_oneof![40 => Just(1), 1 => 1_u64..40, 1 => 1_u64..5_000, 1 => 0_u64..u64::MAX / 1_000_000], 0_u64..12_000, 0_usize..3), 1..4_000),
        ) {
            let (mut table, mut model, mut id) = (OpenTable::default(), BTreeMap::new(), 0_u64);
            for (step, back, frees) in steps {
                // Now and then many at once.
                let run = if back % 50 == 0 { back / 8 } else { 1 };
                if let Some(next) = id.checked_add(step).filter(|next| next.checked_add(run).is_some()) {
                    let opens: Vec<Open> = (next..next + run).map(open).collect();
                    table.extend(next, &opens);
                    model.extend((next..).zip(opens));
                    id = next + run.max(1) - 1;
                }
                for at in 0..frees as u64 {
                    let freed = id.saturating_sub(back / (at + 1));
                    prop_assert_eq!(table.remove(freed), model.remove(&freed));
                }
            }
            prop_assert_eq!(table.len(), model.len());
            let (mut left, expected) = (Vec::new(), model.into_values().collect::<Vec<Open>>());
            table.drain(|open| left.push(open));
            prop_assert_eq!(left, expected);
        }
    }

    #[test]
    fn memory_follows_what_is_left() {
        let mut table = OpenTable::default();
        for id in 0..100 * PAGE_IDS {
            table.insert(id, open(id));
            if id >= 2_000 && id % 100 > 0 {
                table.remove(id - 2_000);
            }
        }
        let held: usize = table.pages.iter().map(|page| page.opens.capacity()).sum();
        assert!(held < 20 * PAGE_IDS as usize, "{held}");
        for id in (0..1_000).map(|far| far * 1_000_000_007) {
            table.insert(200_000 + id, open(id));
        }
        assert!(table.pages.len() < 1_000, "{} pages", table.pages.len());
    }
}
