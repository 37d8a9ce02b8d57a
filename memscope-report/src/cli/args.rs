//! Arguments that several subcommands share.

use crate::compare::{By, Figure};
use clap::ValueEnum;
use std::path::PathBuf;

// The comments of flattened structures would replace those of the subcommands: they are no documentation comments.

// Where names may be found.
#[derive(Debug, clap::Args)]
pub(super) struct NameArgs {
    /// Folder with the profiled binary or its debug files; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(super) symbols: Vec<PathBuf>,
    /// Do not read debug information: function names only, no files and lines
    #[arg(long)]
    pub(super) no_dwarf: bool,
    /// Show stacks whole: with the standard library's, the allocator's and the profiler's frames
    #[arg(long)]
    pub(super) all_frames: bool,
    /// Keep no names for the next report, and take none that an earlier one kept in ~/.cache/memscope/symbols
    #[arg(long)]
    pub(super) no_cache: bool,
}

impl NameArgs {
    /// Where names are kept for the next report.
    pub(super) fn cache_dir(&self) -> Option<PathBuf> {
        if self.no_cache { None } else { crate::SymbolizeOptions::default_cache_dir() }
    }
}

// One trace.
#[derive(Debug, clap::Args)]
pub(super) struct TraceArgs {
    /// The trace.bin that a profiled program wrote
    #[arg(value_name = "TRACE")]
    pub(super) trace: PathBuf,
    #[command(flatten)]
    pub(super) names: NameArgs,
}

/// What is compared or summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FigureArg {
    /// Bytes allocated
    Bytes,
    /// Allocations
    Count,
    /// Bytes live at the end
    Live,
    /// Bytes live at the process's peak
    Peak,
    /// Bytes freed within a millisecond by the thread that allocated them
    Temporary,
}

impl From<FigureArg> for Figure {
    fn from(figure: FigureArg) -> Self {
        match figure {
            FigureArg::Bytes => Self::Bytes,
            FigureArg::Count => Self::Count,
            FigureArg::Live => Self::Live,
            FigureArg::Peak => Self::Peak,
            FigureArg::Temporary => Self::Temporary,
        }
    }
}

/// What makes a row of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ByArg {
    /// The innermost function of the program's own code
    Function,
    /// The whole path of functions
    Site,
}

impl From<ByArg> for By {
    fn from(by: ByArg) -> Self {
        match by {
            ByArg::Function => Self::Function,
            ByArg::Site => Self::Site,
        }
    }
}

/// So many rows, or all where that is 0.
pub(super) fn rows(most: usize) -> usize {
    if most == 0 { usize::MAX } else { most }
}

/// `20`: a number of rows or levels.
pub(super) fn number(text: &str) -> Result<usize, String> {
    text.trim().parse().map_err(|_| format!("expected a whole number such as 20, found {text:?}"))
}

/// `100MiB`, `1.5G`, `4096`: bytes. Units with and without `i` are steps of 1024, as memory is told.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    const STEPS: [(char, i32); 5] = [('k', 1), ('m', 2), ('g', 3), ('t', 4), ('p', 5)];
    let expected = || format!("expected bytes such as 4096, 64KiB or 1.5GiB, found {text:?}");
    let lower = text.trim().to_ascii_lowercase();
    let number_end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(number_end);
    let unit = unit.trim().trim_end_matches('b').trim_end_matches('i');
    let step = match unit {
        "" => 0,
        _ => STEPS.iter().find(|(name, _)| unit.chars().eq([*name])).ok_or_else(expected)?.1,
    };
    let value = number.parse::<f64>().map_err(|_| expected())? * 1024.0_f64.powi(step);
    if value <= u64::MAX as f64 { Ok(value.round() as u64) } else { Err(expected()) }
}

/// `10%` or `0.1`: a fraction, not negative.
pub(super) fn fraction(text: &str) -> Result<f64, String> {
    let expected = || format!("expected a share such as 10% or 0.1, found {text:?}");
    let (number, divisor) = match text.trim().strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text.trim(), 1.0),
    };
    let value = number.trim().parse::<f64>().map_err(|_| expected())? / divisor;
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(expected()) }
}

/// `SCOPE=N`: a name that may hold `=` itself, and a number.
pub(super) fn scope_limit(text: &str) -> Result<(String, f64), String> {
    let expected = || format!("expected SCOPE=N such as app::parse=12, found {text:?}");
    let (name, number) = text.rsplit_once('=').ok_or_else(expected)?;
    let limit = number.trim().parse::<f64>().map_err(|_| expected())?;
    if name.is_empty() || !limit.is_finite() || limit < 0.0 {
        Err(expected())
    } else {
        Ok((name.to_owned(), limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_usual_units() {
        for (text, value) in [
            ("4096", 4096),
            ("64KiB", 65_536),
            ("64 kb", 65_536),
            ("64k", 65_536),
            ("100MiB", 100 << 20),
            ("1.5G", 3 << 29),
            ("0", 0),
            ("2TiB", 2 << 40),
            ("7B", 7),
        ] {
            assert_eq!(bytes(text), Ok(value), "{text}");
        }
        for text in ["", "MiB", "-1", "12 parsecs", "1.2.3", "9999999P", "1e3", "5kk", "inf"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_whole_and_not_negative() {
        assert_eq!((number("20"), number(" 0 ")), (Ok(20), Ok(0)));
        for text in ["", "-3", "1.5", "all", "99999999999999999999999"] {
            assert!(number(text).unwrap_err().contains("expected a whole number"), "{text}");
        }
    }

    #[test]
    fn shares_are_percent_or_fractions() {
        assert_eq!((fraction("10%"), fraction("0.1"), fraction(" 5 % ")), (Ok(0.1), Ok(0.1), Ok(0.05)));
        for text in ["", "%", "-1%", "ten", "inf", "NaN"] {
            assert!(fraction(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_scope_s_name_may_hold_anything() {
        assert_eq!(scope_limit("app::parse=12"), Ok(("app::parse".to_owned(), 12.0)));
        assert_eq!(scope_limit("a=b=0.5"), Ok(("a=b".to_owned(), 0.5)));
        for text in ["app::parse", "=3", "a=", "a=x", "a=-1", "a=inf"] {
            assert!(scope_limit(text).is_err(), "{text}");
        }
    }
}
