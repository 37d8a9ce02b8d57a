//! A small query engine: the memory of each kind of query, and the query that has the peak.
//!
//! ```sh
//! cargo run --release --example queries
//! ```
//! Eight threads run queries over one table, each in a scope with its kind as a label; the operators are scopes inside. The threads that a sort
//! hands its halves to work for the sort's scope.

mod findings;

use memscope::task::carry_scope;
use std::collections::HashMap;
use std::error::Error;
use std::thread;

const OUTPUT: &str = "target/memscope-examples/queries";

/// A row: customer, city, amount.
type Row = (u32, String, u64);

fn main() -> Result<(), Box<dyn Error>> {
    let table: Vec<Row> =
        (0..20_000).map(|id| (id, format!("city {}", id % 97), u64::from(id) * 7919 % 1000)).collect();
    let mut session = memscope::comprehensive_profile_execution(OUTPUT, None)?;
    let rows: usize = thread::scope(|scope| {
        let run = |number: usize| {
            let table = &table;
            scope.spawn(move || (0..30).map(|step| query(table, number * 7 + step)).sum::<usize>())
        };
        let threads: Vec<_> = (0..8).map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("a query does not panic")).sum()
    });
    session.finalize()?;
    println!("the queries returned {rows} rows\n");
    findings::print(&format!("{OUTPUT}/trace.bin"), |_| true)?;
    Ok(())
}

/// Runs the query of that number. Returns its rows.
fn query(table: &[Row], number: usize) -> usize {
    let kind = ["lookup", "totals", "top"][number % 3];
    let _query = memscope::scope!("query", kind = kind);
    match kind {
        "lookup" => filter(table, number as u64 % 1000).len(),
        "totals" => totals(filter(table, 0)).len(),
        _ => top(filter(table, 500)).len(),
    }
}

/// The rows with at least that amount.
#[memscope::profile(name = "filter")]
fn filter(table: &[Row], least: u64) -> Vec<Row> {
    table.iter().filter(|row| row.2 >= least).cloned().collect()
}

#[memscope::profile(name = "totals by city")]
fn totals(rows: Vec<Row>) -> HashMap<String, u64> {
    let mut totals = HashMap::new();
    for (_, city, amount) in rows {
        *totals.entry(city).or_insert(0) += amount;
    }
    totals
}

/// The hundred largest, sorted in two halves.
#[memscope::profile(name = "top")]
fn top(mut rows: Vec<Row>) -> Vec<Row> {
    let mut upper = rows.split_off(rows.len() / 2);
    let sort = |rows: &mut Vec<Row>| {
        // Needs half as much again as the rows.
        rows.sort_by_key(|row| std::cmp::Reverse(row.2));
        rows.truncate(100);
    };
    thread::scope(|scope| {
        scope.spawn(carry_scope(|| sort(&mut upper)));
        sort(&mut rows);
    });
    rows.append(&mut upper);
    sort(&mut rows);
    rows
}
