//! The programs' memscope session, as `SESSION` in the environment asks for it.
//!
//! | `SESSION` | what runs |
//! | --- | --- |
//! | `off` | memscope's allocator, no session |
//! | `unsampled` | a session whose sampling interval is so long that nothing is sampled: the fast path alone |
//! | `default`, or nothing | the default configuration |
//! | `high_precision`, `low_overhead` | the presets |
//!
//! The trace goes to a temporary folder, which is removed. What the session found is printed as `samples=... lost=... drain_ns=...`,
//! where the last is the CPU time of memscope's own thread.

#![forbid(unsafe_code)]

use memscope::{SamplingConfig, Session, SessionBuilder};
use std::error::Error;
use std::fs;
use std::io;
use workloads::Program;

mod annotated {
    //! The workload `scopes` with each function annotated.
    workloads::define_scopes!(#[memscope::profile]);
}

/// Runs the program in the session.
///
/// # Errors
/// What the session could not do: make its folder, start, write its trace; or that `SESSION` names none.
pub fn run(program: &Program) -> Result<(), Box<dyn Error>> {
    let Some(builder) = asked_for()? else {
        program.run();
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let mut session = builder.output(folder.path()).start()?;
    if program.name() == "scopes" {
        annotated::scopes(program.size());
    } else {
        program.run();
    }
    let drain_ns = drain_thread_ns().unwrap_or(0);
    let result = session.finalize()?;
    println!("samples={} lost={} drain_ns={drain_ns}", result.sampled_allocations, result.lost_samples);
    Ok(())
}

/// The session that `SESSION` asks for.
fn asked_for() -> Result<Option<SessionBuilder>, String> {
    let name = std::env::var("SESSION").unwrap_or_else(|_| "default".to_owned());
    let config = match name.as_str() {
        "off" => return Ok(None),
        "unsampled" => SamplingConfig { sample_rate: 1e-15, ..SamplingConfig::default() },
        "default" => SamplingConfig::default(),
        "high_precision" => SamplingConfig::high_precision(),
        "low_overhead" => SamplingConfig::low_overhead(),
        other => {
            let known = "off, unsampled, default, high_precision or low_overhead";
            return Err(format!("expected {known} in SESSION, found {other}"));
        }
    };
    let builder = Session::builder().config(config);
    Ok(Some(if name == "unsampled" { builder.sampling_interval_bytes(1 << 50) } else { builder }))
}

/// CPU time of memscope's thread so far, nanoseconds; `None` where the system does not tell.
fn drain_thread_ns() -> Option<u64> {
    let is_drain = |folder: &fs::DirEntry| {
        fs::read_to_string(folder.path().join("comm")).is_ok_and(|name| name.starts_with("memscope-drain"))
    };
    let threads = fs::read_dir("/proc/self/task").ok()?.collect::<io::Result<Vec<_>>>().ok()?;
    let drain = threads.iter().find(|folder| is_drain(folder))?;
    fs::read_to_string(drain.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
}
