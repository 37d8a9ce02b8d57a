//! Scopes: which annotated function is to blame.
//!
//! Entering a scope notes the thread's exact counters; leaving it takes the difference. So a scope's figures are exact
//! and cost nothing per allocation. *Inclusive* figures count inner scopes too, *own* ones do not: each thread keeps the
//! figures of scopes that have ended inside the current one.

use crate::attribute::Function;
use crate::control;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::thread::{ThreadRecord, local};
use core::marker::PhantomData;

/// A scope's exact figures since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ScopeFigures {
    pub(crate) calls: u64,
    pub(crate) allocations: u64,
    pub(crate) allocated_bytes: u64,
    pub(crate) own_allocations: u64,
    pub(crate) own_allocated_bytes: u64,
}

/// What a scope keeps for itself; part of the `static` that the attribute makes.
#[derive(Debug)]
pub(crate) struct ScopeState {
    /// Id in the trace; 0 until it is entered the first time.
    id: AtomicU32,
    next: AtomicPtr<Function>,
    calls: AtomicU64,
    allocations: AtomicU64,
    allocated_bytes: AtomicU64,
    own_allocations: AtomicU64,
    own_allocated_bytes: AtomicU64,
}

static LAST: AtomicPtr<Function> = AtomicPtr::new(core::ptr::null_mut());
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

impl ScopeState {
    pub(crate) const fn new() -> Self {
        Self {
            id: AtomicU32::new(0),
            next: AtomicPtr::new(core::ptr::null_mut()),
            calls: AtomicU64::new(0),
            allocations: AtomicU64::new(0),
            allocated_bytes: AtomicU64::new(0),
            own_allocations: AtomicU64::new(0),
            own_allocated_bytes: AtomicU64::new(0),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id.load(Ordering::Relaxed)
    }

    pub(crate) fn figures(&self) -> ScopeFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ScopeFigures {
            calls: read(&self.calls),
            allocations: read(&self.allocations),
            allocated_bytes: read(&self.allocated_bytes),
            own_allocations: read(&self.own_allocations),
            own_allocated_bytes: read(&self.own_allocated_bytes),
        }
    }

    fn add(&self, figures: ScopeFigures) {
        self.calls.fetch_add(figures.calls, Ordering::Relaxed);
        self.allocations.fetch_add(figures.allocations, Ordering::Relaxed);
        self.allocated_bytes.fetch_add(figures.allocated_bytes, Ordering::Relaxed);
        self.own_allocations.fetch_add(figures.own_allocations, Ordering::Relaxed);
        self.own_allocated_bytes.fetch_add(figures.own_allocated_bytes, Ordering::Relaxed);
    }
}

/// The function's id as a scope, given at its first call.
fn id_of(function: &'static Function) -> u32 {
    let state = function.scope();
    let id = state.id();
    if id != 0 {
        return id;
    }
    let fresh = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    match state.id.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {
            let new = core::ptr::from_ref(function).cast_mut();
            let mut last = LAST.load(Ordering::Relaxed);
            loop {
                state.next.store(last, Ordering::Relaxed);
                // Release: pairs with `for_each`.
                match LAST.compare_exchange_weak(last, new, Ordering::Release, Ordering::Relaxed) {
                    Ok(_) => return fresh,
                    Err(found) => last = found,
                }
            }
        }
        Err(theirs) => theirs,
    }
}

/// Calls `visit` for each scope that was ever entered.
pub(crate) fn for_each(mut visit: impl FnMut(&'static Function)) {
    let mut at = LAST.load(Ordering::Acquire);
    // SAFETY: only addresses of `&'static Function` are on the list.
    while let Some(function) = unsafe { at.as_ref::<'static>() } {
        visit(function);
        at = function.scope().next.load(Ordering::Acquire);
    }
}

/// A scope that the calling thread is in. Leaves it when dropped.
#[derive(Debug)]
pub(crate) struct ScopeGuard {
    function: &'static Function,
    record: &'static ThreadRecord,
    generation: u32,
    outer_scope: u32,
    outer_inner: (u64, u64),
    at_entry: (u64, u64),
    _not_send: PhantomData<*const ()>,
}

/// Enters `function` as a scope of the active session; `None` where there is no session or no thread record.
pub(crate) fn enter(function: &'static Function) -> Option<ScopeGuard> {
    if !control::is_active() {
        return None;
    }
    let record = local::record_or_register()?;
    let guard = ScopeGuard {
        function,
        record,
        generation: control::generation(),
        outer_scope: record.state.scope.load(Ordering::Relaxed),
        outer_inner: record.inner(),
        at_entry: allocated(record),
        _not_send: PhantomData,
    };
    record.set_inner(0, 0);
    record.state.scope.store(id_of(function), Ordering::Relaxed);
    Some(guard)
}

/// What the thread has allocated so far: (allocations, bytes).
fn allocated(record: &ThreadRecord) -> (u64, u64) {
    let figures = record.account.own_figures();
    (figures.allocations, figures.allocated_bytes)
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        let record = self.record;
        let now = allocated(record);
        let allocations = now.0.wrapping_sub(self.at_entry.0);
        let allocated_bytes = now.1.wrapping_sub(self.at_entry.1);
        let (inner_allocations, inner_bytes) = record.inner();
        record.state.scope.store(self.outer_scope, Ordering::Relaxed);
        record.set_inner(
            self.outer_inner.0.wrapping_add(allocations),
            self.outer_inner.1.wrapping_add(allocated_bytes),
        );
        // A scope that began in another session belongs to that one, which is over.
        if control::generation() == self.generation {
            self.function.scope().add(ScopeFigures {
                calls: 1,
                allocations,
                allocated_bytes,
                own_allocations: allocations.wrapping_sub(inner_allocations),
                own_allocated_bytes: allocated_bytes.wrapping_sub(inner_bytes),
            });
        }
    }
}
