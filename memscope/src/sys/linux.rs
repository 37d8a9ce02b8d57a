//! Linux: memory maps, thread identity, clocks, signals, exit and fork handlers.

use super::mapped;
use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;
use core::time::Duration;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;

/// Whether sessions can record here.
pub(crate) const IS_SUPPORTED: bool = true;

/// Maps `bytes` of zeroed memory that is only backed once it is touched; `None` when there is none to be had.
pub(crate) fn map(bytes: usize) -> Option<NonNull<u8>> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: an anonymous private mapping at an address of the kernel's choice touches no memory of ours.
    let at =
        unsafe { libc::mmap(core::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if at == libc::MAP_FAILED {
        return None;
    }
    mapped::note(at as usize, bytes, false);
    NonNull::new(at.cast())
}

/// Maps the first `bytes` of a file, shared: what is stored there is in the file.
pub(crate) fn map_shared(file: &File, bytes: usize) -> io::Result<NonNull<u8>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a mapping at an address of the kernel's choice touches no memory of ours.
    let at = unsafe {
        libc::mmap(core::ptr::null_mut(), bytes, protection, libc::MAP_SHARED, file.as_raw_fd(), 0)
    };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    mapped::note(at as usize, bytes, true);
    NonNull::new(at.cast()).ok_or_else(io::Error::last_os_error)
}

/// Whether what `file` holds is in memory, not on a disk.
pub(crate) fn is_in_memory(file: &File) -> bool {
    // SAFETY: zeroes are a value of the structure, which is valid for writing; the descriptor is open.
    unsafe {
        let mut found: libc::statfs = core::mem::zeroed();
        libc::fstatfs(file.as_raw_fd(), &mut found) == 0 && found.f_type as u64 == libc::TMPFS_MAGIC as u64
    }
}

/// Gives back what [`map`] or [`map_shared`] gave.
///
/// # Safety
/// `at` and `bytes` are those of one such call, and nothing refers to the memory any more.
pub(crate) unsafe fn unmap(at: NonNull<u8>, bytes: usize) {
    mapped::forget(at.as_ptr() as usize, bytes);
    // SAFETY: the caller's contract.
    unsafe { libc::munmap(at.as_ptr().cast(), bytes) };
}

/// Keeps a mapping from being backed by huge pages, for memory that is touched here and there.
///
/// # Safety
/// `at` and `bytes` are those of one call of [`map`].
pub(crate) unsafe fn use_small_pages(at: *mut u8, bytes: usize) {
    // SAFETY: the caller's contract. A kernel without huge pages refuses, and that is as good.
    unsafe { libc::madvise(at.cast(), bytes, libc::MADV_NOHUGEPAGE) };
}

/// Makes a mapping zero again, and gives its memory back.
///
/// # Safety
/// `at` and `bytes` are those of one call of [`map`]; nobody relies on what it holds.
pub(crate) unsafe fn clear(at: *mut u8, bytes: usize) {
    // SAFETY: the caller's contract; for a private anonymous mapping this cannot fail.
    unsafe { libc::madvise(at.cast(), bytes, libc::MADV_DONTNEED) };
}

/// Nanoseconds of the monotonic clock.
#[inline]
pub(crate) fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

/// Processor time of the calling thread, nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Processor time of all threads of the process, those that ended included, nanoseconds.
pub(crate) fn process_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID)
}

#[inline]
fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing; the clocks exist on every Linux that Rust supports.
    unsafe { libc::clock_gettime(clock, &mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// Lets others run for a moment: a fraction of a millisecond.
pub(crate) fn pause() {
    let time = libc::timespec { tv_sec: 0, tv_nsec: 100_000 };
    // SAFETY: `time` is valid for reading; the rest of an interrupted sleep is not asked for.
    unsafe { libc::nanosleep(&time, core::ptr::null_mut()) };
}

/// Waits while `word` holds `expected`, at most `limit`; may come back early.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, limit: Duration) {
    let time = libc::timespec {
        tv_sec: limit.as_secs().min(i32::MAX as u64) as libc::time_t,
        tv_nsec: libc::c_long::from(limit.subsec_nanos() as i32),
    };
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word and the time are valid for reading while the call lasts.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, expected, &raw const time) };
}

/// Wakes the thread that waits on `word`.
pub(crate) fn futex_wake(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel takes the word's address for a name and reads nothing.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 1) };
}

/// Whether a filter of system calls (seccomp) is on the calling thread, or nothing says that there is none. It may end a process that makes a call
/// which it does not expect: what a program of std does not call anyway is left alone then (`mincore`, `sched_setattr`, `fallocate`).
pub(crate) fn is_filtered() -> bool {
    let mut text = [0; 4096];
    let told = File::open("/proc/thread-self/status").and_then(|mut file| file.read(&mut text));
    let Some(text) = told.ok().and_then(|length| text.get(..length)) else { return true };
    // A kernel that knows no filters has no such line.
    let mut words = text.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"Seccomp:"));
    words.next().is_some_and(|mode| mode.trim_ascii() != b"0")
}

