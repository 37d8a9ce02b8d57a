//! One script of tasks on each executor: exact figures, whoever polls what on which thread.

#[path = "../../tests/scopes/figures.rs"]
#[allow(dead_code, reason = "the other tests use all of it")]
mod figures;

use figures::{Scopes, Task, bytes, measure};
use memscope::FutureExt as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::Poll;

const TASKS: usize = 200;
const ROUNDS: usize = 5;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the tasks of one run have in common: memory that one leaves and another frees, and what each has done.
#[derive(Default)]
struct Script {
    slots: Vec<Mutex<Option<Vec<u8>>>>,
    done: Mutex<Vec<[u64; 4]>>,
}

/// Pending once.
async fn pause() {
    let mut is_first = true;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

#[memscope::profile(name = "step")]
async fn step(size: usize) -> Vec<u8> {
    let memory = bytes(size);
    pause().await;
    memory
}

async fn task(script: Arc<Script>, number: usize) {
    let mut done = [0; 4];
    for round in 0..ROUNDS {
        let size = 1 + (number * 29 + round * 173) % 3000;
        let memory = step(size).await;
        (done[0], done[1]) = (done[0] + 1, done[1] + size as u64);
        let slot = &script.slots[(number * 7 + round * 31) % TASKS];
        let others = slot.lock().expect("no panic").replace(memory);
        if let Some(others) = others {
            (done[2], done[3]) = (done[2] + 1, done[3] + others.capacity() as u64);
        }
    }
    // There is room: it allocates nothing.
    script.done.lock().expect("no panic").push(done);
}

/// Runs the script; `run` polls all of the futures to their ends. None of it allocates inside a task but the script.
fn exact_on(run: impl FnOnce(Vec<Work>)) {
    let script = Arc::new(Script {
        slots: (0..TASKS).map(|_| Mutex::new(None)).collect(),
        done: Mutex::new(Vec::with_capacity(TASKS)),
    });
    let scopes = measure(|| {
        let work =
            (0..TASKS).map(|number| -> Work { Box::pin(task(Arc::clone(&script), number).in_task("task")) });
        run(work.collect());
    });
    let mut done = script.done.lock().expect("no panic").clone();
    let mut told: Vec<[u64; 4]> = scopes.tasks("task").map(Task::four).collect();
    done.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, done);
    assert!(scopes.tasks("task").all(|task| (task.polls, task.end) == (ROUNDS as u64 + 1, Some(1))));
    let (steps, tasks) = (scopes.of("step"), scopes.of("task"));
    let sum = |at: usize| done.iter().map(|four| four[at]).sum::<u64>();
    assert_eq!((steps.calls, steps.polls), ((TASKS * ROUNDS) as u64, (2 * TASKS * ROUNDS) as u64));
    assert_eq!((steps.allocations, steps.allocated_bytes, steps.frees), (sum(0), sum(1), 0));
    assert_eq!((tasks.calls, tasks.allocated_bytes, tasks.own_allocated_bytes), (TASKS as u64, sum(1), 0));
    assert_eq!((tasks.frees, tasks.freed_bytes), (sum(2), sum(3)));
}

#[test]
fn smol() {
    exact_on(|work| {
        let executor = smol::Executor::new();
        let tasks: Vec<_> = work.into_iter().map(|work| executor.spawn(work)).collect();
        let (stop, stopped) = smol::channel::unbounded::<()>();
        std::thread::scope(|scope| {
            (0..4).for_each(|_| _ = scope.spawn(|| smol::block_on(executor.run(stopped.recv()))));
            smol::block_on(async {
                for task in tasks {
                    task.await;
                }
            });
            drop(stop);
        });
    });
}

#[test]
fn async_executor_on_one_thread() {
    exact_on(|work| {
        let executor = async_executor::LocalExecutor::new();
        let tasks: Vec<_> = work.into_iter().map(|work| executor.spawn(work)).collect();
        smol::block_on(executor.run(async {
            for task in tasks {
                task.await;
            }
        }));
    });
}

#[test]
fn thread_pool_of_futures() {
    exact_on(|work| {
        let pool = futures::executor::ThreadPool::builder().pool_size(4).create().expect("a pool");
        let (done, all_done) = channel();
        for work in work {
            let done = done.clone();
            pool.spawn_ok(async move {
                work.await;
                done.send(()).expect("somebody waits");
            });
        }
        drop(done);
        assert_eq!(all_done.iter().count(), TASKS);
    });
}

