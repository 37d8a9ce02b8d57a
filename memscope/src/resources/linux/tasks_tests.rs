//! Live threads of the test process, and names as the kernel writes them.

use super::*;
use std::sync::mpsc;
use std::thread::Builder;

/// Runs `check` with the id of a thread called `name` that waits until the check is done.
fn with_thread(name: &str, check: impl FnOnce(u32)) {
    let (done, wait) = mpsc::channel::<()>();
    let (say, hear) = mpsc::channel();
    let run = move || {
        say.send(os::own_tid()).unwrap();
        let _ = wait.recv();
    };
    let thread = Builder::new().name(name.to_owned()).spawn(run).unwrap();
    check(hear.recv().unwrap());
    drop(done);
    thread.join().unwrap();
}

fn find(tasks: &Tasks, tid: u32) -> Option<Thread> {
    tasks.threads().iter().copied().find(|thread| thread.tid == tid)
}

/// Walks until the thread is gone: the kernel takes a joined thread off its list a moment after the join.
fn walk_until_gone(tasks: &mut Tasks, reader: &mut Reader, tid: u32) {
    while find(tasks, tid).is_some() {
        std::thread::yield_now();
        tasks.walk(reader, None, None).unwrap();
    }
}

#[test]
fn a_thread_is_found_by_its_name_and_gone_after_it_ended() {
    let mut reader = Reader::new();
    let mut tasks = Tasks::open(&mut reader);
    let mut tid = 0;
    with_thread("pool (3) a", |running| {
        tid = running;
        tasks.walk(&mut reader, None, None).unwrap();
        let thread = find(&tasks, tid).unwrap();
        assert_eq!(thread.name.to_string(), "pool (3) a");
        tasks.walk(&mut reader, None, None).unwrap();
        assert_eq!(find(&tasks, tid).unwrap().sequence, thread.sequence, "the same thread stays the same");
        let others = tasks.threads().iter().filter(|other| other.sequence == thread.sequence);
        assert_eq!(others.count(), 1, "and no other is taken for it");
    });
    walk_until_gone(&mut tasks, &mut reader, tid);
    assert!(tasks.threads().is_sorted_by_key(|thread| thread.tid));
}

#[test]
fn beyond_the_descriptors_a_thread_has_its_cpu_time_and_no_wait() {
    let mut reader = Reader::new();
    let mut tasks = Tasks { kept_limit: 0, accounted: Ok(()), ..Tasks::open(&mut reader) };
    let own = os::own_tid();
    tasks.walk(&mut reader, None, None).unwrap();
    let first = find(&tasks, own).unwrap();
    assert!(first.cpu_ns > 0);
    assert_eq!(first.wait_ns, Err(NO_DESCRIPTOR));
    tasks.walk(&mut reader, None, None).unwrap();
    assert!(find(&tasks, own).unwrap().cpu_ns > first.cpu_ns);

    tasks.kept_limit = MOST_KEPT;
    tasks.walk(&mut reader, None, None).unwrap();
    if is_accounted(own, &mut reader).is_ok() {
        assert!(find(&tasks, own).unwrap().wait_ns.is_ok(), "a spare descriptor is put to use");
    }
    let mut tid = 0;
    tasks.kept_limit = 0;
    with_thread("clocked", |running| {
        tid = running;
        tasks.walk(&mut reader, None, None).unwrap();
        assert_eq!(find(&tasks, tid).unwrap().wait_ns, Err(NO_DESCRIPTOR));
    });
    walk_until_gone(&mut tasks, &mut reader, tid);
}

#[test]
fn a_kernel_that_accounts_nothing_is_told_from_one_without_a_wait() {
    let mut reader = Reader::new();
    let mut tasks = Tasks { accounted: Err(NOT_ACCOUNTED), ..Tasks::open(&mut reader) };
    tasks.walk(&mut reader, None, None).unwrap();
    let own = find(&tasks, os::own_tid()).unwrap();
    assert!(own.cpu_ns > 0, "from the thread's clock");
    assert_eq!(own.wait_ns, Err(NOT_ACCOUNTED));
}

#[test]
fn while_the_count_of_threads_is_right_none_is_looked_for() {
    let mut reader = Reader::new();
    let mut tasks = Tasks::open(&mut reader);
    // A count of nothing known yet is right: there is nothing to list.
    tasks.walk(&mut reader, Some(0), None).unwrap();
    assert!(tasks.threads().is_empty());
    tasks.walk(&mut reader, Some(1), None).unwrap();
    assert!(find(&tasks, os::own_tid()).is_some());
}

#[test]
fn a_missing_folder_is_said_at_each_walk() {
    let mut reader = Reader::new();
    let gap = Gap::because(FOLDER, "not here");
    let mut tasks = Tasks { folder: Err(gap), ..Tasks::open(&mut reader) };
    assert_eq!(tasks.walk(&mut reader, None, None), Err(gap));
    assert_eq!(tasks.walk(&mut reader, None, None), Err(gap));
}

#[test]
fn names_are_kept_as_they_are() {
    let name = |text: &[u8]| name_in(text).to_string();
    assert_eq!(name(b"tokio-rt (w) 3\n"), "tokio-rt (w) 3");
    assert_eq!(name(b") S 1 (\n"), ") S 1 (");
    assert_eq!(name(b"two\nlines\n"), "two\nlines");
    assert_eq!(name(b"cut short"), "cut short");
    assert_eq!(name(b"\n"), "");
    assert_eq!(name(b"a name that is longer\n"), "a name that is ");
    assert_eq!(name(b"halved \xc3\n"), "halved \u{fffd}");
}
