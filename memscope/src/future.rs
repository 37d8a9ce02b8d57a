//! Futures as scopes: entered at each poll, left at its end.
//!
//! A task hops between threads at its `.await`s, and between them its thread does other tasks' work. So no guard may live over an `.await`;
//! the future itself is wrapped. Its polls' figures add up, on whatever threads they run; its *call* ends with the poll that
//! finishes it, or when it is dropped before (it is *cancelled*), and is counted once. What a cancelled future still holds is freed
//! inside the scope.
//!
//! ```text
//! first poll         poll           poll -> Ready
//! |--- in ---|       |-- in --|     |- in -|         busy time: the sum of "in"
//! |------------------------------------------|         wall time
//! ```

use crate::attribute::{Function, Outermost};
use crate::control;
use crate::scope::{self, Open, Visit};
use crate::task::InTask;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::task::{Context, Poll};

/// A future that is a scope while it is polled. Made by the attribute on an `async fn`, by [`FutureExt`] and [`crate::task`].
///
/// It is `Send`, `Sync` and `Unpin` where the future inside is.
#[must_use = "futures do nothing unless polled"]
pub struct Scoped<F> {
    /// Pinned as the whole is. `None` only while and after it is dropped.
    future: Option<F>,
    call: Call,
}

impl<F> Scoped<F> {
    fn project(self: Pin<&mut Self>) -> (Pin<&mut Option<F>>, &mut Call) {
        // SAFETY: the future is never moved once the whole is pinned: this is the only way to it, it is dropped in place by `Pin::set`, and
        // `Scoped` has no `Unpin` of its own, so that it is `Unpin` only where the future is.
        unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &mut this.call)
        }
    }
}

impl<F> Drop for Scoped<F> {
    fn drop(&mut self) {
        // SAFETY: what is dropped is not moved any more.
        let (mut future, call) = unsafe { Pin::new_unchecked(self) }.project();
        if !call.is_done {
            // What it holds is freed inside the scope.
            let session = control::session();
            let open = call.function.filter(|_| session != 0);
            let open = open.and_then(|function| scope::enter_in(function, session));
            let visit = Visiting { call, open, is_cancelled: true };
            future.set(None);
            drop(visit);
        }
        call.end_session();
    }
}

/// What a future is to count as.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// An annotated function, which may be the outermost one.
    Annotated,
    /// A scope that is known by its name only, until the first poll in a session.
    Named(&'static str),
    /// A scope.
    Scope,
    /// Work for a scope whose calls are counted elsewhere, or for none.
    PartOf,
}

/// One call: everything from the first poll to the end.
#[derive(Debug)]
struct Call {
    function: Option<&'static Function>,
    kind: Kind,
    /// The session of the first poll; 0 before.
    generation: u32,
    is_done: bool,
    /// Whether any visit was not part of another call of the same scope on its thread.
    is_outermost: bool,
    started_ticks: u64,
    allocated_bytes: u64,
    /// Time inside, in these visits.
    busy_ticks: u64,
    /// Boxed, for few futures have one.
    outermost: Option<Box<Outermost>>,
}

impl Call {
    const fn new(kind: Kind, function: Option<&'static Function>) -> Self {
        Self {
            function,
            kind,
            generation: 0,
            is_done: false,
            is_outermost: false,
            started_ticks: 0,
            allocated_bytes: 0,
            busy_ticks: 0,
            outermost: None,
        }
    }

    /// The session that a poll counts in; 0 where there is none. The first poll of an outermost annotated function opens one.
    #[inline(always)]
    fn session(&mut self) -> u32 {
        match control::session() {
            0 if matches!(self.kind, Kind::Annotated) => self.open_session(),
            session => session,
        }
    }

    #[cold]
    fn open_session(&mut self) -> u32 {
        if let Some(function) = self.function
            && self.outermost.is_none()
        {
            self.outermost = Outermost::enter(function);
        }
        control::session()
    }