/// Asks the scheduler for short turns of the calling thread, which then gets them soon after it wakes up, however busy the processors are: what a
/// thread asks for its turn is its deadline (Linux 6.12 and later; older kernels pass that over). Its share of the processors stays as it was.
pub(crate) fn ask_for_short_turns() {
    if is_filtered() {
        return;
    }
    // The first version of the kernel's `struct sched_attr`.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        bytes: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime_ns: u64,
        deadline_ns: u64,
        period_ns: u64,
    }
    const BYTES: usize = core::mem::size_of::<Attributes>();
    let mut attributes = Attributes::default();
    // SAFETY: thread 0 is the caller; the structure is as long as is said, and valid for writing and reading. What is refused stays as it was.
    unsafe {
        if libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, BYTES, 0) == 0
            && attributes.policy == libc::SCHED_OTHER as u32
        {
            attributes.runtime_ns = TURN_NS;
            libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0);
        }
    }
}

/// More than a tick's work, less than others' turns (1.4 to 3 ms): a thread that comes to the end of its turn in the middle of its work waits for all others.
const TURN_NS: u64 = 500_000;

/// The kernel's id of the calling thread.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::syscall(libc::SYS_gettid) as u32 }
}

/// The process id.
pub(crate) fn process_id() -> u32 {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::getpid() as u32 }
}

/// The calling thread's name, as the kernel has it: zero-terminated, at most 15 bytes.
pub(crate) fn thread_name() -> [u8; 16] {
    let mut name = [0_u8; 16];
    // SAFETY: PR_GET_NAME writes at most 16 bytes to the buffer.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name[15] = 0;
    name
}

/// The calling thread's stack: its lowest address, and one past its highest; `None` where it cannot be told.
///
/// glibc locks and may allocate from its own heap here: called once a thread, under the re-entrancy guard.
pub(crate) fn stack_bounds() -> Option<(usize, usize)> {
    // SAFETY: the attribute is initialised by `pthread_getattr_np`, read, and destroyed; all out-pointers are valid.
    unsafe {
        let mut attributes: libc::pthread_attr_t = core::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return None;
        }
        let (mut low, mut bytes) = (core::ptr::null_mut::<c_void>(), 0_usize);
        let found = libc::pthread_attr_getstack(&attributes, &mut low, &mut bytes) == 0;
        libc::pthread_attr_destroy(&mut attributes);
        found.then_some((low as usize, low as usize + bytes))
    }
}

/// Bytes of a memory page.
pub(crate) fn page_bytes() -> usize {
    // SAFETY: no pointers involved.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(4096)
}

/// A key whose destructor runs in every thread that set a value, after all of Rust's own thread-local destructors.
pub(crate) fn create_exit_key(destructor: unsafe extern "C" fn(*mut c_void)) -> Option<u32> {
    let mut key = 0;
    // SAFETY: `key` is valid for writing.
    (unsafe { libc::pthread_key_create(&mut key, Some(destructor)) } == 0).then_some(key)
}

/// Sets the calling thread's value of `key`; `false` when there is no memory for it.
pub(crate) fn set_exit_key(key: u32, value: *mut c_void) -> bool {
    // SAFETY: the key was created by `create_exit_key` and is never deleted.
    unsafe { libc::pthread_setspecific(key, value) == 0 }
}

/// Writes to stderr, once and without std's lock, which the program's own threads may hold.
pub(crate) fn write_to_stderr(bytes: &[u8]) {
    // SAFETY: the bytes are valid for reading. What stderr does not take is not said.
    unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) };
}

/// Has the file system give out `bytes` from `from_bytes` on, beyond the file's end, so that writing there cannot fail for want of room. The
/// file's length stays.
pub(crate) fn give_room(file: &File, from_bytes: u64, bytes: u64) -> io::Result<()> {
    let (from, bytes) = (from_bytes as libc::off_t, bytes as libc::off_t);
    // SAFETY: no pointers involved; the descriptor is open.
    match unsafe { libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, from, bytes) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The longest that a file of this process may become, bytes.
pub(crate) fn file_size_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for writing.
    let found = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) } == 0;
    if found { limit.rlim_cur } else { u64::MAX }
}

/// Registers `handler` for normal process exit.
pub(crate) fn at_exit(handler: extern "C" fn()) {
    // SAFETY: the handler is a static function.
    unsafe { libc::atexit(handler) };
}

/// Registers handlers for forks: before it, after it, and after it in the child, all on the thread that forks.
pub(crate) fn at_fork(
    before: unsafe extern "C" fn(),
    after: unsafe extern "C" fn(),
    in_child: unsafe extern "C" fn(),
) {
    // SAFETY: the handlers are static functions.
    unsafe { libc::pthread_atfork(Some(before), Some(after), Some(in_child)) };
}

/// A number that is the calling thread's own, and stays so in the child of a fork.
pub(crate) fn thread_handle() -> usize {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::pthread_self() as usize }
}

/// Blocks all signals of the calling thread but the synchronous ones while `body` runs. Threads started in it
/// inherit the mask: no signal of the program is ever delivered to them.
pub(crate) fn with_signals_blocked<R>(body: impl FnOnce() -> R) -> R {
    // SAFETY: the sets are initialised by `sigfillset` and `pthread_sigmask` before they are read.
    unsafe {
        let mut all: libc::sigset_t = core::mem::zeroed();
        let mut before: libc::sigset_t = core::mem::zeroed();
        libc::sigfillset(&mut all);
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
            libc::sigdelset(&mut all, signal);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let result = body();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, core::ptr::null_mut());
        result
    }
}
