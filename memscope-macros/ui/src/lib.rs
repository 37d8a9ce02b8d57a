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

        /// Enters a function.
        pub fn enter(function: &'static Function) -> Entered {
            crate::record("enter");
            super::super::ENTERED.with_borrow_mut(|entered| entered.push(*function));
            Entered(PhantomData)
        }
    }
}
