//! Shades of a heat map: five classes, each four times the one before, so that what is small is still seen beside what
//! is large. The classes end at round figures, which the legend names.

use super::axis::{Unit, finite};
use super::canvas::{self, HEAD_HEIGHT, PlotError, SIDE, Sheet, Style, TEXT_SIZE, WIDTH};
use super::text::width_px;
use super::theme::{HEAT, Role};

/// By how much a class is larger than the one before.
const STEP: f64 = 4.0;
/// Side of a swatch, pixels.
const SWATCH: i32 = 12;

/// The classes of a heat map.
pub(super) struct Scale {
    unit: Unit,
    /// Where the last class ends.
    top: f64,
}

impl Scale {
    /// Classes up to `greatest`.
    pub(super) fn new(unit: Unit, greatest: f64) -> Scale {
        let greatest = finite(greatest).max(1.0);
        let top = match unit {
            Unit::Bytes | Unit::BytesPerSecond => 2f64.powf(greatest.log2().ceil()),
            _ => {
                let power = 10f64.powf(greatest.log10().floor());
                [1.0, 2.0, 5.0]
                    .into_iter()
                    .map(|f| f * power)
                    .find(|top| *top >= greatest)
                    .unwrap_or(10.0 * power)
            }
        };
        Scale { unit, top }
    }

    /// The shade of a value; none for nothing.
    pub(super) fn shade(&self, value: f64) -> Option<Role> {
        let value = finite(value);
        if value <= 0.0 {
            return None;
        }
        let below = (self.top / value).max(1.0).ln() / STEP.ln();
        Some(HEAT[HEAT.len() - 1 - (below as usize).min(HEAT.len() - 1)])
    }

    /// What the shades mean, in a line at the right edge whose middle is `y`.
    pub(super) fn write_legend(&self, sheet: &Sheet<'_>, y: i32) -> Result<(), PlotError> {
        let ends = (0..HEAT.len()).map(|class| self.top / STEP.powi((HEAT.len() - 1 - class) as i32));
        let ends: Vec<String> = ends.map(|end| self.unit.format(end)).collect();
        write_legend(sheet, y, "up to", &ends)
    }
}

/// Swatches of all shades with `names`, behind `introduction`, in a line at the right edge.
pub(super) fn write_legend(
    sheet: &Sheet<'_>,
    y: i32,
    introduction: &str,
    names: &[String],
) -> Result<(), PlotError> {
    let mut right = WIDTH as i32 - SIDE;
    for (role, name) in HEAT.iter().zip(names).rev() {
        canvas::write(sheet, name, (right, y), &Style::right(Role::Ink))?;
        right -= width_px(name, TEXT_SIZE) as i32 + 6;
        canvas::fill(sheet, [(right - SWATCH, y - SWATCH / 2), (right, y + SWATCH / 2)], *role)?;
        right -= SWATCH + 14;
    }
    canvas::write(sheet, introduction, (right, y), &Style::right(Role::Muted))
}

/// The line of the legend, below the subtitle.
pub(super) const LEGEND_MIDDLE: i32 = HEAD_HEIGHT + 4;
/// Where a heat map begins, below its legend.
pub(super) const TOP: i32 = HEAD_HEIGHT + 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_four_times_the_one_before() {
        let scale = Scale::new(Unit::Bytes, 900.0);
        let shades = [1024.0, 257.0, 256.0, 64.0, 16.0, 4.0, 0.1].map(|value| scale.shade(value));
        let [one, two, three, four, five] = HEAT.map(Some);
        assert_eq!(shades, [five, five, four, three, two, one, one]);
        assert_eq!(scale.shade(0.0), None);
        assert_eq!(scale.shade(f64::NAN), None);
    }

    #[test]
    fn counts_end_at_round_figures() {
        for (greatest, top) in [(0.0, 1.0), (3.0, 5.0), (50.0, 50.0), (51.0, 100.0)] {
            assert_eq!(Scale::new(Unit::Count, greatest).top, top);
        }
    }
}
