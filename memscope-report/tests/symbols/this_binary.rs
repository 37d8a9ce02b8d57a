//! Lines and inlined frames from the binary that this test is.

use crate::common;
use memscope_report::analysis::Frame;
use memscope_report::{Profile, SymbolizeOptions, symbolize};
use memscope_trace::{Module, Modules, Record, Symbols};
use std::hint::black_box;
use std::path::Path;

/// What is looked for: a function with another one inlined into it.
#[inline(never)]
fn outer(value: u64) -> u64 {
    let doubled = black_box(value) * 2;
    inner(doubled) + 1
}
const OUTER_LINE: u32 = line!() - 2;

#[inline(always)]
fn inner(value: u64) -> u64 {
    black_box(black_box(value).rotate_left(7) ^ 0x55)
}
const INNER_LINE: u32 = line!() - 2;

/// Bytes of `outer`'s code that are looked at: more than it has.
const CODE_BYTES: u64 = 160;

/// This binary as a module of a trace: where it is mapped is in the kernel's list.
fn this_module() -> Module {
    let path = std::env::current_exe().unwrap();
    let build_id =
        blazesym::helper::read_elf_build_id(&path).unwrap().expect("a linker that writes build ids");
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let ranges = maps.lines().filter(|line| line.ends_with(path.to_str().unwrap())).map(|line| {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap())
    });
    let (start, end) =
        ranges.fold((u64::MAX, 0), |(low, high), (start, end)| (low.min(start), high.max(end)));
    // A position-independent executable is linked for address 0.
    Module { path: path.to_str().unwrap().into(), build_id: build_id.to_vec(), start, end, bias: start }
}

/// A trace with every address of `outer`'s code.
fn profile(module: Module) -> Profile {
    black_box(outer(3));
    let first = outer as fn(u64) -> u64 as usize as i64;
    let addresses: Vec<i64> = (0..CODE_BYTES as i64).map(|at| first + at).collect();
    let nodes: Vec<(u32, u32)> = (1..=CODE_BYTES as u32).map(|frame| (0, frame)).collect();
    let records = [
        common::session(),
        Record::Modules(Modules { modules: vec![module] }),
        common::stacks(&nodes, &addresses),
    ];
    Profile::from_reader(common::write(&records).as_slice()).unwrap()
}

fn stacks(profile: &Profile, options: &SymbolizeOptions) -> Vec<Vec<Frame>> {
    let symbols = symbolize(profile, options);
    (0..profile.stacks.addresses().len()).map(|row| symbols.frames_of(row).cloned().collect()).collect()
}

fn is_here(frame: &Frame, function: &str, line: u32) -> bool {
    let file = frame.file.as_deref().unwrap_or_default();
    frame.function == format!("symbols::this_binary::{function}")
        && file.ends_with("tests/symbols/this_binary.rs")
        && frame.line == Some(line)
}

#[test]
fn functions_lines_and_inlined_calls_are_found() {
    let profile = profile(this_module());
    let symbols = symbolize(&profile, &SymbolizeOptions::default());
    assert_eq!(symbols.source(), "DWARF");
    assert!(symbols.notes().is_empty(), "{:?}", symbols.notes());
    let stacks = stacks(&profile, &SymbolizeOptions::default());
    let inlined = stacks.iter().find(|frames| {
        let at = frames.iter().position(|frame| is_here(frame, "inner", INNER_LINE));
        at.is_some_and(|at| {
            frames[at].inlined
                && frames
                    .get(at + 1)
                    .is_some_and(|frame| is_here(frame, "outer", OUTER_LINE) && !frame.inlined)
        })
    });
    assert!(inlined.is_some(), "{stacks:?}");
    // The call of black_box before the inlined part is outer's own.
    assert!(stacks.iter().any(|frames| frames.len() == 1 && is_here(&frames[0], "outer", OUTER_LINE - 1)));
}

#[test]
fn a_binary_of_another_build_is_not_believed() {
    let mut module = this_module();
    module.build_id[3] ^= 0x40;
    let offset = module.start;
    let mut profile = profile(module);
    let symbols = symbolize(&profile, &SymbolizeOptions::default());
    assert!(symbols.notes()[0].contains("has another build id"), "{:?}", symbols.notes());
    assert_eq!(symbols.source(), "none");
    let first = profile.stacks.addresses()[0];
    let name = &stacks(&profile, &SymbolizeOptions::default())[0][0].function;
    assert!(name.starts_with("symbols-") && name.ends_with(&format!("+{:#x}", first - offset)), "{name}");

    // The trace's own names are taken then, without lines.
    let names = Record::Symbols(Symbols {
        address_deltas: vec![first as i64],
        name_indexes: vec![0],
        names: vec!["_RNvCskwGfYPst2Cb_7mycrate3foo".into()],
    });
    profile.names = Profile::from_reader(common::write(&[names]).as_slice()).unwrap().names;
    let symbols = symbolize(&profile, &SymbolizeOptions::default());
    assert_eq!(symbols.source(), "symbol tables");
    assert_eq!(symbols.frames_of(0).next().unwrap().function, "mycrate::foo");
}

#[test]
fn dwarf_can_be_left_and_looked_for_elsewhere() {
    let module = this_module();
    let mut options = SymbolizeOptions::default();
    options.dwarf = false;
    assert_eq!(symbolize(&profile(module.clone()), &options).source(), "none");

    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(&module.path, dir.path().join("moved")).unwrap();
    let moved = profile(Module { path: "/nowhere/moved".into(), ..module });
    let mut options = SymbolizeOptions::default();
    assert!(symbolize(&moved, &options).notes()[0].contains("--symbols"));
    options.symbols_dirs = vec![dir.path().into()];
    assert_eq!(symbolize(&moved, &options).source(), "DWARF");
    assert!(Path::new(&dir.path().join("moved")).is_file());
}
