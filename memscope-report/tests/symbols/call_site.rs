//! Where a stack begins and which of its frames is the call site.

use crate::program::{Build, Program, Run};
use memscope_report::analysis::SiteFigures;
use memscope_report::{Profile, SymbolizeOptions, analyze, symbolize};
use memscope_trace::Symbols;

fn site(profile: &Profile, options: &SymbolizeOptions) -> SiteFigures {
    analyze(profile, &symbolize(profile, options)).sites.remove(0)
}

fn functions(site: &SiteFigures) -> Vec<&str> {
    site.frames.iter().map(|frame| frame.function.as_str()).collect()
}

/// The names that a trace carries: those of the symbol table.
fn names(run: &Run) -> Symbols {
    use blazesym::symbolize::source::{Elf, Source};
    use blazesym::symbolize::{Input, Symbolizer};
    let mut elf = Elf::new(&run.modules[0].path);
    elf.debug_syms = false;
    let svmas: Vec<u64> = run.stack.iter().map(|address| address.wrapping_sub(run.modules[0].bias)).collect();
    let symbolizer = Symbolizer::builder().enable_demangling(false).build();
    let found = symbolizer.symbolize(&Source::Elf(elf), Input::VirtOffset(&svmas)).unwrap();
    let mut symbols = Symbols::default();
    let mut before = 0;
    for (address, symbol) in run.stack.iter().zip(&found) {
        if let Some(symbol) = symbol.as_sym() {
            symbols.address_deltas.push(*address as i64 - before);
            symbols.name_indexes.push(symbols.names.len() as u32);
            symbols.names.push(symbol.name.to_string());
            before = *address as i64;
        }
    }
    symbols
}

#[test]
fn a_stack_begins_outside_the_standard_library_and_is_named_by_the_programs_own_code() {
    for build in [Build::Full, Build::Packed, Build::Unpacked, Build::Compressed] {
        let profile = Program::get(build).run.allocation(None);
        let site = site(&profile, &SymbolizeOptions::default());
        let functions = functions(&site);
        assert_eq!(functions[..2], ["serde_json::parse", "my_app::load"], "{build:?}: {functions:?}");
        assert!(functions.contains(&"my_app::main"), "{build:?}: {functions:?}");
        assert!(site.label.starts_with("my_app::load (src/main.rs:"), "{}", site.label);
    }
}

/// `load` leaves by a jump into `parse` there, so it may be on no stack: the next frame of the program's own is the call site then.
#[test]
fn optimized_programs_have_call_sites_of_their_own() {
    let profile = Program::get(Build::Optimized).run.allocation(None);
    let site = site(&profile, &SymbolizeOptions::default());
    let functions = functions(&site);
    assert_eq!(functions[0], "serde_json::parse", "{functions:?}");
    assert!(["my_app::load", "my_app::main"].contains(&functions[1]), "{functions:?}");
    assert!(site.label.starts_with(&format!("{} (src/main.rs:", functions[1])), "{}", site.label);
}

#[test]
fn all_frames_are_there_on_demand() {
    let profile = Program::get(Build::Full).run.allocation(None);
    let mut options = SymbolizeOptions::default();
    options.all_frames = true;
    let site = site(&profile, &options);
    let functions = functions(&site);
    for part in [
        "Tracer as core::alloc::global::GlobalAlloc>::alloc",
        "RawVecInner>::finish_grow",
        "vec::Vec<T,A>::push",
        "my_app::load",
    ] {
        assert!(functions.iter().any(|function| function.contains(part)), "{part}: {functions:?}");
    }
    assert!(site.label.starts_with("my_app::load (src/main.rs:"), "{}", site.label);
}

#[test]
fn without_files_names_tell_whose_code_it_is() {
    let run = &Program::get(Build::Full).run;
    let mut options = SymbolizeOptions::default();
    options.dwarf = false;
    let site = site(&run.allocation(Some(names(run))), &options);
    let functions = functions(&site);
    assert_eq!(functions[..2], ["serde_json::parse", "my_app::load"], "{functions:?}");
    assert_eq!(site.label, "my_app::load");
}
