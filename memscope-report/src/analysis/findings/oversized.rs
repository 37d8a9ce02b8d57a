//! Single allocations that are a large part of the peak.
//!
//! Whether a program uses all of what it asked for, no trace of its heap can tell. What can be known is how much of the peak hangs on one decision: a
//! capacity, a whole file, a copy of everything. Rule:
//!
//! 1. One allocation of the site is, in the mean, at least 4 MiB and at least a fifth of the process's exact peak. The mean is taken from below: the lower
//!    end of the bytes over the upper end of the number. (So large allocations are all sampled, so both are nearly exact.)
//! 2. The site was in the peak: the lower end of its bytes live then is at least a fifth of it too.
//!
//! By what the site held of the peak: high from 70% on, medium from 40%. A site of large and small allocations is not found, nor a vector that grows to
//! that size by doubling: that is `realloc_growth`'s.

use super::{
    Analysis, Bottleneck, BottleneckKind, SiteFigures, interval, is_sure, severity, share, sites, units,
};

const WORTH_A_WORD_BYTES: f64 = (4 << 20) as f64;
const SHARE_MIN: f64 = 0.2;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let peak = analysis.totals.peak_bytes as f64;
    let large = sites(analysis).filter(|(_, site)| {
        let each = each_bytes(site);
        is_sure(&site.peak_bytes)
            && each >= WORTH_A_WORD_BYTES
            && share(each, peak) >= SHARE_MIN
            && share(site.peak_bytes.low, peak) >= SHARE_MIN
    });
    let findings = large.map(|(at, site)| Bottleneck {
        severity: severity(share(site.peak_bytes.low, peak), 0.4, 0.7),
        bytes: site.peak_bytes,
        evidence: format!(
            "Each of the {} allocations made here took {} in the mean, {} of the peak of {}; {} of them were live at the peak.",
            units::count(site.allocations.value),
            units::bytes(each_bytes(site)),
            units::percent(share(each_bytes(site), peak)),
            units::bytes(peak),
            interval(&site.peak_bytes)
        ),
        advice: "Check that so much is needed at once: read and work in pieces, ask for the capacity that is used, map a file \
                 instead of reading it, and move or borrow instead of copying."
            .to_owned(),
        ..Bottleneck::of_site(BottleneckKind::Oversized, analysis, at)
    });
    findings.collect()
}

/// Bytes of one allocation in the mean, from below; 0 of none.
fn each_bytes(site: &SiteFigures) -> f64 {
    share(site.allocated_bytes.low, site.allocations.high)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{MIB, process, site};
    use super::*;
    use crate::analysis::Severity;
    use crate::statistics::Estimate;

    /// In a process with a peak of 200 MiB.
    fn making(number: f64, each_mib: f64, at_peak_mib: f64) -> Analysis {
        process(vec![SiteFigures {
            allocations: Estimate::exact(number),
            allocated_bytes: Estimate::exact(number * each_mib * MIB),
            peak_bytes: Estimate::exact(at_peak_mib * MIB),
            ..site(0.0)
        }])
    }

    #[test]
    fn a_planted_whole_file_is_found() {
        let found = detect(&making(3.0, 100.0, 100.0));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, found[0].severity), (BottleneckKind::Oversized, Severity::Medium));
        assert!(found[0].evidence.contains("100 MiB in the mean, 50% of the peak"), "{}", found[0].evidence);
        assert_eq!(detect(&making(2.0, 80.0, 160.0))[0].severity, Severity::High);
    }

    #[test]
    fn pieces_or_elsewhere_or_unsure_is_silent() {
        assert!(detect(&making(100.0, 10.0, 160.0)).is_empty());
        assert!(detect(&making(3.0, 100.0, 0.0)).is_empty());
        let mut unsure = making(3.0, 100.0, 100.0);
        unsure.sites[0].allocations.high = 30.0;
        assert!(detect(&unsure).is_empty());
        let mut small = making(1.0, 3.0, 3.0);
        small.totals.peak_bytes = 4 << 20;
        assert!(detect(&small).is_empty());
    }
}
