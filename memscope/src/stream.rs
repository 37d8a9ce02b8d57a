//! Streams as scopes (feature `stream`): entered at each poll for the next item, left at its end.
//!
//! A stream is one call: from its first poll to the one that finds no more, or until it is dropped before. So the bytes of a call are those of the whole
//! stream, and its polls are what it took.

use crate::future::Scoped;
use core::pin::Pin;
use core::task::{Context, Poll};
use futures_core::Stream;

impl<S: Stream> Stream for Scoped<S> {
    type Item = S::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.poll_in_scope(|stream| stream.poll_next(context), |next| matches!(next, Poll::Ready(None)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inside().map_or((0, Some(0)), Stream::size_hint)
    }
}

/// Makes any stream a scope (feature `stream`).
pub trait StreamExt: Stream + Sized {
    /// The stream as a scope called `name`: what it allocates and frees while it is asked for items counts for that name, wherever it runs. What is done
    /// with the items does not.
    ///
    /// ```
    /// use memscope::StreamExt;
    ///
    /// # fn rows() -> impl futures_core::Stream<Item = u8> { futures_util::stream::iter([1, 2]) }
    /// let rows = rows().in_scope("read rows");
    /// # drop(rows);
    /// ```
    fn in_scope(self, name: &'static str) -> Scoped<Self> {
        Scoped::named(name, self)
    }
}

impl<S: Stream> StreamExt for S {}
