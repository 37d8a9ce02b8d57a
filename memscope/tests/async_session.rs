//! An annotated `async fn` that is the outermost one: it opens a session at its first poll, and ends it with its call.
//!
//! One test: a process has one session at a time, and one folder that it is in.

use memscope_report::Profile;
use std::future::pending;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[memscope::profile(output = "inner")]
async fn inner() -> usize {
    std::hint::black_box(vec![0_u8; 1000]).len()
}

#[memscope::profile(output = "done", name = "done")]
async fn done() -> usize {
    inner().await + inner().await
}

#[memscope::profile(output = "dropped", name = "dropped")]
async fn dropped() {
    inner().await;
    pending::<()>().await;
}

#[memscope::profile(output = "panicked", name = "panicked")]
async fn panicked() {
    inner().await;
    std::panic::resume_unwind(Box::new(()));
}

/// The trace of a session that has ended in order, with two scopes: calls of `name` and of `inner`.
#[track_caller]
fn assert_ended(name: &str, inner_calls: u64) {
    let profile = Profile::open(Path::new(name).join("trace.bin")).expect("a trace");
    assert!(profile.end.is_some(), "{name}");
    let calls = |name: &str| {
        let found = profile.scopes.iter().find(|scope| scope.scope.name == name);
        found.map(|scope| scope.calls)
    };
    assert_eq!(calls(name), Some(1), "{name}");
    assert_eq!(calls("async_session::inner"), Some(inner_calls), "{name}");
}

#[test]
fn the_outermost_future_is_a_session() {
    let folder = tempfile::tempdir().expect("a folder");
    std::env::set_current_dir(&folder).expect("it is there");
    let mut context = Context::from_waker(Waker::noop());

    let future = done();
    assert!(!Path::new("done").exists(), "nothing happens before the first poll");
    assert!(matches!(pin!(future).poll(&mut context), Poll::Ready(2000)));
    assert_ended("done", 2);

    let mut future = Box::pin(dropped());
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert!(matches!(memscope::trace_all("other"), Err(memscope::Error::SessionActive { .. })));
    drop(future);
    assert_ended("dropped", 1);

    let poll = std::panic::AssertUnwindSafe(|| pin!(panicked()).poll(&mut context));
    assert!(std::panic::catch_unwind(poll).is_err());
    assert_ended("panicked", 1);
    assert!(!Path::new("inner").exists(), "an inner one is a scope");
}
