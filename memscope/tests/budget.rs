//! A session that is far over its overhead budget when it starts: the sampling interval rises, and the estimates do not mind.
//!
//! One test: a process has one session at a time.

use memscope::{Error, SamplingConfig, Session};
use memscope_report::Profile;
use memscope_trace::{Interval, Record, TraceReader};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[test]
fn a_session_keeps_to_its_budget_and_its_estimates_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    wrong_budgets(folder.path());

    let trace = over_budget(&folder.path().join("over"), Some(0.05), 1500);
    let profile = Profile::open(&trace).expect("a trace");
    let intervals: Vec<f64> = profile.intervals.iter().map(|interval| interval.interval_bytes).collect();
    assert!(intervals.len() >= 3, "{intervals:?}");
    assert_eq!(intervals[0], 4096.0);
    assert!(intervals.iter().skip(1).all(|&bytes| bytes > 4096.0), "never below the start: {intervals:?}");
    assert!(intervals[intervals.len() - 1] > 8.0 * 4096.0, "{intervals:?}");
    assert!(profile.intervals.is_sorted_by(|a, b| a.id < b.id && a.start_us < b.start_us));
    let credits: HashSet<u64> =
        profile.intervals.iter().map(|interval| interval.credit_bytes.to_bits()).collect();
    assert_eq!(credits.len(), 1, "the credit stays as the session set it");
    samples_and_intervals_agree(&trace);

    let trace = over_budget(&folder.path().join("as-it-is"), None, 300);
    let profile = Profile::open(&trace).expect("a trace");
    assert_eq!(profile.intervals.len(), 1, "a configuration is kept as it was given");
}

/// Two threads that do nothing but allocate, at 4 KiB a sample.
fn over_budget(output: &Path, share: Option<f64>, length_ms: u64) -> PathBuf {
    // Rings that lose nothing, however late the drain thread is.
    let config = SamplingConfig { buffer_size: 256 << 20, ..SamplingConfig::default() };
    let mut builder = Session::builder().output(output).config(config).sampling_interval_bytes(4096).seed(1);
    if let Some(share) = share {
        builder = builder.overhead_budget(share);
    }
    let mut session = builder.start().expect("a session");
    let end = Instant::now() + Duration::from_millis(length_ms);
    std::thread::scope(|scope| {
        for thread in 0..2_usize {
            scope.spawn(move || {
                let mut round = thread;
                while Instant::now() < end {
                    for _ in 0..100 {
                        round += 1;
                        std::hint::black_box(Vec::<u8>::with_capacity(16 + round * 7919 % 4000));
                    }
                }
            });
        }
    });
    session.finalize().expect("a result").trace
}

/// Reads the trace as any reader would: intervals come before the samples that were drawn under them, and the sum of all samples, each
/// with the weight of its own interval, is the exact counter within what chance explains.
fn samples_and_intervals_agree(trace: &Path) {
    let mut reader = TraceReader::new(File::open(trace).expect("the trace")).expect("a header");
    let mut intervals: HashMap<u32, Interval> = HashMap::new();
    let mut sizes = Vec::new();
    let mut samples: HashMap<u32, u64> = HashMap::new();
    let (mut estimate, mut variance) = (0.0, 0.0);
    let mut end = None;
    while let Some(record) = reader.next_record().expect("an intact trace") {
        match record {
            Record::Interval(interval) => {
                assert!(intervals.insert(interval.id, interval).is_none(), "{interval:?} twice");
            }
            Record::Sites(record) => {
                assert_eq!(sizes.len(), record.first_site as usize);
                sizes.extend(record.sizes);
            }
            Record::Samples(record) => {
                let interval = intervals.get(&record.interval).expect("an interval before its samples");
                for &site in &record.sites {
                    let size_bytes: u64 = sizes[site as usize];
                    let probability = interval.probability(size_bytes);
                    let weighted = size_bytes as f64 / probability;
                    estimate += weighted;
                    variance += weighted * weighted * (1.0 - probability);
                    *samples.entry(record.interval).or_default() += 1;
                }
            }
            Record::End(record) => end = Some(record),
            _ => {}
        }
    }
    let end = end.expect("an end");
    assert!(samples.len() >= 3, "samples of few intervals only: {samples:?}");
    assert_eq!(end.loss.samples(), 0, "the rings are large enough");
    let (exact, deviation) = (end.totals.allocated_bytes as f64, f64::sqrt(variance));
    assert!(deviation < 0.25 * exact, "the test could not fail: {exact} and a deviation of {deviation}");
    // Five deviations: chance alone passes them once in two million runs.
    assert!((estimate - exact).abs() < 5.0 * deviation, "{estimate} for {exact}, deviation {deviation}");
}

fn wrong_budgets(folder: &Path) {
    let exact = SamplingConfig { sample_rate: 1.0, ..SamplingConfig::default() };
    for (builder, part) in [
        (Session::builder().overhead_budget(0.0), "0"),
        (Session::builder().overhead_budget(1.5), "1.5"),
        (Session::builder().overhead_budget(f64::NAN), "NaN"),
        (Session::builder().config(exact).overhead_budget(0.01), "sample_rate"),
    ] {
        let error = builder.output(folder.join("refused")).start().expect_err("refused");
        assert!(matches!(error, Error::InvalidConfig { field: "overhead_budget", .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(!folder.join("refused").exists());
}
