//! Names from the modules' binaries: what an earlier report kept, and the rest from their debug information.
//!
//! Reading debug information is most of a report's time, so it is done lazily (only for addresses that were sampled),
//! once (`cache/`), and on every core: a module's addresses, in order, are cut into pieces, and each thread takes the
//! next piece when it is done with one. Neighbouring addresses lie in the same compilation unit, so hardly a unit is
//! parsed twice. What was parsed and mapped for a piece is let go with it. What the threads find does not depend on how many they are.

use super::SymbolizeOptions;
use super::binary::{self, Binary};
use super::cache::Cache;
use super::engine::{Engine, Resolved};
use super::modules::{ModuleMap, is_system_library};
use super::owner;
use super::place;
use super::symbols::SymbolsBuilder;
use super::table::FrameTable;
use crate::progress::Stage;
use memscope_trace::Module;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// More threads would parse the same units again.
const THREADS_MAX: usize = 8;
/// Fewer addresses are not worth a piece of their own.
const PIECE_ADDRESSES_MIN: usize = 64;
/// Pieces that a module is cut into for each thread: a piece may be dearer than another, and what was read for one is let go before the next,
/// so that a large binary is never in memory whole. Over 174 MB, 20,000 addresses all over it: 8 pieces take some 120 MiB less than one reader for all,
/// and a tenth of processor time more; 32 take some 25 MiB less than 8, and a third more time.
const PIECES_PER_THREAD: usize = 8;

/// The row of an address, and the address as the binary has it.
type Wanted = (usize, u64);

/// A module and the addresses in it.
type Group<'a> = (&'a Module, Vec<Wanted>);

/// A module with addresses to be named.
struct Work<'a> {
    module: &'a Module,
    wanted: Vec<Wanted>,
    binary: Result<Binary, String>,
    /// What is known.
    table: FrameTable,
    /// What is not, in order.
    missing: Vec<u64>,
    problem: Option<String>,
}

/// Resolves what the modules' binaries tell; the rest is left alone.
pub(super) fn resolve(
    addresses: &[u64],
    modules: &ModuleMap<'_>,
    options: &SymbolizeOptions,
    symbols: &mut SymbolsBuilder,
) {
    let cache = options.cache_dir.as_deref().and_then(|dir| {
        let refused = |reason| {
            symbols.note(format!("The cache of names in {} is not used: {reason}.", dir.display()));
        };
        Cache::open(dir).map_err(refused).ok()
    });
    let mut works: Vec<Work<'_>> = by_module(addresses, modules)
        .into_iter()
        .map(|(module, wanted)| Work::new(module, wanted, options, cache.as_ref()))
        .collect();
    let known: usize = works.iter().map(|work| work.wanted.len() - work.missing.len()).sum();
    for (at, resolved) in in_parallel(&pieces(&works), &works, options, known, addresses.len()) {
        works[at].table.absorb(&resolved.table);
        works[at].problem = works[at].problem.take().or(resolved.problem);
    }
    for work in &works {
        work.keep(cache.as_ref());
        work.name(symbols);
        work.say(symbols);
    }
    let total = addresses.len() as u64;
    options.progress.tell(Stage::Symbolize, total, total);
}

/// The addresses by the module they lie in, each module once, however often and wherever it was mapped.
fn by_module<'a>(addresses: &[u64], modules: &ModuleMap<'a>) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(&str, &[u8]), Group<'_>> = BTreeMap::new();
    for (row, &address) in addresses.iter().enumerate() {
        if let Some(module) = modules.find(address) {
            let (_, wanted) = groups
                .entry((module.path.as_str(), module.build_id.as_slice()))
                .or_insert_with(|| (module, Vec::new()));
            wanted.push((row, address.wrapping_sub(module.bias)));
        }
    }
    groups.into_values().collect()
}

/// A module and the range of its missing addresses.
type Piece = (usize, std::ops::Range<usize>);

