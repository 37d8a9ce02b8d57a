//! What `#[memscope::profile]` expands to: one `static Function` and one guard per call.
//!
//! The outermost annotated function opens a session, and its guard finalizes it: on return, on `?`, on unwind. While a
//! session is active, the guard is a scope in it. A profiler must not stop the program that it watches: what fails is said on
//! stderr once, and the function runs plain.

use crate::scope::{self, ScopeGuard, ScopeState};
use crate::session::{Session, environment};
use crate::thread::Busy;
use core::marker::PhantomData;

/// The output folder of an annotated function that names none.
const DEFAULT_OUTPUT: &str = "memscope-out";

/// The arguments of one `#[memscope::profile(...)]`; what is `None` was not given.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// `output = "dir"`
    pub output: Option<&'static str>,
    /// `sample_rate = 0.01`
    pub sample_rate: Option<f64>,
    /// `min_allocation_size = 1024`
    pub min_allocation_size: Option<usize>,
    /// `buffer_size = 1048576`
    pub buffer_size: Option<usize>,
}

/// One annotated function.
#[derive(Debug)]
pub struct Function {
    name: &'static str,
    file: &'static str,
    line: u32,
    options: Options,
    scope: ScopeState,
}

impl Function {
    /// A function called `name` (with its module path, or as the attribute's `name` argument says).
    #[must_use]
    pub const fn new(name: &'static str, file: &'static str, line: u32, options: Options) -> Self {
        Self { name, file, line, options, scope: ScopeState::new() }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn place(&self) -> (&'static str, u32) {
        (self.file, self.line)
    }

    pub(crate) fn scope(&self) -> &ScopeState {
        &self.scope
    }
}

/// Leaves the function when dropped.
#[derive(Debug)]
#[must_use]
pub struct Entered {
    scope: Option<ScopeGuard>,
    session: Option<Session>,
    _not_send: PhantomData<*const ()>,
}

/// Enters `function`: opens a session if none is active, and a scope in it.
pub fn enter(function: &'static Function) -> Entered {
    let session = if crate::session::is_active() || environment::is_off() { None } else { open(function) };
    Entered { scope: scope::enter(function), session, _not_send: PhantomData }
}

#[cold]
fn open(function: &'static Function) -> Option<Session> {
    let _busy = Busy::enter();
    let options = &function.options;
    let mut builder = Session::builder().name(function.name).output(options.output.unwrap_or(DEFAULT_OUTPUT));
    let config = builder.config_mut();
    config.sample_rate = options.sample_rate.unwrap_or(config.sample_rate);
    config.min_allocation_size = options.min_allocation_size.unwrap_or(config.min_allocation_size);
    config.buffer_size = options.buffer_size.unwrap_or(config.buffer_size);
    match builder.start() {
        Ok(session) => Some(session),
        // Another thread was quicker: this function is a scope in its session.
        Err(crate::Error::SessionActive { .. }) => None,
        Err(error) => {
            eprintln!("memscope: {} runs without a profile: {error}", function.name);
            None
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // The scope is left first, so that its figures are in the session's trace.
        self.scope = None;
        if let Some(session) = self.session.take() {
            session.finish_annotated();
        }
    }
}
