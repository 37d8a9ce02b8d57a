//! What call sites did over time, as the slices come out (`slices.rs`), and one entry of it while they are made.

use super::folded::FoldedActivity;

/// How many samples of one site, made by one thread and with one probability, were made and freed in one stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct SiteActivity {
    /// The site: its place in [`Profile::sites`](super::Profile::sites).
    pub site_row: u32,
    /// The allocating thread's id.
    pub thread: u32,
    /// The stretch: times from `bin * bin_us` to below `(bin + 1) * bin_us`.
    pub bin: u32,
    /// Samples made in it.
    pub allocated: u32,
    /// Samples freed in it.
    pub freed: u32,
    /// The probability of each.
    pub probability: f64,
}

/// What call sites did over time. Samples whose site is lost are left out.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SiteTimes {
    /// Length of a bin, microseconds.
    pub bin_us: u64,
    /// By site, thread, bin.
    pub entries: Vec<SiteActivity>,
    /// What the sites did that are in no entry, by thread, scope, bin.
    pub folded: Vec<FoldedActivity>,
}

/// What the slices need to know of a site.
#[derive(Debug, Clone, Copy)]
pub(super) struct SitePlace {
    pub(super) stack: u32,
    pub(super) scope: u32,
}

/// What happened to samples of one site, thread, weight and bin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    /// The site's row, then the thread.
    pub(super) who: u64,
    /// The bin, then the weight.
    pub(super) when: u64,
    pub(super) allocated: u32,
    pub(super) freed: u32,
}

impl Entry {
    pub(super) fn of(site_row: u32, thread: u32, bin: u32, weight: u32) -> Self {
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        Self { who: pair(site_row, thread), when: pair(bin, weight), allocated: 0, freed: 0 }
    }

    pub(super) fn site_row(&self) -> u32 {
        (self.who >> 32) as u32
    }

    pub(super) fn thread(&self) -> u32 {
        self.who as u32
    }

    pub(super) fn bin(&self) -> u32 {
        (self.when >> 32) as u32
    }

    pub(super) fn weight(&self) -> u32 {
        self.when as u32
    }

    pub(super) fn key(&self) -> u128 {
        u128::from(self.who) << 64 | u128::from(self.when)
    }

    /// A hash of the site, thread and bin, 24 bits long.
    pub(super) fn hash(&self) -> usize {
        // Fibonacci hashing: the high bits of a product with an odd number hang on all bits of the key.
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        ((self.who ^ u64::from(self.bin()) << 20).wrapping_mul(ODD) >> 40) as usize
    }

    pub(super) fn is_empty(&self) -> bool {
        self.allocated | self.freed == 0
    }

    pub(super) fn shift_bin(&mut self, doublings: u32) {
        let bin = self.bin().checked_shr(doublings).unwrap_or(0);
        self.when = u64::from(bin) << 32 | u64::from(self.weight());
    }
}
