//! A small trace with known content, written by the real writer.
//!
//! One process, two threads, three call sites:
//!
//! | site | stack (innermost first) | size | samples | what becomes of them |
//! | --- | --- | --- | --- | --- |
//! | 0 | hook, `__rust_alloc`, `RawVec`, `app::parse`, `app::main` | 1,000 | 40 | thread 1 frees 30 within a millisecond |
//! | 1 | `__rust_alloc`, `app::index`, `app::main` | 64 | 20 | thread 2 frees 15 |
//! | 2 | the same, by a realloc that moved from 2,048 | 4,096 | 10 | live |
#![allow(dead_code, reason = "each test file uses its part")]

use memscope_trace::*;

/// Addresses and names of the frames, from frame 1.
pub(crate) const FRAMES: [(i64, &str); 6] = [
    (0x1000, "app::main"),
    (0x1010, "app::parse"),
    (0x1020, "alloc::raw_vec::RawVecInner<A>::finish_grow"),
    (0x1030, "__rust_alloc"),
    (0x1040, "memscope::hook::sample"),
    (0x1050, "app::index"),
];
/// Parent and frame of the nodes, from node 1.
pub(crate) const NODES: [(u32, u32); 7] = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (1, 6), (6, 4)];

/// The trace's bytes.
pub(crate) fn write(records: &[Record]) -> Vec<u8> {
    let mut writer = TraceWriter::new(Vec::new()).unwrap();
    for record in records {
        writer.push(record).unwrap();
    }
    writer.flush().unwrap();
    writer.into_inner()
}

/// Where each of the blocks that `records` become ends.
pub(crate) fn block_ends(records: &[Record]) -> Vec<usize> {
    (1..=records.len()).map(|blocks| write(&records[..blocks]).len()).collect()
}

pub(crate) fn session() -> Record {
    Record::Session(Session {
        memscope_version: "0.1.0".into(),
        name: "demo".into(),
        executable: "/nowhere/app".into(),
        process_id: 77,
        sample_rate: 1.0,
        unwinder: "framehop".into(),
        ..Session::default()
    })
}

pub(crate) fn stacks(nodes: &[(u32, u32)], addresses: &[i64]) -> Record {
    let mut before = 0;
    let addresses =
        addresses.iter().map(|&address| address - std::mem::replace(&mut before, address)).collect();
    let ids = 1_u32..;
    Record::Stacks(Stacks {
        first_frame: 1,
        addresses,
        first_node: 1,
        parent_deltas: ids.zip(nodes).map(|(id, &(parent, _))| id - parent).collect(),
        frames: nodes.iter().map(|&(_, frame)| frame).collect(),
    })
}

/// Sites from 0: stack, size, old size, kind.
pub(crate) fn sites(rows: &[(u32, u64, u64, AllocationKind)]) -> Record {
    Record::Sites(Sites {
        first_site: 0,
        stacks: rows.iter().map(|row| row.0).collect(),
        sizes: rows.iter().map(|row| row.1).collect(),
        old_sizes: rows.iter().map(|row| row.2).collect(),
        scopes: vec![0; rows.len()],
        kinds: rows.iter().map(|row| row.3 as u8).collect(),
    })
}

/// Samples of thread 1, a microsecond apart from time 1,000 on.
pub(crate) fn samples(first_sample: u64, sites: &[u32]) -> Record {
    Record::Samples(Samples {
        first_sample,
        interval: 0,
        base_us: 1_000,
        delta_us: vec![1; sites.len()],
        threads: vec![1; sites.len()],
        sites: sites.to_vec(),
    })
}

/// Frees by `thread` of the samples in `ids`, all at one time.
pub(crate) fn frees(time_us: u64, thread: u32, ids: std::ops::Range<i64>) -> Record {
    let rows = ids.clone().count();
    let mut sample_deltas = vec![1; rows];
    sample_deltas[0] = ids.start;
    Record::Frees(Frees {
        base_us: time_us,
        delta_us: vec![0; rows],
        threads: vec![thread; rows],
        sample_deltas,
    })
}