/// What the threads do, the largest first.
fn pieces(works: &[Work<'_>]) -> Vec<Piece> {
    let number = threads() * PIECES_PER_THREAD;
    let mut pieces: Vec<Piece> = Vec::new();
    for (at, work) in works.iter().enumerate() {
        let length = work.missing.len().div_ceil(number).max(PIECE_ADDRESSES_MIN);
        let starts = (0..work.missing.len()).step_by(length);
        pieces.extend(starts.map(|start| (at, start..(start + length).min(work.missing.len()))));
    }
    pieces.sort_by_key(|(_, range)| std::cmp::Reverse(range.len()));
    pieces
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
}

/// What was found for each piece, with its module, in the order of the pieces. A piece over which a thread panics
/// (debug information that its reader was not ready for) is as good as one without.
fn in_parallel(
    pieces: &[Piece],
    works: &[Work<'_>],
    options: &SymbolizeOptions,
    known: usize,
    total: usize,
) -> Vec<(usize, Resolved)> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(known as u64);
    let tell = |more: usize| {
        // No thread panics while it holds the lock but by the listener's doing.
        if let Ok(mut done) = done.lock() {
            *done += more as u64;
            options.progress.tell(Stage::Symbolize, *done, total as u64);
        }
    };
    let work = || {
        let mut found = Vec::new();
        // Relaxed: the counter only hands out numbers.
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            let Some((at, range)) = pieces.get(piece) else { return found };
            if let Work { binary: Ok(binary), missing, .. } = &works[*at] {
                let mut engine = Engine::new(&options.symbols_dirs);
                found.push((piece, *at, engine.resolve(binary, &missing[range.clone()], tell)));
            }
        }
    };
    let mut found: Vec<(usize, usize, Resolved)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads().min(pieces.len())).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    found.sort_by_key(|(piece, ..)| *piece);
    found.into_iter().map(|(_, at, resolved)| (at, resolved)).collect()
}

impl<'a> Work<'a> {
    fn new(
        module: &'a Module,
        wanted: Vec<Wanted>,
        options: &SymbolizeOptions,
        cache: Option<&Cache>,
    ) -> Self {
        let binary = binary::find(module, &options.symbols_dirs);
        let stamp = binary.as_ref().ok().map(Binary::stamp);
        let table =
            cache.and_then(|cache| cache.load(&module.build_id, stamp.as_deref())).unwrap_or_default();
        let mut missing: Vec<u64> = match binary {
            Ok(_) => wanted.iter().map(|one| one.1).filter(|&svma| table.get(svma).is_none()).collect(),
            Err(_) => Vec::new(),
        };
        missing.sort_unstable();
        missing.dedup();
        Self { module, wanted, binary, table, missing, problem: None }
    }

    /// Keeps what was found for the next report. What a file that is damaged or not there might have told is not
    /// kept as if there were nothing to tell.
    fn keep(&self, cache: Option<&Cache>) {
        if let (Some(cache), Ok(binary), None, false) =
            (cache, &self.binary, &self.problem, self.missing.is_empty())
        {
            cache.store(&self.module.build_id, &binary.stamp(), &self.table);
        }
    }

    /// Gives the addresses their frames.
    fn name(&self, symbols: &mut SymbolsBuilder) {
        let frames = place::qualified(self.table.frames());
        let ids: Vec<u32> =
            frames.into_iter().map(|frame| symbols.intern(frame, Some(self.module))).collect();
        for &(row, svma) in &self.wanted {
            if let Some(frames) = self.table.get(svma) {
                symbols.set(row, frames.iter().map(|&id| ids[id as usize]));
            }
        }
    }

    /// Says why lines are missing.
    fn say(&self, symbols: &mut SymbolsBuilder) {
        if is_system_library(self.module) {
            return;
        }
        let path = &self.module.path;
        let is_known = |&(_, svma): &Wanted| self.table.get(svma).is_some();
        match &self.binary {
            Err(reason) if self.wanted.iter().all(is_known) => symbols.note(format!(
                "{path} could not be read ({reason}): its names and lines are those that an earlier report kept"
            )),
            Err(reason) => symbols.note(format!(
                "{path} could not be read for file names and lines ({reason}): pass the folder that has it with \
                 --symbols"
            )),
            Ok(binary) => {
                if let Some(problem) = &self.problem {
                    symbols.note(format!("{}: {problem}", binary.path.display()));
                } else if !self.has_lines() {
                    let refused = match binary.refused.as_str() {
                        "" => String::new(),
                        refused => format!(" ({refused})"),
                    };
                    symbols.note(format!(
                        "{path} has no debug information{refused}: its functions are named without lines; set \
                         `debug = 1` in its Cargo profile"
                    ));
                }
            }
        }
    }

    /// Whether any code but the standard library's, which always has its own, has lines.
    fn has_lines(&self) -> bool {
        let of_program = |file: &str| !owner::is_of_std(file);
        let mut frames = self.table.frames().iter();
        frames.any(|frame| frame.line.is_some() && frame.file.as_deref().is_some_and(of_program))
    }
}
