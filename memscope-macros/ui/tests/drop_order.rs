//! When things are dropped, under the rules of edition 2024.

#[path = "cases/drop_order.rs"]
mod cases;

const LOCAL_AND_TEMPORARY: [&str; 2] = ["temporary", "local"];
