//! The shortest way in: switch tracing on, work, switch it off, export one page.
//!
//! ```sh
//! cargo run --release --example quick_start
//! ```
//! Eight threads factorise a range of numbers each and keep the factors of those that have many.

use std::collections::BTreeMap;
use std::error::Error;
use std::thread;

const OUTPUT: &str = "target/memscope-examples/quick_start";
const NUMBERS_PER_THREAD: u64 = 250_000;

fn main() -> Result<(), Box<dyn Error>> {
    memscope::trace_all(OUTPUT)?;

    let handles = (0..8).map(|thread| {
        let numbers = thread * NUMBERS_PER_THREAD + 2..(thread + 1) * NUMBERS_PER_THREAD + 2;
        thread::Builder::new().name(format!("range-{thread}")).spawn(move || factorise(numbers))
    });
    let handles = handles.collect::<Result<Vec<_>, _>>()?;
    let mut rich = BTreeMap::new();
    for handle in handles {
        rich.extend(handle.join().expect("the arithmetic does not overflow"));
    }

    memscope::stop_tracing()?;
    memscope::export_comprehensive_analysis(OUTPUT, "factors")?;

    println!("{} numbers have eight prime factors or more", rich.len());
    println!("Report: {OUTPUT}/factors.html");
    Ok(())
}

/// The numbers with eight prime factors or more, with these factors. Every other list is dropped again.
fn factorise(numbers: std::ops::Range<u64>) -> BTreeMap<u64, Vec<u64>> {
    numbers.map(|number| (number, prime_factors(number))).filter(|(_, factors)| factors.len() >= 8).collect()
}

fn prime_factors(mut number: u64) -> Vec<u64> {
    let mut factors = Vec::new();
    let mut divisor = 2;
    while divisor * divisor <= number {
        while number.is_multiple_of(divisor) {
            factors.push(divisor);
            number /= divisor;
        }
        divisor += 1;
    }
    if number > 1 {
        factors.push(number);
    }
    factors
}
