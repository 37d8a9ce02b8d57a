//! Functions, files, lines and inlined calls from the binaries' DWARF, read by blazesym.

use super::modules::{ModuleMap, is_system_library};
use super::symbols::SymbolsBuilder;
use super::{SymbolizeOptions, binary};
use crate::analysis::Frame;
use crate::progress::Stage;
use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolizer};
use memscope_trace::Module;
use std::collections::BTreeMap;

/// Addresses resolved between two words to the progress listener.
const BATCH: usize = 256;

/// An address to resolve: its row, and its address in the binary.
type Wanted = (usize, u64);

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
        let before = done;
        match binary::find(module, &options.symbols_dirs) {
            Ok(path) => {
                let source = Source::Elf(Elf::new(path));
                let mut has_lines = false;
                for batch in wanted.chunks(BATCH) {
                    has_lines |= resolve_batch(&symbolizer, &source, module, batch, symbols);
                    done += batch.len() as u64;
                    options.progress.tell(Stage::Symbolize, done, total);
                }
                if !has_lines && !is_system_library(module) {
                    symbols.note(format!(
                        "{} has no debug information: its functions are named without lines; build it with `debug = \
                         \"line-tables-only\"` in its Cargo profile",
                        module.path
                    ));
                }
            }
            Err(reason) => {
                if !is_system_library(module) {
                    symbols.note(format!(
                        "{} could not be read for file names and lines ({reason}): pass the folder that has it with \
                         --symbols",
                        module.path
                    ));
                }
            }
        }
        done = before + wanted.len() as u64;
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

/// Resolves some addresses of one module; returns whether a line was found.
fn resolve_batch(
    symbolizer: &Symbolizer,
    source: &Source<'_>,
    module: &Module,
    batch: &[Wanted],
    symbols: &mut SymbolsBuilder,
) -> bool {
    let svmas: Vec<u64> = batch.iter().map(|&(_, svma)| svma).collect();
    let Ok(found) = symbolizer.symbolize(source, Input::VirtOffset(&svmas)) else { return false };
    let mut has_lines = false;
    for (&(row, _), resolved) in batch.iter().zip(&found) {
        if let Some(symbol) = resolved.as_sym() {
            let frames = frames(symbol, symbols);
            has_lines |= frames.iter().any(|frame| frame.line.is_some());
            symbols.set(row, frames.into_iter(), Some(module));
        }
    }
    has_lines
}

/// The symbol's frames, innermost first: blazesym gives the function and then what is inlined into it, outermost
/// first, each with the place in its own code.
fn frames(symbol: &Sym<'_>, symbols: &mut SymbolsBuilder) -> Vec<Frame> {
    let mut frames = Vec::with_capacity(symbol.inlined.len() + 1);
    for inlined in symbol.inlined.iter().rev() {
        frames.push(frame(symbols.demangled(&inlined.name), inlined.code_info.as_ref(), true));
    }
    frames.push(frame(symbols.demangled(&symbol.name), symbol.code_info.as_deref(), false));
    frames
}

fn frame(function: String, place: Option<&CodeInfo<'_>>, inlined: bool) -> Frame {
    Frame {
        function,
        file: place.map(|place| place.to_path().to_string_lossy().into_owned()),
        line: place.and_then(|place| place.line).filter(|&line| line > 0),
        inlined,
    }
}
