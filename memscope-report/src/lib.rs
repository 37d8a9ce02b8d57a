//! (being laid)
#![forbid(unsafe_code)]
pub mod analysis;
pub mod statistics;
