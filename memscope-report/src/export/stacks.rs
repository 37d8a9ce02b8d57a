//! The stacks as exports tell them: a tree of frames with names, each stack once, whatever addresses it came from.
//!
//! memscope's own frames and the allocator's entry are off, as on the page. Samples without a stack get one of a single
//! frame that says so.

use crate::analysis::Frame;
use crate::analysis::stack_trie::{ROOT, StackTrie};
use crate::load::Profile;
use crate::symbolize::Symbols;
use std::collections::HashMap;
use std::hash::Hash;

/// Node 0: the empty stack.
pub(super) const EMPTY: u32 = 0;

/// A node: a frame, called from its parent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// The calling node, smaller than the node's own number; [`EMPTY`] for an outermost frame.
    pub(super) parent: u32,
    /// The row in [`Stacks::frames`].
    pub(super) frame: u32,
}

/// Stacks whose samples have no place in the tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct StandIns {
    /// No stack was recorded.
    pub(super) not_recorded: u32,
    /// Nothing is left of the stack once the allocator's frames are off.
    pub(super) in_allocator: u32,
    /// The trace has lost where the sample belongs.
    pub(super) lost: u32,
    /// One of those that are not told apart.
    pub(super) further: u32,
}

/// All stacks of a trace.
#[derive(Debug)]
pub(super) struct Stacks {
    nodes: Vec<Node>,
    frames: Vec<Frame>,
    /// For each node what its frames take when they are written out, bytes, about.
    text_bytes: Vec<u64>,
    /// For each node of the trace's tree, in its order, the node here.
    by_row: Vec<u32>,
    /// For each node the one whose frame is to blame: the innermost of the program's own code.
    #[cfg(feature = "parquet")]
    blamed: Vec<u32>,
    stand_ins: StandIns,
}

impl Stacks {
    pub(super) fn new(profile: &Profile, symbols: &Symbols) -> Self {
        let trie = StackTrie::new(&profile.stacks, symbols);
        let mut tree = Tree::default();
        let mut at_node = vec![EMPTY; trie.len()];
        for node in 1..trie.len() as u32 {
            if let Some((parent, frame)) = trie.parent_and_frame(node) {
                at_node[node as usize] = tree.child(at_node[parent as usize], frame.into_owned());
            }
        }
        let mut stand_in =
            |name: &str| tree.child(EMPTY, Frame { function: name.to_owned(), ..Frame::default() });
        let stand_ins = StandIns {
            not_recorded: stand_in("(stack not recorded)"),
            in_allocator: stand_in("(stack ends in the allocator)"),
            lost: stand_in("(call sites lost to damage)"),
            further: stand_in("(further call sites)"),
        };
        let by_row = (0..profile.stacks.nodes().count()).map(|row| {
            match trie.of_row(row).map_or(ROOT, |stack| trie.trimmed(stack)) {
                ROOT => stand_ins.in_allocator,
                stack => at_node[stack as usize],
            }
        });
        let by_row = by_row.collect();
        let Tree { nodes, frames, text_bytes, .. } = tree;
        Self {
            #[cfg(feature = "parquet")]
            blamed: blamed(&trie, &at_node, nodes.len()),
            nodes,
            frames,
            text_bytes,
            by_row,
            stand_ins,
        }
    }

    /// The nodes: parents before children, [`EMPTY`] first.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The frames, each once.
    pub(super) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The nodes of samples without a stack.
    pub(super) fn stand_ins(&self) -> StandIns {
        self.stand_ins
    }

    /// The stack of the site in row `row` of the profile's sites.
    pub(super) fn of_site(&self, profile: &Profile, row: Option<u32>) -> u32 {
        match row.and_then(|row| profile.sites.get(row as usize)) {
            None => self.stand_ins.lost,
            Some(site) if site.stack == 0 => self.stand_ins.not_recorded,
            Some(site) => {
                let known = profile.stacks.node_row(site.stack).and_then(|row| self.by_row.get(row));
                known.copied().unwrap_or(self.stand_ins.not_recorded)
            }
        }
    }

    /// The node of `stack` whose frame is to blame.
    #[cfg(feature = "parquet")]
    pub(super) fn blamed(&self, stack: u32) -> u32 {
        self.blamed[stack as usize]
    }

    /// The nodes of a stack, innermost first.
    pub(super) fn path(&self, stack: u32) -> impl Iterator<Item = u32> {
        path(&self.nodes, stack)
    }

