//! Prints what a trace says of its scopes: exact figures, how the bytes of calls are distributed, and what each scope still holds.

use memscope_report::analysis::{ScopeFigures, scopes};
use memscope_report::{Profile, ReportError, units};
use std::path::Path;

/// Reads the trace and prints a table of the scopes whose names `is_shown` takes, those with the most bytes first.
pub(crate) fn print(trace: &str, is_shown: impl Fn(&str) -> bool) -> Result<(), ReportError> {
    let profile = Profile::open(Path::new(trace))?;
    println!(
        "{:<28} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}  live at the end",
        "scope", "calls", "cancelled", "in all", "own", "freed", "p50", "p99", "max", "busy/wall"
    );
    for scope in scopes(&profile).iter().filter(|scope| scope.calls > 0 && is_shown(&scope.name)) {
        print_scope(scope);
    }
    Ok(())
}

fn print_scope(scope: &ScopeFigures) {
    let bytes = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), |bytes| units::bytes(bytes as f64));
    let per_call = scope.per_call.unwrap_or_default();
    let course = scope.course.unwrap_or_default();
    let live = scope.sampled.live_bytes;
    println!(
        "{:<28} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8.0}%  {} ({})",
        scope.name,
        scope.calls,
        course.cancelled,
        bytes(Some(scope.allocated_bytes)),
        bytes(Some(scope.own_allocated_bytes)),
        bytes(scope.frees.map(|freed| freed.freed_bytes)),
        bytes(per_call.p50),
        bytes(per_call.p99),
        bytes(per_call.max),
        100.0 * course.busy_us as f64 / course.wall_us.max(1) as f64,
        units::bytes(live.value),
        units::range(live.low, live.high, units::bytes),
    );
}
