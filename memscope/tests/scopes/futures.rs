//! Futures: polls, threads, cancellation, panics.

use crate::figures::{bytes, measure, without_session};
use memscope::FutureExt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use tokio::runtime::{Builder, Runtime};

/// Polls until the future is done.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

/// Pending once; it allocates nothing.
pub(crate) async fn pause() {
    let mut is_first = true;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

fn workers(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).build().expect("a runtime")
}

#[memscope::profile(name = "child")]
async fn child() -> Vec<u8> {
    pause().await;
    bytes(1000)
}

#[memscope::profile(name = "parent")]
async fn parent() -> usize {
    let kept = bytes(10);
    pause().await;
    let length = child().await.capacity() + child().await.capacity();
    drop(kept);
    length
}

/// What runs on the thread between two polls is not in the figures.
#[test]
fn polls_add_up() {
    let scopes = measure(|| {
        let mut future = pin!(parent());
        let mut context = Context::from_waker(Waker::noop());
        while future.as_mut().poll(&mut context).is_pending() {
            drop(bytes(5_000));
        }
    });
    let figures = scopes.of("parent");
    assert_eq!((figures.calls, figures.polls, figures.cancelled, figures.sized_calls), (1, 4, 0, 1));
    assert_eq!((figures.allocations, figures.allocated_bytes, figures.most_bytes), (3, 2010, 2010));
    assert_eq!((figures.own_allocations, figures.own_allocated_bytes), (1, 10));
    assert_eq!((figures.frees, figures.freed_bytes, figures.own_freed_bytes), (3, 2010, 2010));
    assert!(figures.busy_us <= figures.wall_us + 1);
    let figures = scopes.of("child");
    assert_eq!((figures.calls, figures.polls, figures.allocated_bytes), (2, 4, 2000));
    assert_eq!(scopes.parent("child"), Some("parent"));
}

#[test]
fn a_future_that_is_dropped_is_cancelled_and_frees_inside() {
    #[memscope::profile(name = "waits")]
    async fn waits(argument: Vec<u8>) {
        let _local = bytes(70);
        std::future::pending::<()>().await;
        drop(argument);
    }
    let scopes = measure(|| {
        drop(waits(bytes(3)));
        let mut future = Box::pin(waits(bytes(300)));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(future);
    });
    let figures = scopes.of("waits");
    assert_eq!((figures.calls, figures.cancelled, figures.sized_calls), (1, 1, 1));
    assert_eq!((figures.allocations, figures.allocated_bytes), (1, 70));
    // The one that was never polled has not begun.
    assert_eq!((figures.frees, figures.freed_bytes), (2, 370));
}

#[test]
fn a_panic_in_a_poll_ends_the_call() {
    #[memscope::profile(name = "panics in a poll")]
    async fn panics() {
        let _local = bytes(60);
        pause().await;
        std::panic::resume_unwind(Box::new(()));
    }
    let scopes = measure(|| {
        assert!(std::panic::catch_unwind(|| block_on(panics())).is_err());
        block_on(child());
    });
    let figures = scopes.of("panics in a poll");
    assert_eq!((figures.calls, figures.cancelled, figures.polls), (1, 0, 2));
    assert_eq!(scopes.parent("child"), None);
}

#[test]
fn recursion_counts_once() {
    #[memscope::profile(name = "recursive future")]
    async fn recursive(depth: usize) -> Vec<u8> {
        let kept = bytes(100);
        pause().await;
        if depth > 0 {
            let future: Pin<Box<dyn Future<Output = Vec<u8>>>> = Box::pin(recursive(depth - 1));
            drop(future.await);
        }
        kept
    }
    let scopes = measure(|| drop(block_on(recursive(4))));
    let figures = scopes.of("recursive future");
    assert_eq!((figures.calls, figures.sized_calls), (5, 1));
    // The kept vector and the box of each.
    assert_eq!((figures.allocations, figures.own_allocations), (9, 9));
    assert_eq!(figures.allocated_bytes, figures.own_allocated_bytes);
    assert_eq!(figures.most_bytes, figures.allocated_bytes);
}

