//! A figure over time: the first value that was had, the last one, and the last reason for having none.

use super::super::snapshot::{Figure, Gap, NOT_LOOKED_AT};
use super::NO_SAMPLE;

/// The reason to give for a figure that was missing for one and then for another: that it was not even looked
/// at says less than any other.
pub(super) fn later(before: Gap, now: Gap) -> Gap {
    if now == NOT_LOOKED_AT && before != NO_SAMPLE { before } else { now }
}

#[derive(Debug)]
pub(super) struct Span<T> {
    values: Option<(T, T)>,
    gap: Gap,
}

impl<T> Default for Span<T> {
    fn default() -> Self {
        Self { values: None, gap: NO_SAMPLE }
    }
}

impl<T: Copy> Span<T> {
    pub(super) fn push(&mut self, figure: Figure<T>) {
        match figure {
            Ok(value) => self.values = Some((self.values.map_or(value, |(first, _)| first), value)),
            Err(gap) => self.gap = later(self.gap, gap),
        }
    }

    pub(super) fn first_and_last(&self) -> Figure<(T, T)> {
        self.values.ok_or(self.gap)
    }

    pub(super) fn first(&self) -> Figure<T> {
        self.first_and_last().map(|(first, _)| first)
    }

    pub(super) fn last(&self) -> Figure<T> {
        self.first_and_last().map(|(_, last)| last)
    }

    /// How much the counter `of` has grown.
    pub(super) fn growth(&self, of: impl Fn(T) -> u64) -> Figure<u64> {
        self.first_and_last().map(|(first, last)| of(last).saturating_sub(of(first)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_last_and_growth_skip_the_gaps() {
        let gap = Gap::because("x", "away");
        let mut span = Span::default();
        assert_eq!(span.last(), Err(NO_SAMPLE));
        span.push(Err(gap));
        assert_eq!(span.last(), Err(gap));
        for figure in [Ok(3), Err(gap), Ok(10), Err(gap)] {
            span.push(figure);
        }
        assert_eq!(span.first_and_last(), Ok((3, 10)));
        assert_eq!(span.growth(|n: u64| n), Ok(7));
    }

    #[test]
    fn a_brief_sample_does_not_hide_the_reason_of_a_full_one() {
        let gap = Gap::because("x", "away");
        let mut span = Span::<u64>::default();
        span.push(Err(NOT_LOOKED_AT));
        assert_eq!(span.last(), Err(NOT_LOOKED_AT));
        span.push(Err(gap));
        span.push(Err(NOT_LOOKED_AT));
        assert_eq!(span.last(), Err(gap));
    }

    #[test]
    fn a_counter_that_fell_has_not_grown() {
        let mut span = Span::default();
        span.push(Ok(9_u64));
        span.push(Ok(4));
        assert_eq!(span.growth(|n| n), Ok(0));
    }
}
