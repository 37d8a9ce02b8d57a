//! Every export, parsed back: its totals are the report's.
#![cfg(feature = "export")]

mod columns;
#[cfg(feature = "cli")]
mod command;
#[path = "../common/mod.rs"]
mod common;
mod fixture;
mod formats;
mod hostile;
#[cfg(feature = "parquet")]
mod parquet;
mod pprof;
#[cfg(feature = "parquet")]
#[path = "../common/script.rs"]
mod script;
