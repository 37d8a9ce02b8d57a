//! The tree of call stacks as the trace has it: node -> parent and frame, frame -> code address.

use super::table::IdTable;
use memscope_trace::Stacks;

/// All stacks of a trace. A stack is named by its innermost node; walking to parents leads outwards to node 0.
#[derive(Debug, Clone, Default)]
pub struct StackTree {
    addresses: IdTable<u64>,
    nodes: IdTable<StackNode>,
}

/// One node: a frame called from its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackNode {
    /// The calling node, smaller than the node's own id; 0 for an outermost frame.
    pub parent: u32,
    /// The frame; 0 stands for callers beyond the recorded depth.
    pub frame: u32,
}

impl StackTree {
    /// Adds the nodes and frames of a record; returns how many could not be used.
    pub(crate) fn extend(&mut self, record: &Stacks) -> u64 {
        let mut address = 0_u64;
        let addresses = record.addresses.iter().map(|&delta| {
            address = address.wrapping_add(delta as u64);
            address
        });
        let mut unusable = self.addresses.extend(record.first_frame, addresses);
        let columns = record.parent_deltas.iter().zip(&record.frames).enumerate();
        let nodes = columns.map(|(row, (&delta, &frame))| {
            let id = record.first_node.saturating_add(row as u32);
            // A delta of 0 would be a loop, one beyond the id a parent below 0: such a node is taken as outermost.
            let parent = if delta == 0 { 0 } else { id.saturating_sub(delta) };
            StackNode { parent, frame }
        });
        unusable += self.nodes.extend(record.first_node, nodes);
        unusable
    }

    /// The code addresses of all frames. The index into them is what [`StackTree::address_row`] gives for a frame.
    #[must_use]
    pub fn addresses(&self) -> &[u64] {
        self.addresses.rows()
    }

    /// Where in [`StackTree::addresses`] the frame's address stands; `None` if the trace does not define the frame.
    #[must_use]
    pub fn address_row(&self, frame: u32) -> Option<usize> {
        self.addresses.row_of(frame)
    }

    /// The nodes with their ids, parents before children.
    pub fn nodes(&self) -> impl Iterator<Item = (u32, StackNode)> {
        self.nodes.iter().map(|(id, node)| (id, *node))
    }

    /// The node in row `row` of [`StackTree::nodes`].
    #[cfg(feature = "export")]
    pub(crate) fn node_at(&self, row: usize) -> Option<StackNode> {
        self.nodes.rows().get(row).copied()
    }

    /// The position of node `id` in [`StackTree::nodes`]; `None` if the trace does not define it.
    #[must_use]
    pub fn node_row(&self, id: u32) -> Option<usize> {
        self.nodes.row_of(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_sums_and_parents_differences() {
        let mut tree = StackTree::default();
        let record = Stacks {
            first_frame: 1,
            addresses: vec![0x1000, 0x10, -0x20],
            first_node: 1,
            parent_deltas: vec![1, 1, 2],
            frames: vec![1, 2, 3],
        };
        assert_eq!(tree.extend(&record), 0);
        assert_eq!(tree.addresses(), [0x1000, 0x1010, 0xff0]);
        let nodes: Vec<_> = tree.nodes().map(|(id, node)| (id, node.parent, node.frame)).collect();
        assert_eq!(nodes, [(1, 0, 1), (2, 1, 2), (3, 1, 3)]);
    }

    #[test]
    fn no_node_is_its_own_ancestor() {
        let mut tree = StackTree::default();
        tree.extend(&Stacks {
            first_frame: 1,
            addresses: vec![i64::MIN, -1],
            first_node: u32::MAX - 1,
            parent_deltas: vec![0, u32::MAX, 7],
            frames: vec![9, 9, 9],
        });
        assert!(tree.nodes().all(|(id, node)| node.parent < id));
        assert_eq!(tree.nodes().count(), 2);
    }
}
