//! What the command's exit codes mean.

use crate::load::Profile;

/// Everything went well.
pub(super) const OK: u8 = 0;
/// A trace cannot be read, or a result not be written.
pub(super) const FAILED: u8 = 1;
// 2 is clap's, for a command line that is wrong.
/// It was done, but parts inside the trace are damaged and missing from the result.
pub(super) const DAMAGED: u8 = 3;
/// `check`: a limit is exceeded.
pub(super) const OVER_LIMIT: u8 = 4;
/// `check`: something has grown over the baseline.
pub(super) const GROWN: u8 = 5;
/// `check`: both.
pub(super) const OVER_LIMIT_AND_GROWN: u8 = 6;

/// For `--help`.
pub(super) const HELP: &str = "Exit codes:
  0  done (that a trace was cut short by a crash is said in its warnings, which stand
     on standard error, and with --json in the field `warnings` too)
  1  a trace cannot be read, or a result not be written
  2  the command line is wrong
  3  done, but parts inside a trace are damaged and missing from the result;
     check: the limits are kept by what is there, but a trace is cut or damaged
  4  check: a limit is exceeded
  5  check: something has grown over the baseline
  6  check: both 4 and 5

`memscope-report TRACE` is `memscope-report report TRACE`. A trace that is called
like a subcommand is passed as ./NAME. Colours are used on a terminal only, and
not where NO_COLOR is set.";

/// The code for something that was made from these traces.
pub(super) fn done<'a>(profiles: impl IntoIterator<Item = &'a Profile>) -> u8 {
    if profiles.into_iter().any(Profile::is_damaged) { DAMAGED } else { OK }
}
