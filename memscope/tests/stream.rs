//! Streams as scopes: items, ends, cancellation, panics.
#![cfg(feature = "stream")]

#[path = "scopes/figures.rs"]
#[allow(dead_code, reason = "the other tests use all of it")]
mod figures;

use figures::{bytes, measure};
use futures_core::Stream;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use memscope::StreamExt as _;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// A stream of `left` items, each a vector of 100 bytes; it is pending before each.
struct Vectors {
    left: usize,
    is_pending: bool,
    _kept: Vec<u8>,
}

impl Stream for Vectors {
    type Item = Vec<u8>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        self.is_pending = !self.is_pending;
        if self.is_pending {
            return Poll::Pending;
        }
        self.left = match self.left.checked_sub(1) {
            Some(left) => left,
            None => return Poll::Ready(None),
        };
        assert!(self.left != 77, "unlucky");
        Poll::Ready(Some(bytes(100)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

fn of(count: usize) -> Vectors {
    Vectors { left: count, is_pending: false, _kept: Vec::new() }
}

/// Items until the end, or until that many.
fn take<S: Stream>(stream: S, most: usize) -> usize {
    let mut stream = pin!(stream);
    let mut context = Context::from_waker(Waker::noop());
    let mut taken = 0;
    while taken < most {
        match stream.as_mut().poll_next(&mut context) {
            Poll::Ready(Some(item)) => {
                drop(item);
                taken += 1;
            }
            Poll::Ready(None) => {
                // Once more: that is no second call.
                assert!(!matches!(stream.as_mut().poll_next(&mut context), Poll::Ready(Some(_))));
                break;
            }
            Poll::Pending => {}
        }
    }
    taken
}

#[memscope::profile(name = "annotated")]
fn annotated(prefix: &str) -> impl Stream<Item = Vec<u8>> + '_ {
    drop(bytes(7));
    of(prefix.len())
}

#[memscope::profile(name = "boxed")]
fn boxed<'a>(count: &'a usize) -> BoxStream<'a, Vec<u8>> {
    of(*count).boxed()
}

#[memscope::profile(name = "generated")]
fn generated(mut left: usize) -> impl Stream<Item = Vec<u8>> + Send {
    left += 1;
    // What a generator of streams expands to: a future for each item.
    stream::unfold(left, |left| async move {
        let left = left.checked_sub(1).filter(|&left| left > 0)?;
        Some((bytes(10 * left), left))
    })
}

#[test]
fn items_count_for_the_stream_and_what_is_done_with_them_does_not() {
    let scopes = measure(|| {
        let named = of(5).in_scope("named");
        assert_eq!(named.size_hint(), (5, Some(5)));
        assert_eq!(take(named, usize::MAX), 5);
        assert_eq!(take(annotated("four"), usize::MAX), 4);
        assert_eq!(take(boxed(&3), usize::MAX), 3);
        assert_eq!(take(generated(3).fuse(), usize::MAX), 3);
    });
    let named = scopes.of("named");
    assert_eq!((named.calls, named.cancelled, named.polls), (1, 0, 12));
    assert_eq!((named.allocations, named.allocated_bytes, named.frees), (5, 500, 0));
    let annotated = scopes.of("annotated");
    // Making it is a visit too.
    assert_eq!((annotated.calls, annotated.polls, annotated.allocated_bytes), (1, 11, 407));
    assert_eq!((annotated.sized_calls, annotated.freed_bytes), (1, 7));
    let boxed = scopes.of("boxed");
    assert_eq!((boxed.calls, boxed.polls), (1, 9));
    assert!((300..500).contains(&boxed.allocated_bytes), "{boxed:?}");
    let generated = scopes.of("generated");
    assert_eq!((generated.calls, generated.cancelled, generated.allocated_bytes), (1, 0, 60));
}

#[test]
fn cancelled_panicked_and_never_asked() {
    let scopes = measure(|| {
        let holding = Vectors { _kept: bytes(1000), ..of(50) };
        assert_eq!(take(holding.in_scope("cancelled"), 2), 2);
        let panics = std::panic::AssertUnwindSafe(|| take(of(80).in_scope("panicked"), usize::MAX));
        assert!(std::panic::catch_unwind(panics).is_err());
        drop(of(3).in_scope("never asked"));
        let _after = memscope::scope("after");
    });
    let cancelled = scopes.of("cancelled");
    assert_eq!((cancelled.calls, cancelled.cancelled, cancelled.allocated_bytes), (1, 1, 200));
    // What it held is freed inside.
    assert_eq!(cancelled.freed_bytes, 1000);
    assert_eq!((scopes.of("panicked").calls, scopes.of("panicked").cancelled), (1, 0));
    assert!(scopes.of("panicked").allocated_bytes >= 200);
    assert!(!scopes.has("never asked") || scopes.of("never asked").calls == 0);
    assert_eq!(scopes.parent("after"), None);
}

#[test]
fn asking_allocates_nothing() {
    let scopes = measure(|| {
        let _around = memscope::scope!("around items");
        let mut items = pin!(stream::repeat(1_u8).in_scope("endless"));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..10_000 {
            assert!(items.as_mut().poll_next(&mut context).is_ready());
        }
    });
    assert_eq!((scopes.of("around items").allocations, scopes.of("endless").polls), (0, 10_001));
}
