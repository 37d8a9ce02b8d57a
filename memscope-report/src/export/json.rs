//! The whole analysis as one JSON object: [`Analysis`](crate::analysis::Analysis) as its types are.
//!
//! Figures that are exact are whole numbers; estimates are objects with `value`, `low` and `high`, the ends of the 95%
//! interval, and the number of `samples` that they rest on. Sizes are bytes, times microseconds. `site_lifetimes` are those of the first of `sites`, as many
//! as the page shows.

use super::source::ExportSource;
use super::{ExportError, ExportOptions, Exporter};
use crate::analysis::Analysis;
use serde::Serialize;
use std::io::{self, Write};

pub(super) const EXPORTER: Exporter = Exporter {
    name: "json",
    about: "the whole analysis: scripts",
    extension: "json",
    file: Some(write),
    tables: None,
};

#[derive(Serialize)]
struct Document<'a> {
    /// Goes up when a reader of the one before would misread it.
    format: &'static str,
    version: u32,
    #[serde(flatten)]
    analysis: &'a Analysis,
}

fn write(source: &ExportSource, _: &ExportOptions, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut analysis = source.analysis();
    analysis.site_lifetimes = source.site_lifetimes(&analysis)?;
    let document = Document { format: "memscope-analysis", version: 1, analysis: &analysis };
    serde_json::to_writer(&mut *out, &document).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(())
}
