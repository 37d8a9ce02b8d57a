//! What a function's name tells: its readable form, and whether it can be to blame for an allocation.
//!
//! The innermost frames of a sampled stack are the profiler's hook and the allocator's entry points, the next ones
//! often the standard library's (a `Vec` that grows). Neither is what a reader looks for, so each frame has a
//! [`FrameKind`]: the analysis folds both sorts, and labels a site by the first frame of the program's own code.

use super::owner::{self, OwnCrates, Owner};
use crate::analysis::Frame;

/// Longest name that is kept, bytes; a trace could hold 64 KiB for each.
const NAME_MAX: usize = 1_500;

/// What a frame is to the search for the place to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// An entry point of the allocator: `__rust_alloc`, `GlobalAlloc`'s methods, and memscope's own code that is only
    /// ever called by them.
    AllocatorEntry,
    /// The rest of memscope's own code.
    Profiler,
    /// The standard library's functions right above the entry points: `alloc::alloc::*` and the like.
    AllocGlue,
    /// The rest of the standard library, hashbrown, the C library.
    Library,
    /// Crates that the program depends on, libraries of the system.
    Dependency,
    /// Everything else: the program's own code.
    Program,
}

/// What the module that a frame lies in is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ModuleKind {
    /// The C library or its like.
    System,
    /// A library that came with the system.
    Installed,
    /// The executable, or a library of the program.
    Program,
}

/// The readable form of `mangled`, without the hash; unchanged where it is not mangled.
pub(crate) fn demangle(mangled: &str) -> String {
    capped(match rustc_demangle::try_demangle(mangled) {
        Ok(demangled) => format!("{demangled:#}"),
        Err(_) => mangled.to_owned(),
    })
}

/// The name, cut if it is longer than any that a reader would take in.
pub(crate) fn capped(mut name: String) -> String {
    if name.len() > NAME_MAX {
        let end = (0..=NAME_MAX).rev().find(|&at| name.is_char_boundary(at)).unwrap_or(0);
        name.truncate(end);
        name.push_str("...");
    }
    name
}

/// The kind of a frame by its function's name, and by its file and its crate where the name leaves it open.
pub(crate) fn kind(frame: &Frame, module: ModuleKind, own: &OwnCrates) -> FrameKind {
    let function = frame.function.as_str();
    if is_allocator_entry(function) {
        FrameKind::AllocatorEntry
    } else if subject(function).starts_with("memscope::") {
        FrameKind::Profiler
    } else if function.starts_with("alloc::alloc::") || function.starts_with("<alloc::alloc::Global") {
        FrameKind::AllocGlue
    } else if module == ModuleKind::System {
        FrameKind::Library
    } else {
        match frame.file.as_deref().map(owner::of_file) {
            // A function's file says more than its name: a trait's method may be written in the type's crate or in
            // the trait's, and an inlined function may have no path.
            Some(Owner::Std) => FrameKind::Library,
            Some(Owner::Dependency) if crate_of(function) == Some("hashbrown") => FrameKind::Library,
            None if is_library(function) => FrameKind::Library,
            owner => match owner.unwrap_or_else(|| owner_by_name(function, module, own)) {
                Owner::Dependency => FrameKind::Dependency,
                _ => FrameKind::Program,
            },
        }
    }
}

/// The kind of a frame of which no more is known than it says itself.
#[cfg(feature = "tools")]
pub(crate) fn kind_of(frame: &Frame) -> FrameKind {
    kind(frame, ModuleKind::Program, &OwnCrates::default())
}

fn owner_by_name(function: &str, module: ModuleKind, own: &OwnCrates) -> Owner {
    match crate_of(function) {
        Some(name) => own.owner(name),
        None if module == ModuleKind::Installed => Owner::Dependency,
        None => Owner::Program,
    }
}

/// The crate that a function's name begins with; `None` where the name has no path.
pub(crate) fn crate_of(function: &str) -> Option<&str> {
    let (name, _) = subject(function).split_once("::")?;
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (!name.is_empty() && is_name(name)).then_some(name)
}

