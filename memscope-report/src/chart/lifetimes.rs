//! How long allocations live: bytes by lifetime, and the share of all bytes that outlives each age.
//!
//! What was still live at the end has no lifetime yet, only an age: it has bars of its own, which say "at least so long",
//! and the curve takes them for what they are (see [`LifetimeBucket::surviving_bytes`]). The band around the curve is its 95%
//! interval after Greenwood (1926): of the part `q` that a class of `n` independent pieces loses,
//!
//! ```text
//! variance of ln S = sum over the classes of q / ((1 - q) n),    n = (sum of the estimates at risk)^2 / their variance
//! ```

use super::axis::{Axis, Unit, finite};
use super::canvas::{self, HEAD_HEIGHT, Head, PlotError, SIDE, Sheet, Style};
use super::classes::ClassAxis;
use super::plot::{area, band, value_plot, whisker};
use super::text::certainty;
use super::theme::Role;
use super::{Chart, DrawError};
use crate::analysis::{Analysis, LifetimeBucket};
use crate::statistics::Estimate;
use crate::units;
use plotters::prelude::*;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "lifetimes", title: "Lifetimes", draw };

const HEIGHT: u32 = 540;
/// Height of the line above each panel that says what it shows.
const PANEL_TITLE: i32 = 20;
/// Width that the name of a class takes, pixels.
const CLASS_NAME: usize = 96;
/// From where to where the two bars of a class reach, in classes off its middle.
const FREED_BAR: (f64, f64) = (-0.4, 0.0);
const LIVE_BAR: (f64, f64) = (0.0, 0.4);
/// Half the length of the strokes at the ends of an interval, in classes.
const WHISKER: f64 = 0.08;

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let classes = from_first(&analysis.lifetimes);
    if classes.is_empty() {
        return canvas::draw_without_samples(title, "No allocation was sampled, so no lifetime is known.");
    }
    let figures = classes.iter().flat_map(|class| [&class.freed_bytes, &class.live_bytes]);
    let head = Head {
        title,
        subtitle: format!("{} Classes end at their name.", certainty(analysis, figures)),
        legend: &[(Role::Estimate, "freed"), (Role::Live, "live at the end")],
    };
    canvas::draw(&head, HEIGHT, |sheet| {
        let middle = (HEAD_HEIGHT + HEIGHT as i32) / 2;
        draw_bytes(sheet, (HEAD_HEIGHT, middle), classes)?;
        draw_survival(sheet, (middle, HEIGHT as i32 - 8), classes)
    })
}

/// The classes from the first that is not empty.
fn from_first(classes: &[LifetimeBucket]) -> &[LifetimeBucket] {
    let used = |class: &LifetimeBucket| class.freed_bytes.value > 0.0 || class.live_bytes.value > 0.0;
    let first = classes.iter().position(used).unwrap_or(classes.len());
    &classes[first..]
}

fn axis(classes: &[LifetimeBucket]) -> ClassAxis {
    let names = classes.iter().map(|class| class.up_to_us.map_or("longer".to_owned(), units::duration_us));
    ClassAxis::new(names.collect(), CLASS_NAME)
}

fn draw_bytes(
    sheet: &Sheet<'_>,
    (top, bottom): (i32, i32),
    classes: &[LifetimeBucket],
) -> Result<(), PlotError> {
    canvas::write(
        sheet,
        "bytes by lifetime (what is live at the end lives at least so long)",
        (SIDE, top + PANEL_TITLE / 2),
        &Style::left(Role::Ink),
    )?;
    let figures = || classes.iter().flat_map(|class| [class.freed_bytes, class.live_bytes]);
    let high = figures().map(|figure| finite(figure.high).max(finite(figure.value))).fold(0.0, f64::max);
    let y = Axis::of_values(Unit::Bytes, 0.0, high, 5);
    let mut plot = value_plot(sheet, (top + PANEL_TITLE, bottom), axis(classes), y)?;
    for (index, class) in classes.iter().enumerate() {
        let bars: [(Estimate, Role, (f64, f64)); 2] =
            [(class.freed_bytes, Role::Estimate, FREED_BAR), (class.live_bytes, Role::Live, LIVE_BAR)];
        for (figure, role, (from, to)) in bars.into_iter().filter(|(figure, ..)| figure.value > 0.0) {
            let index = index as f64;
            let corners = [(index + from, 0.0), (index + to, figure.value)];
            plot.draw_series([Rectangle::new(corners, role.color().filled())])?;
            if figure.high > figure.low {
                let at = |value, side| (index + from.midpoint(to) + side * WHISKER, value);
                // On a dark bar the strokes need a light edge.
                for style in [Role::Paper.color().stroke_width(3), Role::Ink.color().stroke_width(1)] {
                    plot.draw_series(whisker((figure.low, figure.high), style, at))?;
                }
            }
        }
    }
    Ok(())
}

