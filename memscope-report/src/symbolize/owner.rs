//! Whose code a frame is: the program's own, that of a crate it depends on, or the standard library's.
//!
//! A reader looks for the place in their own code that they can change, so the first frame of it is the call site.
//! The file decides where it is known: Cargo keeps what it downloads under `registry/src` and `git/checkouts`, the
//! standard library's files are under `/rustc/`, and what is left is the program's. Without files the crate's name
//! must do: crates named like the executable, up to the first `_`, and the crates of functions in files of the
//! program are its own; those of a list of much used libraries are not; any other is taken for the program's, since to
//! pass over its own code would hide more than to name a library.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Whose code it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Program,
    Dependency,
    Std,
}

/// Crates that many programs use and few people write.
const LIBRARIES: &str = " actix_http actix_rt actix_server actix_web addr2line aho_corasick ahash anyhow arrayvec \
    arrow arrow_array arrow_buffer arrow_schema async_channel async_executor async_io async_std async_task async_trait \
    axum axum_core backtrace base64 bigdecimal bincode bitflags blake3 brotli bson bstr bumpalo byteorder bytes cc cfg_if chrono \
    clap clap_builder config cranelift_codegen crossbeam crossbeam_channel crossbeam_deque crossbeam_epoch \
    crossbeam_queue crossbeam_utils csv csv_core dashmap datafusion deadpool diesel digest either encoding_rs \
    env_logger erased_serde eyre fastrand flate2 flume fnv form_urlencoded futures futures_channel futures_core \
    futures_executor futures_util fxhash generic_array getrandom gimli glob h2 half hashbrown heck hex http http_body \
    http_body_util httparse hyper hyper_rustls hyper_util idna image indexmap indicatif itertools itoa jemallocator \
    lalrpop_util lazy_static libc linked_hash_map lock_api log lru lz4_flex lzma_sys matchit memchr memmap2 mimalloc mime \
    minijinja miniz_oxide mio moka multer native_tls ndarray nom num_bigint num_cpus num_traits object once_cell openssl \
    opentelemetry ordered_float parking parking_lot parking_lot_core parquet percent_encoding pest petgraph phf \
    pin_project plotters polars polars_core postgres ppv_lite86 prettyplease proc_macro2 prost prost_types \
    quick_xml quinn quote rand rand_chacha rand_core rayon rayon_core rdkafka redis regex regex_automata \
    regex_syntax reqwest ring rkyv rocksdb roaring ron rusqlite rustc_demangle rustc_hash rustix rustls ryu sqlx sqlx_core \
    schemars scopeguard sea_orm semver serde serde_core serde_json serde_urlencoded serde_yaml sha1 sha2 simd_json \
    simdutf8 sled slab smallvec smol smol_str snap socket2 sqlparser string_cache strsim strum syn sync_wrapper \
    tantivy tempfile tera termcolor thiserror thread_local tikv_jemallocator time tinyvec tokenizers tokio tokio_rustls \
    tokio_stream tokio_tungstenite tokio_util toml toml_edit tonic tower tower_http tower_service tracing \
    tracing_core tracing_subscriber triomphe tungstenite typed_arena unicode_normalization unicode_segmentation url \
    utf8parse uuid walkdir warp wasmtime winnow xml yaml_rust zerocopy zip zstd zstd_safe ";

fn known_libraries() -> &'static HashSet<&'static str> {
    static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| LIBRARIES.split_ascii_whitespace().collect());
    &KNOWN
}

/// Whose file it is.
pub(super) fn of_file(file: &str) -> Owner {
    if is_of_std(file) {
        Owner::Std
    } else if is_downloaded(file) {
        Owner::Dependency
    } else {
        Owner::Program
    }
}

/// Whether a file is the standard library's: `/rustc/HASH/library/...`, a copy of that in a toolchain, or one of the
/// crates that it is built with.
pub(super) fn is_of_std(file: &str) -> bool {
    let in_library = |(before, _): (&str, &str)| before.contains("/rustc/") || before.contains("/rustlib/");
    file.starts_with("/rust/deps/") || file.split_once("/library/").is_some_and(in_library)
}

