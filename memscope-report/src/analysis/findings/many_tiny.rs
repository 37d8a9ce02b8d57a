//! A site that makes very many very small allocations.
//!
//! Each costs its call and what the allocator adds to it: at 32 bytes or less, rounding and header are as large as what they hold. Rule:
//!
//! 1. In the mean an allocation of the site takes at most 32 bytes: the ratio of two estimates from the same samples (Hájek's), which errs less than
//!    either of them.
//! 2. The lower end of their number is at least 20,000, and at least 50,000 for each second of the session: some thousandths of a core at 50 ns each.
//! 3. It is at least a fifth of all allocations (exact), and rests on enough samples.
//!
//! Medium where they are a half of all allocations and a million a second, else low: it costs time rather than memory.

use super::{Analysis, Bottleneck, BottleneckKind, SiteFigures, is_sure, severity, share, sites, units};

const TINY_BYTES: f64 = 32.0;
const NUMBER_MIN: f64 = 20_000.0;
const PER_SECOND_MIN: f64 = 50_000.0;
const PER_SECOND_MEDIUM: f64 = 1_000_000.0;
const SHARE_MIN: f64 = 0.2;
const SHARE_MEDIUM: f64 = 0.5;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let all = analysis.totals.allocations as f64;
    let seconds = analysis.session.duration_us as f64 / 1e6;
    let tiny = sites(analysis).filter(|(_, site)| {
        let number = &site.allocations;
        is_sure(number)
            && mean_bytes(site) <= TINY_BYTES
            && number.low >= NUMBER_MIN
            && share(number.low, seconds) >= PER_SECOND_MIN
            && share(number.low, all) >= SHARE_MIN
    });
    let findings = tiny.map(|(at, site)| {
        let number = &site.allocations;
        let is_much = share(number.low, seconds) >= PER_SECOND_MEDIUM;
        Bottleneck {
            severity: severity(if is_much { share(number.low, all) } else { 0.0 }, SHARE_MEDIUM, f64::INFINITY),
            bytes: site.allocated_bytes,
            evidence: format!(
                "{} allocations ({}) of {:.0} bytes in the mean were made here, {} a second and {} of all allocations.",
                units::count(number.value),
                units::range(number.low, number.high, units::count),
                mean_bytes(site),
                units::count(share(number.value, seconds)),
                units::percent(share(number.value, all).min(1.0))
            ),
            advice: "Keep small values in place instead of boxing them, put many of them into one `Vec` or an arena (bumpalo, \
                     typed-arena), or use types that hold short content themselves (smallvec, compact_str)."
                .to_owned(),
            ..Bottleneck::of_site(BottleneckKind::ManyTiny, analysis, at)
        }
    });
    findings.collect()
}

/// Bytes of one allocation in the mean; 0 of none.
fn mean_bytes(site: &SiteFigures) -> f64 {
    share(site.allocated_bytes.value, site.allocations.value)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{process, site};
    use super::*;
    use crate::analysis::Severity;
    use crate::statistics::Estimate;

    /// In a process of two seconds that makes ten million allocations.
    fn making(number: f64, each_bytes: f64) -> Analysis {
        let mut analysis = process(vec![SiteFigures {
            allocations: Estimate::exact(number),
            allocated_bytes: Estimate::exact(number * each_bytes),
            ..site(0.0)
        }]);
        analysis.session.duration_us = 2_000_000;
        analysis.totals.allocations = 10_000_000;
        analysis
    }

    #[test]
    fn planted_boxes_are_found() {
        let found = detect(&making(6e6, 16.0));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, found[0].severity), (BottleneckKind::ManyTiny, Severity::Medium));
        assert!(found[0].evidence.contains("of 16 bytes in the mean"), "{}", found[0].evidence);
        assert!(found[0].evidence.contains("60% of all allocations"), "{}", found[0].evidence);
        let mut slow = making(6e6, 16.0);
        slow.session.duration_us = 60_000_000;
        assert_eq!(detect(&slow)[0].severity, Severity::Low);
    }

    #[test]
    fn larger_or_fewer_or_slower_or_unsure_is_silent() {
        assert!(detect(&making(6e6, 40.0)).is_empty());
        assert!(detect(&making(1.9e6, 16.0)).is_empty());
        let mut slow = making(6e6, 16.0);
        slow.session.duration_us = 600_000_000;
        assert!(detect(&slow).is_empty());
        let mut unsure = making(6e6, 16.0);
        unsure.sites[0].allocations.low = 2.5e6;
        assert!(detect(&unsure).is_empty());
        let mut short = making(6e3, 16.0);
        (short.session.duration_us, short.totals.allocations) = (1_000, 6_000);
        assert!(detect(&short).is_empty());
    }
}
