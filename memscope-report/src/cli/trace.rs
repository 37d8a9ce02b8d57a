//! A trace as every subcommand loads it.

use super::args::NameArgs;
use super::bar::Bar;
use crate::analysis::{Analysis, analyze};
use crate::compare::Side;
use crate::error::ReportError;
use crate::load::Profile;
use crate::symbolize::{SymbolizeOptions, Symbols, symbolize};
use std::path::Path;

/// A trace with its names.
pub(super) struct Trace {
    pub(super) profile: Profile,
    pub(super) symbols: Symbols,
}

impl Trace {
    /// Reads the trace at `path` and names its addresses.
    pub(super) fn load(path: &Path, names: &NameArgs) -> Result<Self, ReportError> {
        let bar = Bar::on_stderr(false);
        let result = Self::load_with(path, names, &bar);
        bar.finish();
        result
    }

    fn load_with(path: &Path, names: &NameArgs, bar: &Bar) -> Result<Self, ReportError> {
        let progress = bar.progress();
        let profile = crate::render::load(path, &progress)?;
        let options = SymbolizeOptions {
            dwarf: !names.no_dwarf,
            symbols_dirs: names.symbols.clone(),
            cache_dir: names.cache_dir(),
            all_frames: names.all_frames,
            progress,
        };
        let symbols = symbolize(&profile, &options);
        Ok(Self { profile, symbols })
    }

    /// What it says.
    pub(super) fn analysis(&self) -> Analysis {
        analyze(&self.profile, &self.symbols)
    }

    /// The trace as one of two.
    pub(super) fn side(&self) -> Side<'_> {
        Side { profile: &self.profile, symbols: &self.symbols }
    }
}
