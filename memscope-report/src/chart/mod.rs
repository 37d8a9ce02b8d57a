//! Charts: each a pure function from an [`Analysis`] to a standalone SVG document.
//!
//! To add one, write a file with `pub(super) const CHART: Chart`, name it as a module below, and give it a
//! line in `CHARTS`. What charts share: `canvas` (the sheet, its head and text), `plot` (axes and lines
//! on it), `axis` (ticks in human units), `rows` (bars with names), `classes` (an axis of
//! classes), `live_layers` (live bytes stacked over time), `heat` (shades and their legend), `series` (the timeline thinned, and as rates), `interval_band` (how
//! closely was sampled), `squarify` (tiles), `module_path` (a function's crate), `text` (names cleaned and shortened), `tips`
//! (tooltips), `theme` (colours by role, light and dark).
//!
//! A chart says whether its figures are exact or estimates, draws the interval of every estimate, and where
//! there is nothing to draw says why and what to do. The same analysis gives the same bytes.

mod allocation_rate;
mod axis;
mod call_sites;
mod canvas;
mod classes;
pub(crate) mod flame;
mod heat;
mod interval_band;
mod lifetimes;
mod live_by_site;
mod live_layers;
mod memory_over_time;
mod module_path;
mod modules;
pub(crate) mod origin;
mod plot;
mod reconciliation;
mod resources;
mod rows;
mod sampling_interval;
mod scope_flame;
mod scope_live;
mod scopes;
mod series;
mod size_lifetimes;
mod sizes;
mod squarify;
mod tasks;
pub(crate) mod text;
pub(crate) mod theme;
mod thread_activity;
mod thread_flows;
mod threads;
mod tips;

pub(crate) use canvas::TITLE_HEIGHT;

use crate::analysis::Analysis;
use crate::parallel::in_parallel;
use std::fmt;

/// Every chart, in the order in which the page shows them.
const CHARTS: &[Chart] = &[
    memory_over_time::CHART,
    reconciliation::CHART,
    live_by_site::CHART,
    allocation_rate::CHART,
    call_sites::CHART,
    flame::FLAME_ALLOCATED,
    flame::ICICLE_ALLOCATED,
    flame::FLAME_PEAK,
    flame::ICICLE_PEAK,
    flame::FLAME_LIVE,
    flame::ICICLE_LIVE,
    flame::FLAME_TEMPORARY,
    flame::ICICLE_TEMPORARY,
    flame::FLAME_COPIED,
    flame::ICICLE_COPIED,
    modules::CHART,
    threads::CHART,
    thread_activity::CHART,
    thread_flows::CHART,
    scopes::CHART,
    scope_live::CHART,
    scope_flame::CHART,
    tasks::CHART,
    sizes::CHART,
    lifetimes::CHART,
    size_lifetimes::CHART,
    resources::CHART,
    sampling_interval::CHART,
];

/// A chart's entry in the list.
struct Chart {
    /// File stem.
    name: &'static str,
    /// Its name to a person.
    title: &'static str,
    /// Draws it under that title.
    draw: fn(&Analysis, &str) -> Result<String, DrawError>,
}

/// A chart that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// File stem, such as `memory_over_time`; the same for every analysis.
    pub name: &'static str,
    /// The chart's name to a person.
    pub title: String,
    /// A standalone SVG document in UTF-8 that follows the reader's colour scheme.
    pub svg: String,
}

/// Draws every chart, in the order in which the page shows them. An analysis without data gives charts that
/// say so.
///
/// # Errors
///
/// [`DrawError`] where a drawing library reports one, which no analysis is known to bring about.
pub fn draw_all(analysis: &Analysis) -> Result<Vec<Drawing>, DrawError> {
    let draw = |chart: &Chart| {
        let svg = (chart.draw)(analysis, chart.title)?;
        Ok(Drawing { name: chart.name, title: chart.title.to_owned(), svg })
    };
    let every_second = |from| CHARTS.iter().skip(from).step_by(2).map(draw).collect::<Vec<_>>();
    let (even, odd) = in_parallel(|| every_second(0), || every_second(1));
    let (mut even, mut odd) = (even.into_iter(), odd.into_iter());
    std::iter::from_fn(|| {
        std::mem::swap(&mut even, &mut odd);
        odd.next()
    })
    .collect()
}

/// Why a chart could not be drawn.
#[derive(Debug)]
#[non_exhaustive]
pub enum DrawError {
    /// plotters refused.
    Plot {
        /// The chart's title.
        chart: String,
        /// What plotters says.
        reason: String,
    },
    /// inferno refused.
    FlameGraph(std::io::Error),
}

impl fmt::Display for DrawError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DrawError::Plot { chart, reason } => {
                write!(
                    f,
                    "expected to draw the chart \"{chart}\", but the drawing library reports: {reason}; "
                )?;
            }
            DrawError::FlameGraph(error) => {
                write!(f, "expected to draw the flame graph, but the drawing library reports: {error}; ")?;
            }
        }
        write!(f, "please report this with the trace: no trace should bring it about")
    }
}

impl std::error::Error for DrawError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DrawError::Plot { .. } => None,
            DrawError::FlameGraph(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_file_stems_and_unique() {
        for (index, chart) in CHARTS.iter().enumerate() {
            assert!(chart.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", chart.name);
            assert!(CHARTS[..index].iter().all(|other| other.name != chart.name), "{}", chart.name);
            assert!(!chart.title.is_empty());
        }
    }

    #[test]
    fn an_error_says_what_was_expected_found_and_to_do() {
        let error = DrawError::Plot { chart: "Threads".to_owned(), reason: "no ink".to_owned() };
        let text = error.to_string();
        for part in ["Threads", "no ink", "report this"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
