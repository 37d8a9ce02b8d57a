//! A sampled trace with everything that makes totals hard: two intervals with losses under one of them, scopes, frees by other threads, a
//! site that is lost, names that mean mischief.

use crate::common::{FRAMES, NODES, stacks, symbols, write};
use memscope_report::export::{ExportOptions, ExportSource, Measure, exporter};
use memscope_report::{Analysis, SymbolizeOptions};
use memscope_trace::*;

/// Names of the threads 1 to 3.
pub(crate) const THREADS: [&str; 3] = ["main", "<script>alert(1)</script>", "wor;ker, \"3\"\x1b[2J"];
/// Name of frame 2.
pub(crate) const EVIL: &str = "app::<\"evil\">;\x1b]0;x\x07, 7";

fn samples(first_sample: u64, interval: u32, rows: impl Iterator<Item = (u32, u32)>) -> Record {
    let (threads, sites): (Vec<u32>, Vec<u32>) = rows.unzip();
    let delta_us = vec![7; sites.len()];
    Record::Samples(Samples {
        first_sample,
        interval,
        base_us: 1_000 * u64::from(interval),
        delta_us,
        threads,
        sites,
    })
}

fn frees(base_us: u64, threads: impl Iterator<Item = u32>, ids: &[i64]) -> Record {
    let mut before = 0;
    let sample_deltas: Vec<i64> = ids.iter().map(|&id| id - std::mem::replace(&mut before, id)).collect();
    let threads: Vec<u32> = threads.take(ids.len()).collect();
    Record::Frees(Frees { base_us, delta_us: vec![1; ids.len()], threads, sample_deltas })
}

fn loss(time_us: u64, buffer_full: u64) -> Loss {
    Loss { time_us, buffer_full, buffer_full_bytes: 100 * buffer_full, ..Loss::default() }
}

/// The records.
pub(crate) fn records() -> Vec<Record> {
    let thread =
        |(id, name): (u32, &str)| Thread { id, os_id: 70 + u64::from(id), name: name.into(), start_us: 3 };
    let interval = |id, interval_bytes| {
        Record::Interval(Interval { id, start_us: 1_000 * u64::from(id), interval_bytes, credit_bytes: 60.0 })
    };
    let counters = |time_us, allocated_bytes, freed_bytes| Counters {
        time_us,
        allocations: allocated_bytes / 300,
        allocated_bytes,
        frees: freed_bytes / 300,
        freed_bytes,
        peak_bytes: 30_000_000,
        peak_us: 1_900,
    };
    let module = |path: &str, start, byte| Module {
        path: path.into(),
        build_id: vec![byte; 20],
        start,
        end: start + 0x1000,
        bias: start,
    };
    let mut names = FRAMES;
    names[1].1 = EVIL;
    vec![
        Record::Session(Session {
            name: "exports".into(),
            executable: "/srv/app".into(),
            process_id: 7,
            sample_rate: 0.01,
            started_unix_ns: 1_700_000_000_000_000_000,
            ..Session::default()
        }),
        Record::Modules(Modules {
            modules: vec![module("/lib/other.so", 0x9000, 1), module("/srv/app", 0x1000, 0xab)],
        }),
        Record::Threads(Threads { threads: (1..).zip(THREADS).map(thread).collect() }),
        Record::Scopes(Scopes {
            scopes: vec![Scope { id: 1, name: "app::ingest".into(), file: "a.rs".into(), line: 1 }],
        }),
        interval(0, 4_096.0),
        stacks(&NODES, &FRAMES.map(|frame| frame.0)),
        Record::Sites(Sites {
            first_site: 0,
            stacks: vec![5, 7, 7, 2, 0],
            sizes: vec![48, 700, 9_000, 1 << 20, 33],
            old_sizes: vec![0, 0, 4_500, 0, 0],
            scopes: vec![0, 1, 1, 0, 5],
            kinds: vec![0, 1, 3, 0, 0],
        }),
        samples(0, 0, (0..200).map(|row| (row % 3 + 1, row % 5))),
        frees(1_400, [1, 2, 3, 0].into_iter().cycle(), &(0..150).collect::<Vec<_>>()),
        Record::Counters(counters(2_000, 40_000_000, 10_000_000)),
        Record::Loss(loss(2_000, 40)),
        interval(1, 16_384.0),
        // Site 99 is not defined.
        samples(200, 1, (0..200).map(|row| (row % 2 + 1, if row % 40 == 0 { 99 } else { row % 4 }))),
        frees(2_500, [2, 1].into_iter().cycle(), &[201, 205, 199, 240, 240, 333]),
        Record::Resources(Resources { time_us: 2_600, rss_bytes: Some(5 << 20), ..Resources::default() }),
        symbols(&names),
        Record::End(End {
            totals: counters(9_000, 60_000_000, 21_000_000),
            threads: 3,
            samples: 400,
            loss: loss(9_000, 45),
            ..End::default()
        }),
    ]
}

/// The trace, read.
pub(crate) fn source() -> ExportSource {
    source_of(write(&records()))
}

/// The trace that `bytes` are, read.
pub(crate) fn source_of(bytes: Vec<u8>) -> ExportSource {
    ExportSource::from_bytes(bytes, &SymbolizeOptions::default()).unwrap()
}

/// The export in `format`.
pub(crate) fn export(source: &ExportSource, format: &str) -> Vec<u8> {
    export_measure(source, format, Measure::default())
}

/// The export of `measure` in `format`.
pub(crate) fn export_measure(source: &ExportSource, format: &str, measure: Measure) -> Vec<u8> {
    let mut out = Vec::new();
    let options = ExportOptions::default().measure(measure);
    exporter(format).unwrap().write(source, &options, &mut out).unwrap();
    out
}

/// The report's totals of what each measure counts in bytes, and of allocations.
pub(crate) fn expected(analysis: &Analysis, measure: Measure) -> f64 {
    let sites = analysis.sites.iter();
    match measure {
        Measure::AllocatedBytes => sites.map(|site| site.allocated_bytes.value).sum(),
        Measure::Allocations => sites.map(|site| site.allocations.value).sum(),
        Measure::PeakBytes => sites.map(|site| site.peak_bytes.value).sum(),
        Measure::LiveBytes => sites.map(|site| site.live_bytes.value).sum(),
        Measure::TemporaryBytes => sites.map(|site| site.temporary_bytes.value).sum(),
        Measure::CopiedBytes => sites.map(|site| site.copied_bytes.value).sum(),
        other => panic!("the report has no total of {other}"),
    }
}

/// The measures that [`expected`] knows.
pub(crate) const KNOWN: [Measure; 6] = [
    Measure::AllocatedBytes,
    Measure::Allocations,
    Measure::PeakBytes,
    Measure::LiveBytes,
    Measure::TemporaryBytes,
    Measure::CopiedBytes,
];

/// Whether a sum of whole numbers is what the report says, within rounding.
pub(crate) fn assert_close(sum: f64, expected: f64, what: impl std::fmt::Display) {
    assert!(
        expected > 0.0 && (sum - expected).abs() <= 0.5 + expected * 1e-9,
        "{what}: {sum}, not {expected}"
    );
}
