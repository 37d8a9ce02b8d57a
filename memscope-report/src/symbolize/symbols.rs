//! The names that were found: frames, each once, and which of them every address stands for.

use super::modules::{file_name, is_system_library};
use super::name::{self, FrameKind};
use crate::analysis::Frame;
use memscope_trace::Module;
use std::collections::HashMap;
use std::ops::Range;

/// Names for the code addresses of a [`crate::Profile`].
#[derive(Debug, Clone, Default)]
pub struct Symbols {
    frames: Vec<Frame>,
    kinds: Vec<FrameKind>,
    /// For each address row its frames in `expansions`.
    ranges: Vec<Range<u32>>,
    /// Indexes into `frames`, innermost first.
    expansions: Vec<u32>,
    notes: Vec<String>,
    has_lines: bool,
    has_names: bool,
}

impl Symbols {
    /// The frames of the address in row `row` of [`crate::load::StackTree::addresses`], innermost first; empty where
    /// there is no such row.
    pub fn frames_of(&self, row: usize) -> impl DoubleEndedIterator<Item = &Frame> {
        self.frame_ids(row).iter().map(|&id| &self.frames[id as usize])
    }

    /// Why lines are missing where DWARF was asked for, one sentence for each module.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Where names were found: `DWARF` (lines and inlined frames), `symbol tables` (functions) or `none` (addresses).
    #[must_use]
    pub fn source(&self) -> &'static str {
        match (self.has_lines, self.has_names) {
            (true, _) => "DWARF",
            (false, true) => "symbol tables",
            (false, false) => "none",
        }
    }

    pub(crate) fn frame_ids(&self, row: usize) -> &[u32] {
        match self.ranges.get(row) {
            Some(range) => &self.expansions[range.start as usize..range.end as usize],
            None => &[],
        }
    }

    pub(crate) fn frame(&self, id: u32) -> &Frame {
        &self.frames[id as usize]
    }

    pub(crate) fn kind(&self, id: u32) -> FrameKind {
        self.kinds[id as usize]
    }

    pub(crate) fn frames(&self) -> usize {
        self.frames.len()
    }
}

/// Gathers [`Symbols`].
#[derive(Debug)]
pub(crate) struct SymbolsBuilder {
    symbols: Symbols,
    ids: HashMap<(Frame, bool), u32>,
    names: HashMap<String, String>,
}

impl SymbolsBuilder {
    /// For `rows` addresses.
    pub(crate) fn new(rows: usize) -> Self {
        let symbols = Symbols { ranges: vec![0..0; rows], ..Symbols::default() };
        Self { symbols, ids: HashMap::new(), names: HashMap::new() }
    }

    pub(crate) fn is_resolved(&self, row: usize) -> bool {
        !self.symbols.ranges[row].is_empty()
    }

    /// Gives the address in row `row` its frames, innermost first.
    pub(crate) fn set(&mut self, row: usize, frames: impl Iterator<Item = Frame>, module: Option<&Module>) {
        let in_system_library = module.is_some_and(is_system_library);
        let start = self.symbols.expansions.len() as u32;
        for frame in frames {
            self.symbols.has_lines |= frame.line.is_some();
            self.symbols.has_names = true;
            let id = self.intern(frame, in_system_library);
            self.symbols.expansions.push(id);
        }
        self.symbols.ranges[row] = start..self.symbols.expansions.len() as u32;
    }

    /// Names the address in row `row` by its function alone.
    pub(crate) fn name(&mut self, row: usize, mangled: &str, module: Option<&Module>) {
        let function = self.demangled(mangled);
        self.set(row, std::iter::once(Frame { function, ..Frame::default() }), module);
    }

    /// Names the address in row `row` by its place in its module.
    pub(crate) fn offset(&mut self, row: usize, address: u64, module: Option<&Module>) {
        let had_names = self.symbols.has_names;
        let function = match module {
            Some(module) => format!("{}+{:#x}", file_name(module), address.wrapping_sub(module.bias)),
            None => format!("{address:#x}"),
        };
        self.set(row, std::iter::once(Frame { function, ..Frame::default() }), module);
        self.symbols.has_names = had_names;
    }

    /// Says why lines are missing.
    #[cfg(feature = "dwarf")]
    pub(crate) fn note(&mut self, note: String) {
        self.symbols.notes.push(note);
    }

    pub(crate) fn finish(self) -> Symbols {
        self.symbols
    }

    /// Demangles, each name once.
    fn demangled(&mut self, mangled: &str) -> String {
        if let Some(name) = self.names.get(mangled) {
            return name.clone();
        }
        let name = name::demangle(mangled);
        self.names.insert(mangled.to_owned(), name.clone());
        name
    }

    fn intern(&mut self, frame: Frame, in_system_library: bool) -> u32 {
        let next = self.symbols.frames.len() as u32;
        let key = (frame, in_system_library);
        if let Some(&id) = self.ids.get(&key) {
            return id;
        }
        self.symbols.kinds.push(name::kind(&key.0.function, in_system_library));
        self.symbols.frames.push(key.0.clone());
        self.ids.insert(key, next);
        next
    }
}
