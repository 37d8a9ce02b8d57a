//! The code places of a profile: a location for each address, with the lines of the calls inlined at it.

use super::super::stacks::Interner;
use super::Strings;
use super::wire::Message;
use crate::analysis::Frame;
use crate::analysis::stack_trie::StackTrie;
use crate::load::Profile;
use crate::symbolize::{ModuleMap, Symbols};
use memscope_trace::Module;
use std::collections::HashMap;
use std::io::{self, Write};

/// What a location stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    /// The address in that row of the profile's addresses, without its first inlined frames: so many are the allocator's.
    Address { row: u32, skipped: u32 },
    /// No address: a name that says why.
    Named(&'static str),
}

/// The locations of the stacks so far.
pub(super) struct Locations<'a> {
    profile: &'a Profile,
    symbols: &'a Symbols,
    trie: StackTrie<'a>,
    places: Interner<Place>,
}

impl<'a> Locations<'a> {
    pub(super) fn new(profile: &'a Profile, symbols: &'a Symbols) -> Self {
        let trie = StackTrie::new(&profile.stacks, symbols);
        Self { profile, symbols, trie, places: Interner::default() }
    }

    /// Puts the ids of the locations of the stack of the site in row `site_row` into `ids`, innermost first; the
    /// profiler's and the allocator's own frames are off. There is always one. No more than `most` are put, the
    /// innermost ones.
    pub(super) fn of_site(&mut self, site_row: Option<u32>, most: usize, ids: &mut Vec<u64>) {
        ids.clear();
        let Some(site) = site_row.and_then(|row| self.profile.sites.get(row as usize)) else {
            return self.put(Place::Named("(call sites lost to damage)"), ids);
        };
        let stacks = &self.profile.stacks;
        let Some(row) = stacks.node_row(site.stack).filter(|_| site.stack != 0) else {
            return self.put(Place::Named("(stack not recorded)"), ids);
        };
        let mut skipped = self.trimmed_frames(row);
        let mut at = site.stack;
        while at != 0 && ids.len() < most {
            let Some(node) = stacks.node_row(at).and_then(|row| stacks.node_at(row)) else {
                self.put(Place::Named("[callers lost to damage]"), ids);
                break;
            };
            at = node.parent;
            let row = stacks.address_row(node.frame).filter(|_| node.frame != 0);
            let frames = row.map_or(1, |row| self.symbols.frame_ids(row).len() as u32);
            if skipped >= frames {
                skipped -= frames;
                continue;
            }
            let place = match row {
                Some(row) => Place::Address { row: row as u32, skipped },
                None if node.frame == 0 => Place::Named("[callers beyond the recorded depth]"),
                None => Place::Named("[callers lost to damage]"),
            };
            skipped = 0;
            self.put(place, ids);
        }
        if ids.is_empty() {
            self.put(Place::Named("(stack ends in the allocator)"), ids);
        }
    }

    /// How many of the innermost frames of the stack in row `row` are the profiler's or the allocator's.
    fn trimmed_frames(&self, row: usize) -> u32 {
        let Some(full) = self.trie.of_row(row) else { return 0 };
        let trimmed = self.trie.trimmed(full);
        let (mut at, mut frames) = (full, 0);
        while at != trimmed
            && let Some((parent, _)) = self.trie.parent_and_frame(at)
        {
            (at, frames) = (parent, frames + 1);
        }
        frames
    }

    fn put(&mut self, place: Place, ids: &mut Vec<u64>) {
        ids.push(u64::from(self.places.intern(place)) + 1);
    }

    /// Writes mappings, locations and functions.
    pub(super) fn write(self, strings: &mut Strings, out: &mut dyn Write) -> io::Result<()> {
        let modules = self.sorted_modules();
        let ids: HashMap<*const Module, u64> =
            (1..).zip(&modules).map(|(id, module)| (std::ptr::from_ref(*module), id)).collect();
        let mut message = Message::default();
        for (id, module) in (1..).zip(&modules) {
            mapping(&mut message, id, module, strings);
        }
        out.write_all(message.as_bytes())?;
        let by_address = ModuleMap::new(&self.profile.modules);
        let mut functions = Interner::default();
        for (id, place) in (1..).zip(&self.places.values) {
            message.clear();
            message.message(4, |location| {
                location.number(1, id);
                match *place {
                    Place::Named(name) => line(location, strings, &mut functions, name, None),
                    Place::Address { row, skipped } => {
                        let address = self.profile.stacks.addresses()[row as usize];
                        let module = by_address.find(address).map(std::ptr::from_ref);
                        location.number(2, module.and_then(|module| ids.get(&module)).copied().unwrap_or(0));
                        location.number(3, address);
                        for frame in self.symbols.frames_of(row as usize).skip(skipped as usize) {
                            line(location, strings, &mut functions, &frame.function, Some(frame));
                        }
                    }
                }
            });
            out.write_all(message.as_bytes())?;
        }
        message.clear();
        for (id, &(name, file)) in (1..).zip(&functions.values) {
            message.message(5, |function| {
                // Without a system name: pprof would take one that is the same for one of C++, and cut `<...>` out of it.
                function.number(1, id).number(2, name).number(4, file);
            });
        }
        out.write_all(message.as_bytes())
    }

    /// The modules, the program itself first, as readers expect.
    fn sorted_modules(&self) -> Vec<&'a Module> {
        let mut modules: Vec<&Module> = self.profile.modules.iter().collect();
        modules.sort_by_key(|module| module.path != self.profile.session.executable);
        modules
    }
}

/// A line of a location: a function and where in it.
fn line(
    location: &mut Message,
    strings: &mut Strings,
    functions: &mut Interner<(u64, u64)>,
    function: &str,
    frame: Option<&Frame>,
) {
    let file = frame.and_then(|frame| frame.file.as_deref()).map_or(0, |file| strings.id(file));
    let function = functions.intern((strings.id(function), file)) + 1;
    let number = frame.and_then(|frame| frame.line).unwrap_or(0);
    location.message(4, |line| _ = line.number(1, function.into()).number(2, number.into()));
}

fn mapping(message: &mut Message, id: u64, module: &Module, strings: &mut Strings) {
    let build_id: String = module.build_id.iter().map(|byte| format!("{byte:02x}")).collect();
    message.message(3, |mapping| {
        mapping.number(1, id).number(2, module.start).number(3, module.end);
        mapping.number(5, strings.id(&module.path)).number(6, strings.id(&build_id));
        // Functions, files, lines, inlined frames: readers need not look for the binary.
        (7..=10).for_each(|field| _ = mapping.number(field, 1));
    });
}
