//! The operating system's calls that the standard library does not have; the only `unsafe` code of this
//! folder.

#[cfg(unix)]
pub(super) use signals::BlockedSignals;

#[cfg(not(unix))]
pub(super) use no_signals::BlockedSignals;

#[cfg(unix)]
mod signals {
    use std::mem::MaybeUninit;

    /// While this lives, the calling thread takes no signal, and a thread spawned by it will never take one:
    /// a signal meant for the program is left to the program's threads. Faults of the thread itself (SEGV,
    /// BUS, ILL, FPE) stay deliverable: blocking those would kill the process without its handler being
    /// asked.
    #[derive(Debug)]
    #[must_use]
    pub(crate) struct BlockedSignals {
        /// The mask to restore; `None` if blocking failed.
        before: Option<libc::sigset_t>,
    }

    impl BlockedSignals {
        pub(crate) fn new() -> Self {
            let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
            let mut before = MaybeUninit::<libc::sigset_t>::uninit();
            // SAFETY: sigfillset initialises the whole set before sigdelset and pthread_sigmask read it; both
            // pointers are to locals of the right type; pthread_sigmask writes `before` when it returns 0,
            // and only then is it read.
            let before = unsafe {
                libc::sigfillset(blocked.as_mut_ptr());
                for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
                    libc::sigdelset(blocked.as_mut_ptr(), fault);
                }
                let code = libc::pthread_sigmask(libc::SIG_SETMASK, blocked.as_ptr(), before.as_mut_ptr());
                (code == 0).then(|| before.assume_init())
            };
            Self { before }
        }
    }

    impl Drop for BlockedSignals {
        fn drop(&mut self) {
            if let Some(before) = &self.before {
                // SAFETY: `before` was filled in by pthread_sigmask; a null pointer says that the old mask is
                // not wanted.
                unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
            }
        }
    }
}

#[cfg(not(unix))]
mod no_signals {
    /// There are no signals to block here.
    #[derive(Debug)]
    #[must_use]
    pub(crate) struct BlockedSignals;

    impl BlockedSignals {
        pub(crate) fn new() -> Self {
            Self
        }
    }
}

#[cfg(unix)]
pub(crate) use unix::usage;

#[cfg(unix)]
mod unix {
    use super::super::snapshot::Usage;
    use std::io;
    use std::mem::MaybeUninit;

    /// What the kernel counts for the process, its ended threads included.
    pub(crate) fn usage() -> io::Result<Usage> {
        let mut usage = MaybeUninit::<libc::rusage>::uninit();
        // SAFETY: the pointer is to a local rusage, which getrusage fills in when it returns 0; only then is
        // it read.
        let usage = unsafe {
            if libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            usage.assume_init()
        };
        let ns = |time: libc::timeval| {
            super::unsigned(time.tv_sec)
                .saturating_mul(super::NS_PER_SECOND)
                .saturating_add(super::unsigned(time.tv_usec).saturating_mul(1_000))
        };
        Ok(Usage {
            user_ns: ns(usage.ru_utime),
            system_ns: ns(usage.ru_stime),
            minor_faults: super::unsigned(usage.ru_minflt),
            major_faults: super::unsigned(usage.ru_majflt),
            voluntary_switches: super::unsigned(usage.ru_nvcsw),
            involuntary_switches: super::unsigned(usage.ru_nivcsw),
        })
    }
}

#[cfg(unix)]
const NS_PER_SECOND: u64 = 1_000_000_000;

/// A count or a time that is never negative; its C type differs between platforms.
#[cfg(unix)]
fn unsigned<T: TryInto<u64>>(value: T) -> u64 {
    value.try_into().unwrap_or(0)
}

#[cfg(target_os = "linux")]
pub(crate) use linux::*;

#[cfg(target_os = "linux")]
mod linux {
    use super::{NS_PER_SECOND, unsigned};
    use std::fs::File;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::AsRawFd;

    /// The monotonic clock, nanoseconds.
    pub(crate) fn monotonic_ns() -> u64 {
        clock_ns(libc::CLOCK_MONOTONIC).unwrap_or(0)
    }

    /// CPU time of the calling thread, nanoseconds.
    pub(crate) fn own_cpu_ns() -> io::Result<u64> {
        clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
    }

