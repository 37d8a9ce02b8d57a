//! Stacks of resolved frames, each once.
//!
//! The trace's tree has a node for each code address; two addresses of one function, or one address with inlined
//! calls, become frames here. Nodes whose stacks read the same are one node of this trie, so equal stacks are found
//! by comparing a number, and everything that a stack's outer part determines is computed once for all that share it:
//! where the way from the program's code to the allocator begins ([`StackTrie::trimmed`]) and which frame names the
//! site ([`StackTrie::blamed`]). No stack is ever walked in full while it is built, whatever its depth.

use super::types::Frame;
use crate::keyed_hash::KeyedState;
use crate::load::{Profile, Site, StackTree};
use crate::symbolize::{FrameKind, Symbols};
use std::collections::HashMap;

/// The empty stack.
pub(crate) const ROOT: u32 = 0;

/// Frames that stand for what is not known; their ids lie above all symbols' ids.
const STAND_INS: [&str; 2] = ["[callers beyond the recorded depth]", "[callers lost to damage]"];

/// A node: one frame, called from its parent.
#[derive(Debug, Clone, Copy)]
struct Node {
    parent: u32,
    frame: u32,
    /// Where the stack begins once the allocator's entry and what lies within are taken off, if it has one among its
    /// innermost frames.
    behind_entry: Option<u32>,
    /// The same for the leading run of the profiler's own and `alloc::alloc` frames, where there is no entry.
    behind_profiler: Option<u32>,
    /// The node behind the leading run of `alloc::alloc` frames.
    behind_glue: u32,
    /// The innermost node of the program's own code; [`ROOT`] if there is none.
    blamed: u32,
    /// The innermost node of the program's own code or of a crate that it depends on; [`ROOT`] if there is none.
    behind_library: u32,
    /// Bytes that its frames take when they are written out.
    text_bytes: u64,
}

/// All stacks of a profile.
#[derive(Debug)]
pub(crate) struct StackTrie<'a> {
    symbols: &'a Symbols,
    nodes: Vec<Node>,
    children: HashMap<(u32, u32), u32, KeyedState>,
    /// For each node of the trace's tree, in its order, the node here.
    by_row: Vec<u32>,
}

impl<'a> StackTrie<'a> {
    pub(crate) fn new(tree: &StackTree, symbols: &'a Symbols) -> Self {
        let root = Node {
            parent: ROOT,
            frame: u32::MAX,
            behind_entry: None,
            behind_profiler: None,
            behind_glue: ROOT,
            blamed: ROOT,
            behind_library: ROOT,
            text_bytes: 0,
        };
        let nodes = tree.nodes().count();
        let mut trie = Self {
            symbols,
            nodes: vec![root],
            children: HashMap::with_capacity_and_hasher(nodes, KeyedState::default()),
            by_row: Vec::with_capacity(nodes),
        };
        for (_, node) in tree.nodes() {
            let parent = match node.parent {
                0 => ROOT,
                // Parents come before their children; one that is not there was lost.
                id => match tree.node_row(id).and_then(|row| trie.by_row.get(row)) {
                    Some(&parent) => parent,
                    None => trie.child(ROOT, trie.stand_in(1)),
                },
            };
            let own = match tree.address_row(node.frame).filter(|_| node.frame != 0) {
                Some(row) => symbols.frame_ids(row).iter().rev().fold(parent, |at, &id| trie.child(at, id)),
                None => trie.child(parent, trie.stand_in(usize::from(node.frame != 0))),
            };
            trie.by_row.push(own);
        }
        trie
    }

    /// The stack that the trace's tree has in row `row`.
    pub(crate) fn of_row(&self, row: usize) -> Option<u32> {
        self.by_row.get(row).copied()
    }

    /// The stack of a site of the trace as it is shown; [`ROOT`] where none was recorded.
    pub(crate) fn of_site(&self, tree: &StackTree, site: &Site) -> u32 {
        let row = tree.node_row(site.stack).filter(|_| site.stack != 0);
        row.and_then(|row| self.of_row(row)).map_or(ROOT, |stack| self.trimmed(stack))
    }

    /// The same for all sites of a profile, in their order; `None` for those without samples.
    pub(crate) fn of_sites(&self, profile: &Profile) -> Vec<Option<u32>> {
        let of_site = |site: &Site| (site.samples.samples() > 0).then(|| self.of_site(&profile.stacks, site));
        profile.sites.iter().map(of_site).collect()
    }

    /// The stack as it is shown: from the innermost frame on that is not the profiler's, the allocator's or the standard
    /// library's. One that has only those loses the profiler's and the allocator's. With
    /// [`SymbolizeOptions::all_frames`](crate::SymbolizeOptions::all_frames) it is shown whole.
    pub(crate) fn trimmed(&self, stack: u32) -> u32 {
        let node = &self.nodes[stack as usize];
        match node.behind_library {
            _ if self.symbols.all_frames() => stack,
            ROOT => node.behind_entry.or(node.behind_profiler).unwrap_or(stack),
            library => library,
        }
    }

