//! How large one run is: a fraction of a second, small enough to be done in exact mode.

/// The workloads with the size of one run.
pub(crate) const SIZES: &[(&str, usize)] =
    &[("pair", 5_000_000), ("mixed", 30_000), ("json", 1), ("seed", 500), ("server", 4_000), ("burst", 100)];
