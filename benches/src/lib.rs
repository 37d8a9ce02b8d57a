//! What the programs in `bin/` have in common. The comparison with other profilers is a workspace of its own, `peers/`.

#![forbid(unsafe_code)]

use memscope::{SamplingConfig, Session, SessionBuilder};
use std::fmt;

// One source for both workspaces: a member of the root's cannot depend on a member of the other.
#[path = "../peers/workloads/src/seed.rs"]
mod seed;

pub use seed::seed;

/// Least, median and most of a few figures.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The median; of an even number, the upper one of the middle.
    pub median: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Of these figures; NaN where there are none.
    #[must_use]
    pub fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        Self { least: at(0), median: at(figures.len() / 2), most: at(figures.len().saturating_sub(1)) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8.1} {:8.1} {:8.1}", self.least, self.median, self.most)
    }
}

/// The sessions that the programs know by name: none (`off`), one in which nothing is sampled, and the presets.
pub const SESSIONS: &[&str] = &["off", "unsampled", "default", "high_precision", "low_overhead"];

/// The session of that name; `None` for `off`.
///
/// # Errors
/// Says which names there are.
pub fn session(name: &str) -> Result<Option<SessionBuilder>, String> {
    let config = match name {
        "off" => return Ok(None),
        "unsampled" => {
            let never = SamplingConfig { sample_rate: 1e-15, ..SamplingConfig::default() };
            return Ok(Some(Session::builder().config(never).sampling_interval_bytes(1 << 50)));
        }
        "default" => SamplingConfig::default(),
        "high_precision" => SamplingConfig::high_precision(),
        "low_overhead" => SamplingConfig::low_overhead(),
        other => return Err(format!("expected one of {}, found {other}", SESSIONS.join(", "))),
    };
    Ok(Some(Session::builder().config(config)))
}
