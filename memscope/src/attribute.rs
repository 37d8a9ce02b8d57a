//! What `#[memscope::profile]` expands to: one `static Function` and one guard per call, or a future around the body
//! ([`crate::future`]).
//!
//! The outermost annotated function opens a session, and its guard finalizes it: on return, on `?`, on unwind. While a
//! session is active, the guard is a scope in it. A profiler must not stop the program that it watches: what fails is said on
//! stderr once, and the function runs plain.

use crate::control;
use crate::say::say;
use crate::scope::{self, ScopeGuard, ScopeState};
use crate::session::{Session, environment};
use crate::sync::{AtomicU32, Ordering};
use crate::thread::Busy;
use core::marker::PhantomData;
use std::sync::{Once, OnceLock};

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
    /// `overhead_budget = 0.005`
    pub overhead_budget: Option<f64>,
}

impl Options {
    const NONE: Self = Self {
        output: None,
        sample_rate: None,
        min_allocation_size: None,
        buffer_size: None,
        overhead_budget: None,
    };
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

    /// A scope that is no function, or is entered by hand.
    pub(crate) const fn named(name: &'static str) -> Self {
        Self::by_hand(name, "", 0)
    }

    /// A scope that is entered by hand, at that place.
    #[must_use]
    pub const fn by_hand(name: &'static str, file: &'static str, line: u32) -> Self {
        Self::new(name, file, line, Options::NONE)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn place(&self) -> (&'static str, u32) {
        (self.file, self.line)
    }

    #[inline(always)]
    pub(crate) fn scope(&self) -> &ScopeState {
        &self.scope
    }
}

/// Leaves the function when dropped.
#[derive(Debug)]
#[must_use]
pub struct Entered {
    scope: Option<ScopeGuard>,
    /// Boxed, so that the guard of all but one call is small.
    outermost: Option<Box<Outermost>>,
    _not_send: PhantomData<*const ()>,
}

/// What the outermost annotated function holds.
#[derive(Debug)]
pub(crate) enum Outermost {
    /// The session that it opened.
    Session(Session),
    /// No session could be opened: until it returns, annotated functions run plain.
    Plain,
}

/// Outermost functions that run plain because their session could not be opened.
static PLAIN: AtomicU32 = AtomicU32::new(0);

/// Enters `function`: opens a session if none is active, and a scope in it.
#[inline(always)]
pub fn enter(function: &'static Function) -> Entered {
    match control::session() {
        0 => enter_without_session(function),
        session => {
            let scope = scope::enter_in(function, session).map(ScopeGuard::of);
            Entered { scope, outermost: None, _not_send: PhantomData }
        }
    }
}

#[cold]
#[inline(never)]
fn enter_without_session(function: &'static Function) -> Entered {
    let outermost = Outermost::enter(function);
    Entered { scope: ScopeGuard::enter(function), outermost, _not_send: PhantomData }
}

impl Outermost {
    /// An annotated function is entered while no session is active: what it holds until it is left, if anything.
    #[cold]
    pub(crate) fn enter(function: &'static Function) -> Option<Box<Self>> {
        // A forked child is a plain program, unless it starts a session of its own: its parent's folder is not its own.
        let is_plain = PLAIN.load(Ordering::Relaxed) > 0 || is_off() || crate::session::active::is_forked();
        if is_plain {
            return None;
        }
        let _busy = Busy::enter();
        open(function).map(Box::new)
    }

    /// The function is left: ends its session. The scope has been left before, so that its figures are in the session's trace.
    pub(crate) fn leave(self) {
        match self {
            Self::Session(session) => session.finish_annotated(),
            Self::Plain => _ = PLAIN.fetch_sub(1, Ordering::Relaxed),
        }
    }
}

#[cold]
fn open(function: &'static Function) -> Option<Outermost> {
    let options = &function.options;
    let mut builder = Session::builder().name(function.name).output(options.output.unwrap_or(DEFAULT_OUTPUT));
    if let Some(sample_rate) = options.sample_rate {
        builder.config.sample_rate = sample_rate;
    }
    if let Some(min_allocation_size) = options.min_allocation_size {
        builder.config.min_allocation_size = min_allocation_size;
    }
    if let Some(buffer_size) = options.buffer_size {
        builder.config.buffer_size = buffer_size;
    }
    if let Some(share) = options.overhead_budget {
        builder = builder.overhead_budget(share);
    }
    match builder.start() {
        Ok(session) => Some(Outermost::Session(session)),
        // Another thread was quicker: this function is a scope in its session.
        Err(crate::Error::SessionActive { .. }) => None,
        Err(error) => {
            static SAID: Once = Once::new();
            SAID.call_once(|| say(format_args!("{} runs without a profile: {error}", function.name)));
            PLAIN.fetch_add(1, Ordering::Relaxed);
            Some(Outermost::Plain)
        }
    }
}

/// [`environment::is_off`], asked once: it is asked for by each poll, and the answer is a text.
fn is_off() -> bool {
    static OFF: OnceLock<bool> = OnceLock::new();
    *OFF.get_or_init(|| {
        let _busy = Busy::enter();
        environment::is_off()
    })
}

impl Drop for Entered {
    #[inline(always)]
    fn drop(&mut self) {
        self.scope = None;
        if let Some(outermost) = self.outermost.take() {
            outermost.leave();
        }
    }
}
