//! A scope that is entered from several others: what it did under each.

use crate::figures::{Figures, bytes, measure};
use memscope::{FutureExt, scope};
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn told(figures: Figures) -> (u64, u64, u64) {
    (figures.calls, figures.allocated_bytes, figures.own_allocated_bytes)
}

fn filter(count: usize) {
    let _scope = scope!("filter");
    drop(bytes(count));
}

#[test]
fn figures_are_told_apart_by_who_called() {
    let scopes = measure(|| {
        let work = || {
            for _ in 0..10 {
                let top = memscope::scope("top");
                drop(bytes(1));
                filter(100);
                filter(100);
                drop(top);
                let totals = memscope::scope("totals");
                filter(7);
                drop(totals);
                filter(1000);
            }
        };
        work();
        std::thread::scope(|scope| (0..3).for_each(|_| _ = scope.spawn(work)));
    });
    assert_eq!(told(scopes.of("filter")), (160, 4 * 10 * 1207, 4 * 10 * 1207));
    assert_eq!(told(scopes.on_path(&["top"])), (40, 40 * 201, 40));
    assert_eq!(told(scopes.on_path(&["top", "filter"])), (80, 80 * 100, 80 * 100));
    assert_eq!(told(scopes.on_path(&["totals", "filter"])), (40, 280, 280));
    assert_eq!(told(scopes.on_path(&["filter"])), (40, 40_000, 40_000));
    assert_eq!((scopes.path_count("filter"), scopes.refused_paths), (3, 0));
}

/// One level further down, where the caller is the same and only its caller is another.
#[test]
fn the_whole_way_counts() {
    fn middle(count: usize) {
        let _scope = scope!("middle");
        filter(count);
        filter(0);
    }
    let scopes = measure(|| {
        for _ in 0..3 {
            for (name, count) in [("one", 1), ("two", 20), ("one", 300)] {
                let _outer = memscope::scope(name);
                middle(count);
            }
        }
    });
    assert_eq!(told(scopes.on_path(&["one", "middle", "filter"])), (12, 903, 903));
    assert_eq!(told(scopes.on_path(&["two", "middle", "filter"])), (6, 60, 60));
    assert_eq!(told(scopes.on_path(&["two", "middle"])), (3, 60, 0));
}

/// Scopes that enter each other stand on one path: none is in it twice.
#[test]
fn recursion_stays_on_the_path_of_the_outermost_call() {
    fn even(left: usize) {
        let _scope = scope!("even");
        drop(bytes(1));
        if left > 0 {
            odd(left - 1);
        }
    }
    fn odd(left: usize) {
        let _scope = scope!("odd");
        drop(bytes(10));
        if left > 0 {
            even(left - 1);
        }
        filter(100);
    }
    let scopes = measure(|| {
        even(5);
        odd(4);
    });
    assert_eq!(told(scopes.on_path(&["even"])), (3, 333, 3));
    assert_eq!(told(scopes.on_path(&["even", "odd"])), (3, 332, 30));
    assert_eq!(told(scopes.on_path(&["odd"])), (3, 332, 30));
    assert_eq!(told(scopes.on_path(&["odd", "even"])), (2, 222, 2));
    assert_eq!(told(scopes.on_path(&["even", "odd", "filter"])), (3, 300, 300));
    assert_eq!(scopes.path_count("filter"), 2);
}

#[test]
fn polls_count_where_they_are_made() {
    let scopes = measure(|| {
        let mut polls = 0;
        let inner = poll_fn(move |_| {
            drop(bytes(5));
            polls += 1;
            if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
        });
        let mut inner = pin!(inner.in_scope("polled below two"));
        let mut context = Context::from_waker(Waker::noop());
        for name in ["first", "second", "first"] {
            let _outer = memscope::scope(name);
            let _ = inner.as_mut().poll(&mut context);
        }
    });
    let (first, second) =
        (scopes.on_path(&["first", "polled below two"]), scopes.on_path(&["second", "polled below two"]));
    assert_eq!((first.polls, first.calls, first.allocated_bytes), (2, 1, 10));
    assert_eq!((second.polls, second.calls, second.allocated_bytes), (1, 0, 5));
}

/// More ways than a thread has room for: the scopes' own figures miss nothing.
#[test]
fn paths_have_a_bound() {
    let scopes = measure(|| {
        let names: Vec<String> = (0..60).map(|number| format!("level {number}")).collect();
        for outer in &names {
            let _outer = memscope::scope(outer);
            for inner in &names {
                let _inner = memscope::scope(inner);
                filter(1);
            }
        }
    });
    assert_eq!(told(scopes.of("filter")), (3600, 3600, 3600));
    assert!(scopes.refused_paths > 0 && scopes.path_count("filter") > 500);
}

/// Of functions that are over in no time, of futures and of threads that work for one scope at once.
#[test]
fn nobody_is_busier_than_it_takes() {
    #[memscope::profile(name = "over in no time")]
    fn short() {}
    #[memscope::profile(name = "short future")]
    async fn short_future() {}
    #[memscope::profile(name = "made future")]
    fn made() -> impl Future<Output = ()> {
        drop(bytes(100));
        async {}
    }
    let scopes = measure(|| {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1_000 {
            short();
            assert!(pin!(short_future()).poll(&mut context).is_ready());
            assert!(pin!(made()).poll(&mut context).is_ready());
            // Not done, and not dropped before the session ends.
            let mut pending = Box::pin(std::future::pending::<()>().in_scope("pending"));
            assert!(pending.as_mut().poll(&mut context).is_pending());
            std::mem::forget(pending);
        }
        let _scope = memscope::scope("shared");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let work = || (0..100).for_each(|_| drop(bytes(10)));
                scope.spawn(memscope::task::carry_scope(work));
            }
        });
    });
    // `Scopes::agree` has looked at all of them.
    for name in ["over in no time", "short future", "made future"] {
        assert_eq!(scopes.of(name).calls, 1_000, "{name}");
    }
    assert_eq!((scopes.of("pending").polls, scopes.of("pending").calls), (1_000, 0));
    assert_eq!(scopes.of("shared").polls, 5);
}
