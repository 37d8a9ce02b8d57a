//! A site that makes the peak, and lets go of it.
//!
//! Rule: the lower end of the site's bytes live at the peak is at least 1 MiB and at least a quarter of the process's exact
//! peak, and what it holds at the end is less than half of that (else it is `retained`'s). High from 70% of the peak on,
//! medium from 40%. The peak is what the machine, or the container's limit, must have room for.

use super::{
    Analysis, Bottleneck, BottleneckKind, WORTH_A_WORD_BYTES, interval, is_sure, severity, share, sites,
    units,
};

const SHARE_MIN: f64 = 0.25;
const KEPT_SHARE_MAX: f64 = 0.5;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let peak = analysis.totals.peak_bytes as f64;
    let makes_the_peak = sites(analysis).filter(|(_, site)| {
        let held = &site.peak_bytes;
        is_sure(held)
            && held.low >= WORTH_A_WORD_BYTES
            && share(held.low, peak) >= SHARE_MIN
            && site.live_bytes.value < KEPT_SHARE_MAX * held.low
    });
    let findings = makes_the_peak.map(|(at, site)| Bottleneck {
        severity: severity(share(site.peak_bytes.low, peak), 0.4, 0.7),
        bytes: site.peak_bytes,
        evidence: format!(
            "{} allocated here were live when the heap peaked, {} of the peak of {}; at the end {} of it were.",
            interval(&site.peak_bytes),
            units::percent(share(site.peak_bytes.value, peak)),
            units::bytes(peak),
            interval(&site.live_bytes)
        ),
        advice: "To lower the peak, work in smaller pieces here: stream instead of collecting, bound what runs at the same \
                 time, and drop what is done before the next is begun."
            .to_owned(),
        ..Bottleneck::of_site(BottleneckKind::PeakHolder, analysis, at)
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{few, many, process, site};
    use super::*;
    use crate::analysis::{Severity, SiteFigures};

    fn peaking(peak_bytes: crate::statistics::Estimate) -> Analysis {
        process(vec![SiteFigures { peak_bytes, ..site(500.0) }])
    }

    #[test]
    fn a_planted_spike_is_found() {
        let found = detect(&peaking(many(100.0)));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, found[0].severity), (BottleneckKind::PeakHolder, Severity::Medium));
        assert!(found[0].evidence.contains("50% of the peak of 200 MiB"), "{}", found[0].evidence);
        assert_eq!(detect(&peaking(many(180.0)))[0].severity, Severity::High);
    }

    #[test]
    fn little_or_unsure_or_kept_is_silent() {
        assert!(detect(&peaking(many(45.0))).is_empty());
        assert!(detect(&peaking(few(100.0))).is_empty());
        let mut kept = peaking(many(100.0));
        kept.sites[0].live_bytes = many(90.0);
        assert!(detect(&kept).is_empty());
    }
}
