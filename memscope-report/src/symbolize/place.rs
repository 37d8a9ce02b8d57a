//! Paths for functions of which the debug information has only the bare name.
//!
//! A binary built with `debug = "line-tables-only"` names an inlined function `push` or `{closure#0}<...>`, without
//! crate or module; only its file is known. Rust's files follow its modules, so the file's path stands in for the
//! module's: `.../library/alloc/src/vec/mod.rs` is `alloc::vec`, `.../serde_json-1.0.1/src/de.rs` is
//! `serde_json::de`. The crate of the program's own files is learnt from functions of the same folder whose whole
//! name is known from the symbol table.
//!
//! Modules, types and functions inside the file are in no attribute of such debug information. Where the file is
//! still there and a function of that name stands around that line, it tells them (`outline.rs`); else they are missed.

use super::outline::Outline;
use crate::analysis::Frame;
use std::collections::HashMap;
use std::path::Path;

/// Larger source files are not read, bytes.
const SOURCE_BYTES_MAX: u64 = 4 << 20;
/// Nor more of all, bytes.
const SOURCES_BYTES_MAX: u64 = 64 << 20;

/// Which crate the files of a folder belong to.
#[derive(Debug, Default)]
struct Crates {
    by_folder: HashMap<String, String>,
}

/// The frames, those that have a bare name with the path that their file suggests.
pub(super) fn qualified(frames: &[Frame]) -> Vec<Frame> {
    let mut crates = Crates::default();
    for frame in frames.iter().filter(|frame| !frame.inlined) {
        crates.learn(&frame.function, frame.file.as_deref().unwrap_or_default());
    }
    let mut frames = frames.to_vec();
    let mut sources = Sources::default();
    for frame in frames.iter_mut().filter(|frame| is_bare(&frame.function)) {
        let Some(file) = frame.file.as_deref() else { continue };
        let inside = frame.line.and_then(|line| sources.path_at(file, line, head(&frame.function)));
        let name = inside.as_deref().unwrap_or(&frame.function);
        if let Some(name) = crates.qualified(name, file) {
            frame.function = name;
        }
    }
    frames
}

/// Source files, each read once.
#[derive(Debug, Default)]
struct Sources {
    outlines: HashMap<String, Option<Outline>>,
    bytes: u64,
}

impl Sources {
    /// The path inside `file` of the function `name` at `line`.
    fn path_at(&mut self, file: &str, line: u32, name: &str) -> Option<String> {
        if !self.outlines.contains_key(file) {
            let outline = self.read(file);
            self.outlines.insert(file.to_owned(), outline);
        }
        self.outlines.get(file)?.as_ref()?.path_at(line, name)
    }

    fn read(&mut self, file: &str) -> Option<Outline> {
        let path = Path::new(file);
        if !path.is_absolute() || !file.ends_with(".rs") {
            return None;
        }
        let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        self.bytes += metadata.len();
        if metadata.len() > SOURCE_BYTES_MAX || self.bytes > SOURCES_BYTES_MAX {
            return None;
        }
        Some(Outline::of(&std::fs::read_to_string(path).ok()?))
    }
}

/// Whether `name` has no path: `push`, `{closure#0}<a::B>`, but not `a::push` nor `<a::B>::push`.
pub(super) fn is_bare(name: &str) -> bool {
    !name.starts_with('<') && !head(name).contains("::")
}

impl Crates {
    /// Learns from a function whose whole name is known.
    fn learn(&mut self, function: &str, file: &str) {
        // `<A as b::C>::f` may stand in A's crate or in b.
        if function.contains(" as ") || is_bare(function) || !file.ends_with(".rs") {
            return;
        }
        let path = function.trim_start_matches('<');
        if let (Some((krate, _)), Some((folder, _))) = (path.split_once("::"), file.rsplit_once('/'))
            && krate.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            // `__rustc::__rust_alloc` stands in the file of whichever crate declares the allocator.
            && !krate.starts_with("__")
        {
            self.by_folder.entry(folder.to_owned()).or_insert_with(|| krate.to_owned());
        }
    }

