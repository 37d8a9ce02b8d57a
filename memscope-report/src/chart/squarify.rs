//! A rectangle divided into tiles of given areas, each as near to a square as can be (Bruls, Huizing and van Wijk,
//! "Squarified Treemaps", 2000): tiles are laid in rows along the shorter side, and a row takes the next tile as long
//! as that makes its worst one squarer.

/// A rectangle, pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Rect {
    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// A tile for each of `values`, which are positive and in falling order, in their order.
pub(super) fn squarify(values: &[f64], mut space: Rect) -> Vec<Rect> {
    let total: f64 = values.iter().sum();
    let scale = space.width().max(0.0) * space.height().max(0.0) / total.max(f64::MIN_POSITIVE);
    let areas: Vec<f64> = values.iter().map(|value| value * scale).collect();
    let mut tiles = Vec::with_capacity(areas.len());
    let mut rest = areas.as_slice();
    while !rest.is_empty() {
        let side = space.width().min(space.height()).max(f64::MIN_POSITIVE);
        let grows_squarer = |count: &usize| worst(&rest[..*count], side) <= worst(&rest[..count - 1], side);
        let count = (2..=rest.len()).take_while(grows_squarer).last().unwrap_or(1);
        let (row, after) = rest.split_at(count);
        space = lay(row, space, &mut tiles);
        rest = after;
    }
    tiles
}

/// The longest side of any tile of a row by its shortest.
fn worst(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let depth = sum / side;
    let ratio = |area: f64| (depth * depth / area).max(area / (depth * depth));
    row.iter().map(|&area| ratio(area)).fold(0.0, f64::max)
}

/// Lays a row along the shorter side of `space`, and returns what is left of it.
fn lay(row: &[f64], space: Rect, tiles: &mut Vec<Rect>) -> Rect {
    let sum: f64 = row.iter().sum();
    let is_wide = space.width() >= space.height();
    let side = space.width().min(space.height()).max(f64::MIN_POSITIVE);
    let depth = sum / side;
    let mut at = 0.0;
    for area in row {
        let next = at + area / sum.max(f64::MIN_POSITIVE) * side;
        tiles.push(if is_wide {
            Rect {
                left: space.left,
                right: space.left + depth,
                top: space.top + at,
                bottom: space.top + next,
            }
        } else {
            Rect {
                left: space.left + at,
                right: space.left + next,
                top: space.top,
                bottom: space.top + depth,
            }
        });
        at = next;
    }
    if is_wide {
        Rect { left: (space.left + depth).min(space.right), ..space }
    } else {
        Rect { top: (space.top + depth).min(space.bottom), ..space }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: Rect = Rect { left: 0.0, top: 0.0, right: 6.0, bottom: 4.0 };

    #[test]
    fn the_paper_s_example_comes_out_as_in_the_paper() {
        let tiles = squarify(&[6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0], SPACE);
        let sizes: Vec<(f64, f64)> = tiles
            .iter()
            .map(|tile| ((tile.width() * 100.0).round(), (tile.height() * 100.0).round()))
            .collect();
        assert_eq!(
            sizes,
            [
                (300.0, 200.0),
                (300.0, 200.0),
                (171.0, 233.0),
                (129.0, 233.0),
                (120.0, 167.0),
                (120.0, 167.0),
                (60.0, 167.0)
            ]
        );
    }

    #[test]
    fn tiles_have_their_areas_and_stay_inside() {
        let values: Vec<f64> = (1..60).rev().map(|i| f64::from(i * i)).collect();
        let tiles = squarify(&values, SPACE);
        let total: f64 = values.iter().sum();
        for (tile, value) in tiles.iter().zip(&values) {
            assert!((tile.width() * tile.height() - value / total * 24.0).abs() < 1e-9);
            assert!(
                tile.left >= -1e-9
                    && tile.right <= 6.0 + 1e-9
                    && tile.top >= -1e-9
                    && tile.bottom <= 4.0 + 1e-9
            );
        }
    }

    #[test]
    fn nothing_and_no_room_harm_nobody() {
        assert!(squarify(&[], SPACE).is_empty());
        let tiles = squarify(&[2.0, 1.0], Rect { right: 0.0, ..SPACE });
        assert!(tiles.iter().all(|tile| tile.width().is_finite() && tile.height().is_finite()));
    }
}
