//! Functions, files, lines and inlined calls of a binary's code addresses, read from its debug information.
//!
//! blazesym reads nearly everything: DWARF in the file or behind its debug link, `.dwp` packages. Two forms that it does not know are
//! addr2line's: debug information left in `.dwo` files (`split-debuginfo=unpacked`), of which it opens only those of units that are asked for,
//! and functions that are told in a file that several binaries share (`shared_debug.rs`).

use super::binary::Binary;
use super::elf_file::Detail;
use super::name;
use super::place::is_bare;
use super::table::FrameTable;
use crate::analysis::Frame;
use addr2line::Loader;
use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolizer};
use std::path::{Path, PathBuf};

/// Addresses resolved between two words to whoever waits.
const BATCH: usize = 256;

/// What reads debug information, with everything that it has parsed so far. It stays on one thread.
pub(super) struct Engine {
    symbolizer: Symbolizer,
    loader: Option<(PathBuf, Option<Loader>)>,
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
        Self { symbolizer, loader: None }
    }

    /// Resolves addresses of `binary`, in order; `tell` hears how many more are done. Every address is in the table,
    /// those that the binary has no name for without frames.
    pub(super) fn resolve(&mut self, binary: &Binary, svmas: &[u64], tell: impl Fn(usize)) -> Resolved {
        let shared = binary.shared.as_ref().and_then(|shared| shared.path.as_deref());
        if binary.has_dwo_files || shared.is_some() {
            return self.resolve_with_loader(binary, shared, svmas, tell);
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
                    if let (true, Some(shared)) = (drop_nameless(&mut stacks), &binary.shared) {
                        resolved.problem = Some(format!(
                            "the debug information that it shares with other binaries, {}, is not there, or of another build, so \
                             inlined calls are missing: pass the folder that has it with --symbols",
                            shared.name
                        ));
                    }
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

    fn resolve_with_loader(
        &mut self,
        binary: &Binary,
        shared: Option<&Path>,
        svmas: &[u64],
        tell: impl Fn(usize),
    ) -> Resolved {
        if self.loader.as_ref().is_none_or(|(path, _)| *path != binary.path) {
            self.loader = Some((binary.path.clone(), Loader::new_with_sup(&binary.path, shared).ok()));
        }
        let mut resolved = Resolved::default();
        let Some((_, Some(loader))) = &self.loader else {
            resolved.problem = Some("its debug information is damaged".to_owned());
            self.name_from_symbol_table(binary, svmas, &mut resolved.table);
            tell(svmas.len());
            return resolved;
        };
        for batch in svmas.chunks(BATCH) {
            for &svma in batch {
                let (frames, is_whole) = frames_of_loader(loader, svma);
                if !is_whole {
                    let why = match shared {
                        Some(_) => {
                            "some inlined calls have no name in the debug information that it shares with other binaries, and are missing"
                        }
                        None => "`.dwo` files are not where they were built, so inlined calls are missing",
                    };
                    resolved.problem = Some(why.to_owned());
                }
                resolved.table.insert(svma, frames);
            }
            tell(batch.len());
        }
        resolved
    }
}

/// Drops inlined calls without a name, which stands in a file that is not there; says whether there were any.
fn drop_nameless(stacks: &mut [Vec<Frame>]) -> bool {
    let mut any = false;
    for frames in stacks {
        any |= frames.iter().any(|frame| frame.function.is_empty());
        frames.retain(|frame| !frame.inlined || !frame.function.is_empty());
    }
    any
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
fn frames_of_loader(loader: &Loader, svma: u64) -> (Vec<Frame>, bool) {
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