    /// The bare `name` of a function in `file` with the path that the file suggests; `None` for what is not Rust's or
    /// for the allocator's symbols, which have no path.
    fn qualified(&self, name: &str, file: &str) -> Option<String> {
        let stem_path = file.strip_suffix(".rs")?;
        if ["__rust_", "__rg_", "__rdl_"].iter().any(|prefix| name.starts_with(prefix)) {
            return None;
        }
        let parts: Vec<&str> = stem_path.split('/').filter(|part| !part.is_empty()).collect();
        let (stem, folders) = parts.split_last()?;
        let source = folders.iter().rposition(|&part| part == "src");
        let modules = source.map_or(&[][..], |at| &folders[at + 1..]);
        let learnt = file.rsplit_once('/').and_then(|(folder, _)| self.by_folder.get(folder)).cloned();
        let krate = learnt.or_else(|| Some(crate_name(folders[source?.checked_sub(1)?])));
        let mut path = String::new();
        let stem = (!matches!(*stem, "lib" | "main" | "mod")).then_some(*stem);
        for part in krate.as_deref().into_iter().chain(modules.iter().copied()).chain(stem) {
            path.push_str(part);
            path.push_str("::");
        }
        Some(path + head(name))
    }
}

/// The name without its type arguments.
fn head(name: &str) -> &str {
    name.split_once('<').map_or(name, |(head, _)| head)
}

/// The crate in a folder called like `serde_json-1.0.145` or `my-crate`.
fn crate_name(folder: &str) -> String {
    let name = match folder.rsplit_once('-') {
        Some((name, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => name,
        _ => folder,
    };
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_names_have_no_path() {
        for bare in ["push", "{closure#0}<alloc::vec::Vec<u8>>", "non_null<alloc::alloc::Global, u8>", "main"]
        {
            assert!(is_bare(bare), "{bare}");
        }
        for whole in ["app::push", "<app::B>::push", "<str>::to_lowercase", "alloc::alloc::alloc", "a::b<c>"]
        {
            assert!(!is_bare(whole), "{whole}");
        }
    }

    #[test]
    fn the_file_stands_in_for_the_module() {
        let mut crates = Crates::default();
        crates.learn("<document_service::index::Index>::search", "/home/me/examples/service/index.rs");
        crates.learn("<alloc::vec::Vec<T> as document_service::Extend>::add", "/home/me/examples/other/a.rs");
        crates.learn("__rustc::__rust_alloc", "/home/me/memscope/src/unwind/lib.rs");
        crates.learn("term_positions", "/home/me/examples/other/a.rs");
        for (name, file, expected) in [
            ("push<u8>", "/rustc/59807616/library/alloc/src/vec/mod.rs", "alloc::vec::push"),
            ("{closure#0}<a::B>", "/rustc/59807616/library/core/src/option.rs", "core::option::{closure#0}"),
            ("alloc", "/rustc/59807616/library/alloc/src/alloc.rs", "alloc::alloc::alloc"),
            (
                "parse",
                "/home/me/.cargo/registry/src/index-1949/serde-json-1.0.1/src/de.rs",
                "serde_json::de::parse",
            ),
            ("reserve", "/rust/deps/hashbrown-0.16.1/src/raw.rs", "hashbrown::raw::reserve"),
            ("capture", "/home/me/memscope/src/unwind/registers.rs", "memscope::unwind::registers::capture"),
            ("main", "/home/me/my-app/src/main.rs", "my_app::main"),
            ("tokenize", "/home/me/examples/service/ingest.rs", "document_service::ingest::tokenize"),
            ("helper", "/home/me/examples/other/a.rs", "a::helper"),
            ("f", "x.rs", "x::f"),
            ("f", "src/x.rs", "x::f"),
        ] {
            assert_eq!(crates.qualified(name, file).as_deref(), Some(expected), "{file}");
        }
        assert_eq!(crates.qualified("sqlite3_step", "/build/sqlite3.c"), None);
        assert_eq!(crates.qualified("__rust_alloc", "/home/me/memscope/src/lib.rs"), None);
    }
}
