//! The golden trace of format 1: it must be read for as long as major version 1 is, and written to the byte.
//!
//! `BLESS=1 cargo test -p memscope-trace --test stream` writes it anew. That is right only while no trace of this
//! version is out in the world, or when a new kind was added at its end.

use crate::bytes::{read, write};
use crate::records::every_kind;
use std::path::Path;

#[test]
fn version_1_is_read_and_written_to_the_byte() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1.bin");
    let written = write(&every_kind());
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &written).unwrap();
    }
    let golden = std::fs::read(&path).unwrap();
    let (records, stats) = read(&golden);
    assert!(stats.is_clean(), "{stats:?}");
    assert_eq!(records, every_kind());
    assert_eq!(
        written, golden,
        "what is written has changed: a new kind? Then bless it. Else it breaks readers."
    );
}
