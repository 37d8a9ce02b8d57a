//! From settings to an active session, one step after the other; the hooks go on last.

use super::builder::SessionBuilder;
use super::{Running, Session, active, output, rings};
use crate::arena::Owner;
use crate::control::{self, Settings};
use crate::drain::{Handle, Setup, Snapshots};
use crate::hook::SessionData;
use crate::live::{LiveTable, filter};
use crate::sampler;
use crate::sys;
use crate::thread::{local, meter, registry};
use crate::unwind::{Unwinder, modules};
use crate::{Error, Result};
use std::sync::{Arc, Once};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long to wait for hooks that are under way.
const QUIET_LIMIT: Duration = Duration::from_secs(1);

/// Starts a session with the mean sampling interval `interval_bytes` (without effect in exact mode), within `budget_share` if there is one.
pub(super) fn start(
    builder: SessionBuilder,
    interval_bytes: f64,
    budget_share: Option<f64>,
) -> Result<Session> {
    if !sys::IS_SUPPORTED {
        return Err(Error::Unsupported { system: std::env::consts::OS });
    }
    let mut slot = active::lock();
    active::after_fork(&mut slot);
    if let Some(running) = slot.as_ref() {
        return Err(Error::SessionActive { output: running.output.clone() });
    }
    install_handlers();
    if !is_installed() {
        return Err(Error::NoAllocator);
    }
    let mut data = prepare_data(&builder)?;
    let (trace, file) = output::create_trace(&builder.output)?;
    local::LATE.reset();
    crate::hook::live::reset();
    // The end of a session waits until hooks are quiet; one that did not get quiet left its data to them. What the probe has called in
    // may still be on its way.
    registry::wait_until_quiet(QUIET_LIMIT);
    registry::for_each(|record| record.begin_session_from_outside());
    let interval = configure(&builder, interval_bytes);
    let start_ns = sys::monotonic_ns();
    let session = describe(&builder, data.0.unwinder.name());
    if builder.shared_rings {
        let owner =
            Owner { started_unix_ns: session.started_unix_ns, start_ns, credit_bytes: interval.credit_bytes };
        data.0.arena = Some(rings::create(&trace, builder.config.buffer_size, &owner)?);
    }
    let setup = Setup {
        file,
        session,
        data: data.0,
        interval,
        budget_share,
        snapshots: Snapshots::new(&trace, &builder.thresholds),
        modules: data.1,
        start_ns,
    };
    let drain = Handle::start(setup)
        .map_err(|source| Error::Start { refused: "a thread for the drain", source: Some(source) })?;
    let trace_absolute = std::path::absolute(&trace).unwrap_or_else(|_| trace.clone());
    let running =
        Running { output: builder.output, trace, trace_absolute, process_id: sys::process_id(), drain };
    let running = Arc::new(running);
    *slot = Some(Arc::clone(&running));
    control::switch_on(meter::offset(), filter::counts());
    Ok(Session::new(running))
}

/// Memory and unwinder for the hooks, and the modules that the unwinder knows.
fn prepare_data(builder: &SessionBuilder) -> Result<(Box<SessionData>, Vec<modules::LoadedModule>)> {
    let modules = modules::loaded();
    let unwinder = Unwinder::prepare(builder.unwinder, &modules);
    let live = LiveTable::create()
        .ok_or(Error::Start { refused: "memory for the table of live samples", source: None })?;
    Ok((Box::new(SessionData::new(live, unwinder)), modules))
}

fn configure(builder: &SessionBuilder, interval_bytes: f64) -> memscope_trace::Interval {
    let exact = builder.config.sample_rate >= 1.0;
    let interval_bytes = if exact { 0.0 } else { interval_bytes };
    let credit_bytes = sampler::credit_bytes(interval_bytes, builder.config.sample_rate);
    control::configure(Settings {
        interval_bytes,
        credit_bytes,
        min_size_bytes: builder.config.min_allocation_size as u64,
        ring_bytes: builder.config.buffer_size as u64,
        seed: builder.seed.unwrap_or_else(|| sys::monotonic_ns() ^ u64::from(sys::process_id()) << 40),
    });
    memscope_trace::Interval { id: 0, start_us: 0, interval_bytes, credit_bytes }
}

fn describe(builder: &SessionBuilder, unwinder: &str) -> memscope_trace::Session {
    let folder = || builder.output.file_name().map(|name| name.to_string_lossy().into_owned());
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    memscope_trace::Session {
        memscope_version: env!("CARGO_PKG_VERSION").into(),
        name: builder.name.clone().or_else(folder).unwrap_or_default().chars().take(1000).collect(),
        executable: std::env::current_exe()
            .map(|path| path.to_string_lossy().into_owned())
            .unwrap_or_default(),
        process_id: sys::process_id(),
        started_unix_ns: since_1970.as_nanos() as u64,
        arch: std::env::consts::ARCH.into(),
        os: std::env::consts::OS.into(),
        cpus: std::thread::available_parallelism().map_or(0, |cpus| cpus.get() as u32),
        page_bytes: sys::page_bytes() as u64,
        sample_rate: builder.config.sample_rate,
        min_allocation_size_bytes: builder.config.min_allocation_size as u64,
        buffer_size_bytes: builder.config.buffer_size as u64,
        unwinder: unwinder.into(),
    }
}

/// Whether allocations pass through a `SamplingAllocator`: one is made and watched.
fn is_installed() -> bool {
    crate::hook::probe(|| drop(std::hint::black_box(Box::new(0_u8))))
}

fn install_handlers() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        local::prepare_exit_key();
        crate::scope::prepare_clock();
        sys::at_exit(active::process_exits);
        sys::at_fork(active::before_fork, active::after_fork_in_parent, active::forked_child);
    });
}
