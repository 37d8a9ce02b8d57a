//! Estimates from weighted samples, and how sure they are.
//!
//! A sampled allocation of probability `p` stands for `1/p` allocations (Horvitz and Thompson, 1952). For a total
//! of values `v_i` the estimate is `sum(v_i / p_i)`, its variance is estimated by `sum((1 - p_i) * (v_i / p_i)^2)`,
//! and both hold for every subset of the samples: a site, a thread, a time slice.
//!
//! The 95% interval is not the normal one, which is wrong for few samples. The total behaves like a Poisson count
//! of `n = estimate^2 / variance` equal pieces, so Garwood's exact Poisson interval for `n`, scaled back, is used
//! (Fay and Feuer, 1997, without their last-weight correction); where every probability is 1 it is a point.

use serde::Serialize;

/// An estimated total with its 95% interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// The unbiased estimate.
    pub value: f64,
    /// Lower end of the 95% interval.
    pub low: f64,
    /// Upper end of the 95% interval.
    pub high: f64,
    /// Samples that it rests on.
    pub samples: u64,
}
