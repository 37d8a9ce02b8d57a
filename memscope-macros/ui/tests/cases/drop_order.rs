//! Whatever a function owns is dropped before the guard, and in the order of the same function without the attribute.

use memscope_ui_tests::{Droppable, double, events};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// The logs of one function with the attribute and without it.
macro_rules! logs {
    (fn $params:tt -> $output:ty $body:block, $args:tt) => {{
        #[double::profile(crate = double)]
        fn measured $params -> $output $body
        fn plain $params -> $output $body
        (log_of(|| measured $args), log_of(|| plain $args))
    }};
}

/// What is recorded until `call` has returned or panicked, and what it returned is dropped.
fn log_of<T>(call: impl FnOnce() -> T) -> Vec<&'static str> {
    let _ = catch_unwind(AssertUnwindSafe(call));
    events()
}

/// The measured log is the plain one between `enter` and `leave`, and the plain one has all of `names`.
#[track_caller]
fn assert_all_inside((measured, plain): (Vec<&str>, Vec<&str>), names: &[&str]) {
    let mut sorted = plain.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, names);
    let inside = measured.strip_prefix(&["enter"]).and_then(|rest| rest.strip_suffix(&["leave"]));
    assert_eq!(inside, Some(plain.as_slice()), "{measured:?}");
}

#[test]
fn locals_and_the_temporary_of_the_last_expression() {
    let logs = logs!(fn() -> u32 { let _local = Droppable("local"); Droppable("temporary").value() }, ());
    assert_all_inside(logs, &["local", "temporary"]);
}

#[test]
fn where_the_return_type_cannot_be_written() {
    let logs = logs!(
        fn() -> impl Into<u64> { let _local = Droppable("local"); Droppable("temporary").value() },
        ()
    );
    assert_all_inside(logs, &["local", "temporary"]);
}

#[test]
fn every_way_out() {
    for way in ["end", "return", "question mark", "panic"] {
        let logs = logs!(
            fn(way: &str) -> Result<u32, std::num::ParseIntError> {
                let _local = Droppable("local");
                if way == "return" {
                    return Ok(Droppable("temporary").value());
                }
                let number = if way == "question mark" { "x" } else { "1" };
                let number = (Droppable("temporary"), number.parse::<u32>()?).1;
                assert_ne!(way, "panic");
                Ok(number)
            },
            (way)
        );
        assert_all_inside(logs, &["local", "temporary"]);
    }
}

#[test]
fn a_function_that_never_returns() {
    let logs = logs!(
        fn(a: Droppable) -> ! { let _local = Droppable("local"); panic!("{}", a.value()) },
        (Droppable("a"))
    );
    assert_all_inside(logs, &["a", "local"]);
}

#[test]
fn arguments_taken_by_value() {
    let logs = logs!(
        fn(a: Droppable, mut b: Droppable, _c: Droppable, _number: u32) -> u32 {
            let _local = Droppable("local");
            b.0 = "b, changed";
            a.value() + Droppable("temporary").value()
        },
        (Droppable("a"), Droppable("b"), Droppable("c"), 1)
    );
    assert_all_inside(logs, &["a", "b, changed", "c", "local", "temporary"]);
}

#[test]
fn an_argument_moved_on() {
    let logs = logs!(fn(a: Droppable) -> u32 { drop(a); Droppable("temporary").value() }, (Droppable("a")));
    assert_all_inside(logs, &["a", "temporary"]);
}

/// The temporary borrows from the argument: it must go first, in every edition.
#[test]
fn a_temporary_that_borrows_an_argument() {
    let logs = logs!(
        fn(cell: Mutex<Droppable>) -> u32 { cell.lock().unwrap().value() },
        (Mutex::new(Droppable("in the cell")))
    );
    assert_all_inside(logs, &["in the cell"]);
}

/// An argument that is taken apart stays where the language drops it: behind the guard, with those in front of it.
#[test]
fn arguments_without_a_name_keep_their_order() {
    let (measured, plain) = logs!(
        fn(_a: Droppable, (_b, _): (Droppable, Droppable), _c: Droppable, (_, number): (u32, u32)) -> u32 { number },
        (Droppable("a"), (Droppable("b"), Droppable("rest")), Droppable("c"), (1, 2))
    );
    assert_eq!(plain.len(), 4);
    assert_eq!(measured[..3], ["enter", "c", "leave"]);
    assert_eq!([&measured[1..2], &measured[3..]].concat(), plain);
}

struct Owner(Droppable);

impl Owner {
    #[double::profile(crate = double)]
    fn consume(self, other: Droppable) -> u32 {
        self.0.value() + other.value()
    }
}

/// `self` has a name that no local can have.
#[test]
fn self_by_value_is_dropped_last() {
    assert_eq!(Owner(Droppable("self")).consume(Droppable("other")), 14);
    assert_eq!(events(), ["enter", "other", "leave", "self"]);
}

/// The macro's own edition must not leak into the user's body.
#[test]
fn the_order_is_that_of_the_users_edition() {
    let (measured, _) =
        logs!(fn() -> u32 { let _local = Droppable("local"); Droppable("temporary").value() }, ());
    assert_eq!(measured[1..3], super::LOCAL_AND_TEMPORARY);
}
