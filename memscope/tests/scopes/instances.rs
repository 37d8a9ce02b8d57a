//! Instances of tasks: exact figures of each, how they end, what of them is told, and whose samples are whose.

use crate::figures::{Task, bytes, measure, measure_exactly};
use crate::futures::{block_on, pause};
use memscope::FutureExt;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use tokio::runtime::Builder;

const TASKS: usize = 1000;
const ROUNDS: usize = 6;

type Memory = Option<Vec<u8>>;

/// Allocates, leaves it to others and frees theirs; returns what was done: allocations, bytes, frees, bytes freed.
async fn exchange(slots: Arc<Vec<Mutex<Memory>>>, number: usize) -> [u64; 4] {
    let mut done = [0; 4];
    for round in 0..ROUNDS {
        let size = 1 + (number * 37 + round * 211) % 4000;
        let memory = bytes(size);
        (done[0], done[1]) = (done[0] + 1, done[1] + size as u64);
        pause().await;
        let slot = &slots[(number * 7 + round * 131) % TASKS];
        let others = slot.lock().expect("no panic").replace(memory);
        if let Some(others) = others {
            (done[2], done[3]) = (done[2] + 1, done[3] + others.capacity() as u64);
        }
    }
    done
}

/// Each of a thousand tasks that hop over four workers and free each other's memory, to the byte.
#[test]
fn a_thousand_instances_are_exact() {
    let slots: Arc<Vec<Mutex<Memory>>> = Arc::new((0..TASKS).map(|_| Mutex::new(None)).collect());
    let runtime = Builder::new_multi_thread().worker_threads(4).build().expect("a runtime");
    let mut script = Vec::new();
    let scopes = measure(|| {
        runtime.block_on(async {
            let spawn = |number| {
                let future = exchange(Arc::clone(&slots), number);
                // The result leaves the task by a slot of tokio's, which is the task's no more.
                tokio::spawn(future.in_task("exchange"))
            };
            let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
            for task in tasks {
                script.push(task.await.expect("no panic"));
            }
        });
    });
    let mut told: Vec<[u64; 4]> = scopes.tasks("exchange").map(Task::four).collect();
    script.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, script);
    assert!(scopes.tasks("exchange").all(|task| task.polls == ROUNDS as u64 + 1 && task.end == Some(1)));
    let totals = scopes.task_totals;
    assert_eq!((totals.started, totals.ended, totals.cancelled, totals.unnumbered), (1000, 1000, 0, 0));
    let figures = scopes.of("exchange");
    let sum = |at: usize| script.iter().map(|four| four[at]).sum::<u64>();
    assert_eq!((figures.calls, figures.allocated_bytes, figures.freed_bytes), (1000, sum(1), sum(3)));
}

#[test]
fn ends_parents_and_places() {
    let line = std::cell::Cell::new(0);
    let scopes = measure(|| {
        let _scope = memscope::scope("around tasks");
        let mut context = Context::from_waker(Waker::noop());
        let dropped = async {
            let _kept = bytes(123);
            std::future::pending::<()>().await;
        };
        let mut dropped = Box::pin(dropped.in_task("dropped"));
        assert!(dropped.as_mut().poll(&mut context).is_pending());
        drop(dropped);
        let panics = async { std::panic::resume_unwind(Box::new(())) };
        let panics = panics.in_task("panics");
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| block_on::<()>(panics))).is_err());
        drop(async {}.in_task("never polled"));
        line.set(line!() + 1);
        block_on(async { block_on(async { drop(bytes(40)) }.in_task("inner task")) }.in_task("outer task"));
        let mut alive = Box::pin(std::future::pending::<()>().in_task("alive"));
        assert!(alive.as_mut().poll(&mut context).is_pending());
        std::mem::forget(alive);
    });
    let one = |name: &'static str| {
        let found: Vec<&Task> = scopes.tasks(name).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0]
    };
    let dropped = one("dropped");
    assert_eq!((dropped.end, dropped.polls, dropped.four()), (Some(2), 2, [1, 123, 1, 123]));
    assert_eq!(scopes.name(dropped.scope), Some("around tasks"));
    assert!(dropped.ended_us >= dropped.started_us);
    assert_eq!(one("panics").end, Some(3));
    assert!(!scopes.has("never polled") && scopes.tasks("never polled").next().is_none());
    let (outer, inner) = (one("outer task"), one("inner task"));
    assert_eq!((inner.four(), outer.four()), ([1, 40, 1, 40], [1, 40, 1, 40]));
    assert_eq!((inner.parent, scopes.name(inner.scope)), (outer.id, Some("outer task")));
    assert_eq!((outer.line, outer.parent), (line.get(), 0));
    assert!(outer.file.ends_with("tests/scopes/instances.rs"));
    assert_eq!((one("alive").end, one("alive").polls), (None, 1));
    let totals = scopes.task_totals;
    assert_eq!((totals.started, totals.ended, totals.cancelled), (5, 4, 1));
}

