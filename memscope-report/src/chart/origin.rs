//! Whose code a frame is: a reader looks for their own first.

use crate::analysis::Frame;

/// Whose code a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// The program's and its crates'.
    Program,
    /// That of `std`, `core` or `alloc`.
    Library,
    /// Not Rust's, or unknown.
    Foreign,
}

impl Origin {
    /// Goes by the file where there is one: a function that was inlined has a name without a path.
    pub(crate) fn of(frame: &Frame) -> Origin {
        let file = frame.file.as_deref().unwrap_or_default();
        let path = frame.function.trim_start_matches(['<', '&', '*', '[', '(']);
        let in_library = |start: &&str| path.starts_with(*start);
        if is_of_rustc(file) || ["std::", "core::", "alloc::", "__rust"].iter().any(in_library) {
            Origin::Library
        } else if file.ends_with(".rs") || path.contains("::") {
            Origin::Program
        } else {
            Origin::Foreign
        }
    }
}

/// Whether a file is the standard library's: `/rustc/HASH/library/...`, or a copy of that in a toolchain.
pub(crate) fn is_of_rustc(file: &str) -> bool {
    let in_library = |(before, _): (&str, &str)| before.contains("/rustc/") || before.contains("/rustlib/");
    file.split_once("/library/").is_some_and(in_library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_more_than_the_name() {
        let library = "/rustc/59807616e1fa/library/core/src/ops/function.rs";
        for (function, file, origin) in [
            ("call_once<usize>", Some(library), Origin::Library),
            ("call_once<usize>", Some("/build/app/src/lib.rs"), Origin::Program),
            ("f", Some("/build/app/library/src/lib.rs"), Origin::Program),
            ("std::thread::spawn", None, Origin::Library),
            ("<alloc::vec::Vec<T> as X>::f", None, Origin::Library),
            ("<&core::str>::f", None, Origin::Library),
            ("__rust_alloc", None, Origin::Library),
            ("app::core::f", None, Origin::Program),
            ("<app::T as core::fmt::Display>::fmt", None, Origin::Program),
            ("clone3", None, Origin::Foreign),
            ("start_thread", Some("./nptl/pthread_create.c"), Origin::Foreign),
            ("0x7f12 in libc.so.6", None, Origin::Foreign),
        ] {
            let frame =
                Frame { function: function.to_owned(), file: file.map(str::to_owned), ..Frame::default() };
            assert_eq!(Origin::of(&frame), origin, "{function} in {file:?}");
        }
    }
}
