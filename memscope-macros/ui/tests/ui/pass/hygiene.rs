//! The user's names and the macro's do not meet: no prelude, and a name of the user's for all that the macro uses.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![allow(dead_code)]

mod core {}
mod std {}
mod alloc {}
mod memscope {}
struct Option;
struct Some;
struct None;
struct Function;
struct Options;
const FUNCTION: &str = "mine";
static GUARD: u8 = 1;
fn enter() {}
macro_rules! concat {
    () => {};
}
macro_rules! line {
    () => {};
}
macro_rules! file {
    () => {};
}
macro_rules! module_path {
    () => {};
}

#[::memscope::profile(output = "dir", sample_rate = 0.5)]
fn all_of_them<const N: usize>(__guard: ::std::vec::Vec<u8>, entered: &str) -> (usize, &str, Option) {
    let __memscope_entered = GUARD;
    enter();
    line!();
    file!();
    concat!();
    module_path!();
    (__guard.len() + N + __memscope_entered as usize + entered.len(), FUNCTION, Option)
}

fn main() {
    let _: fn(::std::vec::Vec<u8>, &str) -> (usize, &str, Option) = all_of_them::<1>;
}
