//! Binaries with damaged headers, symbol tables and debug information, and an entry of the cache of names that is damaged.
//!
//! The seeds are small shared libraries in `corpus/`; its README says how they were made.

use crate::common;
use crate::mutation::{Random, spoil, spoil_in_place};
use memscope_report::{Profile, SymbolizeOptions, symbolize};
use memscope_trace::{Module, Modules, Record};
use std::ops::Range;
use std::path::Path;

struct Seed {
    name: &'static str,
    bytes: &'static [u8],
    /// A file beside it that has its debug information.
    beside: Option<(&'static str, &'static [u8])>,
}

const SEEDS: &[Seed] = &[
    Seed { name: "dwarf4.so", bytes: include_bytes!("corpus/dwarf4.so"), beside: None },
    Seed { name: "dwarf5.so", bytes: include_bytes!("corpus/dwarf5.so"), beside: None },
    Seed { name: "zlib.so", bytes: include_bytes!("corpus/zlib.so"), beside: None },
    Seed { name: "symbols.so", bytes: include_bytes!("corpus/symbols.so"), beside: None },
    Seed {
        name: "split.so",
        bytes: include_bytes!("corpus/split.so"),
        beside: Some(("split.so-seed.dwo", include_bytes!("corpus/split.so-seed.dwo"))),
    },
    Seed {
        name: "package.so",
        bytes: include_bytes!("corpus/package.so"),
        beside: Some(("package.so.dwp", include_bytes!("corpus/package.so.dwp"))),
    },
];

/// The code of all seeds lies below.
const CODE_END: u64 = 0x400;

/// The bytes of the file's sections, and the table of their headers at the end: of little-endian ELF files of 64 bits.
fn sections(bytes: &[u8]) -> Vec<Range<usize>> {
    let number = |at: usize, width: usize| {
        let mut word = [0; 8];
        word[..width].copy_from_slice(&bytes[at..at + width]);
        u64::from_le_bytes(word) as usize
    };
    let (table, count) = (number(0x28, 8), number(0x3c, 2));
    let range = |at: usize| {
        let header = table + at * 64;
        let (offset, length) = (number(header + 0x18, 8), number(header + 0x20, 8));
        offset..offset + length
    };
    let mut sections: Vec<_> = (1..count).map(range).filter(|range| range.end <= bytes.len()).collect();
    sections.push(table..table + count * 64);
    sections.push(0..0x40);
    sections
}

/// Debug information and tables stand behind the code.
fn spoil_binary(bytes: &mut Vec<u8>, random: &mut Random) {
    let sections = sections(bytes);
    for _ in 0..=random.below(4) {
        let section = random.of(&sections).clone();
        spoil_in_place(&mut bytes[section], random);
    }
    if random.one_in(12) {
        spoil(bytes, random);
    }
}

/// A trace with addresses all over the module's code, and beside it.
fn profile(name: &str) -> Profile {
    let module =
        Module { path: format!("/nowhere/{name}"), build_id: Vec::new(), start: 0, end: u64::MAX, bias: 0 };
    let addresses: Vec<i64> = (0..CODE_END as i64).step_by(3).chain([0x4000, 1 << 40, -8]).collect();
    let nodes: Vec<(u32, u32)> = (1..=addresses.len() as u32).map(|frame| (0, frame)).collect();
    let records = [
        common::session(),
        Record::Modules(Modules { modules: vec![module] }),
        common::stacks(&nodes, &addresses),
    ];
    Profile::from_reader(common::write(&records).as_slice()).expect("a trace that is whole")
}

fn names(profile: &Profile, options: &SymbolizeOptions) -> usize {
    let symbols = symbolize(profile, options);
    let rows = 0..profile.stacks.addresses().len();
    rows.flat_map(|row| symbols.frames_of(row)).map(|frame| frame.function.len()).sum()
}

/// One mutant of a seed, named by addresses; what was kept of it is damaged too, and read.
pub(crate) fn run(random: &mut Random, folder: &Path) {
    let seed = random.of(SEEDS);
    let mut bytes = seed.bytes.to_vec();
    if seed.beside.is_none() || random.one_in(2) {
        spoil_binary(&mut bytes, random);
    }
    let place = folder.join(seed.name);
    std::fs::write(&place, &bytes).expect("room");
    if let Some((name, content)) = seed.beside {
        let mut content = content.to_vec();
        for _ in 0..random.below(5) {
            spoil_binary_or_bytes(&mut content, random);
        }
        std::fs::write(folder.join(name), content).expect("room");
    }
    let profile = profile(seed.name);
    let mut options = SymbolizeOptions::default();
    options.symbols_dirs = vec![folder.to_owned()];
    let named = names(&profile, &options);
    assert!(named < 64 << 20, "{named} bytes of names");
    std::fs::remove_file(&place).expect("it was there");
}

fn spoil_binary_or_bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    // What has been cut has no sections any more.
    if bytes.len() > 0x40 && random.one_in(2) { spoil_in_place(bytes, random) } else { spoil(bytes, random) }
}
