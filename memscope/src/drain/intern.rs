//! Stacks and call sites, each written once and then named by number.

use memscope_trace::{MAX_ROWS, Sites, Stacks};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Sites remembered before the dictionary is begun anew: programs with ever new sizes would fill it without end.
const MAX_SITES: usize = 1 << 16;
/// Distinct stacks remembered likewise.
const MAX_STACKS: usize = 1 << 17;
/// Rows that one more stack may add.
const ROWS_PER_STACK: usize = crate::ring::MAX_FRAMES + 1;

/// Multiplies and rotates (as rustc's FxHash does): keys are addresses and numbers of the program's own, nobody chooses them.
#[derive(Default)]
pub(crate) struct FastHasher(u64);

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95).rotate_left(23);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;

/// What makes a call site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SiteKey {
    pub(crate) stack: u32,
    pub(crate) size: u64,
    pub(crate) old_size: u64,
    pub(crate) scope: u32,
    pub(crate) kind: u8,
}

/// Numbers given so far, and what the trace has not been told yet.
#[derive(Default)]
pub(crate) struct Interner {
    frames: FastMap<u64, u32>,
    nodes: FastMap<(u32, u32), u32>,
    /// Whole stacks, innermost frame first, with the truncation mark: saves a look-up per frame.
    stacks: FastMap<(Box<[u64]>, bool), u32>,
    sites: FastMap<SiteKey, u32>,
    next_site: u32,
    new_stacks: Stacks,
    last_address: u64,
    new_sites: Sites,
}

impl Interner {
    pub(crate) fn new() -> Self {
        let mut interner = Self::default();
        interner.new_stacks.first_frame = 1;
        interner.new_stacks.first_node = 1;
        interner
    }

    /// Whether the records to be written could not take another stack and site.
    pub(crate) fn is_full(&self) -> bool {
        self.new_stacks.frames.len() + ROWS_PER_STACK > MAX_ROWS || self.new_sites.stacks.len() + 1 > MAX_ROWS
    }

    /// The stack's number: its innermost node in the tree; 0 for no frames.
    pub(crate) fn stack(&mut self, frames: &[u64], truncated: bool) -> u32 {
        if frames.is_empty() {
            return 0;
        }
        let key = (Box::from(frames), truncated);
        if let Some(&node) = self.stacks.get(&key) {
            return node;
        }
        // Frame 0 stands for the callers beyond.
        let mut node = if truncated { self.node(0, 0) } else { 0 };
        for &address in frames.iter().rev() {
            let frame = self.frame(address);
            node = self.node(node, frame);
        }
        if self.stacks.len() >= MAX_STACKS {
            self.stacks.clear();
        }
        self.stacks.insert(key, node);
        node
    }

    fn frame(&mut self, address: u64) -> u32 {
        let next = self.frames.len() as u32 + 1;
        *self.frames.entry(address).or_insert_with(|| {
            self.new_stacks.addresses.push(address.wrapping_sub(self.last_address) as i64);
            self.last_address = address;
            next
        })
    }

    fn node(&mut self, parent: u32, frame: u32) -> u32 {
        let next = self.nodes.len() as u32 + 1;
        *self.nodes.entry((parent, frame)).or_insert_with(|| {
            self.new_stacks.parent_deltas.push(next - parent);
            self.new_stacks.frames.push(frame);
            next
        })
    }

    /// The site's number.
    pub(crate) fn site(&mut self, key: SiteKey) -> u32 {
        if self.sites.len() >= MAX_SITES {
            self.sites.clear();
        }
        *self.sites.entry(key).or_insert_with(|| {
            let SiteKey { stack, size, old_size, scope, kind } = key;
            self.new_sites.stacks.push(stack);
            self.new_sites.sizes.push(size);
            self.new_sites.old_sizes.push(old_size);
            self.new_sites.scopes.push(scope);
            self.new_sites.kinds.push(kind);
            self.next_site += 1;
            self.next_site - 1
        })
    }

    /// The stacks and sites that are new since the last time.
    pub(crate) fn take_new(&mut self) -> (Option<Stacks>, Option<Sites>) {
        let next_stacks = Stacks {
            first_frame: self.frames.len() as u32 + 1,
            first_node: self.nodes.len() as u32 + 1,
            ..Stacks::default()
        };
        let next_sites = Sites { first_site: self.next_site, ..Sites::default() };
        self.last_address = 0;
        let stacks = std::mem::replace(&mut self.new_stacks, next_stacks);
        let sites = std::mem::replace(&mut self.new_sites, next_sites);
        ((!stacks.frames.is_empty()).then_some(stacks), (!sites.stacks.is_empty()).then_some(sites))
    }

    /// All code addresses seen, in order.
    #[cfg(feature = "symbols")]
    pub(crate) fn addresses(&self) -> Vec<u64> {
        let mut addresses: Vec<u64> = self.frames.keys().copied().collect();
        addresses.sort_unstable();
        addresses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_callers_and_names_each_once() {
        let mut interner = Interner::new();
        let first = interner.stack(&[30, 20, 10], false);
        let second = interner.stack(&[40, 20, 10], false);
        assert_eq!((first, second, interner.stack(&[30, 20, 10], false)), (3, 4, 3));
        assert_eq!(interner.stack(&[], false), 0);
        assert_ne!(interner.stack(&[30, 20, 10], true), first);
        let (stacks, sites) = interner.take_new();
        let stacks = stacks.expect("new stacks");
        assert_eq!((stacks.first_node, stacks.first_frame, sites), (1, 1, None));
        assert_eq!(stacks.addresses, [10, 10, 10, 10]);
        assert_eq!(stacks.parent_deltas[..4], [1, 1, 1, 2]);
        assert_eq!(stacks.frames[..5], [1, 2, 3, 4, 0]);
        assert_eq!(interner.take_new(), (None, None));
    }

    #[test]
    fn sites_keep_their_numbers() {
        let mut interner = Interner::new();
        let key = |size| SiteKey { stack: 1, size, old_size: 0, scope: 0, kind: 0 };
        assert_eq!((interner.site(key(8)), interner.site(key(16)), interner.site(key(8))), (0, 1, 0));
        let (_, sites) = interner.take_new();
        assert_eq!(sites.expect("new sites").sizes, [8, 16]);
        assert_eq!(interner.site(key(24)), 2);
        assert_eq!(interner.take_new().1.expect("a new site").first_site, 2);
    }
}
