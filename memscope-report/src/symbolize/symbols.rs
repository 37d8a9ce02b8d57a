//! The names that were found: frames, each once, and which of them every address stands for.

use super::modules::{file_name, is_installed_library, is_system_library};
use super::name::{self, FrameKind, ModuleKind};
use super::owner::{self, OwnCrates, Owner};
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
    all_frames: bool,
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

    /// Whether stacks are to be shown whole, the profiler's and the allocator's frames included.
    pub(crate) fn all_frames(&self) -> bool {
        self.all_frames
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
    ids: HashMap<(Frame, ModuleKind), u32>,
    /// For each frame what its module is.
    modules: Vec<ModuleKind>,
    /// Demangled names.
    names: HashMap<String, String>,
    own: OwnCrates,
}

impl SymbolsBuilder {
    /// For `rows` addresses of the program `executable`.
    pub(crate) fn new(rows: usize, executable: &str, all_frames: bool) -> Self {
        Self {
            symbols: Symbols { ranges: vec![0..0; rows], all_frames, ..Symbols::default() },
            ids: HashMap::new(),
            modules: Vec::new(),
            names: HashMap::new(),
            own: OwnCrates::of_executable(executable),
        }
    }

    pub(crate) fn is_resolved(&self, row: usize) -> bool {
        !self.symbols.ranges[row].is_empty()
    }

    /// The id of a frame of code in `module`.
    pub(crate) fn intern(&mut self, frame: Frame, module: Option<&Module>) -> u32 {
        let next = self.symbols.frames.len() as u32;
        let key = (frame, module.map_or(ModuleKind::Program, kind_of));
        if let Some(&id) = self.ids.get(&key) {
            return id;
        }
        self.symbols.has_lines |= key.0.line.is_some();
        self.symbols.frames.push(key.0.clone());
        self.modules.push(key.1);
        self.ids.insert(key, next);
        next
    }

    /// Gives the address in row `row` its frames, innermost first.
    pub(crate) fn set(&mut self, row: usize, frames: impl IntoIterator<Item = u32>) {
        let start = self.symbols.expansions.len() as u32;
        self.symbols.expansions.extend(frames);
        let end = self.symbols.expansions.len() as u32;
        self.symbols.has_names |= start < end;
        self.symbols.ranges[row] = start..end;
    }

    /// Names the address in row `row` by its function alone.
    pub(crate) fn name(&mut self, row: usize, mangled: &str, module: Option<&Module>) {
        let function = self.demangled(mangled);
        let id = self.intern(Frame { function, ..Frame::default() }, module);
        self.set(row, [id]);
    }

    /// Names the address in row `row` by its place in its module.
    pub(crate) fn offset(&mut self, row: usize, address: u64, module: Option<&Module>) {
        let had_names = self.symbols.has_names;
        let function = match module {
            Some(module) => format!("{}+{:#x}", file_name(module), address.wrapping_sub(module.bias)),
            None => format!("{address:#x}"),
        };
        let id = self.intern(Frame { function, ..Frame::default() }, module);
        self.set(row, [id]);
        self.symbols.has_names = had_names;
    }

    /// Says why lines are missing.
    #[cfg(feature = "dwarf")]
    pub(crate) fn note(&mut self, note: String) {
        self.symbols.notes.push(note);
    }

    /// The names, each with its kind: which crates are the program's own is known only now.
    pub(crate) fn finish(mut self) -> Symbols {
        let frames = &self.symbols.frames;
        for frame in frames.iter().filter(|frame| !frame.inlined) {
            let is_own = |file: &String| file.ends_with(".rs") && owner::of_file(file) == Owner::Program;
            // `<A as b::C>::f` may stand in a file of A's crate or of b's.
            if frame.file.as_ref().is_some_and(is_own)
                && !frame.function.contains(" as ")
                && let Some(name) = name::crate_of(&frame.function)
            {
                self.own.add(name);
            }
        }
        let kinds = frames.iter().zip(&self.modules);
        self.symbols.kinds = kinds.map(|(frame, &module)| name::kind(frame, module, &self.own)).collect();
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
}

fn kind_of(module: &Module) -> ModuleKind {
    if is_system_library(module) {
        ModuleKind::System
    } else if is_installed_library(module) {
        ModuleKind::Installed
    } else {
        ModuleKind::Program
    }
}
