//! What the shared files ask of the operating system, for a model.

use crate::sync::{AtomicU32, Ordering};
use core::ptr::NonNull;
use core::time::Duration;
use std::alloc::{Layout, alloc_zeroed, dealloc};

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 4096).expect("a layout")
}

/// Zeroed memory.
pub(crate) fn map(bytes: usize) -> Option<NonNull<u8>> {
    // SAFETY: the layout is not of zero size.
    NonNull::new(unsafe { alloc_zeroed(layout(bytes)) })
}

/// Gives it back.
///
/// # Safety
/// `at` and `bytes` are those of one call of [`map`], and nothing refers to the memory any more.
pub(crate) unsafe fn unmap(at: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller's contract.
    unsafe { dealloc(at.as_ptr(), layout(bytes)) };
}

pub(crate) fn prefetch<T>(_: *const T) {}

loom::lazy_static! {
    static ref FUTEX: (loom::sync::Mutex<()>, loom::sync::Condvar) =
        (loom::sync::Mutex::new(()), loom::sync::Condvar::new());
}

/// Waits while `word` holds `expected`, for ever: who is not woken is a deadlock, which loom finds.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, _: Duration) {
    let mut guard = FUTEX.0.lock().expect("no panic");
    // The kernel looks at the word under its own lock.
    while word.load(Ordering::SeqCst) == expected {
        guard = FUTEX.1.wait(guard).expect("no panic");
    }
}

pub(crate) fn futex_wake(_: &AtomicU32) {
    let _guard = FUTEX.0.lock().expect("no panic");
    FUTEX.1.notify_all();
}
