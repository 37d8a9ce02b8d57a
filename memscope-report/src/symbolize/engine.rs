//! Functions, files, lines and inlined calls of a binary's code addresses, read from its debug information.
//!
//! blazesym reads nearly everything: DWARF in the file or behind its debug link, `.gnu_debugaltlink`, `.dwp` packages.
//! The one form that it does not know, debug information left in `.dwo` files (`split-debuginfo=unpacked`), is
//! addr2line's; it opens only the `.dwo` files of units that are asked for.

use super::binary::Binary;
use super::elf_file::Detail;
use super::name;
use super::place::is_bare;
use super::table::FrameTable;
use crate::analysis::Frame;
use addr2line::Loader;
use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolizer};
use std::path::PathBuf;

/// Addresses resolved between two words to whoever waits.
const BATCH: usize = 256;

/// What reads debug information, with everything that it has parsed so far. It stays on one thread.
pub(super) struct Engine {
    symbolizer: Symbolizer,
    dwo: Option<(PathBuf, Option<Loader>)>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) table: FrameTable,
    /// What could not be read of the debug information; what was found without it is in the table.
    pub(super) problem: Option<String>,
}

impl Engine {
    /// Looks for supplementary files in `symbols_dirs` too.
    pub(super) fn new(symbols_dirs: &[PathBuf]) -> Self {
        let defaults = ["/usr/lib/debug", "/lib/debug"].map(PathBuf::from);
        let dirs: Vec<PathBuf> = symbols_dirs.iter().cloned().chain(defaults).collect();
        let symbolizer = Symbolizer::builder().enable_auto_reload(false).set_debug_dirs(Some(dirs)).build();
        Self { symbolizer, dwo: None }
    }

    /// Resolves addresses of `binary`, in order; `tell` hears how many more are done. Every address is in the table,
    /// those that the binary has no name for without frames.
    pub(super) fn resolve(&mut self, binary: &Binary, svmas: &[u64], tell: impl Fn(usize)) -> Resolved {
        if binary.has_dwo_files {
            return self.resolve_with_dwo(binary, svmas, tell);
        }
        let mut resolved = Resolved::default();
        for batch in svmas.chunks(BATCH) {
            if binary.detail < Detail::DebugInformation {
                self.name_from_symbol_table(binary, batch, &mut resolved.table);
                tell(batch.len());
                continue;
            }
            let source = Source::Elf(Elf::new(&binary.path));
            match self.symbolizer.symbolize(&source, Input::VirtOffset(batch)) {
                Ok(found) => {
                    let mut stacks: Vec<Vec<Frame>> =
                        found.iter().map(|one| one.as_sym().map(frames).unwrap_or_default()).collect();
                    self.name_bare(binary, batch, &mut stacks);
                    for (&svma, frames) in batch.iter().zip(stacks) {
                        resolved.table.insert(svma, frames);
                    }
                }
                Err(error) => {
                    resolved.problem = Some(error.to_string());
                    self.name_from_symbol_table(binary, batch, &mut resolved.table);
                }
            }
            tell(batch.len());
        }
        resolved
    }

    /// Names from the symbol table alone.
    fn name_from_symbol_table(&self, binary: &Binary, svmas: &[u64], table: &mut FrameTable) {
        let names = self.symbol_names(binary, svmas);
        for (at, &svma) in svmas.iter().enumerate() {
            let function = names.get(at).cloned().flatten();
            table.insert(svma, function.map(|function| Frame { function, ..Frame::default() }));
        }
    }

    /// Gives functions whose debug information has a bare name only the whole name of the symbol table.
    fn name_bare(&self, binary: &Binary, svmas: &[u64], stacks: &mut [Vec<Frame>]) {
        let is_bare_at = |at: &usize| stacks[*at].last().is_some_and(|frame| is_bare(&frame.function));
        let bare: Vec<usize> = (0..stacks.len()).filter(is_bare_at).collect();
        let wanted: Vec<u64> = bare.iter().map(|&at| svmas[at]).collect();
        for (at, name) in bare.into_iter().zip(self.symbol_names(binary, &wanted)) {
            if let (Some(frame), Some(name)) = (stacks[at].last_mut(), name) {
                frame.function = name;
            }
        }
    }

