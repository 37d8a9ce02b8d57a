//! The stream between a profiled program and its report: what a `trace.bin` holds, how it is written and how it is
//! read back.
//!
//! A trace is a file header and then *blocks* ([`block`]), each with its own length and checksum, each holding one
//! [`Record`] as bincode. A writer only ever appends; a reader takes every block whose checksum holds, skips kinds
//! it does not know, and finds the next block behind a damaged one. `FORMAT.md` beside this crate is the byte-level
//! specification.
//!
//! Times are microseconds since the session's start; sizes are bytes; addresses are virtual addresses of the
//! profiled process (`avma`) unless a name says `svma` (as the binary on disk states them).
//!
//! ```
//! use memscope_trace::{Record, Scope, Scopes, TraceReader, TraceWriter};
//!
//! let mut writer = TraceWriter::new(Vec::new())?;
//! let scope = Scope { id: 1, name: "parse".into(), file: "src/main.rs".into(), line: 7 };
//! writer.push(&Record::Scopes(Scopes { scopes: vec![scope] }))?;
//! writer.flush()?;
//! let bytes = writer.into_inner();
//!
//! let mut reader = TraceReader::new(bytes.as_slice())?;
//! assert!(matches!(reader.next_record()?, Some(Record::Scopes(_))));
//! assert!(reader.next_record()?.is_none());
//! # Ok::<(), memscope_trace::TraceError>(())
//! ```
#![forbid(unsafe_code)]

pub mod block;
mod codec;
mod columns;
mod dictionary;
mod error;
mod interval;
mod numbered;
mod reader;
mod record;
pub mod rings;
mod sweep;
mod task;
mod usage;
mod window;
mod writer;

pub use block::{FORMAT_VERSION, MAX_PAYLOAD_BYTES};
pub use error::TraceError;
pub use reader::{ReadStats, TraceReader};
pub use record::*;
pub use sweep::{Swept, rings_path, sweep_rings};
pub use writer::TraceWriter;
