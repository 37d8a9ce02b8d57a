//! Sampled traces: functions, each with so many samples of a size.

use super::common::{counters, session, stacks, symbols, thread_counters};
use memscope_trace::*;

/// The mean sampling interval, bytes.
pub(crate) const T: f64 = 65_536.0;
const SESSION_US: u64 = 1_000_000;

/// A function that allocates.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) samples: u32,
    pub(crate) size: u64,
    /// Of a hundred samples so many are never freed.
    pub(crate) live_percent: u32,
}

pub(crate) fn function(name: &'static str, samples: u32) -> Function {
    Function { name, samples, size: 512, live_percent: 0 }
}

/// A trace of one thread, in which each function's samples are spread evenly over a second. What is freed is freed after a tenth of it.
pub(crate) fn sampled(functions: &[Function]) -> Vec<Record> {
    let count = functions.len() as u32;
    let frames: Vec<(i64, &str)> = (1..)
        .zip(["app::main"].into_iter().chain(functions.iter().map(|f| f.name)))
        .map(|(at, name)| (at * 0x1000, name))
        .collect();
    let addresses: Vec<i64> = frames.iter().map(|frame| frame.0).collect();
    let nodes: Vec<(u32, u32)> = [(0, 1)].into_iter().chain((0..count).map(|at| (1, at + 2))).collect();
    let mut records = vec![
        session(),
        Record::Threads(Threads {
            threads: vec![Thread { id: 1, os_id: 9, name: "main".into(), start_us: 0 }],
        }),
        Record::Interval(Interval { id: 0, start_us: 0, interval_bytes: T, credit_bytes: 0.0 }),
        stacks(&nodes, &addresses),
        Record::Sites(Sites {
            first_site: 0,
            stacks: (0..count).map(|at| at + 2).collect(),
            sizes: functions.iter().map(|f| f.size).collect(),
            old_sizes: vec![0; functions.len()],
            scopes: vec![0; functions.len()],
            kinds: vec![0; functions.len()],
        }),
    ];
    let (samples, frees) = events(functions);
    records.extend(samples);
    records.extend(frees);
    let allocated_bytes: u64 = functions.iter().map(|f| u64::from(f.samples) * T as u64).sum();
    let live_bytes: u64 =
        functions.iter().map(|f| u64::from(f.samples * f.live_percent / 100) * T as u64).sum();
    let totals = Counters {
        peak_bytes: allocated_bytes / 2,
        peak_us: SESSION_US / 2,
        ..counters(SESSION_US, allocated_bytes, allocated_bytes - live_bytes)
    };
    records.extend([
        Record::Counters(totals),
        thread_counters(SESSION_US, &[(1, allocated_bytes)]),
        symbols(&frames),
        Record::End(End {
            totals,
            threads: 1,
            samples: functions.iter().map(|f| u64::from(f.samples)).sum(),
            ..End::default()
        }),
    ]);
    records
}

/// The samples and the frees of them.
fn events(functions: &[Function]) -> (Vec<Record>, Vec<Record>) {
    let mut rows: Vec<(u64, u32, bool)> = Vec::new();
    for (site, f) in (0..).zip(functions) {
        let time = |at: u32| u64::from(at) * SESSION_US / u64::from(f.samples.max(1));
        rows.extend((0..f.samples).map(|at| (time(at), site, at % 100 < f.live_percent)));
    }
    rows.sort_unstable();
    let (mut samples, mut frees) = (Vec::new(), Vec::new());
    for (chunk, rows) in rows.chunks(MAX_ROWS).enumerate() {
        let first_sample = (chunk * MAX_ROWS) as u64;
        let base_us = rows[0].0;
        let mut before = base_us;
        let delta_us =
            rows.iter().map(|row| (row.0 - std::mem::replace(&mut before, row.0)) as i64).collect();
        samples.push(Record::Samples(Samples {
            first_sample,
            interval: 0,
            base_us,
            delta_us,
            threads: vec![1; rows.len()],
            sites: rows.iter().map(|row| row.1).collect(),
        }));
        let ends: Vec<(u64, u64)> = (first_sample..)
            .zip(rows)
            .filter(|(_, row)| !row.2 && row.0 + SESSION_US / 10 < SESSION_US)
            .map(|(id, row)| (row.0 + SESSION_US / 10, id))
            .collect();
        if let Some(&(base_us, _)) = ends.first() {
            let (mut time, mut id) = (base_us, 0);
            frees.push(Record::Frees(Frees {
                base_us,
                delta_us: ends
                    .iter()
                    .map(|end| (end.0 - std::mem::replace(&mut time, end.0)) as i64)
                    .collect(),
                threads: vec![1; ends.len()],
                sample_deltas: ends
                    .iter()
                    .map(|end| (end.1 - std::mem::replace(&mut id, end.1)) as i64)
                    .collect(),
            }));
        }
    }
    (samples, frees)
}
