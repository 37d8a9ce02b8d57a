//! A trace as every subcommand loads it.

use super::args::NameArgs;
use super::bar::Bar;
use super::screen;
use crate::analysis::{Analysis, analyze, warnings};
use crate::compare::Side;
use crate::error::ReportError;
use crate::load::Profile;
use crate::symbolize::{SymbolizeOptions, Symbols, symbolize};
use std::path::Path;

/// A trace with its names, and what is wrong with both.
pub(super) struct Trace {
    pub(super) profile: Profile,
    pub(super) symbols: Symbols,
    pub(super) warnings: Vec<String>,
}

impl Trace {
    /// Reads the trace at `path`, names its addresses, and says on standard error what is wrong with it.
    pub(super) fn load(path: &Path, names: &NameArgs) -> Result<Self, ReportError> {
        let trace = Self::load_quietly(path, names)?;
        screen::warn(path, &trace.warnings);
        Ok(trace)
    }

    /// The same, for what shows the warnings itself.
    pub(super) fn load_quietly(path: &Path, names: &NameArgs) -> Result<Self, ReportError> {
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
        let warnings = warnings(&profile, &symbols);
        Ok(Self { profile, symbols, warnings })
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
