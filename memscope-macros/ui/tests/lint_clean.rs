//! A crate with strict lints: what the macro generates sets off none of them. Each function has the attribute in the
//! place and the shape that set one off in an early version. Clippy's lints hold when clippy reads this file.
#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    unused,
    unused_qualifications,
    unused_results,
    let_underscore_drop,
    single_use_lifetimes,
    trivial_casts,
    unreachable_pub,
    rust_2018_idioms,
    rust_2021_compatibility,
    rust_2024_compatibility,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
#![deny(
    clippy::absolute_paths,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::default_numeric_fallback,
    clippy::let_underscore_untyped,
    clippy::pub_use,
    clippy::shadow_reuse,
    clippy::shadow_same,
    clippy::shadow_unrelated,
    clippy::std_instead_of_core
)]

use core::fmt::Error;
use core::future::ready;
use core::pin::{Pin, pin};
use core::task::{Context, Waker};
use memscope_ui_tests::{double, events};
use std::panic::catch_unwind;

/// A body of one expression on one line: `unused_braces`.
#[rustfmt::skip]
#[double::profile(crate = double, output = "dir", sample_rate = 0.5, min_allocation_size = 1, buffer_size = 4096)]
pub(crate) fn one_expression(words: &[String]) -> usize { words.len() }

/// Arguments that move into locals: `shadow_same`, `used_underscore_binding`, `no_effect_underscore_binding`.
#[double::profile(crate = double)]
pub(crate) fn moved(mut words: Vec<String>, _unused: Vec<String>, word: impl Into<String>) -> Vec<String> {
    words.push(word.into());
    words
}

/// A body that leaves early, whatever happens: `unreachable_code`, `needless_return`.
#[double::profile(crate = double)]
pub(crate) fn returns(words: Vec<String>) -> Option<String> {
    for word in words {
        if word.is_empty() {
            return Some(word);
        } else if word == "none" {
            return None;
        }
    }
    panic!("no word is empty")
}

/// A body without an end.
#[double::profile(crate = double)]
pub(crate) fn never(word: String) -> ! {
    drop(word);
    panic!("it has no end")
}

/// A body with items.
#[double::profile(crate = double)]
#[must_use]
pub(crate) fn items() -> u8 {
    const NUMBER: u8 = 1;
    const fn number() -> u8 {
        NUMBER
    }
    number()
}

/// A body without a value: `semicolon_if_nothing_returned`.
#[rustfmt::skip]
#[double::profile(crate = double)]
pub(crate) fn unit(words: &mut Vec<String>) { words.clear(); }

/// An `async fn`: what tells its return type, and arguments of every form.
#[double::profile(crate = double)]
pub(crate) async fn awaits(
    mut words: Vec<String>,
    (first, mut second): (String, String),
    _: String,
    _unused: u8,
) -> Result<Vec<String>, Error> {
    second.push('!');
    ready(()).await;
    if words.is_empty() {
        return Err(Error);
    }
    words.push(first + &second);
    Ok(words)
}

/// Without a value, and without an end.
#[rustfmt::skip]
#[double::profile(crate = double)]
pub(crate) async fn awaits_nothing(words: &mut Vec<String>) { words.clear(); }

#[double::profile(crate = double)]
pub(crate) async fn awaits_for_ever(word: String) -> ! {
    drop(word);
    panic!("it has no end")
}

/// Functions that return futures.
#[double::profile(crate = double)]
pub(crate) fn future(words: Vec<String>, _unused: Vec<u8>) -> impl Future<Output = usize> + Send {
    async move {
        ready(()).await;
        words.len()
    }
}

#[double::profile(crate = double)]
pub(crate) fn boxed(mut words: Vec<String>) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    words.clear();
    Box::pin(async move {
        ready(()).await;
        words.len()
    })
}

#[double::profile(crate = double)]
pub(crate) fn passed_on(words: Vec<String>) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    boxed(words)
}

/// Polled once.
fn is_ready(future: impl Future) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    pin!(future).poll(&mut context).is_ready()
}

#[test]
fn futures_are_measured() {
    let arguments = || (String::new(), String::new());
    assert!(is_ready(awaits(vec![String::new()], arguments(), String::new(), 1)));
    assert!(is_ready(awaits_nothing(&mut Vec::new())));
    assert!(is_ready(future(Vec::new(), Vec::new())));
    assert!(is_ready(passed_on(Vec::new())));
    assert!(catch_unwind(|| is_ready(awaits_for_ever(String::new()))).is_err());
    assert!(events().contains(&"poll"));
}

#[test]
fn all_are_measured() {
    let mut words = moved(Vec::new(), Vec::new(), "");
    assert_eq!(one_expression(&words), 1);
    unit(&mut words);
    assert_eq!(returns(vec![String::new()]), Some(String::new()));
    assert_eq!(items(), 1);
    assert!(catch_unwind(|| never(String::new())).is_err());
    assert_eq!(events(), ["enter", "leave"].repeat(6));
}
