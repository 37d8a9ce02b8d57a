//! What the environment overrides: `MEMSCOPE`, `MEMSCOPE_OUTPUT`, `MEMSCOPE_SAMPLE_RATE`, ...

use super::budget::OverheadBudget;
use super::builder::SessionBuilder;
use crate::{Error, Result, UnwinderChoice};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Whether `MEMSCOPE=off` (or `0`) turns annotated functions into plain ones.
pub(crate) fn is_off() -> bool {
    read("MEMSCOPE").is_some_and(|value| value.eq_ignore_ascii_case("off") || value == "0")
}

/// The output folder: `MEMSCOPE_OUTPUT` where it is set, else what the code says.
pub(crate) fn output(from_code: &Path) -> PathBuf {
    read("MEMSCOPE_OUTPUT").map_or_else(|| from_code.to_path_buf(), PathBuf::from)
}

/// Applies the environment to what the code says.
pub(crate) fn apply(mut builder: SessionBuilder) -> Result<SessionBuilder> {
    builder.output = output(&builder.output);
    let config = &mut builder.config;
    set(&mut config.sample_rate, "MEMSCOPE_SAMPLE_RATE", "a probability above 0 and at most 1")?;
    set(&mut config.min_allocation_size, "MEMSCOPE_MIN_ALLOCATION_SIZE", "a number of bytes")?;
    set(&mut config.buffer_size, "MEMSCOPE_BUFFER_SIZE", "a number of bytes, 4096 to 1073741824")?;
    if let Some(interval_bytes) = parse("MEMSCOPE_SAMPLING_INTERVAL", "a number of bytes above 0")? {
        builder.interval_bytes = Some(interval_bytes);
    }
    set_budget(&mut builder.budget)?;
    if let Some(seed) = parse("MEMSCOPE_SEED", "a whole number")? {
        builder.seed = Some(seed);
    }
    if let Some(value) = read("MEMSCOPE_SHARED_RINGS") {
        builder.shared_rings = match value.as_str() {
            "on" => true,
            "off" => false,
            _ => {
                return Err(Error::Environment {
                    variable: "MEMSCOPE_SHARED_RINGS",
                    value,
                    expected: "on or off",
                });
            }
        };
    }
    if let Some(value) = read("MEMSCOPE_UNWINDER") {
        builder.unwinder = match value.as_str() {
            "auto" => UnwinderChoice::Auto,
            "frame-pointers" => UnwinderChoice::FramePointers,
            "framehop" => UnwinderChoice::Framehop,
            "none" => UnwinderChoice::None,
            _ => {
                let expected = "auto, frame-pointers, framehop or none";
                return Err(Error::Environment { variable: "MEMSCOPE_UNWINDER", value, expected });
            }
        };
    }
    Ok(builder)
}

/// Sets `field` where `variable` is set.
fn set<T: FromStr>(field: &mut T, variable: &'static str, expected: &'static str) -> Result<()> {
    if let Some(value) = parse(variable, expected)? {
        *field = value;
    }
    Ok(())
}

fn set_budget(budget: &mut OverheadBudget) -> Result<()> {
    const VARIABLE: &str = "MEMSCOPE_OVERHEAD_BUDGET";
    if read(VARIABLE).is_some_and(|value| value.trim().eq_ignore_ascii_case("off")) {
        *budget = OverheadBudget::Off;
    } else if let Some(share) = parse(VARIABLE, "a share of CPU time above 0 and at most 1, or off")? {
        *budget = OverheadBudget::Share(share);
    }
    Ok(())
}

fn parse<T: FromStr>(variable: &'static str, expected: &'static str) -> Result<Option<T>> {
    let Some(value) = read(variable) else { return Ok(None) };
    value.trim().parse().map(Some).map_err(|_| Error::Environment { variable, value, expected })
}

/// The variable's value; empty is unset.
fn read(variable: &str) -> Option<String> {
    let value = std::env::var_os(variable)?.to_string_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}