    /// What the stack's frames take when they are written out, bytes, about.
    pub(super) fn text_bytes(&self, stack: u32) -> u64 {
        self.text_bytes[stack as usize]
    }

    /// The same stacks with frames that are told apart by `key` only.
    pub(super) fn by<K: Hash + Eq + Clone>(&self, key: impl Fn(&Frame) -> K) -> Grouped<K> {
        let mut keys = Interner::default();
        let key_of: Vec<u32> = self.frames.iter().map(|frame| keys.intern(key(frame))).collect();
        let mut children = HashMap::new();
        let mut nodes = vec![Node { parent: EMPTY, frame: u32::MAX }];
        let mut of = vec![EMPTY];
        for node in &self.nodes[1..] {
            let grouped = Node { parent: of[node.parent as usize], frame: key_of[node.frame as usize] };
            let next = nodes.len() as u32;
            let id = *children.entry((grouped.parent, grouped.frame)).or_insert(next);
            if id == next {
                nodes.push(grouped);
            }
            of.push(id);
        }
        Grouped { nodes, keys: keys.values, of }
    }
}

/// Stacks with frames told apart by a key.
#[derive(Debug)]
pub(super) struct Grouped<K> {
    /// The nodes: parents before children, [`EMPTY`] first; their frames are rows of `keys`.
    pub(super) nodes: Vec<Node>,
    /// The keys, each once.
    pub(super) keys: Vec<K>,
    /// For each node of [`Stacks`] the node here.
    of: Vec<u32>,
}

impl<K> Grouped<K> {
    /// The node here of a node of [`Stacks`].
    pub(super) fn of(&self, stack: u32) -> u32 {
        self.of[stack as usize]
    }

    /// The rows in `keys` of a stack's frames, innermost first.
    pub(super) fn keys_of(&self, stack: u32) -> impl Iterator<Item = u32> {
        path(&self.nodes, stack).map(|node| self.nodes[node as usize].frame)
    }
}

/// For each of `nodes` nodes the one whose frame is to blame; `at_node` has the nodes of the trie's.
#[cfg(feature = "parquet")]
fn blamed(trie: &StackTrie<'_>, at_node: &[u32], nodes: usize) -> Vec<u32> {
    let mut blamed: Vec<u32> = (0..nodes as u32).collect();
    for node in 1..trie.len() as u32 {
        blamed[at_node[node as usize] as usize] = at_node[trie.blamed_node(node) as usize];
    }
    blamed
}

fn path(nodes: &[Node], stack: u32) -> impl Iterator<Item = u32> {
    let up = |&node: &u32| Some(nodes[node as usize].parent).filter(|&parent| parent != EMPTY);
    std::iter::successors(Some(stack).filter(|&stack| stack != EMPTY), up)
}

/// Values, each once.
#[derive(Debug)]
pub(super) struct Interner<T> {
    pub(super) values: Vec<T>,
    ids: HashMap<T, u32>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { values: Vec::new(), ids: HashMap::new() }
    }
}

impl<T: Hash + Eq + Clone> Interner<T> {
    /// The row of `value`.
    pub(super) fn intern(&mut self, value: T) -> u32 {
        let next = self.values.len() as u32;
        if let Some(&id) = self.ids.get(&value) {
            return id;
        }
        self.values.push(value.clone());
        self.ids.insert(value, next);
        next
    }
}

/// [`Stacks`] in the making.
#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    children: HashMap<(u32, u32), u32>,
    frames: Vec<Frame>,
    frame_ids: HashMap<Frame, u32>,
    text_bytes: Vec<u64>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            nodes: vec![Node { parent: EMPTY, frame: u32::MAX }],
            children: HashMap::new(),
            frames: Vec::new(),
            frame_ids: HashMap::new(),
            text_bytes: vec![0],
        }
    }
}

impl Tree {
    fn child(&mut self, parent: u32, frame: Frame) -> u32 {
        let text_bytes = 16 + frame.function.len() + frame.file.as_ref().map_or(0, String::len);
        let frame = match self.frame_ids.get(&frame) {
            Some(&id) => id,
            None => {
                let id = self.frames.len() as u32;
                self.frames.push(frame.clone());
                self.frame_ids.insert(frame, id);
                id
            }
        };
        let next = self.nodes.len() as u32;
        let id = *self.children.entry((parent, frame)).or_insert(next);
        if id == next {
            self.nodes.push(Node { parent, frame });
            self.text_bytes.push(self.text_bytes[parent as usize].saturating_add(text_bytes as u64));
        }
        id
    }
}
