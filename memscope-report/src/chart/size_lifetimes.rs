//! Sizes against lifetimes: what is small and short-lived, what is large and stays.
//!
//! Two maps of the same classes: at the left what was freed, by the age at which it was; at the right what was live at the
//! end, by the age that it had reached by then. The second kind is censored: it lives at least so long. To mix the two
//! would hide exactly what lives longest.

use super::axis::{Unit, finite};
use super::canvas::{self, Head, PlotError, SIDE, Sheet, Style, TEXT_SIZE, WIDTH};
use super::heat::{LEGEND_MIDDLE, Scale, TOP};
use super::text::{certainty, width_px};
use super::theme::Role;
use super::tips::Tip;
use super::{Chart, DrawError};
use crate::analysis::{Analysis, SizeLifetime};
use crate::statistics::Estimate;
use crate::units;
use plotters::prelude::*;
use std::collections::BTreeSet;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "size_lifetimes", title: "Sizes and lifetimes", draw };

const ROW_HEIGHT: i32 = 18;
/// Height of a map's title, and of the labels below it, pixels.
const MAP_TITLE: i32 = 24;
const BOTTOM: i32 = 44;
/// Width of the sizes' names, and of the space between the maps, pixels.
const NAMES: i32 = 72;
const GAP: i32 = 28;
/// Widest cell, pixels.
const WIDEST_CELL: i32 = 40;

/// One of the two maps.
struct Map {
    title: &'static str,
    /// What became of the bytes.
    fate: &'static str,
    bytes: fn(&SizeLifetime) -> Estimate,
    allocations: fn(&SizeLifetime) -> Estimate,
}

const MAPS: [Map; 2] = [
    Map {
        title: "freed, at this age",
        fate: "freed at an age",
        bytes: |cell| cell.freed_bytes,
        allocations: |cell| cell.freed_allocations,
    },
    Map {
        title: "live at the end: at least this old",
        fate: "live at the end, at least of an age",
        bytes: |cell| cell.live_bytes,
        allocations: |cell| cell.live_allocations,
    },
];

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let classes = Classes::new(analysis);
    if classes.sizes.is_empty() || classes.lifetimes.is_empty() {
        return canvas::draw_without_samples(
            title,
            "No allocation was sampled, so neither sizes nor lifetimes are known.",
        );
    }
    let cells = || analysis.lifetimes_by_size.iter();
    let figures = cells().flat_map(|cell| [&cell.freed_bytes, &cell.live_bytes]);
    let head = Head {
        title,
        subtitle: format!(
            "Bytes by size and lifetime; classes end at their name. {}",
            certainty(analysis, figures)
        ),
        legend: &[],
    };
    let greatest =
        cells().flat_map(|cell| MAPS.map(|map| finite((map.bytes)(cell).value))).fold(0.0, f64::max);
    let bottom = TOP + MAP_TITLE + classes.sizes.len() as i32 * ROW_HEIGHT;
    canvas::draw_with_tips(&head, (bottom + BOTTOM) as u32, |sheet| {
        let scale = Scale::new(Unit::Bytes, greatest);
        scale.write_legend(sheet, LEGEND_MIDDLE)?;
        for (row, size) in classes.sizes.iter().rev().enumerate() {
            let middle = TOP + MAP_TITLE + row as i32 * ROW_HEIGHT + ROW_HEIGHT / 2;
            let at = (SIDE + NAMES - 8, middle);
            canvas::write(sheet, &units::bytes(*size as f64), at, &Style::right(Role::Muted))?;
        }
        let width = (WIDTH as i32 - 2 * SIDE - NAMES - GAP) / 2;
        let mut tips = Vec::new();
        for (map, left) in MAPS.iter().zip([SIDE + NAMES, SIDE + NAMES + width + GAP]) {
            let cell = (width / classes.lifetimes.len() as i32).min(WIDEST_CELL);
            let place = Place { left, top: TOP + MAP_TITLE, cell };
            tips.extend(place.draw(sheet, map, &classes, &analysis.lifetimes_by_size, &scale)?);
        }
        Ok(tips)
    })
}

/// The classes of both maps, without those at the ends that neither uses.
struct Classes {
    /// The largest size of each class, bytes.
    sizes: Vec<u64>,
    /// The longest lifetime of each class, microseconds; `u64::MAX` for the one without end.
    lifetimes: Vec<u64>,
}

/// A class without end comes last.
fn lifetime(up_to_us: Option<u64>) -> u64 {
    up_to_us.unwrap_or(u64::MAX)
}

impl Classes {
    fn new(analysis: &Analysis) -> Classes {
        let used = analysis.lifetimes_by_size.iter().filter(|cell| {
            MAPS.iter()
                .any(|map| finite((map.bytes)(cell).value).max(finite((map.allocations)(cell).value)) > 0.0)
        });
        let (sizes, lifetimes): (BTreeSet<u64>, BTreeSet<u64>) =
            used.map(|cell| (cell.up_to_bytes, lifetime(cell.up_to_us))).unzip();
        let between = |used: &BTreeSet<u64>, all: &mut dyn Iterator<Item = u64>| -> Vec<u64> {
            let (Some(&first), Some(&last)) = (used.first(), used.last()) else { return Vec::new() };
            let inside = all.filter(|class| (first..=last).contains(class));
            inside.chain(used.iter().copied()).collect::<BTreeSet<u64>>().into_iter().collect()
        };
        Classes {
            sizes: between(&sizes, &mut analysis.sizes.iter().map(|class| class.up_to_bytes)),
            lifetimes: between(
                &lifetimes,
                &mut analysis.lifetimes.iter().map(|class| lifetime(class.up_to_us)),
            ),
        }
    }
}