    /// Enters the scope for a poll in that session; it is left by `Visiting::end`, or when that is dropped.
    #[inline(always)]
    fn begin_poll(&mut self, session: u32) -> Visiting<'_> {
        if self.generation == 0 {
            self.begin_call(session);
        }
        let open = self.function.and_then(|function| scope::enter_in(function, session));
        // If the poll panics, the call ends with it: nothing comes of the future any more.
        Visiting { call: self, open, is_cancelled: false }
    }

    #[cold]
    fn begin_call(&mut self, session: u32) {
        if let Kind::Named(name) = self.kind {
            self.function = Some(scope::named(name));
        }
        self.generation = session;
        self.started_ticks = scope::ticks();
    }

    /// The outermost function is left: with it ends the session that it opened.
    fn end_session(&mut self) {
        if let Some(outermost) = self.outermost.take() {
            outermost.leave();
        }
    }

    #[inline(always)]
    fn end_visit(&mut self, open: &Open) {
        let Visit { allocated_bytes, ticks, is_outermost } = open.leave();
        if is_outermost {
            self.allocated_bytes = self.allocated_bytes.wrapping_add(allocated_bytes);
            self.busy_ticks = self.busy_ticks.wrapping_add(ticks);
            self.is_outermost = true;
        }
    }

    /// The last visit ends, and the call with it.
    #[cold]
    #[inline(never)]
    fn end_call(&mut self, open: &Open, is_cancelled: bool) {
        let row = open.row();
        self.end_visit(open);
        // A call that began in another session is not one of this.
        if let Some(row) = row
            && self.generation == row.generation()
            && !matches!(self.kind, Kind::PartOf)
        {
            let wall_ticks = scope::ticks().saturating_sub(self.started_ticks);
            let waited_ticks = wall_ticks.saturating_sub(self.busy_ticks);
            row.count_call(self.is_outermost.then_some(self.allocated_bytes), waited_ticks, is_cancelled);
        }
    }
}

/// Leaves the scope when dropped, and ends the call: where a poll panics, or the future is dropped before its end.
struct Visiting<'a> {
    call: &'a mut Call,
    open: Option<Open>,
    is_cancelled: bool,
}

impl Visiting<'_> {
    /// Leaves the scope at the end of a poll that has not panicked: without the detour over `drop`.
    #[inline(always)]
    fn end(self, ends: bool) {
        let mut this = ManuallyDrop::new(self);
        match this.open.take() {
            Some(open) if !ends => this.call.end_visit(&open),
            Some(open) => this.call.end_call(&open, false),
            None => {}
        }
        if ends {
            this.call.is_done = true;
        }
    }
}

impl Drop for Visiting<'_> {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            self.call.end_call(&open, self.is_cancelled);
        }
        self.call.is_done = true;
    }
}

impl<F> Scoped<F> {
    const fn with(kind: Kind, function: Option<&'static Function>, future: F) -> Self {
        Self { future: Some(future), call: Call::new(kind, function) }
    }

    /// The body of an annotated `async fn`.
    #[doc(hidden)]
    pub const fn new(function: &'static Function, future: F) -> Self {
        Self::with(Kind::Annotated, Some(function), future)
    }

    /// The future that `make` makes, of an annotated function that returns one: making it is a visit to the scope.
    #[doc(hidden)]
    pub fn made(function: &'static Function, make: impl FnOnce() -> F) -> Self {
        let visit = making(function);
        let future = make();
        drop(visit);
        Self::new(function, future)
    }

    /// A scope of that name.
    pub(crate) const fn named(name: &'static str, future: F) -> Self {
        Self::with(Kind::Named(name), None, future)
    }

    #[cfg(feature = "stream")]
    pub(crate) fn inside(&self) -> Option<&F> {
        self.future.as_ref()
    }

    /// Polls what is inside, in its scope; `is_end` tells from the result whether the call ends with it.
    #[inline(always)]
    pub(crate) fn poll_in_scope<T>(
        self: Pin<&mut Self>,
        poll: impl FnOnce(Pin<&mut F>) -> T,
        is_end: impl FnOnce(&T) -> bool,
    ) -> T {
        let (future, call) = self.project();
        let future = future.as_pin_mut().expect("a future is not polled after it has been dropped");
        let session = call.session();
        if session == 0 || call.is_done {
            let result = poll(future);
            if is_end(&result) {
                call.is_done = true;
                call.end_session();
            }
            return result;
        }
        let visit = call.begin_poll(session);
        let result = poll(future);
        let ends = is_end(&result);
        visit.end(ends);
        if ends {
            call.end_session();
        }
        result
    }

    /// Work for that scope, or for none.
    pub(crate) fn part_of(function: Option<&'static Function>, future: F) -> Self {
        Self::with(Kind::PartOf, function, future)
    }
}

