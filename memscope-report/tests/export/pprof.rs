//! pprof, decoded by prost.

use crate::fixture::{EVIL, THREADS, assert_close, expected, export, source};
use memscope_report::analysis::Fate;
use memscope_report::export::Measure;
use prost::Message;
use std::collections::HashMap;
use std::io::Read;

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    text: i64,
    #[prost(int64, tag = "3")]
    number: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    locations: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    values: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    labels: Vec<Label>,
}

#[derive(Clone, PartialEq, Message)]
struct Mapping {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    start: u64,
    #[prost(uint64, tag = "3")]
    end: u64,
    #[prost(int64, tag = "5")]
    file: i64,
    #[prost(int64, tag = "6")]
    build_id: i64,
    #[prost(bool, tag = "7")]
    has_functions: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    mapping: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
    #[prost(message, repeated, tag = "4")]
    lines: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_types: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    mappings: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    locations: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    functions: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    strings: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
}

impl Profile {
    fn read(gzipped: &[u8]) -> Self {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(gzipped).read_to_end(&mut bytes).unwrap();
        Self::decode(bytes.as_slice()).unwrap()
    }

    fn text(&self, id: i64) -> &str {
        &self.strings[usize::try_from(id).unwrap()]
    }

    /// The functions of the location's lines, innermost first.
    fn functions_at(&self, id: u64) -> Vec<&str> {
        let location = self.locations.iter().find(|location| location.id == id).unwrap();
        let name =
            |line: &Line| self.functions.iter().find(|function| function.id == line.function).unwrap().name;
        location.lines.iter().map(|line| self.text(name(line))).collect()
    }

    fn label<'a>(&'a self, sample: &'a Sample, key: &str) -> Option<&'a Label> {
        sample.labels.iter().find(|label| self.text(label.key) == key)
    }
}

#[test]
fn totals_are_the_reports() {
    let source = source();
    let analysis = source.analysis();
    let profile = Profile::read(&export(&source, "pprof"));
    let types: Vec<_> =
        profile.sample_types.iter().map(|kind| (profile.text(kind.kind), profile.text(kind.unit))).collect();
    assert_eq!(
        types,
        [
            ("alloc_objects", "count"),
            ("alloc_space", "bytes"),
            ("inuse_objects", "count"),
            ("inuse_space", "bytes")
        ]
    );
    let total = |at: usize| profile.samples.iter().map(|sample| sample.values[at]).sum::<i64>() as f64;
    for (at, measure) in [(0, Measure::Allocations), (1, Measure::AllocatedBytes), (3, Measure::LiveBytes)] {
        assert_close(total(at), expected(&analysis, measure), measure);
    }
    assert!(total(2) > 0.0 && total(2) < total(0));
    assert_eq!((profile.strings[0].as_str(), profile.time_nanos), ("", 1_700_000_000_000_000_000));
    assert_eq!((profile.duration_nanos, profile.period), (9_000_000, 16_384));
    let period = profile.period_type.as_ref().unwrap();
    assert_eq!((profile.text(period.kind), profile.text(period.unit)), ("space", "bytes"));
}

#[test]
fn labels_are_threads_and_scopes() {
    let source = source();
    let analysis = source.analysis();
    let profile = Profile::read(&export(&source, "pprof"));
    let mut by_thread: HashMap<(i64, &str), f64> = HashMap::new();
    let mut scopes: HashMap<Option<&str>, u32> = HashMap::new();
    let mut lost = 0.0;
    for sample in &profile.samples {
        let name = profile.text(profile.label(sample, "thread").unwrap().text);
        let id = profile.label(sample, "thread_id").unwrap().number;
        *by_thread.entry((id, name)).or_default() += sample.values[1] as f64;
        let scope = profile.label(sample, "scope").map(|label| profile.text(label.text));
        *scopes.entry(scope).or_default() += 1;
        if profile.functions_at(sample.locations[0]) == ["(call sites lost to damage)"] {
            lost += sample.values[1] as f64;
        }
    }
    let scopes: Vec<_> = {
        let mut keys: Vec<_> = scopes.into_keys().collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!(scopes, [None, Some("(scope 5)"), Some("app::ingest")]);
    // Samples whose site is lost are in no flow.
    let mut flows = 0.0;
    for flow in
        analysis.flows.iter().filter(|flow| flow.fate != Fate::FreedByUnknown || flow.allocated_by > 0)
    {
        flows += flow.bytes.value;
    }
    let all: f64 = by_thread.values().sum();
    assert!(lost > 0.0 && (all - lost - flows).abs() < 2.0, "{all} - {lost} is not {flows}");
    let third: f64 =
        analysis.flows.iter().filter(|flow| flow.allocated_by == 3).map(|flow| flow.bytes.value).sum();
    assert!(third > 0.0 && (by_thread[&(3, THREADS[2])] - third).abs() < 200.0, "{third}");
    assert_eq!(by_thread.len(), 3);
}

#[test]
fn stacks_are_innermost_first_without_the_allocators_frames() {
    let profile = Profile::read(&export(&source(), "pprof"));
    let mut stacks: Vec<String> = profile
        .samples
        .iter()
        .map(|sample| {
            sample.locations.iter().flat_map(|&id| profile.functions_at(id)).collect::<Vec<_>>().join(" < ")
        })
        .collect();
    stacks.sort();
    stacks.dedup();
    let mut expected = vec![
        "(call sites lost to damage)".to_owned(),
        "(stack not recorded)".to_owned(),
        "app::index < app::main".to_owned(),
        format!("{EVIL} < app::main"),
    ];
    expected.sort();
    assert_eq!(stacks, expected);
}

#[test]
fn mappings_have_build_ids_and_hold_their_locations() {
    let profile = Profile::read(&export(&source(), "pprof"));
    let mappings: Vec<_> = profile
        .mappings
        .iter()
        .map(|mapping| (mapping.id, profile.text(mapping.file), profile.text(mapping.build_id).to_owned()))
        .collect();
    assert_eq!(mappings, [(1, "/srv/app", "ab".repeat(20)), (2, "/lib/other.so", "01".repeat(20))]);
    let placed: Vec<_> = profile.locations.iter().filter(|location| location.mapping != 0).collect();
    assert_eq!(placed.len(), 3);
    for location in placed {
        let mapping = &profile.mappings[location.mapping as usize - 1];
        assert!(mapping.has_functions && (mapping.start..mapping.end).contains(&location.address));
    }
}
