//! A thousand tasks on four workers: exact figures, whatever hops where.

use crate::figures::{bytes, measure};
use crate::futures::pause;
use memscope::FutureExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::runtime::Builder;

const TASKS: usize = 1000;
const ROUNDS: usize = 8;
const KINDS: [&str; 5] = ["kind 0", "kind 1", "kind 2", "kind 3", "kind 4"];

/// What the script has done for one scope.
#[derive(Default)]
struct Tally {
    allocations: AtomicU64,
    allocated_bytes: AtomicU64,
    frees: AtomicU64,
    freed_bytes: AtomicU64,
}

impl Tally {
    fn allocate(&self, size: usize) -> Vec<u8> {
        self.allocations.fetch_add(1, Ordering::Relaxed);
        self.allocated_bytes.fetch_add(size as u64, Ordering::Relaxed);
        bytes(size)
    }

    fn free(&self, memory: Option<Vec<u8>>) {
        if let Some(memory) = memory {
            self.frees.fetch_add(1, Ordering::Relaxed);
            self.freed_bytes.fetch_add(memory.capacity() as u64, Ordering::Relaxed);
        }
    }

    fn figures(&self) -> [u64; 4] {
        [&self.allocations, &self.allocated_bytes, &self.frees, &self.freed_bytes]
            .map(|figure| figure.load(Ordering::Relaxed))
    }
}

/// What tasks have in common.
struct Script {
    own: [Tally; KINDS.len()],
    steps: Tally,
    /// Memory that one task leaves and another frees.
    slots: Vec<Mutex<Option<Vec<u8>>>>,
}

impl Script {
    fn exchange(&self, slot: usize, memory: Vec<u8>) -> Option<Vec<u8>> {
        self.slots[slot % TASKS].lock().expect("no panic").replace(memory)
    }
}

/// A part of each task that is a scope of its own.
#[memscope::profile(name = "step")]
async fn step(script: &Script, task: usize, round: usize) {
    let memory = script.steps.allocate(1 + (task * 31 + round * 7) % 3000);
    pause().await;
    script.steps.free(script.exchange(task * 7 + round * 13, memory));
}

async fn task(script: Arc<Script>, task: usize) {
    let tally = &script.own[task % KINDS.len()];
    for round in 0..ROUNDS {
        let memory = tally.allocate(1 + (task * 17 + round * 101) % 5000);
        pause().await;
        step(&script, task, round).await;
        tally.free(script.exchange(task * 3 + round * 5, memory));
    }
}

#[test]
fn a_thousand_tasks_are_exact() {
    let script = Arc::new(Script {
        own: Default::default(),
        steps: Tally::default(),
        slots: (0..TASKS).map(|_| Mutex::new(None)).collect(),
    });
    let runtime = Builder::new_multi_thread().worker_threads(4).build().expect("a runtime");
    let scopes = measure(|| {
        runtime.block_on(async {
            let spawn = |number| {
                let future = task(Arc::clone(&script), number).in_scope(KINDS[number % KINDS.len()]);
                tokio::spawn(future)
            };
            let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
            for task in tasks {
                task.await.expect("no panic");
            }
        });
    });
    let steps = scopes.of("step");
    let all = (TASKS * ROUNDS) as u64;
    assert_eq!((steps.calls, steps.polls, steps.sized_calls, steps.cancelled), (all, 2 * all, all, 0));
    let own = [steps.own_allocations, steps.own_allocated_bytes, steps.own_frees, steps.own_freed_bytes];
    assert_eq!(own, script.steps.figures());
    assert_eq!([steps.allocations, steps.allocated_bytes, steps.frees, steps.freed_bytes], own);
    let mut inclusive = [0; 4];
    for (kind, tally) in KINDS.iter().zip(&script.own) {
        let figures = scopes.of(kind);
        let calls = (TASKS / KINDS.len()) as u64;
        assert_eq!((figures.calls, figures.sized_calls, figures.cancelled), (calls, calls, 0), "{kind}");
        // One poll more than there are pauses, each task.
        assert_eq!(figures.polls, calls * (2 * ROUNDS as u64 + 1), "{kind}");
        let own = [
            figures.own_allocations,
            figures.own_allocated_bytes,
            figures.own_frees,
            figures.own_freed_bytes,
        ];
        assert_eq!(own, tally.figures(), "{kind}");
        inclusive[0] += figures.allocations - own[0];
        inclusive[1] += figures.allocated_bytes - own[1];
        inclusive[2] += figures.frees - own[2];
        inclusive[3] += figures.freed_bytes - own[3];
    }
    assert_eq!(inclusive, script.steps.figures(), "what the kinds have beyond their own is their steps'");
}
