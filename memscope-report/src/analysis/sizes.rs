//! Allocations by size, in powers of two.

use super::types::SizeBucket;
use crate::load::{Profile, size_class};
use crate::statistics::{Losses, Total};

/// The size classes from the smallest up to the largest that has samples.
pub(super) fn sizes(profile: &Profile, losses: Losses) -> Vec<SizeBucket> {
    let mut totals: Vec<(Total, Total)> = Vec::new();
    for site in profile.sites.iter().filter(|site| site.samples.samples() > 0) {
        let class = size_class(site.size_bytes);
        if totals.len() <= class {
            totals.resize(class + 1, Default::default());
        }
        let allocated = site.samples.allocated();
        totals[class].0.merge(&allocated);
        totals[class].1.merge_scaled(&allocated, site.size_bytes as f64);
    }
    let buckets = totals.iter().enumerate().map(|(class, (count, bytes))| SizeBucket {
        up_to_bytes: 1_u64.checked_shl(class as u32).unwrap_or(u64::MAX),
        allocations: count.thinned(losses).estimate(),
        allocated_bytes: bytes.thinned(losses).estimate(),
    });
    buckets.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_ends_at_its_power_of_two() {
        let sizes = [0, 1, 2, 3, 4, 5, 1024, 1025, 1 << 63, (1 << 63) + 1, u64::MAX];
        assert_eq!(sizes.map(size_class), [0, 0, 1, 2, 2, 3, 10, 11, 63, 64, 64]);
    }
}
