//! How fast the program allocates and frees, in bytes and in calls, over time.
//!
//! The trace has totals so far; their differences over equal intervals are the rates. Where the two lines
//! part, the heap grows or shrinks; where both are high, the program churns.

use super::axis::{Axis, Unit};
use super::canvas::{self, HEAD_HEIGHT, Head, PlotError, SIDE, Sheet, Style};
use super::plot::{area, line, value_plot};
use super::series::{Point, Rates, end_us, rate_interval_us, rates};
use super::theme::Role;
use super::{Chart, DrawError};
use crate::analysis::{Analysis, TimelinePoint};
use crate::units;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "allocation_rate", title: "Allocation rate", draw };

const HEIGHT: u32 = 520;
/// Height of the line above each panel that says what it shows.
const PANEL_TITLE: i32 = 20;

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let totals = |total: fn(&TimelinePoint) -> u64| -> Vec<Point> {
        analysis.timeline.iter().map(|point| (point.time_us as f64, total(point) as f64)).collect()
    };
    let allocated_bytes = totals(|point| point.allocated_bytes);
    let interval_us = rate_interval_us(&allocated_bytes);
    let allocated = rates(&allocated_bytes, interval_us);
    if allocated.per_second.is_empty() {
        return canvas::draw_without_timeline(title);
    }
    let freed = rates(&totals(|point| point.freed_bytes), interval_us);
    let allocations = rates(&totals(|point| point.allocations), interval_us);
    let frees = rates(&totals(|point| point.frees), interval_us);
    let head = Head {
        title,
        subtitle: format!("Exact, as means over intervals of {}.", units::duration_us(interval_us as u64)),
        legend: &[(Role::Allocated, "allocated"), (Role::Freed, "freed")],
    };
    canvas::draw(&head, HEIGHT, |sheet| {
        let middle = (HEAD_HEIGHT + HEIGHT as i32) / 2;
        let end = end_us(analysis);
        let bytes = Panel { title: "bytes per second", unit: Unit::BytesPerSecond, allocated, freed };
        bytes.draw(sheet, (HEAD_HEIGHT, middle), end)?;
        let calls = Panel {
            title: "allocations and frees per second",
            unit: Unit::CountPerSecond,
            allocated: allocations,
            freed: frees,
        };
        calls.draw(sheet, (middle, HEIGHT as i32 - 8), end)
    })
}

/// One of the two plots.
struct Panel {
    title: &'static str,
    unit: Unit,
    allocated: Rates,
    freed: Rates,
}

impl Panel {
    fn draw(&self, sheet: &Sheet<'_>, (top, bottom): (i32, i32), end_us: u64) -> Result<(), PlotError> {
        canvas::write(sheet, self.title, (SIDE, top + PANEL_TITLE / 2), &Style::left(Role::Ink))?;
        let high = self.allocated.greatest().max(self.freed.greatest());
        let y = Axis::of_values(self.unit, 0.0, high, 5);
        let mut plot = value_plot(sheet, (top + PANEL_TITLE, bottom), Axis::of_time(end_us, 9), y)?;
        area(&mut plot, &self.allocated.steps(), Role::Allocated)?;
        line(&mut plot, &self.freed.steps(), Role::Freed)
    }
}
