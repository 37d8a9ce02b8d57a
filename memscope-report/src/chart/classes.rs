//! An axis of classes: class `i` lies around `i`, and as many are named as there is room for.

use super::canvas::{SIDE, WIDTH};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// Least number of classes that share the width: fewer would have bars as wide as walls.
const LEAST_PLACES: usize = 12;

/// See the module's head.
pub(super) struct ClassAxis {
    names: Vec<String>,
    /// Every how many classes one is named.
    every: usize,
    /// Places for classes: with few classes some stay free at the right.
    places: f64,
}

impl ClassAxis {
    /// The axis of classes of these names, each of which takes up to `name_width` pixels.
    pub(super) fn new(names: Vec<String>, name_width: usize) -> ClassAxis {
        let room = (WIDTH as usize - 2 * SIDE as usize - 90) / name_width;
        let (every, places) = (names.len().div_ceil(room).max(1), names.len().max(LEAST_PLACES) as f64);
        ClassAxis { names, every, places }
    }
}

impl Ranged for ClassAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let fraction = (value + 0.5) / self.places;
        from + (fraction * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        (0..self.names.len()).step_by(self.every).map(|index| index as f64).collect()
    }

    fn range(&self) -> Range<f64> {
        -0.5..self.places - 0.5
    }
}

impl ValueFormatter<f64> for ClassAxis {
    fn format_ext(&self, value: &f64) -> String {
        self.names.get(value.round() as usize).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_classes_keep_their_distance() {
        for width in [40, 58, 90] {
            let axis = ClassAxis::new((0..64).map(|class| format!("class {class}")).collect(), width);
            let points = axis.key_points(plotters::coord::ranged1d::BoldPoints(10));
            assert!(points.len() >= 8);
            for pair in points.windows(2) {
                let distance = axis.map(&pair[1], (0, 860)) - axis.map(&pair[0], (0, 860));
                assert!(distance >= width as i32 - 8, "{distance} for {width}");
            }
            assert_eq!(axis.format_ext(&10.0), "class 10");
        }
    }
}