fn is_allocator_entry(function: &str) -> bool {
    const PREFIXES: [&str; 6] =
        ["__rust_alloc", "__rust_realloc", "__rust_dealloc", "__rg_", "__rdl_", "__rustc::__r"];
    PREFIXES.iter().any(|prefix| function.starts_with(prefix))
        // `__rustc[5224e6b81cd82a8f]::__rust_alloc` where the disambiguator is shown.
        || (function.starts_with("__rustc[") && function.contains("]::__r"))
        || ["memscope::allocator::", "memscope::hook::"].iter().any(|path| subject(function).starts_with(path))
        || function.contains(" as core::alloc::GlobalAlloc>::")
        || function.contains(" as core::alloc::global::GlobalAlloc>::")
}

fn is_library(function: &str) -> bool {
    const C_NAMES: [&str; 9] = [
        "malloc",
        "calloc",
        "realloc",
        "free",
        "_start",
        "__libc_start_main",
        "start_thread",
        "clone",
        "clone3",
    ];
    if C_NAMES.contains(&function) {
        return true;
    }
    let self_type = subject(function);
    if is_library_path(self_type) {
        return true;
    }
    // `<T as alloc::slice::hack::ConvertVec>::to_vec`, `<[u8] as ...>`: a type without a path of its own says nothing,
    // the trait decides.
    if !function.starts_with('<') {
        return false;
    }
    let has_own_path = self_type.split(['<', ' ', '>']).next().is_some_and(|head| head.contains("::"));
    // Only the standard library can give such a type methods outside a trait: `<str>::to_lowercase`.
    !has_own_path && self_type.split_once(" as ").is_none_or(|(_, of)| is_library_path(of))
}

/// The path that a name begins with: in `<&mut a::B<C> as d::E>::f` it is `a::B<C> as d::E>::f`.
fn subject(function: &str) -> &str {
    let mut rest = function;
    loop {
        let shorter = rest.trim_start_matches(['<', '&', '*', '[', '(', ' ']);
        let shorter = ["mut ", "const ", "dyn "]
            .iter()
            .fold(shorter, |text, word| text.strip_prefix(word).unwrap_or(text));
        if shorter.len() == rest.len() {
            return rest;
        }
        rest = shorter;
    }
}

