//! Traces that are damaged, or made to hurt.

use crate::common::{small, write};
use crate::fixture::{expected, export, records, source_of};
use memscope_report::SymbolizeOptions;
use memscope_report::export::{EXPORTERS, ExportOptions, ExportSource, Measure, exporter};
use memscope_trace::*;
use proptest::prelude::*;
use std::io::{self, Write};

/// Exports the trace in every format; the totals of those that are easily parsed must be the report's.
fn export_all(bytes: Vec<u8>) {
    let Ok(source) = ExportSource::from_bytes(bytes, &SymbolizeOptions::default()) else { return };
    for exporter in EXPORTERS.iter().filter(|exporter| exporter.name != "parquet") {
        exporter.write(&source, &ExportOptions::default(), &mut io::sink()).unwrap();
    }
    let analysis = source.analysis();
    let (folded, whole) = (export(&source, "folded"), expected(&analysis, Measure::AllocatedBytes));
    let folded = String::from_utf8(folded).unwrap();
    let sum: f64 = folded.lines().map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum();
    assert!((sum - whole).abs() <= 0.5 + whole * 1e-6, "{sum} is not {whole}");
    let firefox: serde_json::Value = serde_json::from_slice(&export(&source, "firefox")).unwrap();
    let threads = firefox["threads"].as_array().unwrap();
    let weights = threads.iter().flat_map(|thread| thread["samples"]["weight"].as_array().unwrap());
    let sum: f64 = weights.map(|weight| weight.as_f64().unwrap()).sum();
    assert!((sum - whole).abs() <= 0.5 + whole * 1e-6, "{sum} is not {whole}, sample by sample");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn damage_costs_nothing_but_what_is_damaged(flips in prop::collection::vec((0.0..1.0_f64, 1_u8..), 1..6)) {
        let mut bytes = write(&records());
        for (place, mask) in flips {
            let at = (place * bytes.len() as f64) as usize;
            bytes[at] ^= mask;
        }
        export_all(bytes);
    }

    #[test]
    fn missing_blocks_are_survived(kept in prop::collection::vec(any::<bool>(), 17)) {
        let records = records();
        let kept: Vec<Record> = records.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(record, _)| record).collect();
        export_all(write(&kept));
    }
}

#[test]
fn cut_and_empty_traces_are_exported() {
    let bytes = write(&small());
    for cut in [32, 60, bytes.len() / 2, bytes.len() - 1, bytes.len()] {
        export_all(bytes[..cut].to_vec());
    }
}

/// Counts what is written and throws it away.
#[derive(Default)]
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A call chain of 6,000 functions, each of which allocates: 18 million frames, if they were all written.
#[test]
fn a_small_trace_does_not_become_a_huge_file() {
    const DEPTH: u32 = 6_000;
    let mut records = vec![Record::Interval(Interval::default())];
    for first in (1..=DEPTH).step_by(1_000) {
        records.push(Record::Stacks(Stacks {
            first_frame: first,
            addresses: (0..1_000).map(|row| if row == 0 { i64::from(first) << 4 } else { 1 << 4 }).collect(),
            first_node: first,
            parent_deltas: vec![1; 1_000],
            frames: (first..first + 1_000).collect(),
        }));
        let rows = first - 1..first + 999;
        records.push(Record::Sites(Sites {
            first_site: first - 1,
            stacks: rows.clone().map(|site| site + 1).collect(),
            sizes: vec![8; 1_000],
            old_sizes: vec![0; 1_000],
            scopes: vec![0; 1_000],
            kinds: vec![0; 1_000],
        }));
        records.push(Record::Samples(Samples {
            first_sample: u64::from(first - 1),
            delta_us: vec![1; 1_000],
            threads: vec![1; 1_000],
            sites: rows.collect(),
            ..Samples::default()
        }));
    }
    let source = source_of(write(&records));
    for format in ["folded", "dhat", "pprof", "firefox"] {
        let mut counter = Counter::default();
        exporter(format).unwrap().write(&source, &ExportOptions::default(), &mut counter).unwrap();
        assert!((1_000..150 << 20).contains(&counter.0), "{format}: {} bytes", counter.0);
    }
}
