//! Functions, files, lines and inlined calls from the binaries' DWARF, read by blazesym.

use super::modules::{ModuleMap, is_system_library};
use super::place::{Crates, is_bare};
use super::symbols::SymbolsBuilder;
use super::{SymbolizeOptions, binary, name};
use crate::analysis::Frame;
use crate::progress::Stage;
use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolizer};
use memscope_trace::Module;
use std::collections::BTreeMap;
use std::path::Path;

/// Addresses resolved between two words to the progress listener.
const BATCH: usize = 256;

/// An address to resolve: its row, and its address in the binary.
type Wanted = (usize, u64);

/// An address that was resolved.
struct Resolved {
    row: usize,
    svma: u64,
    /// Innermost first; never empty.
    frames: Vec<Frame>,
}

/// Resolves what the modules' binaries tell; the rest is left alone.
pub(super) fn resolve(
    addresses: &[u64],
    modules: &ModuleMap<'_>,
    options: &SymbolizeOptions,
    symbols: &mut SymbolsBuilder,
) {
    let total = addresses.len() as u64;
    let mut done = 0;
    let symbolizer = Symbolizer::builder().enable_auto_reload(false).build();
    for (module, wanted) in by_module(addresses, modules) {
        match binary::find(module, &options.symbols_dirs) {
            Ok(path) => {
                let tell = |more| options.progress.tell(Stage::Symbolize, done + more, total);
                let resolved = resolve_module(&symbolizer, &path, &wanted, tell);
                let has_lines = resolved.iter().flat_map(|one| &one.frames).any(|frame| frame.line.is_some());
                if !has_lines && !is_system_library(module) {
                    symbols.note(format!(
                        "{} has no debug information: its functions are named without lines; set `debug = 1` in its \
                         Cargo profile",
                        module.path
                    ));
                }
                for one in resolved {
                    symbols.set(one.row, one.frames.into_iter(), Some(module));
                }
            }
            Err(reason) if !is_system_library(module) => symbols.note(format!(
                "{} could not be read for file names and lines ({reason}): pass the folder that has it with --symbols",
                module.path
            )),
            Err(_) => {}
        }
        done += wanted.len() as u64;
    }
    options.progress.tell(Stage::Symbolize, total, total);
}

/// The addresses by the module they lie in, each module once.
fn by_module<'a>(addresses: &[u64], modules: &ModuleMap<'a>) -> Vec<(&'a Module, Vec<Wanted>)> {
    let mut groups: BTreeMap<(u64, &str), (&Module, Vec<Wanted>)> = BTreeMap::new();
    for (row, &address) in addresses.iter().enumerate() {
        if let Some(module) = modules.find(address) {
            let (_, wanted) =
                groups.entry((module.bias, module.path.as_str())).or_insert_with(|| (module, Vec::new()));
            wanted.push((row, address.wrapping_sub(module.bias)));
        }
    }
    groups.into_values().collect()
}

/// Resolves the addresses of one module in the binary at `path`; those that it does not know are left out.
fn resolve_module(
    symbolizer: &Symbolizer,
    path: &Path,
    wanted: &[Wanted],
    tell: impl Fn(u64),
) -> Vec<Resolved> {
    let source = Source::Elf(Elf::new(path));
    let mut resolved = Vec::with_capacity(wanted.len());
    for (at, batch) in wanted.chunks(BATCH).enumerate() {
        let svmas: Vec<u64> = batch.iter().map(|&(_, svma)| svma).collect();
        if let Ok(found) = symbolizer.symbolize(&source, Input::VirtOffset(&svmas)) {
            resolved.extend(batch.iter().zip(&found).filter_map(|(&(row, svma), one)| {
                Some(Resolved { row, svma, frames: frames(one.as_sym()?) })
            }));
        }
        tell((at * BATCH + batch.len()) as u64);
    }
    name_from_symbol_table(symbolizer, path, &mut resolved);
    qualify(&mut resolved);
    resolved
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

/// Gives functions whose debug information has a bare name only the whole name of the symbol table.
fn name_from_symbol_table(symbolizer: &Symbolizer, path: &Path, resolved: &mut [Resolved]) {
    let mut elf = Elf::new(path);
    elf.debug_syms = false;
    let source = Source::Elf(elf);
    let mut bare: Vec<&mut Resolved> = resolved
        .iter_mut()
        .filter(|one| one.frames.last().is_some_and(|frame| is_bare(&frame.function)))
        .collect();
    let svmas: Vec<u64> = bare.iter().map(|one| one.svma).collect();
    let Ok(found) = symbolizer.symbolize(&source, Input::VirtOffset(&svmas)) else { return };
    for (one, symbol) in bare.iter_mut().zip(&found) {
        if let (Some(frame), Some(symbol)) = (one.frames.last_mut(), symbol.as_sym()) {
            frame.function = name::capped(symbol.name.to_string());
        }
    }
}

/// Gives what still has a bare name the path that its file suggests.
fn qualify(resolved: &mut [Resolved]) {
    let mut crates = Crates::default();
    for frame in resolved.iter().filter_map(|one| one.frames.last()) {
        crates.learn(&frame.function, frame.file.as_deref().unwrap_or_default());
    }
    for frame in resolved.iter_mut().flat_map(|one| &mut one.frames).filter(|frame| is_bare(&frame.function))
    {
        if let Some(name) = frame.file.as_deref().and_then(|file| crates.qualified(&frame.function, file)) {
            frame.function = name;
        }
    }
}
