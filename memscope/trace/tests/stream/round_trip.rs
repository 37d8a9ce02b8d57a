//! What is pushed is read back: every kind, columns up to the most rows, numbers of every length.

use crate::bytes::{blocks, read, write};
use memscope_trace::*;
use proptest::array::uniform12;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

/// Numbers of every magnitude, so of every encoded length.
fn wide() -> impl Strategy<Value = u64> + Clone {
    (any::<u64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift)
}

fn half() -> impl Strategy<Value = u32> + Clone {
    (any::<u32>(), 0_u32..32).prop_map(|(value, shift)| value >> shift)
}

fn delta() -> impl Strategy<Value = i64> + Clone {
    (any::<i64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift)
}

/// How many rows the columns of a record have: few, or the most there may be.
fn rows() -> impl Strategy<Value = usize> {
    prop_oneof![9 => 0_usize..20, 1 => Just(MAX_ROWS)]
}

fn session() -> impl Strategy<Value = Record> {
    let texts = vec(any::<String>(), 6);
    (texts, half(), half(), vec(wide(), 4), any::<f64>()).prop_map(
        |(texts, process_id, cpus, wide, sample_rate)| {
            Record::Session(Session {
                memscope_version: texts[0].clone(),
                name: texts[1].clone(),
                executable: texts[2].clone(),
                process_id,
                started_unix_ns: wide[0],
                arch: texts[3].clone(),
                os: texts[4].clone(),
                cpus,
                page_bytes: wide[1],
                sample_rate,
                min_allocation_size_bytes: wide[2],
                buffer_size_bytes: wide[3],
                unwinder: texts[5].clone(),
            })
        },
    )
}

fn interval() -> impl Strategy<Value = Record> {
    (half(), wide(), any::<f64>(), any::<f64>()).prop_map(|(id, start_us, interval_bytes, credit_bytes)| {
        Record::Interval(Interval { id, start_us, interval_bytes, credit_bytes })
    })
}

fn modules() -> impl Strategy<Value = Record> {
    let module = (any::<String>(), vec(any::<u8>(), 0..32), wide(), wide(), wide())
        .prop_map(|(path, build_id, start, end, bias)| Module { path, build_id, start, end, bias });
    vec(module, 0..8).prop_map(|modules| Record::Modules(Modules { modules }))
}

fn threads() -> impl Strategy<Value = Record> {
    let thread = (half(), wide(), any::<String>(), wide()).prop_map(|(id, os_id, name, start_us)| Thread {
        id,
        os_id,
        name,
        start_us,
    });
    vec(thread, 0..8).prop_map(|threads| Record::Threads(Threads { threads }))
}

fn scopes() -> impl Strategy<Value = Record> {
    let scope = (half(), any::<String>(), any::<String>(), half()).prop_map(|(id, name, file, line)| Scope {
        id,
        name,
        file,
        line,
    });
    vec(scope, 0..8).prop_map(|scopes| Record::Scopes(Scopes { scopes }))
}

fn stacks() -> impl Strategy<Value = Record> {
    let columns = rows().prop_flat_map(|rows| (vec(half(), rows), vec(half(), rows)));
    (half(), vec(delta(), 0..50), half(), columns).prop_map(
        |(first_frame, addresses, first_node, (parent_deltas, frames))| {
            Record::Stacks(Stacks { first_frame, addresses, first_node, parent_deltas, frames })
        },
    )
}

fn sites() -> impl Strategy<Value = Record> {
    let columns = rows().prop_flat_map(|rows| {
        (vec(half(), rows), vec(wide(), rows), vec(wide(), rows), vec(half(), rows), vec(any::<u8>(), rows))
    });
    (half(), columns).prop_map(|(first_site, (stacks, sizes, old_sizes, scopes, kinds))| {
        Record::Sites(Sites { first_site, stacks, sizes, old_sizes, scopes, kinds })
    })
}

fn samples() -> impl Strategy<Value = Record> {
    let columns = rows().prop_flat_map(|rows| (vec(delta(), rows), vec(half(), rows), vec(half(), rows)));
    (wide(), half(), wide(), columns).prop_map(
        |(first_sample, interval, base_us, (delta_us, threads, sites))| {
            Record::Samples(Samples { first_sample, interval, base_us, delta_us, threads, sites })
        },
    )
}

fn frees() -> impl Strategy<Value = Record> {
    let columns = rows().prop_flat_map(|rows| (vec(delta(), rows), vec(half(), rows), vec(delta(), rows)));
    (wide(), columns).prop_map(|(base_us, (delta_us, threads, sample_deltas))| {
        Record::Frees(Frees { base_us, delta_us, threads, sample_deltas })
    })
}

