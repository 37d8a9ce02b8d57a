//! A site that grows what it has by moving it again and again.
//!
//! Rule: the lower end of the bytes that `realloc` copied to a new place is at least 1 MiB and at least a twentieth of
//! all bytes allocated (exact). High from 30% of them on, medium from 15%: a vector that doubles copies about as
//! much as it ends up holding.

use super::{
    Analysis, Bottleneck, BottleneckKind, WORTH_A_WORD_BYTES, interval, is_sure, severity, share, sites,
    units,
};

const SHARE_MIN: f64 = 0.05;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let all = analysis.totals.allocated_bytes as f64;
    let growing = sites(analysis).filter(|(_, site)| {
        let copied = &site.copied_bytes;
        is_sure(copied) && copied.low >= WORTH_A_WORD_BYTES && share(copied.low, all) >= SHARE_MIN
    });
    let findings = growing.map(|(at, site)| Bottleneck {
        severity: severity(share(site.copied_bytes.low, all), 0.15, 0.3),
        bytes: site.copied_bytes,
        evidence: format!(
            "realloc copied {} here to a larger place, {} of all bytes allocated.",
            interval(&site.copied_bytes),
            units::percent(share(site.copied_bytes.value, all))
        ),
        advice: "Say how much is coming: `with_capacity` or `reserve` before the loop, or keep the buffer from one \
                 round to the next."
            .to_owned(),
        ..Bottleneck::of_site(BottleneckKind::ReallocGrowth, analysis, at)
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{few, many, process, site};
    use super::*;
    use crate::analysis::{Severity, SiteFigures};

    fn copying(copied_bytes: crate::statistics::Estimate) -> Analysis {
        process(vec![SiteFigures { copied_bytes, ..site(500.0) }])
    }

    #[test]
    fn planted_growth_is_found() {
        let found = detect(&copying(many(250.0)));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, found[0].severity), (BottleneckKind::ReallocGrowth, Severity::Medium));
        assert!(found[0].evidence.contains("25% of all bytes"), "{}", found[0].evidence);
    }

    #[test]
    fn little_or_unsure_is_silent() {
        assert!(detect(&copying(many(45.0))).is_empty());
        assert!(detect(&copying(few(200.0))).is_empty());
    }
}
