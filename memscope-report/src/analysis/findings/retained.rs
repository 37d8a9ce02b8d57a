//! A site that still holds a large part of what is live at the end.
//!
//! Rule: the lower end of the site's live bytes is at least 1 MiB, at least a quarter of the process's exact live
//! bytes at the end, and at least a twentieth of its peak. High from half of the peak on, medium from a fifth.

use super::{
    Analysis, Bottleneck, BottleneckKind, WORTH_A_WORD_BYTES, interval, is_sure, severity, share, sites,
    units,
};

const LIVE_SHARE_MIN: f64 = 0.25;
const PEAK_SHARE_MIN: f64 = 0.05;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let live = analysis.totals.live_bytes.max(0) as f64;
    let peak = analysis.totals.peak_bytes as f64;
    let holds_much = sites(analysis).filter(|(_, site)| {
        let held = &site.live_bytes;
        is_sure(held)
            && held.low >= WORTH_A_WORD_BYTES
            && share(held.low, live) >= LIVE_SHARE_MIN
            && share(held.low, peak) >= PEAK_SHARE_MIN
    });
    let findings = holds_much.map(|(at, site)| Bottleneck {
        severity: severity(share(site.live_bytes.low, peak), 0.2, 0.5),
        bytes: site.live_bytes,
        evidence: format!(
            "{} allocated here were live at the end, of {} live in all and {} at the peak.",
            interval(&site.live_bytes),
            units::bytes(live),
            units::bytes(peak)
        ),
        advice:
            "If it is meant to live until the end it is fine; else find who still owns it: a cache without a \
                 bound, a collection that only grows, or a reference cycle."
                .to_owned(),
        ..Bottleneck::of_site(BottleneckKind::Retained, analysis, at)
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{few, many, process, site};
    use super::*;
    use crate::analysis::{Severity, SiteFigures};

    fn holding(live_bytes: crate::statistics::Estimate) -> Analysis {
        process(vec![SiteFigures { live_bytes, ..site(120.0) }])
    }

    #[test]
    fn a_planted_hoard_is_found() {
        let found = detect(&holding(many(60.0)));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, found[0].severity), (BottleneckKind::Retained, Severity::Medium));
        assert_eq!(found[0].culprit, "app::f");
        assert!(found[0].evidence.contains("60 MiB") && found[0].evidence.contains("100 MiB live in all"));
    }

    #[test]
    fn little_or_unsure_is_silent() {
        assert!(detect(&holding(many(20.0))).is_empty());
        assert!(detect(&holding(few(60.0))).is_empty());
        let mut small = holding(many(0.9));
        small.totals.live_bytes = 1 << 20;
        small.totals.peak_bytes = 1 << 20;
        assert!(detect(&small).is_empty());
        let mut negative = holding(many(60.0));
        negative.totals.live_bytes = -5;
        assert!(detect(&negative).is_empty());
    }
}
