//! Names that an earlier report kept.

use crate::program::{Build, Named, Program};
use memscope_report::SymbolizeOptions;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn options(cache: &Path) -> SymbolizeOptions {
    let mut options = SymbolizeOptions::default();
    options.cache_dir = Some(cache.to_owned());
    options
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(cache) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn names_outlive_their_binary() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let path = dir.path().join("program");
    let run = Program::get(Build::Full).copied_to(&path);
    let profile = run.profile();
    let first = Named::of(&profile, &options(&cache));
    assert!(first.has_inlined("my_app") && first.notes.is_empty(), "{first:?}");
    let kept = entries(&cache);
    let id: String = run.modules[0].build_id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(kept, [cache.join(format!("{id}.frames"))]);

    std::fs::remove_file(&path).unwrap();
    let second = Named::of(&profile, &options(&cache));
    assert_eq!(second.stacks, first.stacks);
    assert!(second.notes[0].contains("an earlier report kept"), "{second:?}");
    // Addresses that nobody asked for yet are not known, and that is said.
    let third = Named::of(&run.profile_of(run.outer - 4096), &options(&cache));
    assert!(third.notes[0].contains("--symbols"), "{third:?}");

    std::fs::write(&kept[0], "damaged").unwrap();
    assert_eq!(Named::of(&profile, &options(&cache)).source, "none");
    assert_eq!(Named::of(&profile, &SymbolizeOptions::default()).source, "none");
}

#[test]
fn an_entry_grows_and_counts_only_while_its_binary_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let path = dir.path().join("program");
    let run = Program::get(Build::Full).copied_to(&path);
    Named::of(&run.profile(), &options(&cache));
    let entry = entries(&cache).remove(0);
    let before = std::fs::read(&entry).unwrap();
    Named::of(&run.profile_of(run.outer + 64), &options(&cache));
    let after = std::fs::read(&entry).unwrap();
    assert!(after.len() > before.len());

    // Both from the entry, byte for byte: nothing is written when nothing is new.
    let modified = || std::fs::metadata(&entry).unwrap().modified().unwrap();
    std::fs::File::open(&entry).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let named = Named::of(&run.profile(), &options(&cache));
    assert!(named.has_inlined("my_app"), "{named:?}");
    assert_eq!(std::fs::read(&entry).unwrap(), after);
    // It was used, so it is no longer the oldest.
    assert!(modified() > SystemTime::UNIX_EPOCH);

    let changed = SystemTime::now() - Duration::from_secs(1_000);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(changed).unwrap();
    let named = Named::of(&run.profile(), &options(&cache));
    assert!(named.has_inlined("my_app"), "{named:?}");
    assert_ne!(std::fs::read(&entry).unwrap(), after);
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_write_to_is_refused_and_that_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let named = Named::of(&Program::get(Build::Full).run.profile(), &options(dir.path()));
    assert!(named.has_inlined("my_app"), "{named:?}");
    assert!(named.notes[0].contains("not yours alone"), "{named:?}");
    assert!(entries(dir.path()).is_empty());
}