fn thread_counters() -> impl Strategy<Value = Record> {
    let columns =
        rows().prop_flat_map(|rows| (vec(half(), rows), vec(vec(wide(), rows), 4), vec(any::<u8>(), rows)));
    (wide(), columns).prop_map(|(time_us, (threads, wide, ended))| {
        let [allocations, allocated_bytes, frees, freed_bytes] = wide.try_into().unwrap();
        Record::ThreadCounters(ThreadCounters {
            time_us,
            threads,
            allocations,
            allocated_bytes,
            frees,
            freed_bytes,
            ended,
        })
    })
}

fn scope_counters() -> impl Strategy<Value = Record> {
    let columns = rows().prop_flat_map(|rows| (vec(half(), rows), vec(vec(wide(), rows), 5)));
    (wide(), columns).prop_map(|(time_us, (scopes, wide))| {
        let [calls, allocations, allocated_bytes, own_allocations, own_allocated_bytes] =
            wide.try_into().unwrap();
        Record::ScopeCounters(ScopeCounters {
            time_us,
            scopes,
            calls,
            allocations,
            allocated_bytes,
            own_allocations,
            own_allocated_bytes,
        })
    })
}

fn symbols() -> impl Strategy<Value = Record> {
    let columns = rows().prop_flat_map(|rows| (vec(delta(), rows), vec(half(), rows)));
    (columns, vec(any::<String>(), 0..8)).prop_map(|((address_deltas, name_indexes), names)| {
        Record::Symbols(Symbols { address_deltas, name_indexes, names })
    })
}

fn counters() -> impl Strategy<Value = Counters> {
    (vec(wide(), 7)).prop_map(|wide| Counters {
        time_us: wide[0],
        allocations: wide[1],
        allocated_bytes: wide[2],
        frees: wide[3],
        freed_bytes: wide[4],
        peak_bytes: wide[5],
        peak_us: wide[6],
    })
}

fn loss() -> impl Strategy<Value = Loss> {
    (vec(wide(), 7)).prop_map(|wide| Loss {
        time_us: wide[0],
        buffer_full: wide[1],
        buffer_full_bytes: wide[2],
        table_full: wide[3],
        table_full_bytes: wide[4],
        stacks: wide[5],
        late_events: wide[6],
    })
}

fn resources() -> impl Strategy<Value = Record> {
    (wide(), uniform12(of(wide()))).prop_map(|(time_us, options)| {
        Record::Resources(Resources {
            time_us,
            rss_bytes: options[0],
            cpu_user_us: options[1],
            cpu_system_us: options[2],
            threads: options[3],
            voluntary_switches: options[4],
            involuntary_switches: options[5],
            minor_faults: options[6],
            major_faults: options[7],
            read_bytes: options[8],
            written_bytes: options[9],
            cgroup_usage_bytes: options[10],
            cgroup_limit_bytes: options[11],
        })
    })
}

fn end() -> impl Strategy<Value = Record> {
    (any::<u8>(), counters(), loss(), vec(wide(), 4)).prop_map(|(reason, totals, loss, wide)| {
        Record::End(End {
            reason,
            totals,
            threads: wide[0],
            samples: wide[1],
            loss,
            drain_cpu_us: wide[2],
            sampling_us: wide[3],
        })
    })
}

/// A record of any kind.
pub(crate) fn record() -> impl Strategy<Value = Record> {
    let tables = prop_oneof![modules(), threads(), scopes(), stacks(), sites(), symbols()];
    let rows = prop_oneof![samples(), frees(), thread_counters(), scope_counters()];
    let counters = counters().prop_map(Record::Counters);
    let single =
        prop_oneof![session(), interval(), counters, resources(), loss().prop_map(Record::Loss), end()];
    prop_oneof![tables, rows, single]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn records_are_read_back_as_they_were_pushed(records in vec(record(), 0..12)) {
        let trace = write(&records);
        let (read, stats) = read(&trace);
        prop_assert!(stats.is_clean() && !stats.torn_tail(), "{stats:?}");
        prop_assert_eq!(&read, &records);
        prop_assert_eq!(blocks(&trace).len(), records.len());
        prop_assert_eq!(write(&read), trace);
    }
}

