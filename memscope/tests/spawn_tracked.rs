//! Tokio tasks that work for the scope of the one that spawns them.
#![cfg(feature = "tokio")]

#[path = "scopes/figures.rs"]
#[allow(dead_code, reason = "the other tests use all of it")]
mod figures;

use figures::{bytes, measure};
use memscope::task::spawn_tracked;

#[memscope::profile(name = "parent")]
async fn parent() {
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            spawn_tracked(async {
                drop(bytes(100_000));
                tokio::task::yield_now().await;
                drop(bytes(100_000));
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    // Not tracked: nobody's.
    tokio::spawn(async { drop(bytes(50_000_000)) }).await.expect("no panic");
}

#[test]
fn tasks_work_for_their_parent() {
    let scopes = measure(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
        runtime.block_on(parent());
    });
    let figures = scopes.of("parent");
    assert_eq!((figures.calls, figures.cancelled), (1, 0));
    // With what tokio takes for a task.
    assert!((2_000_000..2_100_000).contains(&figures.allocated_bytes), "{figures:?}");
    assert!(figures.polls >= 20);
}