/// What the attribute makes of a function that returns a stream; without the feature `stream` only making it is measured.
#[cfg(feature = "stream")]
#[doc(hidden)]
#[macro_export]
macro_rules! __stream {
    (boxed, $function:expr, $make:expr) => {
        ::std::boxed::Box::pin($crate::__private::Scoped::made($function, $make))
    };
    (plain, $function:expr, $make:expr) => {
        $crate::__private::Scoped::made($function, $make)
    };
}

/// What the attribute makes of a function that returns a stream; without the feature `stream` only making it is measured.
#[cfg(not(feature = "stream"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __stream {
    ($kind:ident, $function:expr, $make:expr) => {
        $crate::__private::make_in_scope($function, $make)
    };
}

/// Calls `make` as a call of the function.
#[cfg(not(feature = "stream"))]
#[doc(hidden)]
pub fn make_in_scope<T>(function: &'static Function, make: impl FnOnce() -> T) -> T {
    let _entered = crate::attribute::enter(function);
    make()
}

/// Never called: tells the compiler what an `async` block returns. It does not return, but does not say so, for a lint would find code
/// that cannot be reached.
#[doc(hidden)]
#[cold]
#[must_use]
pub fn never<T>() -> T {
    unreachable!("it stands behind `if false`")
}

/// A visit to a scope that is no call.
#[derive(Debug)]
#[must_use]
pub struct Making {
    open: Option<Open>,
    _not_send: PhantomData<*const ()>,
}

/// Enters an annotated function that makes a future; its call is that of the future.
#[doc(hidden)]
pub fn making(function: &'static Function) -> Making {
    Making { open: scope::enter(function), _not_send: PhantomData }
}

impl Drop for Making {
    fn drop(&mut self) {
        self.open.take().into_iter().for_each(|open| _ = open.leave());
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.poll_in_scope(|future| future.poll(context), Poll::is_ready)
    }
}

impl<F> fmt::Debug for Scoped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scoped").field("kind", &self.call.kind).finish_non_exhaustive()
    }
}

/// Makes any future a scope.
pub trait FutureExt: Future + Sized {
    /// The future as a scope called `name`: what it allocates and frees while it is polled counts for that name, wherever it runs.
    /// Futures of the same name share one scope. Without a session it costs one look at a switch for each poll.
    ///
    /// ```
    /// use memscope::FutureExt;
    ///
    /// # async fn load() -> Vec<u8> { vec![1] }
    /// # async fn run() {
    /// let rows = load().in_scope("load rows").await;
    /// # drop(rows);
    /// # }
    /// ```
    fn in_scope(self, name: &'static str) -> Scoped<Self> {
        Scoped::named(name, self)
    }

    /// The same for a name that is made at run time: a route, a kind of query. The name is looked up now, so without an active session the
    /// future stays as it is. For the bound on names see [`scope`](crate::scope()).
    fn in_named_scope(self, name: &str) -> Scoped<Self> {
        let function = if control::is_active() { Some(scope::named(name)) } else { None };
        Scoped::with(Kind::Scope, function, self)
    }

    /// The future as an instance of the task called `name`, and as a scope of that name: the scope sums all instances, and beside it the trace tells of
    /// each of the largest by itself, with the place of this call. Bytes, polls and time are exact, on whatever threads it runs; what is live
    /// of it is estimated from samples, wherever it is freed. 16,384 instances may live at once; further ones count for the scope only.
    ///
    /// ```
    /// use memscope::FutureExt;
    ///
    /// # async fn answer(_: u32) {}
    /// # fn spawn(_: impl Future) {}
    /// for query in 0..10 {
    ///     spawn(answer(query).in_task("query"));
    /// }
    /// ```
    #[track_caller]
    fn in_task(self, name: &'static str) -> InTask<Scoped<Self>> {
        InTask::new(name, core::panic::Location::caller(), self.in_scope(name))
    }

    /// The future as work of the scope that the caller is in now, on whatever thread it is polled: what it allocates and frees counts for
    /// that scope, whose calls stay as many as they are. Outside any scope, or without a session, the future stays as it is.
    fn in_current_scope(self) -> Scoped<Self> {
        Scoped::part_of(scope::current(), self)
    }
}

impl<F: Future> FutureExt for F {}
