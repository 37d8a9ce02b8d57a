//! A series of any length in bounded memory: thinned while it is read, its highs and lows kept.
//!
//! Of each four neighbours the highest and the lowest stay, in their order, so every pass halves the series and no
//! peak or trough is lost. The first and the last point always stay.

/// Points that a series has at most when it is complete; a chart has fewer pixels.
pub(crate) const MAX_POINTS: usize = 4_000;

/// A series that is thinned whenever it grows to twice [`MAX_POINTS`].
#[derive(Debug)]
pub(crate) struct Series<T> {
    points: Vec<T>,
    level: fn(&T) -> i64,
}

impl<T: Copy> Series<T> {
    /// An empty series; `level` says how high a point is.
    pub(crate) fn new(level: fn(&T) -> i64) -> Self {
        Self { points: Vec::new(), level }
    }

    /// Adds the next point.
    pub(crate) fn push(&mut self, point: T) {
        if self.points.len() >= 2 * MAX_POINTS {
            self.thin();
        }
        self.points.push(point);
    }

    /// The point added last.
    pub(crate) fn last(&self) -> Option<&T> {
        self.points.last()
    }

    /// The points, [`MAX_POINTS`] at most.
    pub(crate) fn finish(mut self) -> Vec<T> {
        while self.points.len() > MAX_POINTS {
            self.thin();
        }
        self.points
    }

    fn thin(&mut self) {
        let [first, middle @ .., last] = self.points.as_slice() else { return };
        let mut kept = Vec::with_capacity(self.points.len() / 2 + 4);
        kept.push(*first);
        for four in middle.chunks(4) {
            let (mut low, mut high) = (0, 0);
            for (at, point) in four.iter().enumerate() {
                if (self.level)(point) < (self.level)(&four[low]) {
                    low = at;
                }
                if (self.level)(point) > (self.level)(&four[high]) {
                    high = at;
                }
            }
            kept.push(four[low.min(high)]);
            if low != high {
                kept.push(four[low.max(high)]);
            }
        }
        kept.push(*last);
        self.points = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: impl Iterator<Item = (u64, i64)>) -> Vec<(u64, i64)> {
        let mut series = Series::new(|point: &(u64, i64)| point.1);
        points.for_each(|point| series.push(point));
        series.finish()
    }

    #[test]
    fn a_short_series_is_left_alone() {
        let points: Vec<_> = (0..MAX_POINTS as u64).map(|t| (t, 0)).collect();
        assert_eq!(series(points.iter().copied()), points);
    }

    #[test]
    fn a_long_series_keeps_ends_peaks_and_troughs() {
        let peak = 765_432;
        let trough = 123_456;
        let level = |t: u64| match t {
            _ if t == peak => 1_000_000,
            _ if t == trough => -5,
            _ => (t % 1000) as i64,
        };
        let thinned = series((0..1_000_000).map(|t| (t, level(t))));
        assert!(thinned.len() <= MAX_POINTS && thinned.len() > MAX_POINTS / 4, "{}", thinned.len());
        assert!(thinned.is_sorted());
        assert_eq!((thinned[0].0, thinned[thinned.len() - 1].0), (0, 999_999));
        assert!(thinned.contains(&(peak, 1_000_000)) && thinned.contains(&(trough, -5)));
    }
}