    /// CPU time of the thread `tid` of this process, nanoseconds; an error once it has ended.
    pub(crate) fn thread_cpu_ns(tid: u32) -> io::Result<u64> {
        // The kernel's encoding of a thread's CPU clock (`MAKE_THREAD_CPUCLOCK(tid, CPUCLOCK_SCHED)`).
        clock_ns(((!tid << 3) | 6).cast_signed())
    }

    fn clock_ns(clock: libc::clockid_t) -> io::Result<u64> {
        let mut time = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: the pointer is to a local timespec, which clock_gettime fills in when it returns 0; only
        // then is it read.
        let time = unsafe {
            if libc::clock_gettime(clock, time.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            time.assume_init()
        };
        Ok(unsigned(time.tv_sec).saturating_mul(NS_PER_SECOND).saturating_add(unsigned(time.tv_nsec)))
    }

    /// Cores of the machine that are on line.
    pub(crate) fn machine_cores() -> io::Result<u64> {
        system_figure(libc::_SC_NPROCESSORS_ONLN)
    }

    /// Bytes in a page of memory.
    pub(crate) fn page_bytes() -> io::Result<u64> {
        system_figure(libc::_SC_PAGESIZE)
    }

    fn system_figure(name: libc::c_int) -> io::Result<u64> {
        // SAFETY: sysconf takes no pointer and may be called at any time.
        let figure = unsafe { libc::sysconf(name) };
        u64::try_from(figure).map_err(|_| io::Error::last_os_error())
    }

    /// The kernel's id of the calling thread.
    pub(crate) fn own_tid() -> u32 {
        // SAFETY: gettid takes no argument and cannot fail.
        let tid = unsafe { libc::syscall(libc::SYS_gettid) };
        u32::try_from(tid).unwrap_or(0)
    }

    /// The most descriptors that this process may have open (the soft limit).
    pub(crate) fn descriptor_limit() -> io::Result<u64> {
        let mut limit = MaybeUninit::<libc::rlimit>::uninit();
        // SAFETY: the pointer is to a local rlimit, which getrlimit fills in when it returns 0; only then is
        // it read.
        unsafe {
            if libc::getrlimit(libc::RLIMIT_NOFILE, limit.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(unsigned(limit.assume_init().rlim_cur))
        }
    }

    /// The next entries of `directory`, in the kernel's own format (`linux_dirent64`), written to `buffer`;
    /// the number of bytes written, 0 at the end. (`std::fs::read_dir` would allocate for each entry.)
    pub(crate) fn directory_entries(directory: &File, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the descriptor is open for as long as `directory` is borrowed; the kernel writes at most
        // `buffer.len()` bytes to `buffer`, which is borrowed exclusively.
        let written = unsafe {
            libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), buffer.as_mut_ptr(), buffer.len())
        };
        usize::try_from(written).map_err(|_| io::Error::last_os_error())
    }
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use crate::unwind::modules::Range;

    #[test]
    fn what_was_touched_is_resident_and_a_stack_ends_at_its_gap() {
        let page_bytes = super::page_bytes().unwrap();
        let at = |page: u64| page * page_bytes;
        let mapped = crate::sys::map(usize::try_from(at(1000)).unwrap()).expect("memory");
        let start = mapped.as_ptr() as u64;
        // SAFETY: mapped just now, with that length; each page is within it.
        unsafe {
            crate::sys::use_small_pages(mapped.as_ptr(), usize::try_from(at(1000)).unwrap());
            for page in [0, 7, 600, 601, 998, 999] {
                mapped.as_ptr().add(usize::try_from(at(page)).unwrap()).write(1);
            }
        }
        let mut sampler = crate::resources::Sampler::new();
        let range = Range { start, end: start + at(1000) };
        assert_eq!(sampler.resident_bytes(range), Ok(at(6)));
        assert_eq!(sampler.stack_bytes(range), Ok(at(2)));
        // SAFETY: mapped above with that length, and referred to no more.
        unsafe { crate::sys::unmap(mapped, usize::try_from(at(1000)).unwrap()) };
        assert_eq!(sampler.resident_bytes(range), Ok(0));
    }
}
