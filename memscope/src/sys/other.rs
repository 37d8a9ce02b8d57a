//! Where memscope does not record: nothing is mapped and nothing waited for, and a session is refused before it asks for more ([`IS_SUPPORTED`]). The
//! program runs over its inner allocator as it would without memscope.

use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;
use core::time::Duration;
use std::fs::File;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Instant;

pub(crate) const IS_SUPPORTED: bool = false;

pub(crate) fn map(_bytes: usize) -> Option<NonNull<u8>> {
    None
}

pub(crate) fn map_shared(_file: &File, _bytes: usize) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn is_in_memory(_file: &File) -> bool {
    false
}

pub(crate) unsafe fn unmap(_at: NonNull<u8>, _bytes: usize) {}

pub(crate) unsafe fn use_small_pages(_at: *mut u8, _bytes: usize) {}

pub(crate) unsafe fn clear(_at: *mut u8, _bytes: usize) {}

pub(crate) fn monotonic_ns() -> u64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn thread_cpu_ns() -> u64 {
    0
}

pub(crate) fn process_cpu_ns() -> u64 {
    0
}

pub(crate) fn pause() {
    std::thread::yield_now();
}

pub(crate) fn futex_wait(_word: &AtomicU32, _expected: u32, limit: Duration) {
    std::thread::sleep(limit.min(Duration::from_millis(1)));
}

pub(crate) fn futex_wake(_word: &AtomicU32) {}

pub(crate) fn is_filtered() -> bool {
    true
}

pub(crate) fn ask_for_short_turns() {}

pub(crate) fn thread_id() -> u32 {
    0
}

pub(crate) fn process_id() -> u32 {
    std::process::id()
}

pub(crate) fn thread_name() -> [u8; 16] {
    [0; 16]
}

pub(crate) fn stack_bounds() -> Option<(usize, usize)> {
    None
}

pub(crate) fn page_bytes() -> usize {
    4096
}

pub(crate) fn create_exit_key(_destructor: unsafe extern "C" fn(*mut c_void)) -> Option<u32> {
    None
}

pub(crate) fn set_exit_key(_key: u32, _value: *mut c_void) -> bool {
    false
}

pub(crate) fn write_to_stderr(bytes: &[u8]) {
    // What stderr does not take is not said.
    let _ = io::stderr().write_all(bytes);
}

pub(crate) fn give_room(_file: &File, _from_bytes: u64, _bytes: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn file_size_limit() -> u64 {
    u64::MAX
}

pub(crate) fn at_exit(_handler: extern "C" fn()) {}

pub(crate) fn at_fork(
    _before: unsafe extern "C" fn(),
    _after: unsafe extern "C" fn(),
    _in_child: unsafe extern "C" fn(),
) {
}

pub(crate) fn thread_handle() -> usize {
    0
}

pub(crate) fn with_signals_blocked<R>(body: impl FnOnce() -> R) -> R {
    body()
}