/// However many there are, the trace is told of some: the largest among them.
#[test]
fn of_many_the_largest_are_told_of() {
    const MANY: usize = 20_000;
    let scopes = measure(|| {
        for number in 0..MANY {
            let size = if number % 5000 == 4999 { 100_000 } else { 16 + number % 7 };
            block_on(async { drop(bytes(size)) }.in_task("many"));
            if number % 1000 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(60));
            }
        }
    });
    assert_eq!(scopes.task_totals.started, MANY as u64);
    let told = scopes.tasks("many").count();
    assert!((1000..15_000).contains(&told), "{told}");
    assert_eq!(scopes.tasks("many").filter(|task| task.four()[1] == 100_000).count(), MANY / 5000);
}

/// In exact mode each allocation is a sample: those of a task are as many bytes as its figures say.
#[test]
fn samples_belong_to_the_task_that_allocated() {
    let scopes = measure_exactly(|| {
        let runtime = Builder::new_multi_thread().worker_threads(3).build().expect("a runtime");
        runtime.block_on(async {
            let spawn = |number: usize| {
                let work = async move {
                    let mut kept = Vec::with_capacity(8);
                    for round in 0..8 {
                        kept.push(bytes(100 + number));
                        pause().await;
                        drop(bytes(10 + round));
                    }
                    kept
                };
                tokio::spawn(work.in_task("sampled"))
            };
            let tasks: Vec<_> = (0..50).map(spawn).collect();
            for task in tasks {
                // Freed outside.
                drop(task.await.expect("no panic"));
            }
        });
    });
    let mut count = 0;
    for task in scopes.tasks("sampled") {
        assert!(task.four()[1] > 900, "{task:?}");
        let sampled = scopes.sampled_bytes.get(&task.id).copied().unwrap_or_default();
        assert_eq!(sampled, task.four()[1], "{task:?}");
        count += 1;
    }
    assert_eq!(count, 50);
}

/// Polling a scope, a task and a stream of scopes allocates nothing, the first time included.
#[test]
fn polls_allocate_nothing() {
    let scopes = measure(|| {
        let around = || {
            let _around = memscope::scope!("around polls");
            let mut context = Context::from_waker(Waker::noop());
            let pending = std::future::pending::<()>();
            let mut future = pin!(pending.in_scope("polled").in_task("polled as a task"));
            for _ in 0..10_000 {
                assert!(future.as_mut().poll(&mut context).is_pending());
            }
            for _ in 0..100 {
                block_on(std::future::ready(()).in_task("short"));
            }
        };
        // Names are made here.
        around();
        std::thread::spawn(around).join().expect("no panic");
    });
    let figures = scopes.of("around polls");
    assert_eq!((figures.calls, figures.allocations, figures.frees), (2, 0, 0));
    assert_eq!(scopes.of("polled").polls, 20_002);
    assert_eq!(scopes.of("short").calls, 200);
}
