//! Debug information that several binaries share: `dwz -m` moves it to a file of its own (`.gnu_debugaltlink`).
//!
//! `shared/one.so` and `shared/shared.debug` were made of `one.c` and a `two.c` like it, which take `shared_middle` and `shared_inner` (inlined into it) from
//! the same `work.h`, with `gcc -g -gdwarf-4 -O1 -fPIC -shared -nostdlib -Wl,--build-id=sha1` and `dwz -m shared.debug -M shared.debug one.so two.so`.

use crate::program::Named;
use memscope_report::{Profile, SymbolizeOptions};
use memscope_trace::{Module, Modules, Record, Session};
use std::path::{Path, PathBuf};

const BINARY: &[u8] = include_bytes!("shared/one.so");
const SHARED: &[u8] = include_bytes!("shared/shared.debug");
/// As `readelf -n` shows it.
const BUILD_ID: &str = "2388573c4fa91ad2d71778927a6079d29f877058";
/// The instruction in `outer_one` that belongs to `shared_inner`.
const INNER: u64 = 0x1ee;

fn profile(binary: &Path) -> Profile {
    const BIAS: u64 = 0x7f00_0000_0000;
    let digits = (0..BUILD_ID.len()).step_by(2);
    let module = Module {
        path: binary.to_str().unwrap().to_owned(),
        build_id: digits.map(|at| u8::from_str_radix(&BUILD_ID[at..at + 2], 16).unwrap()).collect(),
        start: BIAS,
        end: BIAS + 0x1000,
        bias: BIAS,
    };
    let records = [
        Record::Session(Session::default()),
        Record::Modules(Modules { modules: vec![module] }),
        crate::common::stacks(&[(0, 1)], &[(BIAS + INNER) as i64]),
    ];
    Profile::from_reader(crate::common::write(&records).as_slice()).unwrap()
}

/// The functions of the address, innermost first, each with file and line.
fn functions(named: &Named) -> Vec<(String, Option<u32>)> {
    let frames = named.stacks.iter().flatten();
    frames.map(|frame| (frame.function.clone(), frame.line)).collect()
}

/// The binary in a folder of its own, and the shared file in `place` there.
fn placed(place: Option<&str>) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let binary = dir.path().join("bin/one.so");
    std::fs::create_dir(dir.path().join("bin")).unwrap();
    std::fs::write(&binary, BINARY).unwrap();
    if let Some(place) = place {
        let path = dir.path().join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, SHARED).unwrap();
    }
    (dir, binary)
}

#[test]
fn inlined_calls_have_the_names_in_the_shared_file() {
    for place in ["bin/shared.debug", "elsewhere/shared.debug"] {
        let (dir, binary) = placed(Some(place));
        let mut options = SymbolizeOptions::default();
        options.symbols_dirs = vec![dir.path().join("elsewhere")];
        let named = Named::of(&profile(&binary), &options);
        let expected = [("shared_inner", 4), ("shared_middle", 8), ("outer_one", 3)];
        assert_eq!(
            functions(&named),
            expected.map(|(name, line)| (name.to_owned(), Some(line))),
            "{place}: {named:?}"
        );
        assert!(named.notes.is_empty(), "{place}: {named:?}");
    }
}

/// Nothing is guessed: an inlined call without a name would take its file's name for its own.
#[test]
fn without_the_shared_file_a_function_keeps_its_name_and_a_note_says_what_is_missing() {
    let (dir, binary) = placed(None);
    let mut options = SymbolizeOptions::default();
    options.cache_dir = Some(dir.path().join("cache"));
    let named = Named::of(&profile(&binary), &options);
    assert_eq!(functions(&named), [("outer_one".to_owned(), Some(3))], "{named:?}");
    assert_eq!(named.notes.len(), 1, "{named:?}");
    assert!(
        named.notes[0].contains("shared.debug, is not there") && named.notes[0].contains("--symbols"),
        "{named:?}"
    );

    // What was found without it is not kept for when it is there.
    std::fs::write(binary.with_file_name("shared.debug"), SHARED).unwrap();
    let named = Named::of(&profile(&binary), &options);
    assert_eq!((functions(&named).len(), named.notes.len()), (3, 0), "{named:?}");
}

#[test]
fn a_shared_file_of_another_build_is_said() {
    let (_dir, binary) = placed(Some("bin/shared.debug"));
    let mut other = SHARED.to_vec();
    let note = other.windows(4).position(|bytes| bytes == b"GNU\0").expect("a build id");
    other[note + 4] ^= 1;
    std::fs::write(binary.with_file_name("shared.debug"), other).unwrap();
    let named = Named::of(&profile(&binary), &SymbolizeOptions::default());
    assert_eq!(functions(&named)[0].0, "outer_one", "{named:?}");
    assert!(functions(&named).len() == 1 && named.notes[0].contains("shared.debug"), "{named:?}");
}
