//! Code addresses of one binary, and the frames that each stands for.

use crate::analysis::Frame;
use std::collections::HashMap;
use std::ops::Range;

/// Addresses as the binary has them (svma), each with its frames, innermost first. Equal frames are held once.
#[derive(Debug, Clone, Default)]
pub(super) struct FrameTable {
    frames: Vec<Frame>,
    ids: HashMap<Frame, u32>,
    /// For each address its frames in `stacks`: none where the binary has no name for it.
    by_address: HashMap<u64, Range<u32>>,
    stacks: Vec<u32>,
}

impl FrameTable {
    /// All frames; what [`FrameTable::get`] gives are indexes into them.
    pub(super) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frames of `svma`, innermost first, none where it has no name; `None` if it was never asked for.
    pub(super) fn get(&self, svma: u64) -> Option<&[u32]> {
        let range = self.by_address.get(&svma)?;
        Some(&self.stacks[range.start as usize..range.end as usize])
    }

    /// Gives `svma` its frames, innermost first.
    pub(super) fn insert(&mut self, svma: u64, frames: impl IntoIterator<Item = Frame>) {
        let start = self.stacks.len() as u32;
        for frame in frames {
            let id = self.id(frame);
            self.stacks.push(id);
        }
        self.by_address.insert(svma, start..self.stacks.len() as u32);
    }

    /// A table of these frames, and no addresses yet.
    pub(super) fn with_frames(frames: Vec<Frame>) -> Self {
        let ids = frames.iter().cloned().zip(0..).collect();
        Self { frames, ids, ..Self::default() }
    }

    /// Gives `svma` frames that the table has; `None`, and nothing done, if it does not have them.
    pub(super) fn insert_ids(&mut self, svma: u64, ids: &[u32]) -> Option<()> {
        if ids.iter().any(|&id| id as usize >= self.frames.len()) {
            return None;
        }
        let start = self.stacks.len() as u32;
        self.stacks.extend(ids);
        self.by_address.insert(svma, start..self.stacks.len() as u32);
        Some(())
    }

    /// Takes over all addresses of `other`.
    pub(super) fn absorb(&mut self, other: &Self) {
        let ids: Vec<u32> = other.frames.iter().map(|frame| self.id(frame.clone())).collect();
        for (&svma, range) in &other.by_address {
            let start = self.stacks.len() as u32;
            let theirs = &other.stacks[range.start as usize..range.end as usize];
            self.stacks.extend(theirs.iter().map(|&id| ids[id as usize]));
            self.by_address.insert(svma, start..self.stacks.len() as u32);
        }
    }

    /// The addresses, in order.
    pub(super) fn addresses(&self) -> Vec<u64> {
        let mut addresses: Vec<u64> = self.by_address.keys().copied().collect();
        addresses.sort_unstable();
        addresses
    }

    fn id(&mut self, frame: Frame) -> u32 {
        let next = self.frames.len() as u32;
        *self.ids.entry(frame).or_insert_with_key(|frame| {
            self.frames.push(frame.clone());
            next
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_frames_are_one_and_tables_add_up() {
        let frame = |name: &str| Frame { function: name.into(), ..Frame::default() };
        let mut table = FrameTable::default();
        table.insert(16, [frame("inner"), frame("outer")]);
        table.insert(8, []);
        let mut other = FrameTable::default();
        other.insert(24, [frame("new"), frame("outer")]);
        table.absorb(&other);
        assert_eq!(table.frames(), [frame("inner"), frame("outer"), frame("new")]);
        assert_eq!(table.get(16), Some(&[0, 1][..]));
        assert_eq!(table.get(24), Some(&[2, 1][..]));
        assert_eq!((table.get(8), table.get(9)), (Some(&[][..]), None));
        assert_eq!(table.addresses(), [8, 16, 24]);

        let mut table = FrameTable::with_frames(vec![frame("a"), frame("b")]);
        assert_eq!(table.insert_ids(5, &[1, 0]), Some(()));
        assert_eq!(table.insert_ids(6, &[2]), None);
        table.insert(7, [frame("b"), frame("c")]);
        assert_eq!((table.get(5), table.get(6), table.get(7)), (Some(&[1, 0][..]), None, Some(&[1, 2][..])));
    }
}
