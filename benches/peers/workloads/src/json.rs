//! A document taken apart into a tree of small allocations, and put together again in one that grows.

use crate::random::Random;
use serde_json::Value;
use std::fmt::Write;
use std::hint::black_box;

const DOCUMENT_MIB: usize = 20;

/// Parses a document of 20 MiB into a [`Value`] and serialises it, `count` times. `JSON_MIB` in the environment makes it another size.
pub(crate) fn json(count: usize) {
    let mib = std::env::var("JSON_MIB").ok().and_then(|mib| mib.parse().ok()).unwrap_or(DOCUMENT_MIB);
    let text = document(mib * 1024 * 1024);
    for _ in 0..count {
        let value: Value = serde_json::from_str(&text).expect("the document is JSON");
        let again = serde_json::to_string(black_box(&value)).expect("a string takes any value");
        black_box(again.len());
    }
}

/// A list of customers of at least `bytes` bytes.
fn document(bytes: usize) -> String {
    let mut random = Random::new(20);
    let mut text = String::with_capacity(bytes + 1024);
    text.push('[');
    let mut id = 0;
    while text.len() < bytes {
        let bits = random.next_u64();
        let comma = if id == 0 { "" } else { "," };
        let (age, city, score) = (bits % 80, bits >> 50, (bits >> 8) % 1_000_000);
        let customer = write!(
            text,
            "{comma}\n{{\"id\":{id},\"name\":\"customer {:x}\",\"age\":{age},\"active\":{},\"score\":{}.25,\
             \"address\":{{\"city\":\"city {city}\",\"street\":\"street \\\"{}\\\"\",\"number\":{}}},\
             \"tags\":[\"a{}\",\"b{}\",\"c{}\"],\"orders\":[{},{},{},{}],\"note\":null}}",
            bits >> 16,
            bits & 1 == 0,
            score,
            bits >> 30,
            bits % 300,
            bits % 10,
            bits % 100,
            bits % 1000,
            bits % 7,
            bits % 77,
            bits % 777,
            bits % 7777,
        );
        customer.expect("a string takes any text");
        id += 1;
    }
    text.push(']');
    text
}
