//! (being laid)
mod types;
pub use types::*;
