//! The reading half of memscope: from a `trace.bin` to figures, charts and a page.
//!
//! ```text
//! load -> symbolize -> analysis -> chart -> page
//!                              \-> summary
//! ```
//!
//! [`Profile`] is what the trace says, [`symbolize()`] gives its code addresses names, [`analyze`] works out
//! everything that is shown ([`Analysis`]), and charts, page and [`Summary`] only show it. With the feature `charts`,
//! `render` does all of it from one path to another.
//!
//! | feature | adds |
//! | --- | --- |
//! | none | loading, estimates, analysis, summary; names from the trace: what a profiled program links |
//! | `charts` | SVG charts and the HTML page |
//! | `dwarf` | files, lines and inlined calls from the binary's debug information |
//! | `tools` | comparing, checking, ranking and merging traces |
//! | `export` | files for other tools: pprof, speedscope, Firefox Profiler, DHAT, folded stacks, CSV, JSON |
//! | `parquet` | Parquet among them |
//! | `cli` | the command `memscope-report` |
//!
//! ```
//! use memscope_report::{Profile, Summary, SymbolizeOptions, analyze, symbolize};
//! # let mut writer = memscope_trace::TraceWriter::new(Vec::new())?;
//! # writer.push(&memscope_trace::Record::Counters(Default::default()))?;
//! # writer.flush()?;
//! # let trace = writer.into_inner();
//! let profile = Profile::from_reader(trace.as_slice())?;
//! let symbols = symbolize(&profile, &SymbolizeOptions::default());
//! let analysis = analyze(&profile, &symbols);
//! println!("{}", Summary::new(&analysis));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod analysis;
#[cfg(feature = "charts")]
pub mod chart;
#[cfg(feature = "tools")]
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "tools")]
pub mod compare;
mod error;
#[cfg(feature = "export")]
pub mod export;
#[cfg(feature = "tools")]
pub mod info;
mod keyed_hash;
#[cfg(feature = "tools")]
pub mod leaks;
pub mod load;
#[cfg(feature = "tools")]
pub mod merge;
#[cfg(feature = "charts")]
pub mod page;
mod parallel;
mod progress;
#[cfg(feature = "tools")]
pub mod rank;
#[cfg(feature = "charts")]
mod render;
#[cfg(feature = "cli")]
pub mod serve;
#[cfg(feature = "charts")]
mod staging;
pub mod statistics;
mod summary;
pub mod symbolize;
#[cfg(feature = "cli")]
pub mod tables;
#[cfg(feature = "tools")]
pub mod tree;
pub mod units;

pub use analysis::{Analysis, analyze};
pub use error::ReportError;
pub use load::Profile;
pub use progress::{Progress, Stage};
#[cfg(feature = "charts")]
pub use render::{RenderOptions, Rendered, render, render_page};
pub use summary::Summary;
pub use symbolize::{SymbolizeOptions, Symbols, symbolize};
