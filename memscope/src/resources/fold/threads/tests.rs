//! Threads that come, go, wait and take over ids.

use super::*;

const UNKNOWN: Gap = Gap::because("schedstat", "unknown");

fn thread(tid: u32, sequence: u64, cpu_ns: u64, wait_ns: u64) -> Thread {
    Thread { tid, sequence, name: ThreadName::new(b"worker"), cpu_ns, wait_ns: Ok(wait_ns) }
}

fn fold(lists: &[&[Thread]]) -> Threads {
    let mut fold = ThreadFold::default();
    for list in lists {
        fold.push(Ok(list));
    }
    fold.finish().unwrap()
}

/// Each thread's id, CPU time and whether it has ended.
fn parts(threads: &Threads) -> Vec<(u32, u64, bool)> {
    threads.listed.iter().map(|seen| (seen.tid, seen.cpu_ns(), seen.ended)).collect()
}

#[test]
fn what_a_thread_used_before_the_span_does_not_count() {
    let threads = fold(&[&[thread(1, 0, 1000, 50)], &[thread(1, 0, 1300, 150)]]);
    assert_eq!(parts(&threads), [(1, 300, false)]);
    assert_eq!(threads.paired, Ok(Paired { cpu_ns: 300, wait_ns: 100 }));
}

#[test]
fn a_thread_that_began_within_the_span_counts_whole_and_stays_when_it_ends() {
    let threads = fold(&[
        &[thread(1, 0, 100, 0)],
        &[thread(1, 0, 110, 0), thread(2, 1, 70, 5)],
        &[thread(1, 0, 120, 0), thread(2, 1, 90, 6)],
        &[thread(1, 0, 130, 0)],
    ]);
    assert_eq!(parts(&threads), [(2, 90, true), (1, 30, false)]);
    assert_eq!(threads.seen, 2);
    assert_eq!(threads.paired, Ok(Paired { cpu_ns: 120, wait_ns: 6 }));
}

#[test]
fn an_id_that_is_used_again_is_another_thread() {
    let threads = fold(&[&[thread(7, 0, 100, 0)], &[thread(7, 0, 150, 0)], &[thread(7, 1, 20, 0)]]);
    assert_eq!(parts(&threads), [(7, 50, true), (7, 20, false)]);
    assert_eq!(threads.seen, 2);
}

#[test]
fn a_renamed_thread_bears_its_last_name() {
    let renamed = Thread { name: ThreadName::new(b"late"), ..thread(1, 0, 2, 0) };
    assert_eq!(fold(&[&[thread(1, 0, 1, 0)], &[renamed]]).listed[0].name.to_string(), "late");
}

#[test]
fn waiting_counts_from_the_first_time_it_is_known() {
    let unknown = |cpu_ns| Thread { wait_ns: Err(UNKNOWN), ..thread(1, 0, cpu_ns, 0) };
    let threads = fold(&[&[unknown(100)], &[thread(1, 0, 200, 40)], &[thread(1, 0, 260, 60)]]);
    assert_eq!(parts(&threads), [(1, 160, false)]);
    assert_eq!(threads.paired, Ok(Paired { cpu_ns: 60, wait_ns: 20 }));
}

#[test]
fn without_any_waiting_known_there_is_the_reason() {
    let unknown = Thread { wait_ns: Err(UNKNOWN), ..thread(1, 0, 1, 0) };
    assert_eq!(fold(&[&[unknown], &[unknown]]).paired, Err(UNKNOWN));
}

#[test]
fn without_a_list_there_is_the_last_gap() {
    assert_eq!(ThreadFold::default().finish().unwrap_err(), NO_SAMPLE);
    let mut fold = ThreadFold::default();
    fold.push(Err(UNKNOWN));
    assert_eq!(fold.finish().unwrap_err(), UNKNOWN);
}

#[test]
fn of_thousands_of_ended_threads_the_busiest_stay_and_no_time_is_lost() {
    let mut fold = ThreadFold::default();
    fold.push(Ok(&[]));
    let count = 5000_u32;
    for tid in 1..=count {
        fold.push(Ok(&[thread(tid, u64::from(tid), u64::from(tid), 1)]));
    }
    let threads = fold.finish().unwrap();
    let count = u64::from(count);
    assert_eq!(threads.seen, count);
    assert!(threads.listed.len() <= MOST_ENDED + 1);
    assert_eq!(threads.merged.threads + u64::try_from(threads.listed.len()).unwrap(), count);
    let listed: u64 = threads.listed.iter().map(Seen::cpu_ns).sum();
    let all = count * (count + 1) / 2;
    assert_eq!(listed + threads.merged.cpu_ns, all);
    assert_eq!(threads.paired, Ok(Paired { cpu_ns: all, wait_ns: count }));
    assert_eq!(threads.listed[0].cpu_ns(), count, "the busiest is first");
}