fn draw_survival(
    sheet: &Sheet<'_>,
    (top, bottom): (i32, i32),
    classes: &[LifetimeBucket],
) -> Result<(), PlotError> {
    let title = "share of all bytes that outlives the age, with its 95% interval";
    canvas::write(sheet, title, (SIDE, top + PANEL_TITLE / 2), &Style::left(Role::Ink))?;
    let mut plot = value_plot(sheet, (top + PANEL_TITLE, bottom), axis(classes), Axis::of_percent())?;
    // A class is named by its end, which is the right edge of its place.
    let ends = classes
        .iter()
        .enumerate()
        .map(|(index, class)| (index as f64 + 0.5, 100.0 * finite(class.surviving_bytes).clamp(0.0, 1.0)));
    let points: Vec<(f64, f64)> = std::iter::once((-0.5, 100.0)).chain(ends).collect();
    area(&mut plot, &points, Role::Allocated)?;
    let intervals = survival_intervals(classes);
    let edge = |end: fn(&(f64, f64)) -> f64| -> Vec<(f64, f64)> {
        let ends = intervals.iter().enumerate();
        let ends = ends.map(|(index, interval)| (index as f64 + 0.5, 100.0 * end(interval)));
        std::iter::once((-0.5, 100.0)).chain(ends).collect()
    };
    if intervals.iter().any(|(low, high)| high > low) {
        band(&mut plot, &edge(|interval| interval.0), &edge(|interval| interval.1))?;
    }
    Ok(())
}

/// Standard errors from the middle of a 95% interval to its ends.
const ERRORS: f64 = 1.96;

/// The 95% interval of the share that survives each class. See the module's head.
fn survival_intervals(classes: &[LifetimeBucket]) -> Vec<(f64, f64)> {
    let parts = |class: &LifetimeBucket| [class.freed_bytes, class.live_bytes];
    let value = |part: Estimate| finite(part.value).max(0.0);
    let variance = |part: Estimate| match value(part) > 0.0 {
        true => (finite(part.high - part.low) / (2.0 * ERRORS)).powi(2),
        // What was not seen is not at risk.
        false => 0.0,
    };
    let mut at_risk: f64 = classes.iter().flat_map(parts).map(value).sum();
    let mut risk_variance: f64 = classes.iter().flat_map(parts).map(variance).sum();
    let mut log_variance = 0.0;
    let interval = |class: &LifetimeBucket| {
        let watched = at_risk - value(class.live_bytes) / 2.0;
        let lost = value(class.freed_bytes) / watched;
        let pieces = at_risk.powi(2) / risk_variance;
        if lost > 0.0 && lost < 1.0 && pieces > 0.0 {
            log_variance += lost / ((1.0 - lost) * pieces);
        }
        at_risk -= parts(class).map(value).iter().sum::<f64>();
        risk_variance -= parts(class).map(variance).iter().sum::<f64>();
        let survivors = finite(class.surviving_bytes).clamp(0.0, 1.0);
        let factor = finite((ERRORS * log_variance.sqrt()).exp()).max(1.0);
        (survivors / factor, (survivors * factor).min(1.0))
    };
    classes.iter().map(interval).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_classes_are_left_off_at_the_start() {
        let class =
            |value| LifetimeBucket { live_bytes: Estimate::exact(value), ..LifetimeBucket::default() };
        assert_eq!(from_first(&[class(0.0), class(3.0), class(0.0)]).len(), 2);
        assert!(from_first(&[class(0.0)]).is_empty());
    }

    #[test]
    fn the_share_s_interval_is_greenwood_s() {
        // A hundred pieces of weight 1, of which the first class loses half.
        let half = |share: f64| {
            let error = ERRORS * 50_f64.sqrt();
            let freed = Estimate { value: 50.0, low: 50.0 - error, high: 50.0 + error, samples: 50 };
            LifetimeBucket { freed_bytes: freed, surviving_bytes: share, ..LifetimeBucket::default() }
        };
        let intervals = survival_intervals(&[half(0.5), half(0.0)]);
        let (low, high) = intervals[0];
        assert!((low - 0.5 * (-0.196_f64).exp()).abs() < 1e-9 && (high - 0.5 * 0.196_f64.exp()).abs() < 1e-9);
        assert_eq!(intervals[1], (0.0, 0.0));
    }

    #[test]
    fn what_is_exact_has_no_band() {
        let class = |share| LifetimeBucket {
            freed_bytes: Estimate::exact(1.0),
            surviving_bytes: share,
            ..LifetimeBucket::default()
        };
        assert_eq!(survival_intervals(&[class(0.5), class(0.0)]), [(0.5, 0.5), (0.0, 0.0)]);
    }
}
