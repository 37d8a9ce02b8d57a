//! Chains of `realloc`: what grows at a call site, step by step, and what that copies.
//!
//! Samples are drawn one by one, so a single vector's chain is seen in pieces. Together the samples of a site show the chain
//! that its vectors go through: how often something grew from each size, how often that moved, and the bytes copied.

use super::sites::kept_bytes;
use super::types::GrowthStep;
use crate::load::{Site, size_class};
use crate::statistics::{Losses, Total};
use memscope_trace::AllocationKind;
use std::collections::BTreeMap;

/// The steps of a site in the making, by class of the size before.
#[derive(Debug, Clone, Default)]
pub(super) struct Growth(BTreeMap<usize, Step>);

#[derive(Debug, Clone, Copy, Default)]
struct Step {
    reallocs: Total,
    moved: Total,
    /// The bytes that would have been copied if all had moved.
    kept_bytes: Total,
    copied_bytes: Total,
    new_bytes: Total,
}

impl Growth {
    /// Adds the samples of a site of the trace, if it is a `realloc` that grows.
    pub(super) fn add(&mut self, site: &Site) {
        let moved = site.kind == AllocationKind::ReallocMoved;
        let is_realloc = moved || site.kind == AllocationKind::ReallocInPlace;
        if !is_realloc || site.size_bytes <= site.old_size_bytes {
            return;
        }
        let (step, all) =
            (self.0.entry(size_class(site.old_size_bytes)).or_default(), site.samples.allocated());
        step.reallocs.merge(&all);
        step.new_bytes.merge(&all.scaled(site.size_bytes as f64));
        let kept_bytes = all.scaled(kept_bytes(site) as f64);
        step.kept_bytes.merge(&kept_bytes);
        if moved {
            step.moved.merge(&all);
            step.copied_bytes.merge(&kept_bytes);
        }
    }

    /// The steps, smallest size first.
    pub(super) fn steps(&self, losses: Losses) -> Vec<GrowthStep> {
        let steps = self.0.iter().map(|(&class, step)| {
            let reallocs = step.reallocs.thinned(losses);
            GrowthStep {
                up_to_bytes: 1_u64.checked_shl(class as u32).unwrap_or(u64::MAX),
                reallocs: reallocs.estimate(),
                moved: step.moved.thinned(losses).estimate_within(&reallocs),
                copied_bytes: step
                    .copied_bytes
                    .thinned(losses)
                    .estimate_within(&step.kept_bytes.thinned(losses)),
                new_bytes: step.new_bytes.thinned(losses).estimate(),
            }
        });
        steps.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Counted, SiteSamples};

    fn site(old: u64, new: u64, kind: AllocationKind, samples: u32, p: f64) -> Site {
        let mut samples_of_site = SiteSamples::default();
        samples_of_site.add(&Counted { probability: p, freed: samples.into(), ..Counted::default() });
        Site { stack: 1, size_bytes: new, old_size_bytes: old, scope: 0, kind, samples: samples_of_site }
    }

    #[test]
    fn a_doubling_vector_is_a_chain() {
        let mut growth = Growth::default();
        growth.add(&site(0, 64, AllocationKind::Alloc, 4, 0.5));
        growth.add(&site(128, 256, AllocationKind::ReallocInPlace, 1, 0.5));
        growth.add(&site(128, 256, AllocationKind::ReallocMoved, 3, 0.5));
        growth.add(&site(64, 128, AllocationKind::ReallocMoved, 4, 0.5));
        growth.add(&site(4096, 100, AllocationKind::ReallocMoved, 9, 0.5));
        let steps = growth.steps(Losses::default());
        let values: Vec<_> = steps
            .iter()
            .map(|step| {
                (
                    step.up_to_bytes,
                    step.reallocs.value,
                    step.moved.value,
                    step.copied_bytes.value,
                    step.new_bytes.value,
                )
            })
            .collect();
        assert_eq!(values, [(64, 8.0, 8.0, 512.0, 1_024.0), (128, 8.0, 6.0, 768.0, 2_048.0)]);
    }
}
