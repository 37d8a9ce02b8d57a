//! When things are dropped, under the rules of edition 2021: the temporary of the last expression outlives the locals,
//! though not the guard.

// The file keeps the style of its own edition.
#[rustfmt::skip]
#[path = "../../tests/cases/drop_order.rs"]
mod cases;

const LOCAL_AND_TEMPORARY: [&str; 2] = ["local", "temporary"];
