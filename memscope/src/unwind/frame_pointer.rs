//! The chain of saved frame pointers.
//!
//! In a program built with frame pointers, the word at the frame pointer is the caller's frame pointer and the word above it the
//! return address. In one without, the register holds anything. So nothing is believed: a frame must lie inside the thread's
//! stack, be aligned, and lie above the one before it; the walk ends at the first that does not.

use super::registers::Registers;
use super::{Frames, Walk};

const WORD: usize = size_of::<usize>();

/// Walks from `registers`; the stack ends below `stack_end`.
pub(crate) fn walk(registers: &Registers, stack_end: usize, into: &mut Frames) -> Walk {
    let mut has_room = into.push(registers.instruction_pointer as u64);
    let mut lowest = registers.stack_pointer;
    let mut frame = registers.frame_pointer;
    while frame >= lowest
        && frame.is_multiple_of(WORD)
        && frame.checked_add(2 * WORD).is_some_and(|end| end <= stack_end)
    {
        // SAFETY: two aligned words between the stack pointer and the end of the calling thread's own stack, which is
        // mapped and readable throughout.
        let (caller_frame, return_address) = unsafe {
            let at = frame as *const usize;
            (at.read_volatile(), at.add(1).read_volatile())
        };
        let return_address = strip(return_address);
        // No code lies in the first page; 0 ends the chain.
        if return_address < 4096 {
            break;
        }
        has_room = into.push(return_address as u64 - 1);
        if !has_room {
            break;
        }
        lowest = frame + 2 * WORD;
        frame = caller_frame;
    }
    Walk { truncated: !has_room, missed: false }
}

/// Takes a pointer-authentication code off a return address.
#[inline(always)]
pub(super) fn strip(address: usize) -> usize {
    if cfg!(target_arch = "aarch64") { address & 0x0000_FFFF_FFFF_FFFF } else { address }
}
