//! Debug information that is not in the binary: moved to another file, packed, left in pieces, or gone.

use crate::program::{Build, Named, Program, Run, objcopy};
use memscope_report::SymbolizeOptions;
use memscope_trace::Symbols;
use std::path::{Path, PathBuf};

fn options(dirs: &[PathBuf]) -> SymbolizeOptions {
    let mut options = SymbolizeOptions::default();
    options.symbols_dirs = dirs.to_vec();
    options
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The program without debug information in `dir`, and the file that this was moved to, as `objcopy` makes them.
fn split(dir: &Path) -> (Run, PathBuf) {
    let program = Program::get(Build::Full);
    let (whole, bare, debug) = (dir.join("whole"), dir.join("bare"), dir.join("program.debug"));
    let run = program.copied_to(&whole);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    objcopy(&["--only-keep-debug", &text(&whole), &text(&debug)]);
    objcopy(&["--strip-all", &text(&whole), &text(&bare)]);
    let link = format!("--add-gnu-debuglink={}", text(&debug));
    objcopy(&[&link, &text(&bare)]);
    std::fs::remove_file(whole).unwrap();
    (run.moved_to(&bare), debug)
}

#[test]
fn a_debug_link_is_followed_wherever_debuggers_do() {
    let dir = tempfile::tempdir().unwrap();
    let (run, debug) = split(dir.path());
    let id = hex(&run.modules[0].build_id);
    let elsewhere = dir.path().join("elsewhere");
    let dirs = [elsewhere.clone()];
    let mut at = debug;
    for (place, dirs) in [
        (at.clone(), &[][..]),
        (dir.path().join(".debug/program.debug"), &[]),
        (elsewhere.join("program.debug"), &dirs),
        (elsewhere.join(format!(".build-id/{}/{}.debug", &id[..2], &id[2..])), &dirs),
    ] {
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::rename(&at, &place).unwrap();
        let named = Named::of(&run.profile(), &options(dirs));
        assert!(named.has_inlined("my_app"), "{place:?}: {named:?}");
        assert!(named.notes.is_empty(), "{named:?}");
        at = place;
    }
}

#[test]
fn a_debug_file_of_another_build_is_refused_with_both_ids() {
    let dir = tempfile::tempdir().unwrap();
    let (run, debug) = split(dir.path());
    let other = &Program::get(Build::NonPie);
    objcopy(&["--only-keep-debug", other.binary().to_str().unwrap(), debug.to_str().unwrap()]);
    let named = Named::of(&run.profile(), &SymbolizeOptions::default());
    assert_eq!(named.source, "none", "{named:?}");
    let parts = [
        hex(&run.modules[0].build_id),
        hex(&other.run.modules[0].build_id),
        debug.to_str().unwrap().to_owned(),
        "another build id".to_owned(),
    ];
    assert!(parts.iter().all(|part| named.notes[0].contains(part)), "{named:?}");
}

#[test]
fn a_stripped_binary_leaves_the_traces_names() {
    let dir = tempfile::tempdir().unwrap();
    let (run, debug) = split(dir.path());
    std::fs::remove_file(debug).unwrap();
    let mut profile = run.profile();
    let named = Named::of(&profile, &SymbolizeOptions::default());
    assert_eq!((named.source, named.notes.len()), ("none", 1), "{named:?}");
    assert!(named.notes[0].contains("has no debug information"), "{named:?}");
    let offset = run.outer - run.modules[0].bias;
    assert_eq!(named.stacks[0][0].function, format!("bare+{offset:#x}"));

    let symbols = Symbols {
        address_deltas: vec![run.outer as i64],
        name_indexes: vec![0],
        names: vec!["_RNvCskwGfYPst2Cb_7mycrate3foo".into()],
    };
    profile.names = run.allocation(Some(symbols)).names;
    let named = Named::of(&profile, &SymbolizeOptions::default());
    assert_eq!((named.source, &*named.stacks[0][0].function), ("symbol tables", "mycrate::foo"));
}

#[test]
fn optimized_and_compressed_programs_have_inlined_calls() {
    for build in [Build::Optimized, Build::Compressed] {
        let named = Named::of(&Program::get(build).run.profile(), &SymbolizeOptions::default());
        assert!(named.has_inlined("my_app"), "{build:?}: {named:?}");
        assert_eq!((named.source, named.notes.len()), ("DWARF", 0), "{build:?}: {named:?}");
    }
}

#[test]
fn a_program_that_cargo_stripped_has_offsets_and_that_is_said() {
    let run = &Program::get(Build::Stripped).run;
    let named = Named::of(&run.profile(), &SymbolizeOptions::default());
    assert_eq!((named.source, named.notes.len()), ("none", 1), "{named:?}");
    assert!(named.notes[0].contains("has no debug information"), "{named:?}");
    let offset = run.outer - run.modules[0].bias;
    assert_eq!(named.stacks[0][0].function, format!("program+{offset:#x}"));
}

#[test]
fn packages_beside_the_binary_are_read() {
    let program = Program::get(Build::Packed);
    assert!(program.dir().join("program.dwp").is_file());
    let named = Named::of(&program.run.profile(), &SymbolizeOptions::default());
    assert!(named.has_inlined("my_app"), "{named:?}");
    assert!(named.notes.is_empty(), "{named:?}");

    let dir = tempfile::tempdir().unwrap();
    let alone = program.copied_to(&dir.path().join("program"));
    let named = Named::of(&alone.profile(), &SymbolizeOptions::default());
    assert!(named.has_lines_only(), "{named:?}");
    assert!(named.notes[0].contains(".dwo"), "{named:?}");

    // A package that is none is said, and the symbol table read.
    std::fs::write(dir.path().join("program.dwp"), "no package").unwrap();
    let named = Named::of(&alone.profile(), &SymbolizeOptions::default());
    assert!(named.stacks[0][0].function.starts_with("my_app::deep::outer"), "{named:?}");
    assert_eq!(named.notes.len(), 1, "{named:?}");
}

#[test]
fn debug_information_left_where_it_was_built_is_read() {
    let program = Program::get(Build::Unpacked);
    let named = Named::of(&program.run.profile(), &SymbolizeOptions::default());
    assert!(named.has_inlined("my_app"), "{named:?}");
    assert!(named.notes.is_empty(), "{named:?}");
}

#[test]
fn a_binary_in_a_named_folder_counts_where_the_first_is_another_build() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::get(Build::Full);
    let other = Program::get(Build::NonPie);
    let run = other.copied_to(&dir.path().join("program"));
    let mut run = Run { modules: program.run.modules.clone(), ..run };
    run.modules[0].path = dir.path().join("program").to_str().unwrap().to_owned();
    run.outer = program.run.outer;

    let named = Named::of(&run.profile(), &SymbolizeOptions::default());
    assert_eq!(named.source, "none", "{named:?}");
    assert!(named.notes[0].contains("another build id"), "{named:?}");
    let named = Named::of(&run.profile(), &options(&[program.dir().to_owned()]));
    assert!(named.has_inlined("my_app") && named.notes.is_empty(), "{named:?}");
}

#[test]
fn lines_alone_are_named_from_the_symbol_table_and_the_file() {
    let program = Program::get(Build::LinesOnly);
    let named = Named::of(&program.run.profile(), &SymbolizeOptions::default());
    assert!(named.has_inlined("my_app"), "{named:?}");

    // A file that is not the one that was compiled is not believed: the module inside it is missed.
    let source = program.dir().join("app/src/main.rs");
    std::fs::write(&source, "mod deep { fn another() {} }").unwrap();
    let named = Named::of(&program.run.profile(), &SymbolizeOptions::default());
    let has = |function: &str, inlined: bool, line: u32| {
        named.stacks.iter().flatten().any(|frame| {
            frame.function.starts_with(function) && frame.inlined == inlined && frame.line == Some(line)
        })
    };
    assert!(has("my_app::deep::outer", false, crate::program::OUTER_LINE), "{named:?}");
    assert!(has("my_app::inner", true, crate::program::INNER_LINE), "{named:?}");
}