pub(crate) fn symbols(frames: &[(i64, &str)]) -> Record {
    let mut before = 0;
    Record::Symbols(Symbols {
        address_deltas: frames.iter().map(|&(at, _)| at - std::mem::replace(&mut before, at)).collect(),
        name_indexes: (0..frames.len() as u32).collect(),
        names: frames.iter().map(|&(_, name)| name.to_owned()).collect(),
    })
}

pub(crate) fn counters(time_us: u64, allocated_bytes: u64, freed_bytes: u64) -> Counters {
    Counters {
        time_us,
        allocations: allocated_bytes / 100,
        allocated_bytes,
        frees: freed_bytes / 100,
        freed_bytes,
        peak_bytes: 90_000,
        peak_us: 1_500,
    }
}

pub(crate) fn thread_counters(time_us: u64, rows: &[(u32, u64)]) -> Record {
    Record::ThreadCounters(ThreadCounters {
        time_us,
        threads: rows.iter().map(|row| row.0).collect(),
        allocations: rows.iter().map(|row| row.1 / 100).collect(),
        allocated_bytes: rows.iter().map(|row| row.1).collect(),
        frees: vec![1; rows.len()],
        freed_bytes: vec![100; rows.len()],
        ended: vec![0; rows.len()],
    })
}

pub(crate) fn end() -> Record {
    Record::End(End {
        totals: counters(9_000, 120_000, 40_000),
        threads: 2,
        samples: 70,
        drain_cpu_us: 5,
        sampling_us: 4,
        ..End::default()
    })
}

/// The small trace, in the order in which a runtime writes it.
pub(crate) fn small() -> Vec<Record> {
    let thread = |id, name: &str| Thread { id, os_id: 100 + u64::from(id), name: name.into(), start_us: 1 };
    let scope = Scope { id: 1, name: "app::main".into(), file: "src/main.rs".into(), line: 3 };
    let all_samples: Vec<u32> = [vec![0; 40], vec![1; 20], vec![2; 10]].concat();
    vec![
        session(),
        Record::Threads(Threads { threads: vec![thread(1, "main"), thread(2, "worker")] }),
        Record::Scopes(Scopes { scopes: vec![scope] }),
        Record::Interval(Interval { id: 0, start_us: 0, interval_bytes: 0.0, credit_bytes: 0.0 }),
        stacks(&NODES, &FRAMES.map(|frame| frame.0)),
        sites(&[
            (5, 1_000, 0, AllocationKind::Alloc),
            (7, 64, 0, AllocationKind::Zeroed),
            (7, 4_096, 2_048, AllocationKind::ReallocMoved),
        ]),
        Record::Counters(counters(1_000, 1_000, 0)),
        samples(0, &all_samples),
        frees(1_200, 1, 0..30),
        frees(5_000, 2, 40..55),
        thread_counters(2_000, &[(1, 60_000), (2, 500)]),
        Record::Counters(counters(2_000, 100_000, 20_000)),
        Record::Resources(Resources { time_us: 2_100, rss_bytes: Some(5 << 20), ..Resources::default() }),
        thread_counters(8_000, &[(1, 110_000), (2, 10_000)]),
        Record::ScopeCounters(ScopeCounters {
            time_us: 8_500,
            scopes: vec![1],
            calls: vec![3],
            allocations: vec![1_000],
            allocated_bytes: vec![110_000],
            own_allocations: vec![900],
            own_allocated_bytes: vec![100_000],
        }),
        symbols(&FRAMES),
        end(),
    ]
}

/// What the analysis makes of a trace.
pub(crate) fn analysis_of(trace: &[u8]) -> memscope_report::Analysis {
    use memscope_report::{Profile, SymbolizeOptions, analyze, symbolize};
    let profile = Profile::from_reader(trace).unwrap();
    analyze(&profile, &symbolize(&profile, &SymbolizeOptions::default()))
}
