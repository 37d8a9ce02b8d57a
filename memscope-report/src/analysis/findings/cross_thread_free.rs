//! A site whose allocations other threads free.
//!
//! Rule: the lower end of the bytes freed by another thread is at least 1 MiB, at least half of what the site
//! allocated, and at least a twentieth of all bytes allocated (exact). Most allocators keep memory per thread, so
//! this is where they lock, or where one thread's cache runs empty while another's fills. Medium from 30% of all
//! bytes on, else low: it costs time rather than memory.

use super::{
    Analysis, Bottleneck, BottleneckKind, WORTH_A_WORD_BYTES, interval, is_sure, severity, share, sites,
    units,
};

const OWN_SHARE_MIN: f64 = 0.5;
const SHARE_MIN: f64 = 0.05;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let all = analysis.totals.allocated_bytes as f64;
    let handing_over = sites(analysis).filter(|(_, site)| {
        let crossed = &site.cross_thread_bytes;
        is_sure(crossed)
            && crossed.low >= WORTH_A_WORD_BYTES
            && share(crossed.low, site.allocated_bytes.value) >= OWN_SHARE_MIN
            && share(crossed.low, all) >= SHARE_MIN
    });
    let findings = handing_over.map(|(at, site)| Bottleneck {
        severity: severity(share(site.cross_thread_bytes.low, all), 0.3, f64::INFINITY),
        bytes: site.cross_thread_bytes,
        evidence: format!(
            "{} allocated here were freed by other threads, {} of what the site allocated and {} of all bytes.",
            interval(&site.cross_thread_bytes),
            units::percent(share(site.cross_thread_bytes.value, site.allocated_bytes.value)),
            units::percent(share(site.cross_thread_bytes.value, all))
        ),
        advice: "Send buffers back to the thread that made them, or allocate where the data is used; if it has to be \
                 so, an allocator with cheap remote frees (mimalloc, snmalloc) helps."
            .to_owned(),
        ..Bottleneck::of_site(BottleneckKind::CrossThreadFree, analysis, at)
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{few, many, process, site};
    use super::*;
    use crate::analysis::{Severity, SiteFigures};

    fn crossing(allocated_mib: f64, cross_thread_bytes: crate::statistics::Estimate) -> Analysis {
        process(vec![SiteFigures { cross_thread_bytes, ..site(allocated_mib) }])
    }

    #[test]
    fn a_planted_pipeline_is_found() {
        let found = detect(&crossing(200.0, many(190.0)));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, found[0].severity), (BottleneckKind::CrossThreadFree, Severity::Low));
        assert!(found[0].evidence.contains("95% of what the site allocated"), "{}", found[0].evidence);
        assert_eq!(detect(&crossing(400.0, many(390.0)))[0].severity, Severity::Medium);
    }

    #[test]
    fn little_or_unsure_is_silent() {
        assert!(detect(&crossing(45.0, many(40.0))).is_empty());
        assert!(detect(&crossing(500.0, many(190.0))).is_empty());
        assert!(detect(&crossing(200.0, few(190.0))).is_empty());
    }
}
