//! Stretches of time, all of one length, that are made longer as the session turns out to be.
//!
//! How long a session is is only known at its end. So bins begin at a microsecond, and whenever a time would need more than
//! [`BINS_MAX`] of them, their length is doubled and neighbours become one: at the end there are between half as many and all.

/// Bins that there are at most.
pub(crate) const BINS_MAX: u32 = 128;

/// The length of the bins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bins {
    /// Its logarithm: a bin is `2^shift` microseconds long.
    shift: u32,
}

impl Bins {
    /// The bin of a time that [`Bins::has`] says has one.
    pub(super) fn of(self, time_us: u64) -> u32 {
        (time_us >> self.shift) as u32
    }

    /// Whether the time is in one of the bins.
    pub(super) fn has(self, time_us: u64) -> bool {
        time_us >> self.shift < u64::from(BINS_MAX)
    }

    /// Makes the bins so long that the time is in one; returns how often their length was doubled: bin `i` is now bin
    /// `i >> doublings`.
    pub(super) fn reach(&mut self, time_us: u64) -> u32 {
        let before = self.shift;
        while !self.has(time_us) {
            self.shift += 1;
        }
        self.shift - before
    }

    /// Makes the bins twice as long.
    pub(super) fn double(&mut self) {
        self.shift += 1;
    }

    /// The length of a bin, microseconds.
    pub(super) fn width_us(self) -> u64 {
        1 << self.shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_as_long_as_the_time_needs() {
        for time_us in [0, 1, 127, 128, 1_000_000, 3_600_000_000, u64::MAX] {
            let mut bins = Bins::default();
            let doublings = bins.reach(time_us);
            assert_eq!(bins.width_us(), 1 << doublings);
            assert!(bins.has(time_us) && bins.of(time_us) < BINS_MAX);
            assert!(time_us < 128 || bins.of(time_us) >= BINS_MAX / 2);
            assert_eq!(bins.reach(time_us / 2), 0);
        }
    }
}
