//! What stands out, and is sure to.
//!
//! A detector is a function from the finished figures to findings; its file states its rule. All of them are
//! conservative: where a figure is an estimate, the *lower* end of its 95% interval has to pass the threshold, and the
//! estimate must rest on enough samples ([`is_sure`]). To add one, write a file with `detect` and name it in
//! [`DETECTORS`].

mod allocator_contention;
mod blame;
mod correlation;
mod cross_thread_free;
mod growing;
mod kept_after_spike;
mod many_tiny;
mod near_limit;
mod oversized;
mod peak_holder;
mod phases;
mod rates;
mod realloc_growth;
mod retained;
mod short_lived_threads;
mod temporary_churn;
mod thread_imbalance;
mod trend;
mod unreturned;

use super::types::{Analysis, Bottleneck, BottleneckKind, Severity, SiteFigures};
use crate::statistics::Estimate;
use crate::units;

/// Every detector.
const DETECTORS: &[fn(&Analysis) -> Vec<Bottleneck>] = &[
    growing::detect,
    near_limit::detect,
    retained::detect,
    peak_holder::detect,
    oversized::detect,
    temporary_churn::detect,
    cross_thread_free::detect,
    realloc_growth::detect,
    many_tiny::detect,
    thread_imbalance::detect,
    allocator_contention::detect,
    phases::detect,
    kept_after_spike::detect,
    short_lived_threads::detect,
    unreturned::detect,
];

/// Nothing about fewer bytes than this is worth a word.
const WORTH_A_WORD_BYTES: f64 = (1 << 20) as f64;

/// The findings, worst first: by severity, then by the lower end of their bytes.
pub(super) fn findings(analysis: &Analysis) -> Vec<Bottleneck> {
    let mut findings: Vec<Bottleneck> = DETECTORS.iter().flat_map(|detect| detect(analysis)).collect();
    // Stable, so that equals stay in the order of the detectors and the sites.
    leave_out_what_says_less(&mut findings);
    findings.sort_by(|one, other| {
        other.severity.cmp(&one.severity).then(other.bytes.low.total_cmp(&one.bytes.low))
    });
    findings
}

/// Pairs of findings about the same call site, or both about the process, of which the second is left out: the first says the same and more.
const SAYS_MORE: &[(BottleneckKind, BottleneckKind)] = &[
    (BottleneckKind::Growing, BottleneckKind::Retained),
    (BottleneckKind::Oversized, BottleneckKind::PeakHolder),
    (BottleneckKind::KeptAfterSpike, BottleneckKind::Unreturned),
];

fn leave_out_what_says_less(findings: &mut Vec<Bottleneck>) {
    let told: Vec<_> = findings.iter().map(|finding| (finding.kind, finding.sites.clone())).collect();
    findings.retain(|finding| {
        let says_more = |(kind, sites): &(BottleneckKind, Vec<u32>)| {
            SAYS_MORE.contains(&(*kind, finding.kind)) && *sites == finding.sites
        };
        !told.iter().any(says_more)
    });
}

/// Whether the estimate rests on enough samples: its lower end is at least half of it. That takes eleven samples of
/// small allocations, or one of an allocation so large that it is nearly always sampled.
fn is_sure(estimate: &Estimate) -> bool {
    estimate.value > 0.0 && estimate.low >= estimate.value / 2.0
}

/// The sites that can be blamed, those with a stack, each with its place in [`Analysis::sites`].
fn sites(analysis: &Analysis) -> impl Iterator<Item = (u32, &SiteFigures)> {
    (0..).zip(&analysis.sites).filter(|(_, site)| !site.frames.is_empty())
}

/// The part that `low`, the lower end of an estimate, is of `whole`; 0 where there is no whole.
fn share(low: f64, whole: f64) -> f64 {
    if whole > 0.0 { low / whole } else { 0.0 }
}

/// The severity of a share: high from `high` on, medium from `medium` on.
fn severity(share: f64, medium: f64, high: f64) -> Severity {
    match share {
        share if share >= high => Severity::High,
        share if share >= medium => Severity::Medium,
        _ => Severity::Low,
    }
}

/// `12 MiB (10 MiB to 14 MiB)`, or `12 MiB` where it is exact.
fn interval(estimate: &Estimate) -> String {
    if estimate.low == estimate.high {
        return units::bytes(estimate.value);
    }
    let [value, low, high] = [estimate.value, estimate.low, estimate.high].map(units::bytes);
    format!("{value} ({low} to {high})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Frame;
    use crate::statistics::Total;

    pub(super) const MIB: f64 = (1 << 20) as f64;

    /// An analysis of a process that allocated 1,000 MiB, peaked at 200 and has 100 live at its end.
    pub(super) fn process(sites: Vec<SiteFigures>) -> Analysis {
        let mut analysis = Analysis { sites, ..Analysis::default() };
        analysis.totals.allocated_bytes = 1000 << 20;
        analysis.totals.peak_bytes = 200 << 20;
        analysis.totals.live_bytes = 100 << 20;
        analysis
    }

    /// A site called `app::f` that allocated `mib` MiB.
    pub(super) fn site(mib: f64) -> SiteFigures {
        let frames = vec![Frame { function: "app::f".into(), ..Frame::default() }];
        SiteFigures { label: "app::f".into(), frames, allocated_bytes: many(mib), ..SiteFigures::default() }
    }

    /// `mib` MiB estimated from a thousand samples.
    pub(super) fn many(mib: f64) -> Estimate {
        estimate(mib, 1000)
    }

    /// `mib` MiB estimated from three samples.
    pub(super) fn few(mib: f64) -> Estimate {
        estimate(mib, 3)
    }

    fn estimate(mib: f64, samples: u32) -> Estimate {
        let mut total = Total::default();
        for _ in 0..samples {
            total.add(mib * MIB / f64::from(samples) / 1000.0, 0.001);
        }
        total.estimate()
    }

    #[test]
    fn findings_come_worst_first() {
        let retained = SiteFigures { live_bytes: many(40.0), ..site(50.0) };
        let churn = SiteFigures { temporary_bytes: many(500.0), ..site(600.0) };
        let found = findings(&process(vec![retained, churn]));
        let kinds: Vec<_> = found.iter().map(|finding| (finding.kind, finding.severity)).collect();
        assert_eq!(
            kinds,
            [(BottleneckKind::TemporaryChurn, Severity::High), (BottleneckKind::Retained, Severity::Low)]
        );
    }

    #[test]
    fn a_quiet_process_has_none() {
        assert!(findings(&process((0..100).map(|_| site(10.0)).collect())).is_empty());
        assert!(findings(&Analysis::default()).is_empty());
    }

    #[test]
    fn sure_is_a_matter_of_samples_or_size() {
        assert!(is_sure(&estimate(1.0, 12)) && !is_sure(&estimate(1.0, 9)));
        let mut big = Total::default();
        big.add(1e9, 0.99);
        assert!(is_sure(&big.estimate()) && is_sure(&Estimate::exact(5.0)));
        assert!(!is_sure(&Estimate::default()));
    }
}