    /// For each address the function that the symbol table has; empty where there is none.
    fn symbol_names(&self, binary: &Binary, svmas: &[u64]) -> Vec<Option<String>> {
        let mut elf = Elf::new(&binary.path);
        elf.debug_syms = false;
        match self.symbolizer.symbolize(&Source::Elf(elf), Input::VirtOffset(svmas)) {
            Ok(found) => {
                let name = |symbol: &Sym<'_>| name::capped(symbol.name.to_string());
                found.iter().map(|one| one.as_sym().map(name)).collect()
            }
            Err(_) => Vec::new(),
        }
    }

    fn resolve_with_dwo(&mut self, binary: &Binary, svmas: &[u64], tell: impl Fn(usize)) -> Resolved {
        if self.dwo.as_ref().is_none_or(|(path, _)| *path != binary.path) {
            self.dwo = Some((binary.path.clone(), Loader::new(&binary.path).ok()));
        }
        let mut resolved = Resolved::default();
        let Some((_, Some(loader))) = &self.dwo else {
            resolved.problem = Some("its debug information is damaged".to_owned());
            self.name_from_symbol_table(binary, svmas, &mut resolved.table);
            tell(svmas.len());
            return resolved;
        };
        for batch in svmas.chunks(BATCH) {
            for &svma in batch {
                let (frames, is_whole) = frames_with_dwo(loader, svma);
                if !is_whole {
                    resolved.problem = Some(
                        "`.dwo` files are not where they were built, so inlined calls are missing".to_owned(),
                    );
                }
                resolved.table.insert(svma, frames);
            }
            tell(batch.len());
        }
        resolved
    }
}

/// The symbol's frames, innermost first: blazesym gives the function and then what is inlined into it, outermost
/// first, each with the place in its own code.
fn frames(symbol: &Sym<'_>) -> Vec<Frame> {
    let mut frames = Vec::with_capacity(symbol.inlined.len() + 1);
    for inlined in symbol.inlined.iter().rev() {
        frames.push(frame(&inlined.name, inlined.code_info.as_ref(), true));
    }
    frames.push(frame(&symbol.name, symbol.code_info.as_deref(), false));
    frames
}

fn frame(function: &str, place: Option<&CodeInfo<'_>>, inlined: bool) -> Frame {
    Frame {
        function: name::capped(function.to_owned()),
        file: place.map(|place| place.to_path().to_string_lossy().into_owned()),
        line: place.and_then(|place| place.line).filter(|&line| line > 0),
        inlined,
    }
}

/// The frames of an address, innermost first, and whether its unit's `.dwo` file was there.
fn frames_with_dwo(loader: &Loader, svma: u64) -> (Vec<Frame>, bool) {
    let mut frames = Vec::new();
    let mut is_whole = true;
    if let Ok(mut found) = loader.find_frames(svma) {
        while let Ok(Some(one)) = found.next() {
            let function = one.function.as_ref().and_then(|function| function.raw_name().ok());
            // A place without a function: only the skeleton of the unit is there.
            is_whole &= function.is_some() || one.location.is_none();
            let place = one.location.as_ref();
            frames.push(Frame {
                function: function.map(|name| name::demangle(&name)).unwrap_or_default(),
                file: place.and_then(|place| place.file).map(str::to_owned),
                line: place.and_then(|place| place.line).filter(|&line| line > 0),
                inlined: true,
            });
        }
    }
    let symbol = || loader.find_symbol(svma).map(name::demangle);
    match frames.last_mut() {
        Some(outermost) => {
            outermost.inlined = false;
            if is_bare(&outermost.function)
                && let Some(name) = symbol()
            {
                outermost.function = name;
            }
        }
        None => frames.extend(symbol().map(|function| Frame { function, ..Frame::default() })),
    }
    frames.retain(|frame| !frame.function.is_empty());
    (frames, is_whole)
}
