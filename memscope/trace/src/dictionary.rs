//! Stacks and call sites of a trace that is to be continued: what it has defined already is named by its number, what is new is
//! defined behind.

use crate::record::{MAX_ROWS, Record, Sites, Stacks};
use crate::rings::{LeftSample, MAX_FRAMES};
use std::collections::HashMap;

/// What makes a site: stack, size, old size, scope, kind.
type SiteKey = (u32, u64, u64, u32, u8);

/// Ids from `first` on, as many as there are.
fn ids_from(first: u32) -> impl Iterator<Item = u32> {
    first..=u32::MAX
}

/// What a trace has defined, and what is to be defined behind it. Keys are the file's choice: the standard, keyed hash.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    frames: HashMap<u64, u32>,
    nodes: HashMap<(u32, u32), u32>,
    sites: HashMap<SiteKey, u32>,
    sizes: HashMap<u32, u64>,
    next_frame: u32,
    next_node: u32,
    next_site: u32,
    new_stacks: Stacks,
    last_address: u64,
    new_sites: Sites,
}

impl Dictionary {
    /// Learns what a record of the trace defines.
    pub(crate) fn learn_stacks(&mut self, record: &Stacks) {
        let mut address = 0_u64;
        for (id, delta) in ids_from(record.first_frame).zip(&record.addresses) {
            address = address.wrapping_add_signed(*delta);
            self.frames.entry(address).or_insert(id);
            self.next_frame = self.next_frame.max(id.saturating_add(1));
        }
        let rows = record.parent_deltas.iter().zip(&record.frames);
        for (id, (delta, frame)) in ids_from(record.first_node).zip(rows) {
            if let Some(parent) = id.checked_sub(*delta) {
                self.nodes.entry((parent, *frame)).or_insert(id);
            }
            self.next_node = self.next_node.max(id.saturating_add(1));
        }
    }

    /// Learns what a record of the trace defines.
    pub(crate) fn learn_sites(&mut self, record: &Sites) {
        for (row, id) in (0..record.stacks.len()).zip(ids_from(record.first_site)) {
            let key = (
                record.stacks[row],
                record.sizes[row],
                record.old_sizes[row],
                record.scopes[row],
                record.kinds[row],
            );
            self.sites.insert(key, id);
            self.sizes.insert(id, record.sizes[row]);
            self.next_site = self.next_site.max(id.saturating_add(1));
        }
    }

    /// Bytes asked for at a site of the trace.
    pub(crate) fn size_of(&self, site: u32) -> Option<u64> {
        self.sizes.get(&site).copied()
    }

    /// The sample's site, defined where it is new; `records` gets what no longer fits beside it.
    pub(crate) fn site(&mut self, sample: &LeftSample, records: &mut Vec<Record>) -> u32 {
        if self.new_stacks.frames.len() + MAX_FRAMES + 1 > MAX_ROWS
            || self.new_sites.stacks.len() + 1 > MAX_ROWS
        {
            self.take_new(records);
        }
        let stack = self.stack(sample);
        let kind = sample.kind as u8;
        let key = (stack, sample.size, sample.old_size, sample.scope, kind);
        if let Some(&site) = self.sites.get(&key) {
            return site;
        }
        let site = self.next_site;
        self.next_site = self.next_site.saturating_add(1);
        if self.new_sites.stacks.is_empty() {
            self.new_sites.first_site = site;
        }
        self.new_sites.stacks.push(stack);
        self.new_sites.sizes.push(sample.size);
        self.new_sites.old_sizes.push(sample.old_size);
        self.new_sites.scopes.push(sample.scope);
        self.new_sites.kinds.push(kind);
        self.sites.insert(key, site);
        site
    }

    fn stack(&mut self, sample: &LeftSample) -> u32 {
        if sample.frames.is_empty() {
            return 0;
        }
        // Frame 0 stands for the callers beyond.
        let mut node = if sample.truncated { self.node(0, 0) } else { 0 };
        for &address in sample.frames.iter().rev() {
            let frame = self.frame(address);
            node = self.node(node, frame);
        }
        node
    }

    fn frame(&mut self, address: u64) -> u32 {
        if let Some(&frame) = self.frames.get(&address) {
            return frame;
        }
        let frame = self.next_frame.max(1);
        if self.new_stacks.addresses.is_empty() {
            (self.new_stacks.first_frame, self.last_address) = (frame, 0);
        }
        self.new_stacks.addresses.push(address.wrapping_sub(self.last_address) as i64);
        self.last_address = address;
        self.next_frame = frame.saturating_add(1);
        self.frames.insert(address, frame);
        frame
    }

    fn node(&mut self, parent: u32, frame: u32) -> u32 {
        if let Some(&node) = self.nodes.get(&(parent, frame)) {
            return node;
        }
        let node = self.next_node.max(1);
        if self.new_stacks.frames.is_empty() {
            self.new_stacks.first_node = node;
        }
        self.new_stacks.parent_deltas.push(node.saturating_sub(parent));
        self.new_stacks.frames.push(frame);
        self.next_node = node.saturating_add(1);
        self.nodes.insert((parent, frame), node);
        node
    }

    /// Moves what is new to `records`.
    pub(crate) fn take_new(&mut self, records: &mut Vec<Record>) {
        let stacks = std::mem::take(&mut self.new_stacks);
        if !stacks.frames.is_empty() {
            records.push(Record::Stacks(stacks));
        }
        let sites = std::mem::take(&mut self.new_sites);
        if !sites.stacks.is_empty() {
            records.push(Record::Sites(sites));
        }
    }
}
