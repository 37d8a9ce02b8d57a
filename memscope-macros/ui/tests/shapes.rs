//! Every shape of function that the attribute takes, called.

use memscope_ui_tests::{double, events};
use std::fmt::Display;
use std::panic::catch_unwind;

/// Takes the log and checks that each of `calls` functions was entered and left, one after the other.
#[track_caller]
fn assert_entered_and_left(calls: usize) {
    assert_eq!(events(), ["enter", "leave"].repeat(calls));
}

#[double::profile(crate = double)]
fn nothing() {}

#[double::profile(crate = double)]
fn generic<T, const N: usize>(item: &T, _label: impl Display) -> [T; N]
where
    T: Clone,
{
    std::array::from_fn(|_| item.clone())
}

#[double::profile(crate = double)]
fn elided(text: &str) -> &str {
    text.trim()
}

#[double::profile(crate = double)]
fn named<'a>(first: &'a str, _second: &str) -> Option<&'a str> {
    #![allow(clippy::needless_question_mark, reason = "an inner attribute of the body")]
    Some(first.get(..1)?)
}

#[double::profile(crate = double)]
fn coerced(long: bool) -> Box<dyn Fn(&str) -> usize> {
    if long { Box::new(str::len) } else { Box::new(|text| text.chars().count()) }
}

#[double::profile(crate = double)]
fn closure(offset: usize) -> impl Fn(&str) -> usize {
    move |text| text.len() + offset
}

#[double::profile(crate = double)]
fn borrowing_iterator(words: &[String]) -> impl Iterator<Item = &str> {
    words.iter().map(String::as_str)
}

#[double::profile(crate = double)]
fn parsed<T>(text: &str) -> Result<T, T::Err>
where
    T: std::str::FromStr,
{
    let value = text.parse()?;
    Ok(value)
}

#[double::profile(crate = double)]
fn changed(
    mut words: Vec<u32>,
    factor: &mut u32,
    (low, mut high): (u32, u32),
    [first, ..]: [u32; 3],
) -> Vec<u32> {
    *factor += 1;
    high += low;
    words.push(first * high);
    words
}

#[double::profile(crate = double)]
fn never(message: &str) -> ! {
    panic!("{message}")
}

#[test]
fn free_functions() {
    nothing();
    assert_eq!(generic::<u8, 2>(&3, "label"), [3, 3]);
    assert_eq!(elided(" a "), "a");
    assert_eq!(named("first", "second"), Some("f"));
    assert_eq!(coerced(false)("four") + coerced(true)("four"), 8);
    assert_eq!(closure(1)("four"), 5);
    assert_eq!(borrowing_iterator(&["a".to_owned()]).next(), Some("a"));
    assert!(parsed::<u32>("1").is_ok() && parsed::<u32>("x").is_err());
    let mut factor = 1;
    assert_eq!(changed(vec![1], &mut factor, (2, 3), [4, 5, 6]), [1, 20]);
    assert!(catch_unwind(|| never("the end")).is_err());
    assert_entered_and_left(12);
}

#[double::profile(crate = double)]
extern "C" fn foreign_abi(number: u32) -> u32 {
    number + 1
}

#[test]
fn other_calling_conventions() {
    let pointer: extern "C" fn(u32) -> u32 = foreign_abi;
    assert_eq!(pointer(1), 2);
    assert_entered_and_left(1);
}

#[derive(Default, Debug, PartialEq)]
struct Cache {
    rows: Vec<u32>,
}

impl Cache {
    #[double::profile(crate = double)]
    pub(crate) fn with_rows(rows: Vec<u32>) -> Self {
        Self { rows }
    }

    #[double::profile(crate = double)]
    fn first(&self) -> Option<&u32> {
        self.rows.first()
    }

    #[double::profile(crate = double)]
    fn clear(&mut self) -> &mut Self {
        self.rows.clear();
        self
    }

    #[double::profile(crate = double)]
    fn into_rows(mut self) -> Vec<u32> {
        self.rows.push(0);
        self.rows
    }

    #[double::profile(crate = double)]
    fn boxed(self: Box<Self>) -> Box<dyn std::fmt::Debug> {
        self
    }
}

#[test]
fn methods() {
    let mut cache = Cache::with_rows(vec![1]);
    assert_eq!(cache.first(), Some(&1));
    assert_eq!(cache.clear(), &Cache::default());
    assert_eq!(cache.into_rows(), [0]);
    assert_eq!(format!("{:?}", Box::new(Cache::default()).boxed()), "Cache { rows: [] }");
    assert_entered_and_left(5);
}

trait Store {
    type Key: Default;

    fn get(&self, key: Self::Key) -> Option<u32>;

    #[double::profile(crate = double)]
    fn get_default(&self) -> Option<u32>
    where
        Self: Sized,
    {
        self.get(Self::Key::default())
    }
}

impl Store for Cache {
    type Key = usize;

    #[double::profile(crate = double)]
    fn get(&self, key: usize) -> Option<u32> {
        self.rows.get(key).copied()
    }
}

#[test]
fn trait_methods() {
    assert_eq!(Cache { rows: vec![5] }.get_default(), Some(5));
    assert_eq!(events(), ["enter", "enter", "leave", "leave"]);
}

#[double::profile(crate = double)]
fn countdown(number: u32) -> u32 {
    if number == 0 { 0 } else { countdown(number - 1) }
}

#[test]
fn recursion_and_nesting() {
    #[double::profile(crate = double)]
    fn outer() -> u32 {
        #[double::profile(crate = double)]
        fn inner() -> u32 {
            1
        }
        inner() + countdown(1)
    }
    assert_eq!(outer(), 1);
    assert_eq!(events(), ["enter", "enter", "leave", "enter", "enter", "leave", "leave", "leave"]);
}

/// An argument may be there on one platform only.
#[test]
fn attributes_of_arguments() {
    #[double::profile(crate = double)]
    fn length(
        #[cfg(test)] text: String,
        #[cfg(not(test))] absent: Vec<u8>,
        #[allow(unused_mut, reason = "the attribute follows the name")] mut other: String,
        #[expect(unused_variables, reason = "and is fulfilled there")] unused: String,
    ) -> usize {
        text.len() + other.len()
    }
    assert_eq!(length("ab".into(), "c".into(), String::new()), 3);
    assert_entered_and_left(1);
}

#[double::profile(crate = double)]
#[test]
fn above_test() {
    assert_eq!(events(), ["enter"]);
}

#[test]
#[double::profile(crate = double)]
fn below_test() -> Result<(), String> {
    assert_eq!(events(), ["enter"]);
    Ok(())
}

#[test]
#[should_panic(expected = "as expected")]
#[double::profile(crate = double)]
#[inline(never)]
fn among_others() {
    panic!("as expected");
}
