//! Scopes by hand, for what an attribute cannot reach: a part of a function, a request, a query.

use super::{ScopeGuard, named};
use crate::attribute::Function;
use crate::control;
use core::fmt::{self, Write};

/// A scope that was entered by hand; left when it is dropped. It stays on its thread: for futures there is
/// [`FutureExt::in_scope`](crate::FutureExt::in_scope).
#[derive(Debug)]
#[must_use = "the scope is left at once if its guard is dropped"]
pub struct Scope {
    // Only dropped. `None` where there is nothing to measure.
    _guard: Option<ScopeGuard>,
}

/// Enters the scope called `name`: what the thread allocates and frees until the guard is dropped counts for that name, exactly. Without a
/// session this does nothing.
///
/// All guards of one name are one scope. A program may have 1,024 different names that are made at run time; further ones count as
/// `(other scopes)`. Where the name is a literal, [`scope!`](crate::scope!) is faster and knows its place in the source.
///
/// ```
/// # let query = "totals";
/// let _scope = memscope::scope(query);
/// let rows = vec![1, 2, 3];
/// # drop(rows);
/// ```
pub fn scope(name: &str) -> Scope {
    let guard = if control::is_active() { ScopeGuard::enter(named(name)) } else { None };
    Scope { _guard: guard }
}

/// What `scope!` with a literal expands to.
#[doc(hidden)]
#[inline(always)]
pub fn scope_of(function: &'static Function) -> Scope {
    Scope { _guard: ScopeGuard::enter(function) }
}

/// What `scope!` with labels expands to: nothing is formatted without a session, and nothing allocated but by the labels' own `Display`.
#[doc(hidden)]
pub fn scope_with_labels(name: fmt::Arguments<'_>) -> Scope {
    if !control::is_active() {
        return Scope { _guard: None };
    }
    let mut text = Text::new();
    // What does not fit is cut off.
    let _ = text.write_fmt(name);
    scope(text.as_str())
}

/// Enters a scope, as [`scope`](crate::scope()) does.
///
/// With a literal alone, the scope is that place in the source. With labels, each different value is a scope of its own, called `request
/// id=7`: give them few values (a route, a kind of query, a tenant). The bound is 1,024 names in all; what comes later counts as `(other
/// scopes)`, and the trace says how often that was.
///
/// ```
/// # let route = "/items";
/// let _scope = memscope::scope!("parse");
/// let _request = memscope::scope!("request", route = route);
/// ```
#[macro_export]
macro_rules! scope {
    ($name:literal $(,)?) => {{
        static SCOPE: $crate::__private::Function =
            $crate::__private::Function::by_hand($name, ::core::file!(), ::core::line!());
        $crate::__private::scope_of(&SCOPE)
    }};
    ($name:expr $(,)?) => {
        $crate::scope($name)
    };
    ($name:expr, $($label:ident = $value:expr),+ $(,)?) => {
        $crate::__private::scope_with_labels(::core::format_args!(
            ::core::concat!("{}", $(" ", ::core::stringify!($label), "={}"),+),
            $name,
            $($value),+
        ))
    };
}

/// The longest name with labels, bytes.
const LONGEST: usize = 128;

/// A text on the stack.
pub(crate) struct Text {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Text {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; LONGEST], length: 0 }
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only whole characters are put in.
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LONGEST - self.length;
        let fits = text.floor_char_boundary(room.min(text.len()));
        self.bytes[self.length..self.length + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let mut text = Text::new();
        assert!(text.write_str(&"x".repeat(LONGEST - 1)).is_ok());
        assert!(text.write_str("ü").is_err());
        assert_eq!(text.as_str(), "x".repeat(LONGEST - 1));
        assert!(text.write_str("y").is_ok());
        assert_eq!(text.as_str().len(), LONGEST);
    }
}
