//! The frames of one walk, on the walking thread's stack.

use crate::ring::MAX_FRAMES;
use core::mem::MaybeUninit;

/// Code addresses, innermost first. Room for the most that a sample holds; a sample has a fifth of it mostly, so the rest is never written.
pub(crate) struct Frames {
    addresses: [MaybeUninit<u64>; MAX_FRAMES],
    len: usize,
}

impl Frames {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { addresses: [MaybeUninit::uninit(); MAX_FRAMES], len: 0 }
    }

    /// Adds the next one outwards; `false` where there is no room.
    #[inline(always)]
    pub(crate) fn push(&mut self, address: u64) -> bool {
        let Some(slot) = self.addresses.get_mut(self.len) else { return false };
        slot.write(address);
        self.len += 1;
        true
    }

    pub(crate) fn as_slice(&self) -> &[u64] {
        // SAFETY: `push` has written the first `len`, and `len` is never above their number.
        unsafe { core::slice::from_raw_parts(self.addresses.as_ptr().cast(), self.len) }
    }
}
