//! Scopes that are entered by hand.

use crate::figures::{bytes, measure, without_session};
use memscope::{FutureExt, scope};
use std::future::ready;

#[test]
fn names_literals_and_labels() {
    let scopes = measure(|| {
        for round in 0..3 {
            let name = String::from("made at run time");
            let _scope = memscope::scope(&name);
            drop(bytes(10));
            drop(name);
            let _place = scope!("a literal");
            drop(bytes(20));
            let _labelled = scope!("request", route = "/items", kind = round % 2);
            drop(bytes(40));
        }
    });
    let figures = scopes.of("made at run time");
    assert_eq!((figures.calls, figures.allocated_bytes, figures.own_allocated_bytes), (3, 210, 30));
    assert_eq!(scopes.of("a literal").allocated_bytes, 180);
    assert_eq!(scopes.of("request route=/items kind=0").allocated_bytes, 80);
    assert_eq!(scopes.of("request route=/items kind=1").allocated_bytes, 40);
    assert_eq!(scopes.parent("request route=/items kind=1"), Some("a literal"));
}

#[test]
fn without_a_session_nothing_is_done() {
    struct NotFormatted;
    impl std::fmt::Display for NotFormatted {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("nobody reads this")
        }
    }
    without_session(|| {
        let _scope = scope!("request", id = NotFormatted);
        let _named = memscope::scope("not entered");
        drop(ready(1).in_scope("not polled"));
    });
    let scopes = measure(|| drop(bytes(1)));
    assert!(!scopes.has("not entered") && !scopes.has("not polled"));
}

/// Guards in the wrong order are counted; the thread is outside any scope afterwards.
#[test]
fn guards_out_of_order() {
    #[memscope::profile(name = "afterwards")]
    fn afterwards() {
        drop(bytes(5));
    }
    let scopes = measure(|| {
        let first = memscope::scope("first");
        drop(bytes(100));
        let second = memscope::scope("second");
        drop(bytes(10));
        drop(first);
        drop(bytes(1));
        drop(second);
        afterwards();
    });
    assert_eq!(scopes.out_of_order, 1);
    assert_eq!((scopes.of("first").calls, scopes.of("first").allocated_bytes), (1, 110));
    assert_eq!((scopes.of("second").calls, scopes.of("second").allocated_bytes), (1, 11));
    assert_eq!((scopes.of("first").own_allocated_bytes, scopes.of("second").own_allocated_bytes), (100, 11));
    assert_eq!(scopes.parent("afterwards"), None);
    assert_eq!(scopes.of("afterwards").own_allocated_bytes, 5);
}

#[test]
fn a_future_with_a_name_that_is_made_at_run_time() {
    let scopes = measure(|| {
        for round in 0..4 {
            let name = format!("route {}", round % 2);
            crate::futures::block_on(async { drop(bytes(70)) }.in_named_scope(&name));
        }
    });
    assert_eq!((scopes.of("route 0").calls, scopes.of("route 0").allocated_bytes), (2, 140));
    assert_eq!((scopes.of("route 1").calls, scopes.of("route 1").allocated_bytes), (2, 140));
}

#[test]
fn a_closure_takes_the_scope_along() {
    let scopes = measure(|| {
        let _scope = memscope::scope("hands over");
        let work = memscope::task::carry_scope(|| drop(bytes(300)));
        std::thread::spawn(work).join().expect("no panic");
        let future = async { drop(bytes(50)) }.in_current_scope();
        std::thread::spawn(|| crate::futures::block_on(future)).join().expect("no panic");
    });
    let figures = scopes.of("hands over");
    assert_eq!((figures.calls, figures.polls), (1, 3));
    assert!(figures.allocated_bytes >= 350);
    // What spawning takes on this thread is in it too, once: less than one more of either.
    assert!(figures.sized_calls == 1 && figures.most_bytes < figures.allocated_bytes);
}
