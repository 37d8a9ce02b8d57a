//! The hook's lock-free parts, the very files of memscope, under the loom model checker: every interleaving of a small scenario (within a
//! bound on preemptions), and every value that the memory model lets a load see.
//!
//! `cargo test --manifest-path memscope/loom-tests/Cargo.toml`; `LOOM_MAX_PREEMPTIONS` widens the bound.

#![cfg(test)]
#![allow(dead_code, reason = "of the shared files a model uses some")]

#[path = "../../src/bell.rs"]
mod bell;
#[path = "../../src/live/entries.rs"]
mod entries;
#[path = "../../src/ring.rs"]
mod ring;
mod sync;
mod sys;
#[path = "../../src/live/table.rs"]
mod table;

mod models;
mod protocols;
