//! Annotated functions.

use crate::figures::{bytes, measure};

#[memscope::profile(name = "inner")]
fn inner() -> Vec<u8> {
    drop(bytes(30));
    bytes(1000)
}

#[memscope::profile(name = "outer")]
fn outer() {
    let kept = bytes(10);
    drop(inner());
    drop(inner());
    drop(kept);
}

#[test]
fn inclusive_and_own_figures() {
    let scopes = measure(outer);
    let figures = scopes.of("inner");
    assert_eq!((figures.calls, figures.polls, figures.sized_calls), (2, 2, 2));
    assert_eq!((figures.allocations, figures.allocated_bytes), (4, 2060));
    assert_eq!((figures.own_allocations, figures.own_allocated_bytes), (4, 2060));
    assert_eq!((figures.frees, figures.freed_bytes, figures.own_freed_bytes), (2, 60, 60));
    assert_eq!(figures.most_bytes, 1030);
    let figures = scopes.of("outer");
    assert_eq!((figures.calls, figures.most_bytes), (1, 2070));
    assert_eq!((figures.allocations, figures.allocated_bytes), (5, 2070));
    assert_eq!((figures.own_allocations, figures.own_allocated_bytes), (1, 10));
    assert_eq!((figures.frees, figures.freed_bytes), (5, 2070));
    assert_eq!((figures.own_frees, figures.own_freed_bytes), (3, 2010));
    assert_eq!((scopes.parent("inner"), scopes.parent("outer")), (Some("outer"), None));
}

#[memscope::profile(name = "recursive")]
fn recursive(depth: usize) -> Vec<u8> {
    let kept = bytes(100);
    if depth > 0 {
        drop(recursive(depth - 1));
    }
    kept
}

/// Inclusive figures hold the outermost call once; own figures and calls add up.
#[test]
fn recursion_counts_once() {
    let scopes = measure(|| drop(recursive(9)));
    let figures = scopes.of("recursive");
    assert_eq!((figures.calls, figures.sized_calls), (10, 1));
    assert_eq!((figures.allocations, figures.allocated_bytes), (10, 1000));
    assert_eq!((figures.own_allocations, figures.own_allocated_bytes), (10, 1000));
    assert_eq!(figures.most_bytes, 1000);
    assert!(figures.busy_us <= figures.wall_us + 1);
}

/// Deeper than a thread's open scopes are kept: what is there counts in the last one that was, and the thread comes out as it went in.
#[test]
fn deeper_than_is_kept() {
    #[memscope::profile(name = "deep")]
    fn deep(depth: usize) {
        drop(bytes(3));
        if depth > 1 {
            deep(depth - 1);
        }
    }
    let scopes = measure(|| {
        let thread = std::thread::Builder::new().stack_size(256 << 20);
        let twice = || (0..2).for_each(|_| deep(10_000));
        thread.spawn(twice).expect("a thread").join().expect("no panic");
    });
    let figures = scopes.of("deep");
    assert_eq!((figures.calls, figures.sized_calls), (2 * 8191, 2));
    assert_eq!((figures.allocations, figures.own_allocations, figures.most_bytes), (20_000, 20_000, 30_000));
}

#[memscope::profile(name = "panics")]
fn panics() {
    let _kept = bytes(77);
    std::panic::resume_unwind(Box::new(()));
}

#[test]
fn a_panic_leaves_the_scope() {
    let scopes = measure(|| {
        assert!(std::panic::catch_unwind(panics).is_err());
        drop(inner());
    });
    assert_eq!(scopes.of("panics").calls, 1);
    assert!(scopes.of("panics").allocated_bytes >= 77);
    assert_eq!(scopes.parent("inner"), None);
}

/// Entering and leaving allocates nothing, and neither does the first entry of a thread.
#[test]
fn scopes_allocate_nothing() {
    #[memscope::profile(name = "empty")]
    fn empty() {}
    #[memscope::profile(name = "around")]
    fn around() {
        for _ in 0..10_000 {
            empty();
            let _scope = memscope::scope!("by hand");
        }
    }
    let scopes = measure(|| {
        around();
        std::thread::spawn(around).join().expect("no panic");
    });
    assert_eq!(scopes.of("empty").calls, 20_000);
    let figures = scopes.of("around");
    assert_eq!((figures.calls, figures.allocations, figures.frees), (2, 0, 0));
}

/// Threads that end hand over their figures; those of one session are not in the next.
#[test]
fn many_threads_and_two_sessions() {
    #[memscope::profile(name = "on threads")]
    fn on_threads() {
        drop(bytes(50));
    }
    for rounds in [3_u64, 5] {
        let scopes = measure(|| {
            for _ in 0..rounds {
                let threads: Vec<_> = (0..20).map(|_| std::thread::spawn(on_threads)).collect();
                threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
            }
            on_threads();
        });
        let figures = scopes.of("on threads");
        assert_eq!((figures.calls, figures.sized_calls), (20 * rounds + 1, 20 * rounds + 1));
        assert_eq!(figures.allocated_bytes, 50 * (20 * rounds + 1));
        assert_eq!(figures.freed_bytes, figures.allocated_bytes);
    }
}
