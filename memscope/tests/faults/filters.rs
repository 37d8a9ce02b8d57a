//! A filter of system calls (seccomp) that ends the process at the first call which it does not expect: what hardened services have. Memscope may
//! call what a program of std calls anyway, and the few more that are named here.

use crate::harness::{Effort, Outcome, Program, Scenario, argument};
use crate::traces::{Trace, allocate_surely};
use std::time::Duration;

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario { rows: "60", name: "filtered_system_calls", run: filtered_system_calls }];

pub(crate) const CHILDREN: &[(&str, fn())] = &[("filtered", filtered)];

/// What memscope calls under a filter, beside what std, glibc and this test do.
#[cfg(target_arch = "x86_64")]
const OF_MEMSCOPE: &[libc::c_long] = &[
    libc::SYS_getrusage,
    libc::SYS_pread64,
    libc::SYS_getdents64,
    libc::SYS_flock,
    libc::SYS_gettid,
    libc::SYS_clock_gettime,
    libc::SYS_ftruncate,
    libc::SYS_prctl,
];

/// What std and glibc call in any program that has threads and files.
#[cfg(target_arch = "x86_64")]
const OF_ANY_PROGRAM: &[libc::c_long] = &[
    libc::SYS_futex,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_statx,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_readlink,
    libc::SYS_getcwd,
    libc::SYS_mkdir,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_fcntl,
    libc::SYS_poll,
    libc::SYS_prlimit64,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_clone3,
    libc::SYS_clone,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

fn filtered_system_calls(_: Effort) -> Outcome {
    if !cfg!(target_arch = "x86_64") {
        return Outcome::Skipped("the numbers of calls are those of x86-64".to_owned());
    }
    // Beside the test itself: the filter does end what calls something else.
    let ended = Program::new("filtered").argument("broken").run();
    assert!(!ended.status.success(), "{}", ended.stderr);
    for when in ["before", "after"] {
        let ended = Program::new("filtered").argument(when).run();
        ended.expect_success();
        let trace = Trace::open(&ended.trace());
        assert!(trace.stats.is_clean() && trace.end.is_some(), "{when}: {:?}", trace.stats);
        assert_eq!(trace.sure(0).times_us.len(), 100, "{when}");
    }
    Outcome::Passed("a session under a filter, and one that a filter comes over".to_owned())
}

fn filtered() {
    let when = argument(0);
    if when == "broken" {
        filter();
        // SAFETY: no pointers involved.
        unsafe { libc::sched_get_priority_max(0) };
        return;
    }
    if when == "before" {
        filter();
    }
    let config = memscope::SamplingConfig { sample_rate: 0.002, ..memscope::SamplingConfig::default() };
    let mut session = memscope::comprehensive_profile_execution("out", Some(config)).expect("a session");
    if when == "after" {
        std::thread::sleep(Duration::from_millis(100));
        filter();
    }
    // Longer than memscope looks at its own memory, and at stacks.
    for _ in 0..100 {
        let thread = std::thread::spawn(|| allocate_surely(0));
        thread.join().expect("no panic");
        std::thread::sleep(Duration::from_millis(15));
    }
    let result = session.finalize().expect("a result");
    assert_eq!(result.lost_samples, 0, "{result}");
}

#[cfg(not(target_arch = "x86_64"))]
fn filter() {}

/// From now on, any other call is the end of the process, in all of its threads.
#[cfg(target_arch = "x86_64")]
fn filter() {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IS_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, k| libc::sock_filter { code, jt, jf: 0, k };
    let allowed: Vec<_> = OF_MEMSCOPE.iter().chain(OF_ANY_PROGRAM).collect();
    // The number of the call is the first word; where it is one of these, on to the last step.
    let mut steps = vec![step(LOAD, 0, 0)];
    for (index, number) in allowed.iter().enumerate() {
        steps.push(step(IS_EQUAL, (allowed.len() - index) as u8, **number as u32));
    }
    steps.push(step(RETURN, 0, libc::SECCOMP_RET_KILL_PROCESS));
    steps.push(step(RETURN, 0, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: the program is valid for reading, and as long as it says.
    let code = unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const program,
        )
    };
    assert_eq!(code, 0, "{}", std::io::Error::last_os_error());
}
