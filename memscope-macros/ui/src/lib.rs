//! A double of the runtime's part of the attribute: `#[memscope::profile(crate = memscope_ui_tests::double)]` expands
//! to calls of it. It keeps a log of the thread's events, so that a test sees in which order things are dropped and what
//! the macro hands over.
#![forbid(unsafe_code)]

use std::cell::RefCell;

thread_local! {
    static EVENTS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    static ENTERED: RefCell<Vec<double::__private::Function>> = const { RefCell::new(Vec::new()) };
}

/// Adds an event to the thread's log.
pub fn record(event: &'static str) {
    EVENTS.with_borrow_mut(|events| events.push(event));
}

/// Takes the thread's log. A guard that is made records `enter`, one that is dropped `leave`.
#[must_use]
pub fn events() -> Vec<&'static str> {
    EVENTS.take()
}

/// Takes the annotated functions that the thread entered, in that order.
#[must_use]
pub fn entered() -> Vec<double::__private::Function> {
    ENTERED.take()
}

/// A value that records its name when it is dropped.
#[derive(Debug)]
pub struct Droppable(pub &'static str);

impl Droppable {
    /// Something to call, so that the value is a temporary of the expression.
    #[must_use]
    pub fn value(&self) -> u32 {
        7
    }
}

impl Drop for Droppable {
    fn drop(&mut self) {
        record(self.0);
    }
}

/// What the macro sees of the crate memscope.
pub mod double {
    pub use memscope::profile;

    /// What the expansion names.
    pub mod __private {
        use std::marker::PhantomData;
        use std::pin::Pin;
        use std::task::{Context, Poll};

        /// The attribute's arguments.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct Options {
            /// `output`
            pub output: Option<&'static str>,
            /// `sample_rate`
            pub sample_rate: Option<f64>,
            /// `min_allocation_size`
            pub min_allocation_size: Option<usize>,
            /// `buffer_size`
            pub buffer_size: Option<usize>,
            /// `overhead_budget`
            pub overhead_budget: Option<f64>,
        }

        /// An annotated function.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct Function {
            /// Its path, or what the argument `name` says.
            pub name: &'static str,
            /// Where it stands.
            pub file: &'static str,
            /// The line of its name.
            pub line: u32,
            /// The other arguments.
            pub options: Options,
        }

        impl Function {
            /// What the expansion's `static` is made with.
            #[must_use]
            pub const fn new(name: &'static str, file: &'static str, line: u32, options: Options) -> Self {
                Self { name, file, line, options }
            }
        }

        /// The guard; like the real one it stays on its thread.
        #[derive(Debug)]
        #[must_use]
        pub struct Entered(PhantomData<*const ()>);

        impl Drop for Entered {
            fn drop(&mut self) {
                crate::record("leave");
            }
        }

        /// The future of an annotated function; it records `poll` and `end` around each poll, and around being dropped unfinished.
        #[derive(Debug)]
        pub struct Scoped<F> {
            // In a box of its own, so that this crate needs no projection.
            future: Option<Pin<Box<F>>>,
            is_done: bool,
        }

        impl<F> Scoped<F> {
            /// What the expansion of an `async fn` calls.
            pub fn new(function: &'static Function, future: F) -> Self {
                super::super::ENTERED.with_borrow_mut(|entered| entered.push(*function));
                Self { future: Some(Box::pin(future)), is_done: false }
            }

            /// What the expansion of a function that returns a future calls.
            pub fn made(function: &'static Function, make: impl FnOnce() -> F) -> Self {
                let visit = making(function);
                let future = make();
                drop(visit);
                Self::new(function, future)
            }
        }

        impl<F: Future> Future for Scoped<F> {
            type Output = F::Output;

            fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
                let visit = Making("end");
                crate::record("poll");
                let future = self.future.as_mut().expect("it has not been dropped");
                let result = future.as_mut().poll(context);
                self.is_done = result.is_ready();
                drop(visit);
                result
            }
        }

        impl<F> Drop for Scoped<F> {
            fn drop(&mut self) {
                if !self.is_done {
                    let _visit = Making("end");
                    crate::record("cancel");
                    self.future = None;
                }
            }
        }

        /// Tells the compiler a type.
        #[must_use]
        pub fn never<T>() -> T {
            unreachable!("it stands behind `if false`")
        }

        /// A visit to a scope; it records `made`, or what it is told to.
        #[derive(Debug)]
        #[must_use]
        pub struct Making(&'static str);

        impl Drop for Making {
            fn drop(&mut self) {
                crate::record(self.0);
            }
        }

        /// Enters a function that makes a future.
        pub fn making(_: &'static Function) -> Making {
            crate::record("making");
            Making("made")
        }

        /// Enters a function.
        pub fn enter(function: &'static Function) -> Entered {
            crate::record("enter");
            super::super::ENTERED.with_borrow_mut(|entered| entered.push(*function));
            Entered(PhantomData)
        }
    }
}
