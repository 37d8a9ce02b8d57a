//! Prints what a trace says of its scopes: exact figures, and how the bytes of calls are distributed.

use memscope_trace::{Record, TraceError, TraceReader};
use std::collections::BTreeMap;
use std::fs::File;

/// One scope.
#[derive(Default)]
struct Scope {
    name: String,
    calls: u64,
    cancelled: u64,
    allocated_bytes: u64,
    own_allocated_bytes: u64,
    freed_bytes: u64,
    most_bytes: u64,
    busy_us: u64,
    wall_us: u64,
    /// Calls by the fewest bytes of their bucket.
    sizes: BTreeMap<u64, u64>,
}

impl Scope {
    /// The bytes that this share of the calls stays below: the end of their bucket, an eighth too much at most on average.
    fn quantile(&self, share: f64) -> u64 {
        let all: u64 = self.sizes.values().sum();
        let mut passed = 0;
        for (from, calls) in &self.sizes {
            passed += calls;
            if passed as f64 >= share * all as f64 {
                let quarter = if *from < 4 { 1 } else { 1 << (from.ilog2() - 2) };
                return (from + quarter - 1).min(self.most_bytes);
            }
        }
        self.most_bytes
    }
}

/// Reads the trace and prints a table of the scopes whose names `is_shown` takes, those with the most bytes first.
pub(crate) fn print(trace: &str, is_shown: impl Fn(&str) -> bool) -> Result<(), TraceError> {
    let mut scopes = read(trace)?;
    scopes.retain(|scope| is_shown(&scope.name));
    scopes.sort_by_key(|scope| std::cmp::Reverse(scope.allocated_bytes));
    println!(
        "{:<28} {:>6} {:>9} {:>11} {:>11} {:>11} {:>9} {:>9} {:>9} {:>9}",
        "scope",
        "calls",
        "cancelled",
        "KiB in all",
        "KiB own",
        "KiB freed",
        "p50 KiB",
        "p99 KiB",
        "max KiB",
        "busy/wall"
    );
    for scope in &scopes {
        let kib = |bytes: u64| format!("{:.1}", bytes as f64 / 1024.0);
        println!(
            "{:<28} {:>6} {:>9} {:>11} {:>11} {:>11} {:>9} {:>9} {:>9} {:>8.0}%",
            scope.name,
            scope.calls,
            scope.cancelled,
            kib(scope.allocated_bytes),
            kib(scope.own_allocated_bytes),
            kib(scope.freed_bytes),
            kib(scope.quantile(0.5)),
            kib(scope.quantile(0.99)),
            kib(scope.most_bytes),
            100.0 * scope.busy_us as f64 / scope.wall_us.max(1) as f64,
        );
    }
    Ok(())
}

fn read(trace: &str) -> Result<Vec<Scope>, TraceError> {
    let mut reader = TraceReader::new(File::open(trace).map_err(TraceError::Io)?)?;
    let mut scopes: BTreeMap<u32, Scope> = BTreeMap::new();
    while let Some(record) = reader.next_record()? {
        match record {
            Record::Scopes(record) => record
                .scopes
                .into_iter()
                .for_each(|scope| scopes.entry(scope.id).or_default().name = scope.name),
            Record::ScopeCounters(record) => {
                for (row, id) in record.scopes.iter().enumerate() {
                    let scope = scopes.entry(*id).or_default();
                    scope.calls = record.calls[row];
                    scope.allocated_bytes = record.allocated_bytes[row];
                    scope.own_allocated_bytes = record.own_allocated_bytes[row];
                }
            }
            Record::ScopeDetails(record) => {
                for (row, id) in record.scopes.iter().enumerate() {
                    let scope = scopes.entry(*id).or_default();
                    scope.cancelled = record.cancelled[row];
                    scope.most_bytes = record.most_bytes[row];
                    (scope.busy_us, scope.wall_us) = (record.busy_us[row], record.wall_us[row]);
                }
            }
            Record::ScopeFrees(record) => {
                for (row, id) in record.scopes.iter().enumerate() {
                    scopes.entry(*id).or_default().freed_bytes = record.freed_bytes[row];
                }
            }
            Record::ScopeSizes(record) => {
                for (row, id) in record.scopes.iter().enumerate() {
                    let sizes = &mut scopes.entry(*id).or_default().sizes;
                    sizes.insert(record.from_bytes[row], record.calls[row]);
                }
            }
            _ => {}
        }
    }
    Ok(scopes.into_values().filter(|scope| scope.calls > 0).collect())
}