/// Every record of columns with `rows` rows of the numbers that take most bytes.
fn largest(rows: usize) -> Vec<Record> {
    let (wide, half, delta, byte) =
        (vec![u64::MAX; rows], vec![u32::MAX; rows], vec![i64::MIN; rows], vec![255; rows]);
    vec![
        Record::Stacks(Stacks {
            first_frame: u32::MAX,
            addresses: delta.clone(),
            first_node: u32::MAX,
            parent_deltas: half.clone(),
            frames: half.clone(),
        }),
        Record::Sites(Sites {
            first_site: u32::MAX,
            stacks: half.clone(),
            sizes: wide.clone(),
            old_sizes: wide.clone(),
            scopes: half.clone(),
            kinds: byte.clone(),
        }),
        Record::Samples(Samples {
            first_sample: u64::MAX,
            interval: u32::MAX,
            base_us: u64::MAX,
            delta_us: delta.clone(),
            threads: half.clone(),
            sites: half.clone(),
        }),
        Record::Frees(Frees {
            base_us: u64::MAX,
            delta_us: delta.clone(),
            threads: half.clone(),
            sample_deltas: delta.clone(),
        }),
        Record::ThreadCounters(ThreadCounters {
            time_us: u64::MAX,
            threads: half.clone(),
            allocations: wide.clone(),
            allocated_bytes: wide.clone(),
            frees: wide.clone(),
            freed_bytes: wide.clone(),
            ended: byte,
        }),
        Record::ScopeCounters(ScopeCounters {
            time_us: u64::MAX,
            scopes: half.clone(),
            calls: wide.clone(),
            allocations: wide.clone(),
            allocated_bytes: wide.clone(),
            own_allocations: wide.clone(),
            own_allocated_bytes: wide,
        }),
        Record::Symbols(Symbols { address_deltas: delta, name_indexes: half, names: Vec::new() }),
    ]
}

#[test]
fn the_most_rows_fit_whatever_their_values() {
    let records = largest(MAX_ROWS);
    assert_eq!(read(&write(&records)).0, records);
}

#[test]
fn what_a_reader_would_refuse_is_not_written() {
    let mut uneven = vec![
        Record::Samples(Samples { sites: vec![1], ..Samples::default() }),
        Record::Frees(Frees {
            delta_us: vec![0, 0],
            threads: vec![1, 1],
            sample_deltas: vec![1],
            base_us: 0,
        }),
        Record::Symbols(Symbols { address_deltas: vec![7], ..Symbols::default() }),
    ];
    uneven.extend(largest(MAX_ROWS + 1));
    let mut writer = TraceWriter::new(Vec::new()).unwrap();
    for record in &uneven {
        assert!(matches!(writer.push(record), Err(TraceError::ColumnsDiffer { .. })));
    }
    let name = "x".repeat(MAX_PAYLOAD_BYTES);
    let large = Record::Scopes(Scopes { scopes: vec![Scope { name, ..Scope::default() }] });
    assert!(matches!(writer.push(&large), Err(TraceError::RecordTooLarge { kind: "Scopes" })));
    assert_eq!(writer.pending_bytes(), 0);
    // Nor does it cost a number.
    writer.push(&Record::Loss(Loss::default())).unwrap();
    writer.flush().unwrap();
    assert!(read(&writer.into_inner()).1.is_clean());
}

#[test]
fn a_full_block_is_read_back() {
    let scopes_named = |bytes| {
        let scope = Scope { id: 1, name: "n".repeat(bytes), file: String::new(), line: 1 };
        Record::Scopes(Scopes { scopes: vec![scope] })
    };
    // One row, its id, 3 bytes of the name's length, the name, an empty file, a line.
    let most = MAX_PAYLOAD_BYTES - 7;
    let trace = write(&[scopes_named(most)]);
    assert_eq!(trace.len(), 32 + 24 + MAX_PAYLOAD_BYTES);
    assert_eq!(read(&trace).0, [scopes_named(most)]);
    let mut writer = TraceWriter::new(Vec::new()).unwrap();
    assert!(matches!(writer.push(&scopes_named(most + 1)), Err(TraceError::RecordTooLarge { .. })));
}

#[test]
fn the_densest_block_stays_below_the_decoder_s_limit() {
    // Each byte of the payload is 8 in memory.
    let dense = Record::Stacks(Stacks { addresses: vec![0; MAX_PAYLOAD_BYTES - 7], ..Stacks::default() });
    let trace = write(std::slice::from_ref(&dense));
    assert_eq!(trace.len(), 32 + 24 + MAX_PAYLOAD_BYTES);
    assert_eq!(read(&trace).0, [dense]);
}