    /// The frame to blame: the innermost one of the program's own code, else of a crate that it depends on, else the
    /// innermost one.
    pub(crate) fn blamed(&self, stack: u32) -> Option<&Frame> {
        let node = &self.nodes[stack as usize];
        let at = [node.blamed, node.behind_library].into_iter().find(|&at| at != ROOT).unwrap_or(stack);
        self.frame(self.nodes[at as usize].frame)
    }

    /// The frames, innermost first.
    pub(crate) fn frames(&self, stack: u32) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut at = stack;
        while at != ROOT {
            let node = &self.nodes[at as usize];
            frames.extend(self.frame(node.frame).cloned().or_else(|| self.stand_in_frame(node.frame)));
            at = node.parent;
        }
        frames
    }

    /// The frames that are known, innermost first.
    pub(crate) fn known_frames(&self, stack: u32) -> impl Iterator<Item = &Frame> {
        let mut at = stack;
        std::iter::from_fn(move || {
            let node = &self.nodes[at as usize];
            (at != ROOT).then(|| {
                at = node.parent;
                self.frame(node.frame)
            })
        })
        .flatten()
    }

    /// Bytes that [`StackTrie::frames`] takes, about.
    pub(crate) fn text_bytes(&self, stack: u32) -> u64 {
        self.nodes[stack as usize].text_bytes
    }

    /// Nodes, the root included.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The calling node and the frame of `node`; `None` for the root.
    #[cfg(feature = "export")]
    pub(crate) fn parent_and_frame(&self, node: u32) -> Option<(u32, std::borrow::Cow<'_, Frame>)> {
        use std::borrow::Cow;
        let Node { parent, frame, .. } = *self.nodes.get(node as usize)?;
        let known = self.frame(frame).map(Cow::Borrowed);
        Some((parent, known.or_else(|| self.stand_in_frame(frame).map(Cow::Owned))?))
    }

    /// The innermost node of the program's own code in the stack; the stack itself where there is none.
    #[cfg(feature = "parquet")]
    pub(crate) fn blamed_node(&self, stack: u32) -> u32 {
        match self.nodes[stack as usize].blamed {
            ROOT => stack,
            node => node,
        }
    }

    fn stand_in(&self, which: usize) -> u32 {
        (self.symbols.frames() + which) as u32
    }

    fn frame(&self, id: u32) -> Option<&Frame> {
        ((id as usize) < self.symbols.frames()).then(|| self.symbols.frame(id))
    }

    fn stand_in_frame(&self, id: u32) -> Option<Frame> {
        let name = STAND_INS.get((id as usize).checked_sub(self.symbols.frames())?)?;
        Some(Frame { function: (*name).to_owned(), ..Frame::default() })
    }

    fn child(&mut self, parent: u32, frame: u32) -> u32 {
        if let Some(&child) = self.children.get(&(parent, frame)) {
            return child;
        }
        let id = self.nodes.len() as u32;
        let node = self.node(id, parent, frame);
        self.nodes.push(node);
        self.children.insert((parent, frame), id);
        id
    }

    /// Node `id`, with what follows from its parent's.
    fn node(&self, id: u32, parent: u32, frame: u32) -> Node {
        let outer = &self.nodes[parent as usize];
        let known = self.frame(frame);
        let kind = known.map_or(FrameKind::Library, |_| self.symbols.kind(frame));
        let (behind_entry, behind_profiler, behind_glue) = match kind {
            FrameKind::AllocatorEntry => (Some(outer.behind_entry.unwrap_or(outer.behind_glue)), None, id),
            FrameKind::Profiler => {
                (outer.behind_entry, Some(outer.behind_profiler.unwrap_or(outer.behind_glue)), id)
            }
            FrameKind::AllocGlue => (outer.behind_entry, Some(outer.behind_glue), outer.behind_glue),
            FrameKind::Library => (outer.behind_entry, None, id),
            FrameKind::Dependency | FrameKind::Program => (None, None, id),
        };
        let text = known.map_or(64, |known| {
            size_of::<Frame>() + known.function.len() + known.file.as_ref().map_or(0, String::len)
        });
        Node {
            parent,
            frame,
            behind_entry,
            behind_profiler,
            behind_glue,
            blamed: if kind == FrameKind::Program { id } else { outer.blamed },
            behind_library: match kind {
                FrameKind::Dependency | FrameKind::Program => id,
                _ => outer.behind_library,
            },
            text_bytes: outer.text_bytes + text as u64,
        }
    }
}
