//! A site that allocates a large part of all bytes only to free them at once.
//!
//! Rule: the lower end of the bytes that the site allocated and the same thread freed within a millisecond is at
//! least 1 MiB and at least a tenth of all bytes allocated (exact). High from 40% of them on, medium from 20%.

use super::{
    Analysis, Bottleneck, BottleneckKind, WORTH_A_WORD_BYTES, interval, is_sure, severity, share, sites,
    units,
};

const SHARE_MIN: f64 = 0.1;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let all = analysis.totals.allocated_bytes as f64;
    let churning = sites(analysis).filter(|(_, site)| {
        let churned = &site.temporary_bytes;
        is_sure(churned) && churned.low >= WORTH_A_WORD_BYTES && share(churned.low, all) >= SHARE_MIN
    });
    let findings = churning.map(|(at, site)| Bottleneck {
        severity: severity(share(site.temporary_bytes.low, all), 0.2, 0.4),
        bytes: site.temporary_bytes,
        evidence: format!(
            "{} allocated here were freed within a millisecond by the same thread, {} of all bytes allocated.",
            interval(&site.temporary_bytes),
            units::percent(share(site.temporary_bytes.value, all))
        ),
        advice: "Keep a buffer and clear it instead of making a new one, or take the value by reference instead of \
                 cloning it."
            .to_owned(),
        ..Bottleneck::of_site(BottleneckKind::TemporaryChurn, analysis, at)
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{few, many, process, site};
    use super::*;
    use crate::analysis::{Severity, SiteFigures};

    fn churning(temporary_bytes: crate::statistics::Estimate) -> Analysis {
        process(vec![SiteFigures { temporary_bytes, ..site(700.0) }])
    }

    #[test]
    fn planted_churn_is_found() {
        let found = detect(&churning(many(300.0)));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, found[0].severity), (BottleneckKind::TemporaryChurn, Severity::Medium));
        assert!(found[0].evidence.contains("30% of all bytes"), "{}", found[0].evidence);
    }

    #[test]
    fn little_or_unsure_is_silent() {
        assert!(detect(&churning(many(90.0))).is_empty());
        assert!(detect(&churning(few(300.0))).is_empty());
        let mut small = churning(many(0.9));
        small.totals.allocated_bytes = 1 << 20;
        assert!(detect(&small).is_empty());
    }
}
