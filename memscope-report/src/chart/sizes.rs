//! Allocations by size, in classes that double: how many, and how many bytes.
//!
//! The two panels share their classes, for they seldom agree: most allocations are small, most bytes are in
//! few large ones. Both are estimates with their 95% intervals.

use super::axis::{Axis, Unit, finite};
use super::canvas::{self, HEAD_HEIGHT, Head, PlotError, SIDE, Sheet, Style};
use super::classes::ClassAxis;
use super::plot::{value_plot, whisker};
use super::text::certainty;
use super::theme::Role;
use super::{Chart, DrawError};
use crate::analysis::{Analysis, SizeBucket};
use crate::statistics::Estimate;
use crate::units;
use plotters::prelude::*;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "sizes", title: "Sizes of allocations", draw };

const HEIGHT: u32 = 540;
/// Height of the line above each panel that says what it shows.
const PANEL_TITLE: i32 = 20;
/// Width that the name of a class takes, pixels.
const CLASS_NAME: usize = 58;
/// Half the width of a bar, in classes.
const HALF_BAR: f64 = 0.38;
/// Half the length of the strokes at the ends of an interval, in classes.
const WHISKER: f64 = 0.13;

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let classes = trim(&analysis.sizes);
    if classes.is_empty() {
        return canvas::draw_without_samples(title, "No allocation was sampled, so no size is known.");
    }
    let figures = classes.iter().flat_map(|class| [&class.allocations, &class.allocated_bytes]);
    let certainty = certainty(analysis, figures);
    let head = Head {
        title,
        subtitle: format!("{certainty} Each class holds the sizes up to its name."),
        legend: &[],
    };
    canvas::draw(&head, HEIGHT, |sheet| {
        let middle = (HEAD_HEIGHT + HEIGHT as i32) / 2;
        let count = Panel { title: "allocations", unit: Unit::Count, figure: |class| class.allocations };
        count.draw(sheet, (HEAD_HEIGHT, middle), classes)?;
        let bytes = Panel { title: "bytes", unit: Unit::Bytes, figure: |class| class.allocated_bytes };
        bytes.draw(sheet, (middle, HEIGHT as i32 - 8), classes)
    })
}

fn axis(classes: &[SizeBucket]) -> ClassAxis {
    let names = classes.iter().map(|class| units::bytes(class.up_to_bytes as f64));
    ClassAxis::new(names.collect(), CLASS_NAME)
}

/// The classes without the empty ones at both ends.
fn trim(sizes: &[SizeBucket]) -> &[SizeBucket] {
    let used = |class: &SizeBucket| class.allocations.value > 0.0 || class.allocated_bytes.value > 0.0;
    match (sizes.iter().position(used), sizes.iter().rposition(used)) {
        (Some(first), Some(last)) => &sizes[first..=last],
        _ => &[],
    }
}

/// One of the two plots.
struct Panel {
    title: &'static str,
    unit: Unit,
    figure: fn(&SizeBucket) -> Estimate,
}

impl Panel {
    fn draw(
        &self,
        sheet: &Sheet<'_>,
        (top, bottom): (i32, i32),
        classes: &[SizeBucket],
    ) -> Result<(), PlotError> {
        canvas::write(sheet, self.title, (SIDE, top + PANEL_TITLE / 2), &Style::left(Role::Ink))?;
        let figures: Vec<Estimate> = classes.iter().map(self.figure).collect();
        let high =
            figures.iter().map(|figure| finite(figure.high).max(finite(figure.value))).fold(0.0, f64::max);
        let y = Axis::of_values(self.unit, 0.0, high, 5);
        let mut plot = value_plot(sheet, (top + PANEL_TITLE, bottom), axis(classes), y)?;
        plot.draw_series(figures.iter().enumerate().filter(|(_, figure)| figure.value > 0.0).map(
            |(index, figure)| {
                let middle = index as f64;
                Rectangle::new(
                    [(middle - HALF_BAR, 0.0), (middle + HALF_BAR, figure.value)],
                    Role::Estimate.color().filled(),
                )
            },
        ))?;
        for (index, figure) in figures.iter().enumerate().filter(|(_, figure)| figure.high > figure.low) {
            let at = |value, side| (index as f64 + side * WHISKER, value);
            plot.draw_series(whisker((figure.low, figure.high), Role::Ink.color().into(), at))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(up_to_bytes: u64, value: f64) -> SizeBucket {
        let allocations = Estimate { value, low: value, high: value, samples: value as u64 };
        SizeBucket { up_to_bytes, allocations, allocated_bytes: allocations }
    }

    #[test]
    fn empty_classes_are_left_off_at_the_ends_only() {
        let classes = [class(1, 0.0), class(2, 3.0), class(4, 0.0), class(8, 1.0), class(16, 0.0)];
        let kept: Vec<u64> = trim(&classes).iter().map(|class| class.up_to_bytes).collect();
        assert_eq!(kept, [2, 4, 8]);
        assert!(trim(&classes[..1]).is_empty());
    }
}
