//! When a session copies its trace because memory has grown.

use crate::{Error, Result};

/// What asks for a snapshot: see [`SessionBuilder::on_threshold`](crate::SessionBuilder::on_threshold). Each fires anew at every multiple of its step.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Threshold {
    /// The cgroup's usage has passed a multiple of this percentage (above 0, at most 100) of its memory limit. Where no limit is set it never
    /// fires.
    PercentOfLimit(f64),
    /// RSS has passed a multiple of so many bytes; at least 1 MiB.
    Bytes(u64),
    /// RSS has passed what it was at the session's start by a multiple of so many bytes; at least 1 MiB.
    Growth(u64),
}

const LEAST_BYTES: u64 = 1 << 20;

impl Threshold {
    /// # Errors
    /// [`Error::InvalidConfig`] for one out of range.
    pub(crate) fn validate(self) -> Result<()> {
        let (value, range, is_right) = match self {
            Self::PercentOfLimit(percent) => (
                percent.to_string(),
                "a percentage above 0 and at most 100",
                percent > 0.0 && percent <= 100.0,
            ),
            Self::Bytes(bytes) | Self::Growth(bytes) => {
                (bytes.to_string(), "1048576 bytes or more", bytes >= LEAST_BYTES)
            }
        };
        if is_right { Ok(()) } else { Err(Error::InvalidConfig { field: "on_threshold", value, range }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        for wrong in [
            Threshold::PercentOfLimit(0.0),
            Threshold::PercentOfLimit(100.5),
            Threshold::PercentOfLimit(f64::NAN),
            Threshold::Bytes(LEAST_BYTES - 1),
            Threshold::Growth(0),
        ] {
            let error = wrong.validate().unwrap_err().to_string();
            assert!(error.contains("on_threshold"), "{error}");
        }
        assert!(Threshold::PercentOfLimit(80.0).validate().is_ok());
        assert!(Threshold::Bytes(LEAST_BYTES).validate().is_ok());
    }
}
