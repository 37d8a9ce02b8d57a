//! The rows of a comparison, with what is known of each.

use super::{By, Figure, Row, Side, fold};
use crate::load::live_bytes;
use crate::statistics::{Estimate, difference};
use crate::units;

/// How often a table of two equal traces may show a change.
const FALSE_CHANGES: f64 = 0.05;

/// What is to be said of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The interval lies above zero.
    Grew,
    /// The interval lies below zero.
    Shrank,
    /// The interval holds zero: the samples do not tell the two apart.
    NotDistinguishable,
}

/// An exact figure of both traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExactChange {
    /// What it is: `bytes allocated`.
    pub name: &'static str,
    /// Whether it is a number of bytes.
    pub is_bytes: bool,
    /// In the old trace.
    pub old: i64,
    /// In the new one.
    pub new: i64,
}

impl ExactChange {
    /// `new - old`.
    #[must_use]
    pub fn difference(&self) -> i64 {
        self.new.saturating_sub(self.old)
    }

    /// `new / old - 1`; `None` where the old figure is not above zero.
    #[must_use]
    pub fn growth(&self) -> Option<f64> {
        (self.old > 0).then(|| self.new as f64 / self.old as f64 - 1.0)
    }
}

/// A row of the comparison.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The function of the program's own code that allocates, with its file where that is known.
    pub name: String,
    /// The functions that lead there, outermost first; with [`By::Function`] that one only.
    pub path: Vec<String>,
    /// In the old trace, with its own 95% interval.
    pub old: Estimate,
    /// In the new one.
    pub new: Estimate,
    /// `new - old`, with an interval that holds together with those of all rows.
    pub difference: Estimate,
    /// What that says.
    pub verdict: Verdict,
}

/// Two traces compared.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Comparison {
    /// What was compared in the rows.
    pub figure: Figure,
    /// What makes a row.
    pub by: By,
    /// The exact totals.
    pub totals: Vec<ExactChange>,
    /// The rows: what changed first, by the least that it changed by; then the rest, by the difference.
    pub rows: Vec<Change>,
    /// Rows that have samples enough to be told apart at all; the intervals allow for so many.
    pub compared: usize,
    /// What makes the two traces less alike than they should be, each one sentence.
    pub notes: Vec<String>,
}

impl Comparison {
    /// The rows that changed.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.rows.iter().filter(|row| row.verdict != Verdict::NotDistinguishable)
    }
}

/// Compares what two traces say of `figure`, row by row.
///
/// ```no_run
/// use memscope_report::compare::{By, Figure, Side, compare};
/// use memscope_report::{Profile, SymbolizeOptions, symbolize};
/// let (old, new) = (Profile::open("old.bin")?, Profile::open("new.bin")?);
/// let names = |profile| symbolize(profile, &SymbolizeOptions::default());
/// let (old_names, new_names) = (names(&old), names(&new));
/// let side = |profile, symbols| Side { profile, symbols };
/// let found = compare(side(&old, &old_names), side(&new, &new_names), By::Function, Figure::Bytes);
/// for change in found.changes() {
///     println!("{}: {} bytes", change.name, change.difference.value);
/// }
/// # Ok::<(), memscope_report::ReportError>(())
/// ```
#[must_use]
pub fn compare(old: Side<'_>, new: Side<'_>, by: By, figure: Figure) -> Comparison {
    let rows = fold([old, new], by, figure);
    let (tail, compared) = simultaneous_tail(&rows, FALSE_CHANGES / 2.0);
    let mut rows: Vec<Change> = rows.into_iter().map(|row| change(row, tail)).collect();
    rows.sort_by(|one, other| {
        let rank = |change: &Change| (sure_difference(change), change.difference.value.abs());
        rank(other)
            .partial_cmp(&rank(one))
            .unwrap_or(std::cmp::Ordering::Equal)
            .then(one.path.cmp(&other.path))
    });
    Comparison { figure, by, totals: exact_changes(old, new), rows, compared, notes: notes(old, new) }
}

fn change(row: Row, tail: f64) -> Change {
    let [old, new] = row.evidence;
    let difference = difference(&old, &new, tail);
    let verdict = match difference {
        Estimate { low, .. } if low > 0.0 => Verdict::Grew,
        Estimate { high, .. } if high < 0.0 => Verdict::Shrank,
        _ => Verdict::NotDistinguishable,
    };
    let estimate = |at: usize| row.evidence[at].estimate(0.025);
    Change { old: estimate(0), new: estimate(1), name: row.name, path: row.path, difference, verdict }
}

/// The least that the row changed by, for certain.
fn sure_difference(change: &Change) -> f64 {
    change.difference.low.max(-change.difference.high).max(0.0)
}

/// The tail for each of `rows` whose intervals together fail with the probability `tail`, and how many were counted: a row of
/// which all samples could lie on one side without reaching the tail is not (Tarone 1990).
pub(crate) fn simultaneous_tail(rows: &[Row], tail: f64) -> (f64, usize) {
    let samples = |row: &Row| match row.evidence.iter().all(|evidence| evidence.is_exact()) {
        true => u64::MAX,
        false => row.samples[0].saturating_add(row.samples[1]),
    };
    shared_tail(rows.iter().map(samples).collect(), tail)
}

/// The same for rows that have so many samples each, both sides together. The smallest mid-P value that `n` samples could have, all of
/// them on one side, is half of `2^-n`.
pub(crate) fn shared_tail(samples: Vec<u64>, tail: f64) -> (f64, usize) {
    let least = |samples: u64| 0.5_f64.powi(samples.min(1_000) as i32 + 1);
    let mut reach: Vec<f64> = samples.into_iter().map(least).collect();
    reach.sort_unstable_by(f64::total_cmp);
    // The smallest number of rows that are no fewer than can reach their share of the tail.
    let mut counted = 1;
    while counted < reach.len() && reach.partition_point(|&least| least <= tail / counted as f64) > counted {
        counted += 1;
    }
    (tail / counted as f64, counted.min(reach.len()))
}

/// The exact totals of both.
pub(crate) fn exact_changes(old: Side<'_>, new: Side<'_>) -> Vec<ExactChange> {
    let (old, new) = (&old.profile.totals, &new.profile.totals);
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    vec![
        ExactChange {
            name: "bytes allocated",
            is_bytes: true,
            old: signed(old.allocated_bytes),
            new: signed(new.allocated_bytes),
        },
        ExactChange {
            name: "allocations",
            is_bytes: false,
            old: signed(old.allocations),
            new: signed(new.allocations),
        },
        ExactChange {
            name: "peak",
            is_bytes: true,
            old: signed(old.peak_bytes),
            new: signed(new.peak_bytes),
        },
        ExactChange { name: "live at the end", is_bytes: true, old: live_bytes(old), new: live_bytes(new) },
    ]
}

/// What makes the two traces less alike than they should be.
pub(crate) fn notes(old: Side<'_>, new: Side<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let least = |side: Side<'_>| side.profile.session.min_allocation_size_bytes;
    if least(old) != least(new) {
        notes.push(format!(
            "One trace samples allocations from {} on, the other from {}: call sites differ by that alone.",
            units::bytes(least(old) as f64),
            units::bytes(least(new) as f64)
        ));
    }
    for (side, which) in [(old, "old"), (new, "new")] {
        let profile = side.profile;
        if profile.is_damaged() {
            notes.push(format!("The {which} trace is damaged: what is lost is not compared."));
        } else if profile.end.is_none() {
            notes.push(format!(
                "The {which} trace has no end: its figures are those up to {}.",
                units::duration_us(profile.duration_us)
            ));
        }
    }
    notes
}