fn is_library_path(path: &str) -> bool {
    const CRATES: [&str; 5] = ["std::", "core::", "alloc::", "hashbrown::", "__rustc::"];
    CRATES.iter().any(|name| path.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use FrameKind::{AllocGlue, AllocatorEntry, Dependency, Library, Profiler, Program};

    #[test]
    fn kinds_of_frames() {
        for (function, expected) in [
            ("__rust_alloc", AllocatorEntry),
            ("__rust_alloc_zeroed", AllocatorEntry),
            ("__rustc::__rust_realloc", AllocatorEntry),
            ("__rustc[5224e6b81cd82a8f]::__rust_alloc", AllocatorEntry),
            ("__rg_alloc", AllocatorEntry),
            ("memscope::allocator::alloc", AllocatorEntry),
            ("memscope::hook::allocated_in", AllocatorEntry),
            ("<memscope::hook::Allocation>::grow", AllocatorEntry),
            ("__rdl_alloc", AllocatorEntry),
            ("<memscope::SamplingAllocator<A> as core::alloc::GlobalAlloc>::alloc", AllocatorEntry),
            ("<mimalloc::MiMalloc as core::alloc::global::GlobalAlloc>::alloc", AllocatorEntry),
            ("memscope::unwind::capture", Profiler),
            ("<memscope::sampler::Sampler>::draw", Profiler),
            ("<&memscope::ring::Ring as core::fmt::Debug>::fmt", Profiler),
            ("memscope_examples::parse", Program),
            ("memscopes::parse", Program),
            ("alloc::alloc::alloc", AllocGlue),
            ("alloc::alloc::Global::alloc_impl", AllocGlue),
            ("<alloc::alloc::Global as core::alloc::Allocator>::allocate", AllocGlue),
            ("alloc::raw_vec::RawVecInner<A>::finish_grow", Library),
            ("<alloc::vec::Vec<app::Row> as core::clone::Clone>::clone", Library),
            ("<alloc::vec::Vec<app::Row>>::push", Library),
            ("<T as alloc::slice::<impl [T]>::to_vec_in::ConvertVec>::to_vec", Library),
            ("<[u8] as alloc::borrow::ToOwned>::to_owned", Library),
            ("<&mut [std::string::String] as app::Sort>::sort", Library),
            ("std::rt::lang_start::{{closure}}", Library),
            ("core::ops::function::FnOnce::call_once{{vtable.shim}}", Library),
            ("<str>::to_lowercase", Library),
            ("<[T]>::concat", Library),
            ("hashbrown::raw::RawTable<T,A>::reserve_rehash", Library),
            ("malloc", Library),
            ("app::malloc", Program),
            ("<app::Row as core::clone::Clone>::clone", Program),
            ("<T as app::Sort>::sort", Program),
            ("stdlib_like::f", Program),
            ("app::alloc::alloc::alloc", Program),
            ("server+0x1234", Program),
            ("", Program),
        ] {
            assert_eq!(kind_in(function, None, ModuleKind::Program), expected, "{function}");
        }
        assert_eq!(kind_in("_IO_file_doallocate", None, ModuleKind::System), Library);
        assert_eq!(kind_in("CRYPTO_malloc", None, ModuleKind::Installed), Dependency);
        assert_eq!(kind_in("plugin::load", None, ModuleKind::Installed), Program);
    }

    fn kind_in(function: &str, file: Option<&str>, module: ModuleKind) -> FrameKind {
        let frame =
            Frame { function: function.to_owned(), file: file.map(str::to_owned), ..Frame::default() };
        kind(&frame, module, &OwnCrates::of_executable("/srv/app"))
    }

    #[test]
    fn the_file_says_more_than_the_name() {
        const STD: &str = "/rustc/59807616e1fa/library/core/src/iter/mod.rs";
        const REGISTRY: &str = "/home/me/.cargo/registry/src/index.crates.io-1949/x-1.0.0/src/lib.rs";
        const OWN: &str = "/home/me/app/src/main.rs";
        for (function, file, expected) in [
            ("call_once<usize>", Some(STD), Library),
            ("<app::Row as core::iter::Iterator>::collect", Some(STD), Library),
            ("<alloc::vec::Vec<T> as app::Sort>::sort", Some(OWN), Program),
            ("call_once<usize>", Some(OWN), Program),
            ("x::parse", Some(REGISTRY), Dependency),
            ("app::parse", Some(REGISTRY), Dependency),
            ("<alloc::vec::Vec<T> as serde::Serialize>::serialize", Some(REGISTRY), Dependency),
            ("hashbrown::raw::RawTable<T,A>::reserve_rehash", Some(REGISTRY), Library),
            ("serde_json::de::from_str", None, Dependency),
            ("serde_json::de::from_str", Some(OWN), Program),
            ("__rust_alloc", Some(OWN), AllocatorEntry),
        ] {
            assert_eq!(kind_in(function, file, ModuleKind::Program), expected, "{function} in {file:?}");
        }
    }

    #[test]
    fn names_are_demangled_without_their_hash() {
        let name = demangle("_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE");
        assert_eq!(name, "core::fmt::Formatter::write_str");
        assert_eq!(demangle("_RNvCskwGfYPst2Cb_7mycrate3foo"), "mycrate::foo");
        assert_eq!(demangle("sqlite3_step"), "sqlite3_step");
    }

    #[test]
    fn endless_names_are_cut() {
        let name = demangle(&"ü".repeat(40_000));
        assert!(name.len() <= NAME_MAX + 3 && name.ends_with("ü..."));
    }
}
