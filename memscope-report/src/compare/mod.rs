//! Two traces of one program beside each other: what changed, and what only looks as if it had.
//!
//! Call sites are found again by their names, since addresses and ids of two builds have nothing to do with each other: a site is
//! its path of the program's own functions ([`By::Site`]), or the innermost function of the program's own code ([`By::Function`]). Line numbers
//! are not looked at, so that an edit elsewhere in a file changes nothing.
//!
//! # What is called a change
//!
//! Each row's difference has an interval, and only where that excludes zero the row is called changed; all others are *not
//! distinguishable*. In a table of a hundred rows, five of a hundred 95% intervals would exclude zero by mere chance. So the intervals
//! hold together: they are taken at `1 - 5% / rows`, and two traces that differ in nothing but their samples give a table without any
//! change in 95% of the cases (Bonferroni). Rows with so few samples that nothing could come of them are not counted among the
//! rows (Tarone, Biometrics 46, 1990, 515): whether that is so hangs on both traces' samples together, not on which has them.
//!
//! Exact totals are compared exactly.

mod flame;
mod fold;
mod rows;

pub use flame::differential_flame_graph;
pub use rows::{Change, Comparison, ExactChange, Verdict, compare};

use crate::analysis::SiteFigures;
use crate::load::{Profile, SiteSamples};
use crate::statistics::{Estimate, Total};
use crate::symbolize::Symbols;
pub(crate) use fold::{Row, fold};
pub(crate) use rows::{exact_changes, notes, shared_tail, simultaneous_tail};

/// A trace that is compared.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The trace.
    pub profile: &'a Profile,
    /// The names of its addresses.
    pub symbols: &'a Symbols,
}

/// What makes a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum By {
    /// The path of the program's own functions that led to the allocation.
    Site,
    /// The innermost function of the program's own code: more samples in a row, and robust against code that moved.
    #[default]
    Function,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Figure {
    /// Bytes allocated.
    #[default]
    Bytes,
    /// Allocations.
    Count,
    /// Bytes live at the end.
    Live,
    /// Bytes live at the process's peak.
    Peak,
    /// Bytes freed within a millisecond by the thread that allocated them.
    Temporary,
}

impl Figure {
    /// What it is, as a noun: `bytes allocated`.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Bytes => "bytes allocated",
            Self::Count => "allocations",
            Self::Live => "bytes live at the end",
            Self::Peak => "bytes live at the peak",
            Self::Temporary => "temporary bytes",
        }
    }

    /// Whether it is a number of bytes.
    #[must_use]
    pub fn is_bytes(self) -> bool {
        self != Self::Count
    }

    /// It, of a call site of the analysis.
    #[must_use]
    pub fn of(self, site: &SiteFigures) -> Estimate {
        match self {
            Self::Bytes => site.allocated_bytes,
            Self::Count => site.allocations,
            Self::Live => site.live_bytes,
            Self::Peak => site.peak_bytes,
            Self::Temporary => site.temporary_bytes,
        }
    }

    /// The samples of a site of the trace that belong to it.
    fn samples(self, samples: &SiteSamples) -> Total {
        match self {
            Self::Bytes | Self::Count => samples.allocated(),
            Self::Live => samples.live(),
            Self::Peak => samples.at_peak(),
            Self::Temporary => samples.temporary(),
        }
    }
}
