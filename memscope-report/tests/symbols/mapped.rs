//! Binaries as the loader maps them: anywhere, at a fixed address, as shared objects, without a file.

use crate::program::{Build, Named, Program};
use memscope_report::SymbolizeOptions;
use memscope_trace::Symbols;

#[test]
fn position_independent_programs_and_shared_objects_have_lines() {
    let run = &Program::get(Build::Full).run;
    assert_ne!(run.modules[0].bias, 0);
    let named = Named::of(&run.profile(), &SymbolizeOptions::default());
    assert!(named.has_inlined("my_app") && !named.has_inlined("my_plugin"), "{named:?}");
    assert_eq!((named.source, named.notes.len()), ("DWARF", 0), "{named:?}");

    assert_ne!(run.plugin_outer, 0);
    let named = Named::of(&run.profile_of(run.plugin_outer), &SymbolizeOptions::default());
    assert!(named.has_inlined("my_plugin") && !named.has_inlined("my_app"), "{named:?}");
    assert_eq!((named.source, named.notes.len()), ("DWARF", 0), "{named:?}");
}

#[test]
fn programs_linked_for_one_address_have_lines() {
    let run = &Program::get(Build::NonPie).run;
    assert_eq!(run.modules[0].bias, 0);
    assert_ne!(run.modules[0].start, 0);
    let named = Named::of(&run.profile(), &SymbolizeOptions::default());
    assert!(named.has_inlined("my_app"), "{named:?}");
    assert!(named.notes.is_empty(), "{named:?}");
}

#[test]
fn the_kernels_own_library_has_the_traces_names_or_offsets_and_nothing_is_said_of_it() {
    let run = &Program::get(Build::Full).run;
    let vdso = run.modules.iter().find(|module| module.path.contains("vdso"));
    let vdso = vdso.expect("every process on Linux has it");
    let named = Named::of(&run.profile_of(vdso.start + 0x100), &SymbolizeOptions::default());
    assert_eq!(named.stacks[0][0].function, "linux-vdso.so.1+0x100");
    assert!(named.notes.is_empty(), "{named:?}");

    // Where the trace has a name, as one has whose session ended in order, that is taken.
    let symbols = Symbols {
        address_deltas: vec![(vdso.start + 0x100) as i64],
        name_indexes: vec![0],
        names: vec!["__vdso_clock_gettime".into()],
    };
    let mut profile = run.profile_of(vdso.start + 0x100);
    profile.names = run.allocation(Some(symbols)).names;
    let named = Named::of(&profile, &SymbolizeOptions::default());
    assert_eq!(named.stacks[0][0].function, "__vdso_clock_gettime");
    assert_eq!(named.stacks[1][0].function, "linux-vdso.so.1+0x101");
    assert!(named.notes.is_empty(), "{named:?}");
}
