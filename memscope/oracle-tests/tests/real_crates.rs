//! A workload of crates that know nothing of memscope, SQL parsed on a rayon pool, under the attribute: the trace's totals equal
//! the oracle's.

use memscope::SamplingAllocator;
use memscope_oracle_tests::{Oracle, Truth, peak_tolerance_bytes, wait_until_alone};
use memscope_report::Profile;
use rayon::prelude::*;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use std::alloc::System;

#[global_allocator]
static ORACLE: Oracle<SamplingAllocator<System>> = Oracle::new(SamplingAllocator::new(System));

fn query(i: usize) -> String {
    format!(
        "SELECT a{i}, sum(b) OVER (PARTITION BY c ORDER BY d), (SELECT max(x) FROM t{i} WHERE y IN (1, 2, {i})) \
         FROM orders JOIN items ON orders.id = items.order_id WHERE price > {i} AND name LIKE 'n%' GROUP BY a{i} \
         HAVING count(*) > 3 ORDER BY 1 LIMIT {i}; INSERT INTO log (id, text) VALUES ({i}, 'entry {i}')"
    )
}

#[memscope::profile(output = "sql", sample_rate = 0.01)]
fn parse_on_a_pool() -> (usize, Truth) {
    ORACLE.reset();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(8).thread_name(|i| format!("rayon-{i}"));
    let pool = pool.build().expect("a pool");
    let parse = |i| Parser::parse_sql(&GenericDialect {}, &query(i)).expect("it parses").len();
    let statements = pool.install(|| (0..400_usize).into_par_iter().map(parse).sum());
    drop(pool);
    // The pool's threads end on their own: what they do last is counted on both sides.
    wait_until_alone();
    (statements, ORACLE.truth())
}

/// Without the test harness, whose own thread allocates beside what is compared.
fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    std::env::set_current_dir(folder.path()).expect("it is there");
    let (statements, truth) = parse_on_a_pool();
    assert_eq!(statements, 800);
    let profile = Profile::open("sql/trace.bin").expect("a trace");
    let told = &profile.totals;
    assert_eq!((told.allocations, told.allocated_bytes), (truth.allocations, truth.allocated_bytes));
    assert_eq!((told.frees, told.freed_bytes), (truth.frees, truth.freed_bytes));
    let off = (told.peak_bytes as f64 - truth.peak_bytes as f64).abs();
    assert!(off <= peak_tolerance_bytes(truth.peak_bytes, profile.threads.len()), "peak off by {off}");
    assert!(profile.end.expect("an end").threads >= 9 && profile.samples > 100);
    println!(
        "sqlparser on rayon: {} allocations, {} bytes, {} frees: as counted",
        told.allocations, told.allocated_bytes, told.frees
    );
    println!("totals_equal_the_oracles: 1 passed, 0 failed");
}