/// Whether Cargo or the system's package manager put the file there.
fn is_downloaded(file: &str) -> bool {
    const FOLDERS: [&str; 4] = ["/registry/src/", "/git/checkouts/", "/.cargo/", "/vendor/"];
    const SYSTEM: [&str; 5] = ["/usr/include/", "/usr/lib/", "/usr/src/", "/nix/store/", "./nptl/"];
    FOLDERS.iter().any(|folder| file.contains(folder))
        || SYSTEM.iter().any(|folder| file.starts_with(folder))
        // With Cargo's `trim-paths` a path begins with the package: `serde-1.0.1/src/lib.rs`.
        || file.split_once("/src/").is_some_and(|(package, _)| is_package(package))
}

/// Whether it is called like a package with its version.
fn is_package(folder: &str) -> bool {
    let is_version = |version: &str| {
        let mut parts = version.split('.');
        version.contains('.')
            && parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    !folder.contains('/') && folder.rsplit_once('-').is_some_and(|(_, version)| is_version(version))
}

/// Which crates are the program's.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnCrates {
    /// What the names of all begin with: the executable's up to the first `_`.
    family: Option<String>,
    crates: HashSet<String>,
}

impl OwnCrates {
    /// Those of the executable at that path.
    pub(super) fn of_executable(path: &str) -> Self {
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        let name = path.rsplit('/').next().unwrap_or_default();
        // Cargo's tests and benches: `name-0123456789abcdef`.
        let name = match name.rsplit_once('-') {
            Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                name
            }
            _ => name,
        };
        let family = name.split(['-', '_', '.']).next().filter(|family| !family.is_empty());
        Self { family: family.map(str::to_owned), crates: HashSet::new() }
    }

    /// Learns that the crate `name` has files of the program.
    pub(super) fn add(&mut self, name: &str) {
        if !self.crates.contains(name) {
            self.crates.insert(name.to_owned());
        }
    }

    /// Whose crate `name` is, by its name.
    pub(super) fn owner(&self, name: &str) -> Owner {
        let is_family = self.family.as_deref().is_some_and(|family| name.split('_').next() == Some(family));
        if is_family || self.crates.contains(name) {
            return Owner::Program;
        }
        match known_libraries().contains(name) {
            true => Owner::Dependency,
            false => Owner::Program,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_owners() {
        for (file, owner) in [
            ("/rustc/59807616e1fa/library/alloc/src/vec/mod.rs", Owner::Std),
            ("/home/me/.rustup/toolchains/x/lib/rustlib/src/rust/library/std/src/fs.rs", Owner::Std),
            ("/rust/deps/hashbrown-0.16.1/src/raw.rs", Owner::Std),
            (
                "/home/me/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/serde-1.0.1/src/lib.rs",
                Owner::Dependency,
            ),
            (
                "/usr/local/cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.40.0/src/lib.rs",
                Owner::Dependency,
            ),
            ("/usr/local/cargo/git/checkouts/x-0123/abcdef0/src/lib.rs", Owner::Dependency),
            ("/home/me/app/vendor/serde/src/lib.rs", Owner::Dependency),
            ("serde_json-1.0.145/src/de.rs", Owner::Dependency),
            ("./nptl/pthread_create.c", Owner::Dependency),
            ("/home/me/app/src/main.rs", Owner::Program),
            ("/home/me/app/library/src/lib.rs", Owner::Program),
            ("src/main.rs", Owner::Program),
            ("crates/app-core/src/lib.rs", Owner::Program),
            ("app-2/src/lib.rs", Owner::Program),
            ("/home/me/app/native/codec.c", Owner::Program),
        ] {
            assert_eq!(of_file(file), owner, "{file}");
        }
    }

    #[test]
    fn crates_have_owners_by_name() {
        let mut crates = OwnCrates::of_executable("/srv/shop-server");
        crates.add("h2");
        for (name, owner) in [
            ("shop", Owner::Program),
            ("shop_server", Owner::Program),
            ("shop_core", Owner::Program),
            ("inventory", Owner::Program),
            ("h2", Owner::Program),
            ("serde_json", Owner::Dependency),
            ("tokio", Owner::Dependency),
        ] {
            assert_eq!(crates.owner(name), owner, "{name}");
        }
        let test = OwnCrates::of_executable("/x/target/debug/deps/serde-0123456789abcdef");
        assert_eq!(test.owner("serde_json"), Owner::Program);
        assert_eq!(test.owner("tokio"), Owner::Dependency);
        assert_eq!(OwnCrates::of_executable("").owner("tokio"), Owner::Dependency);
    }
}
