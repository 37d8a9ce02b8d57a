//! How long allocations live, those that outlived the session included.
//!
//! What was freed has a lifetime. What was live at the end has none yet: it lives *at least* as long as it is old. Such
//! observations are censored, and to leave them out would hide exactly what lives longest. So each class has both columns,
//! and the share that survives it follows from both by the life table (Cutler and Ederer 1958): in class `i` there were
//!
//! ```text
//! at risk  n_i = all that were freed or still live at an age of the class or above
//! S_i = S_(i-1) * (1 - freed_i / (n_i - live_i / 2))
//! ```
//!
//! for in the mean a live one was watched through half of its class. With classes as fine as the times that is Kaplan and
//! Meier's estimator (1958).

use super::types::{LifetimeBucket, SizeLifetime};
use crate::load::{Amount, LifetimeClass, Ownership};
use crate::statistics::{Losses, Total};

/// The classes with their estimates and what survives them.
pub(super) fn lifetimes(classes: &[LifetimeClass], losses: Losses) -> Vec<LifetimeBucket> {
    let allocations = survival(classes, |class| (&class.freed.allocations, &class.live.allocations));
    let bytes = survival(classes, |class| (&class.freed.bytes, &class.live.bytes));
    let whole = whole(classes, losses);
    let count = |amount: &Amount| amount.allocations.thinned(losses).estimate_within(&whole.0);
    let bytes_of = |amount: &Amount| amount.bytes.thinned(losses).estimate_within(&whole.1);
    let buckets =
        classes.iter().zip(allocations.iter().zip(&bytes)).map(|(class, survivors)| LifetimeBucket {
            up_to_us: class.up_to_us,
            freed_allocations: count(&class.freed),
            freed_bytes: bytes_of(&class.freed),
            live_allocations: count(&class.live),
            live_bytes: bytes_of(&class.live),
            surviving_allocations: *survivors.0,
            surviving_bytes: *survivors.1,
        });
    buckets.collect()
}

/// The totals of allocations and bytes over all classes.
fn whole(classes: &[LifetimeClass], losses: Losses) -> (Total, Total) {
    let mut all = Amount::default();
    for class in classes {
        all.merge(&class.freed);
        all.merge(&class.live);
    }
    (all.allocations.thinned(losses), all.bytes.thinned(losses))
}

/// The classes that have samples, by size and by lifetime.
pub(super) fn by_size(ownership: &Ownership, losses: Losses) -> Vec<SizeLifetime> {
    let whole = whole(&ownership.lifetimes, losses);
    let count = |amount: &Amount| amount.allocations.thinned(losses).estimate_within(&whole.0);
    let bytes_of = |amount: &Amount| amount.bytes.thinned(losses).estimate_within(&whole.1);
    let mut cells = Vec::new();
    for (size_class, classes) in &ownership.lifetimes_by_size {
        let filled =
            |class: &&LifetimeClass| class.freed.allocations.samples() + class.live.allocations.samples() > 0;
        cells.extend(classes.iter().filter(filled).map(|class| SizeLifetime {
            up_to_bytes: 1_u64.checked_shl(*size_class).unwrap_or(u64::MAX),
            up_to_us: class.up_to_us,
            freed_allocations: count(&class.freed),
            freed_bytes: bytes_of(&class.freed),
            live_allocations: count(&class.live),
            live_bytes: bytes_of(&class.live),
        }));
    }
    cells
}

/// The share that survives each class.
fn survival(classes: &[LifetimeClass], columns: fn(&LifetimeClass) -> (&Total, &Total)) -> Vec<f64> {
    let figures: Vec<(f64, f64)> = classes
        .iter()
        .map(|class| {
            let (freed, live) = columns(class);
            (freed.value(), live.value())
        })
        .collect();
    let mut at_risk: f64 = figures.iter().map(|(freed, live)| freed + live).sum();
    let mut surviving = 1.0;
    let shares = figures.iter().map(|(freed, live)| {
        let watched = at_risk - live / 2.0;
        if watched > 0.0 {
            surviving *= (1.0 - freed / watched).clamp(0.0, 1.0);
        }
        at_risk -= freed + live;
        surviving
    });
    shares.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(up_to_us: u64, freed: u32, live: u32) -> LifetimeClass {
        let mut class = LifetimeClass { up_to_us: Some(up_to_us), ..LifetimeClass::default() };
        for (amount, samples) in [(&mut class.freed, freed), (&mut class.live, live)] {
            for _ in 0..samples {
                amount.allocations.add(1.0, 0.5);
                amount.bytes.add(8.0, 0.5);
            }
        }
        class
    }

    #[test]
    fn without_censoring_survival_is_the_share_still_there() {
        let buckets =
            lifetimes(&[class(1, 2, 0), class(2, 0, 0), class(5, 6, 0), class(10, 2, 0)], Losses::default());
        let shares: Vec<f64> = buckets.iter().map(|bucket| bucket.surviving_allocations).collect();
        for (share, expected) in shares.iter().zip([0.8, 0.8, 0.2, 0.0]) {
            assert!((share - expected).abs() < 1e-12, "{shares:?}");
        }
        assert_eq!((buckets[2].freed_allocations.value, buckets[2].freed_bytes.value), (12.0, 96.0));
    }

    #[test]
    fn the_still_live_are_not_taken_for_freed() {
        // Ten: four freed early; four were watched that long and live; two freed late.
        let buckets = lifetimes(&[class(1, 4, 0), class(10, 0, 4), class(100, 1, 1)], Losses::default());
        let shares: Vec<f64> = buckets.iter().map(|bucket| bucket.surviving_bytes).collect();
        for (share, expected) in shares.iter().zip([0.6, 0.6, 0.6 * (1.0 - 1.0 / 1.5)]) {
            assert!((share - expected).abs() < 1e-12, "{shares:?}");
        }
        assert_eq!((buckets[1].live_allocations.value, buckets[1].freed_allocations.value), (8.0, 0.0));
    }

    #[test]
    fn leaks_alone_all_survive() {
        let buckets = lifetimes(&[class(1, 0, 0), class(2, 0, 3)], Losses::default());
        assert!(buckets.iter().all(|bucket| bucket.surviving_allocations == 1.0));
        assert!(lifetimes(&[], Losses::default()).is_empty());
    }
}