#[test]
fn joined_by_one_future() {
    exact_on(|work| _ = futures::executor::block_on(futures::future::join_all(work)));
}

#[test]
fn tokio_on_one_thread_and_on_four() {
    let on = |runtime: &tokio::runtime::Runtime, work: Vec<Work>| {
        runtime.block_on(async {
            let tasks: Vec<_> = work.into_iter().map(tokio::spawn).collect();
            for task in tasks {
                task.await.expect("no panic");
            }
        });
    };
    let one = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    exact_on(|work| on(&one, work));
    let four = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().expect("a runtime");
    exact_on(|work| on(&four, work));
}

#[track_caller]
fn assert_bytes(scopes: &Scopes, name: &str, all: u64, own: u64) {
    let figures = scopes.of(name);
    assert_eq!((figures.allocated_bytes, figures.own_allocated_bytes), (all, own), "{name}");
}

/// The loser of a `select!` is cancelled where it stands, and what it held is freed inside its scope.
#[test]
fn select_and_join() {
    let scopes = measure(|| {
        smol::block_on(async {
            let loser = async {
                let _kept = bytes(300);
                std::future::pending::<()>().await;
            };
            let winner = async {
                pause().await;
                drop(bytes(20));
            };
            tokio::select! {
                biased;
                () = loser.in_scope("loser") => unreachable!(),
                () = winner.in_scope("winner") => {}
            }
            let both = async {
                let one = async {
                    pause().await;
                    drop(bytes(5));
                };
                let other = async {
                    drop(bytes(6));
                    pause().await;
                };
                futures::join!(one.in_scope("one"), other.in_scope("other"));
                drop(bytes(7));
            };
            both.in_scope("both").await;
        });
    });
    assert_bytes(&scopes, "loser", 300, 300);
    assert_eq!((scopes.of("loser").cancelled, scopes.of("loser").freed_bytes), (1, 300));
    assert_bytes(&scopes, "winner", 20, 20);
    assert_bytes(&scopes, "one", 5, 5);
    assert_bytes(&scopes, "other", 6, 6);
    assert_bytes(&scopes, "both", 18, 7);
    assert_eq!((scopes.parent("one"), scopes.parent("other")), (Some("both"), Some("both")));
}

#[memscope::profile(name = "recursive")]
async fn recursive(depth: usize) {
    drop(bytes(10));
    pause().await;
    if depth > 0 {
        Box::pin(recursive(depth - 1)).await;
    }
    drop(bytes(1));
}

#[test]
fn recursion_across_polls() {
    let scopes = measure(|| smol::block_on(recursive(0)));
    assert_bytes(&scopes, "recursive", 11, 11);
    let scopes = measure(|| smol::block_on(recursive(4)));
    let figures = scopes.of("recursive");
    assert_eq!(figures.calls, 5);
    // The futures' boxes are in it, each once.
    assert!(figures.allocated_bytes >= 55 && figures.allocated_bytes == figures.own_allocated_bytes);
    assert_eq!(figures.allocated_bytes, figures.freed_bytes);
}

#[test]
fn blocking_inside_a_scope() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let scopes = measure(|| {
        {
            let _scope = memscope::scope!("blocks");
            drop(bytes(2));
            smol::block_on(async { drop(bytes(30)) }.in_scope("blocked on"));
        }
        let work = async {
            let carried = memscope::task::carry_scope(|| drop(bytes(1_000_000)));
            tokio::task::spawn_blocking(carried).await.expect("no panic");
            let _inside = tokio::task::block_in_place(|| {
                let _scope = memscope::scope!("in place");
                drop(bytes(4000));
            });
        };
        runtime.block_on(async { tokio::spawn(work.in_task("spawns blocking")).await.expect("no panic") });
    });
    assert_bytes(&scopes, "blocked on", 30, 30);
    let blocks = scopes.of("blocks");
    assert_eq!((blocks.calls, blocks.polls), (1, 1));
    assert!(blocks.own_allocated_bytes >= 2 && blocks.allocated_bytes == blocks.own_allocated_bytes + 30);
    assert_bytes(&scopes, "in place", 4000, 4000);
    assert_eq!(scopes.parent("in place"), Some("spawns blocking"));
    assert!(scopes.of("spawns blocking").allocated_bytes >= 1_004_000);
    let task = scopes.tasks("spawns blocking").next().expect("a task");
    // What the pool's thread did for the scope was no poll of the task.
    assert!((4000..1_000_000).contains(&task.four()[1]), "{task:?}");
}