#[test]
fn returned_futures_and_boxes() {
    #[memscope::profile(name = "returns a future")]
    fn returned(size: usize) -> impl Future<Output = usize> {
        let made = bytes(size);
        async move {
            pause().await;
            made.capacity() + bytes(1).capacity()
        }
    }
    #[memscope::profile(name = "returns a box")]
    fn boxed() -> Pin<Box<dyn Future<Output = usize> + Send>> {
        Box::pin(async {
            pause().await;
            bytes(40).capacity()
        })
    }
    let scopes = measure(|| assert_eq!(block_on(returned(9)) + block_on(boxed()), 50));
    let figures = scopes.of("returns a future");
    assert_eq!((figures.calls, figures.polls, figures.allocated_bytes), (1, 3, 10));
    let figures = scopes.of("returns a box");
    assert_eq!(
        (figures.calls, figures.polls, figures.allocations),
        (1, 3, 2),
        "the box, once, and the vector"
    );
}

/// `select!` drops what loses, `join!` polls both in turns, in one poll of the task.
#[test]
fn select_and_join() {
    let scopes = measure(|| {
        workers(2).block_on(async {
            tokio::select! {
                biased;
                () = async { drop(bytes(7)); pause().await; pause().await; }.in_scope("loses") => unreachable!(),
                () = async { pause().await; drop(bytes(8)); }.in_scope("wins") => {}
            }
            let one = async { drop(bytes(100)); pause().await; drop(bytes(100)) }.in_scope("one");
            let two = async { drop(bytes(900)); pause().await; drop(bytes(900)) }.in_scope("two");
            tokio::join!(one, two);
        });
    });
    assert_eq!((scopes.of("loses").calls, scopes.of("loses").cancelled), (1, 1));
    assert_eq!((scopes.of("wins").calls, scopes.of("wins").cancelled), (1, 0));
    assert_eq!((scopes.of("loses").allocated_bytes, scopes.of("wins").allocated_bytes), (7, 8));
    assert_eq!((scopes.of("one").allocated_bytes, scopes.of("two").allocated_bytes), (200, 1800));
}

/// Threads of the pool, and a runtime inside a scope.
#[test]
fn blocking_work() {
    let scopes = measure(|| {
        let runtime = workers(2);
        runtime.block_on(async {
            let task = async {
                tokio::task::block_in_place(|| drop(bytes(10_000)));
                let work = memscope::task::carry_scope(|| drop(bytes(20_000)));
                tokio::task::spawn_blocking(work).await.expect("no panic");
            };
            tokio::spawn(task.in_scope("blocks")).await.expect("no panic");
        });
        let _scope = memscope::scope("around a runtime");
        runtime.block_on(child());
    });
    let figures = scopes.of("blocks");
    // What tokio takes for the thread is in it as well.
    assert!(figures.allocated_bytes >= 30_000 && figures.allocated_bytes < 40_000, "{figures:?}");
    assert_eq!((figures.calls, scopes.of("child").calls), (1, 1));
    assert_eq!(scopes.parent("child"), Some("around a runtime"));
    assert!(scopes.of("around a runtime").allocated_bytes >= 1000);
}

/// A future that begins before a session and ends in it, and one that outlives it.
#[test]
fn futures_across_sessions() {
    let mut future = Box::pin(
        async {
            loop {
                drop(bytes(10));
                pause().await;
            }
        }
        .in_scope("lives on"),
    );
    let mut poll = || _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    without_session(&mut poll);
    for polls in [2, 3] {
        let scopes = measure(|| (0..polls).for_each(|_| poll()));
        let figures = scopes.of("lives on");
        assert_eq!((figures.calls, figures.polls, figures.allocated_bytes), (0, polls, 10 * polls));
    }
}
