//! Where a frame is, short enough to be read.

use crate::analysis::Frame;
use crate::chart::origin::is_of_rustc;

/// File and line, the part of the path left off that is the same on every machine but this one.
pub(super) fn place(frame: &Frame) -> Option<String> {
    let file = short_path(frame.file.as_deref().filter(|file| !file.is_empty())?);
    Some(frame.line.filter(|line| *line > 0).map_or_else(|| file.to_owned(), |line| format!("{file}:{line}")))
}

/// A path from its crate or, in the standard library, from `library`.
fn short_path(path: &str) -> &str {
    if let Some((_, in_registry)) = path.split_once("/registry/src/") {
        return in_registry.split_once('/').map_or(in_registry, |(_, in_crate)| in_crate);
    }
    // The standard library's own dependencies.
    if let Some((_, in_crate)) = path.split_once("/rust/deps/") {
        return in_crate;
    }
    match path.find("/library/") {
        Some(at) if is_of_rustc(path) => &path[at + 1..],
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_their_crate() {
        for (path, short) in [
            (
                "/build/cargo/registry/src/index.crates.io-1949cf8c6b5b557f/hashbrown-0.15.2/src/raw.rs",
                "hashbrown-0.15.2/src/raw.rs",
            ),
            ("/rust/deps/hashbrown-0.16.1/src/map.rs", "hashbrown-0.16.1/src/map.rs"),
            ("/rustc/59807616e1fa/library/alloc/src/vec/mod.rs", "library/alloc/src/vec/mod.rs"),
            ("/build/app/library/src/main.rs", "/build/app/library/src/main.rs"),
            ("src/main.rs", "src/main.rs"),
        ] {
            assert_eq!(short_path(path), short);
        }
    }
}
