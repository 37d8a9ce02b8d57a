//! Spans of `tracing` as scopes.
#![cfg(feature = "tracing")]

#[path = "scopes/figures.rs"]
#[allow(dead_code, reason = "the other tests use all of it")]
mod figures;

use figures::{bytes, measure};
use memscope::ScopeLayer;
use std::sync::Once;
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;

fn subscribe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(ScopeLayer::new().with_field("route"));
        tracing::subscriber::set_global_default(subscriber).expect("the first one");
    });
}

#[tracing::instrument]
fn query(size: usize) {
    drop(bytes(size));
}

async fn request() {
    drop(bytes(1000));
    tokio::task::yield_now().await;
    query(30);
    drop(bytes(4000));
}

#[test]
fn spans_are_scopes() {
    subscribe();
    let scopes = measure(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
        runtime.block_on(async {
            let spawn = |number: usize| {
                let route = ["/items", "/users"][number % 2];
                tokio::spawn(request().instrument(tracing::info_span!("request", route)))
            };
            let tasks: Vec<_> = (0..40).map(spawn).collect();
            for task in tasks {
                task.await.expect("no panic");
            }
        });
    });
    for route in ["request route=/items", "request route=/users"] {
        let figures = scopes.of(route);
        assert_eq!((figures.calls, figures.sized_calls), (20, 20), "{route}");
        // `Instrumented` enters its span once more as it drops its future.
        assert_eq!(figures.polls, 60, "{route}");
        assert!(figures.own_allocated_bytes >= 20 * 5000, "{figures:?}");
        assert!(figures.allocated_bytes >= figures.own_allocated_bytes + 20 * 30, "{figures:?}");
    }
    let figures = scopes.of("query");
    assert_eq!((figures.calls, figures.allocations, figures.allocated_bytes), (40, 40, 1200));
    assert!(scopes.parent("query").is_some_and(|parent| parent.starts_with("request route=")));
}

/// A field that is recorded later; spans that overlap.
#[test]
fn late_fields_and_overlapping_spans() {
    subscribe();
    let scopes = measure(|| {
        let span = tracing::info_span!("late", route = tracing::field::Empty);
        span.record("route", "/found");
        span.in_scope(|| drop(bytes(70)));
        drop(span);
        let (one, two) = (tracing::info_span!("one"), tracing::info_span!("two"));
        let first = one.enter();
        let second = two.enter();
        drop(bytes(10));
        drop(first);
        drop(bytes(100));
        drop(second);
        query(1);
    });
    assert_eq!(
        (scopes.of("late route=/found").calls, scopes.of("late route=/found").allocated_bytes),
        (1, 70)
    );
    assert_eq!((scopes.of("one").allocated_bytes, scopes.of("two").allocated_bytes), (10, 110));
    assert_eq!(scopes.parent("query"), None);
}