/// Where a map is on the sheet.
struct Place {
    left: i32,
    top: i32,
    /// Width of a cell.
    cell: i32,
}

impl Place {
    fn draw(
        &self,
        sheet: &Sheet<'_>,
        map: &Map,
        classes: &Classes,
        cells: &[SizeLifetime],
        scale: &Scale,
    ) -> Result<Vec<Tip>, PlotError> {
        let right = self.left + classes.lifetimes.len() as i32 * self.cell;
        let bottom = self.top + classes.sizes.len() as i32 * ROW_HEIGHT;
        canvas::write(sheet, map.title, (self.left, self.top - MAP_TITLE / 2), &Style::left(Role::Ink))?;
        let frame = Rectangle::new(
            [(self.left - 1, self.top - 1), (right, bottom)],
            Role::Grid.color().stroke_width(1),
        );
        sheet.draw(&frame)?;
        let mut tips = Vec::new();
        for cell in cells {
            let row = classes.sizes.iter().rev().position(|size| *size == cell.up_to_bytes);
            let column = classes.lifetimes.iter().position(|class| *class == lifetime(cell.up_to_us));
            let shade = scale.shade((map.bytes)(cell).value);
            let (Some(row), Some(column), Some(shade)) = (row, column, shade) else { continue };
            let at = (self.left + column as i32 * self.cell, self.top + row as i32 * ROW_HEIGHT);
            canvas::fill(sheet, [at, (at.0 + self.cell - 1, at.1 + ROW_HEIGHT - 1)], shade)?;
            tips.push(Tip { at, text: tip(map, cell) });
        }
        self.write_lifetimes(sheet, &classes.lifetimes, bottom)?;
        Ok(tips)
    }

    /// The names of as many classes as there is room for, each at the right edge of its class.
    fn write_lifetimes(&self, sheet: &Sheet<'_>, classes: &[u64], bottom: i32) -> Result<(), PlotError> {
        let mut free_from = i32::MIN;
        for (index, class) in classes.iter().enumerate() {
            let name = name(*class);
            let width = width_px(&name, TEXT_SIZE) as i32;
            let edge = self.left + (index as i32 + 1) * self.cell;
            // The powers of ten come first; others only where classes are few.
            let is_round = class.to_string().starts_with('1') || *class == u64::MAX;
            let is_shown = is_round || classes.len() <= 12;
            if is_shown && edge - width / 2 > free_from {
                canvas::write(sheet, &name, (edge, bottom + 14), &Style::centered(Role::Muted))?;
                free_from = edge + width / 2 + 12;
            }
        }
        Ok(())
    }
}

fn name(lifetime_us: u64) -> String {
    if lifetime_us == u64::MAX { "longer".to_owned() } else { units::duration_us(lifetime_us) }
}

fn tip(map: &Map, cell: &SizeLifetime) -> String {
    let age = cell
        .up_to_us
        .map_or("beyond the last class".to_owned(), |us| format!("up to {}", units::duration_us(us)));
    let (bytes, allocations) = ((map.bytes)(cell), (map.allocations)(cell));
    let with_range = |estimate: &Estimate, format: fn(f64) -> String| {
        let value = format(estimate.value);
        if estimate.high > estimate.low {
            format!("{value} (95%: {})", units::range(estimate.low, estimate.high, format))
        } else {
            value
        }
    };
    format!(
        "sizes up to {}, {} {age}: {}, allocations {}",
        units::bytes(cell.up_to_bytes as f64),
        map.fate,
        with_range(&bytes, units::bytes),
        with_range(&allocations, units::count),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{LifetimeBucket, SizeBucket};

    #[test]
    fn classes_go_from_the_first_used_to_the_last_without_holes() {
        let cell = |up_to_bytes, up_to_us, bytes| SizeLifetime {
            up_to_bytes,
            up_to_us,
            freed_bytes: Estimate::exact(bytes),
            ..SizeLifetime::default()
        };
        let analysis = Analysis {
            sizes: (0..10)
                .map(|power| SizeBucket { up_to_bytes: 1 << power, ..SizeBucket::default() })
                .collect(),
            lifetimes: [Some(1), Some(2), Some(5), Some(10), None]
                .map(|up_to_us| LifetimeBucket { up_to_us, ..LifetimeBucket::default() })
                .to_vec(),
            lifetimes_by_size: vec![cell(8, Some(2), 1.0), cell(64, None, 3.0), cell(512, Some(1), 0.0)],
            ..Analysis::default()
        };
        let classes = Classes::new(&analysis);
        assert_eq!(classes.sizes, [8, 16, 32, 64]);
        assert_eq!(classes.lifetimes, [2, 5, 10, u64::MAX]);
    }
}
