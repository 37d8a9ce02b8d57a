//! The registers that a stack walk starts from.

use core::arch::asm;

/// Where the calling function stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registers {
    pub(crate) instruction_pointer: usize,
    pub(crate) stack_pointer: usize,
    pub(crate) frame_pointer: usize,
    /// Where the function will return to, on architectures that keep it in a register.
    #[cfg(target_arch = "aarch64")]
    pub(crate) link_register: usize,
}

impl Registers {
    /// Those of the function that this is inlined into. They hold while that function's frame lives.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(crate) fn capture() -> Self {
        let (instruction_pointer, stack_pointer, frame_pointer);
        // SAFETY: reads three registers, in one block so that they belong together.
        unsafe {
            asm!("lea {ip}, [rip]", "mov {sp}, rsp", "mov {fp}, rbp",
                ip = out(reg) instruction_pointer, sp = out(reg) stack_pointer, fp = out(reg) frame_pointer,
                options(nomem, nostack, preserves_flags));
        }
        Self { instruction_pointer, stack_pointer, frame_pointer }
    }

    /// Those of the function that this is inlined into. They hold while that function's frame lives.
    #[cfg(target_arch = "aarch64")]
    #[inline(always)]
    pub(crate) fn capture() -> Self {
        let (instruction_pointer, stack_pointer, frame_pointer, link_register);
        // SAFETY: reads four registers, in one block so that they belong together.
        unsafe {
            asm!("adr {ip}, .", "mov {sp}, sp", "mov {fp}, x29", "mov {lr}, x30",
                ip = out(reg) instruction_pointer, sp = out(reg) stack_pointer, fp = out(reg) frame_pointer,
                lr = out(reg) link_register, options(nomem, nostack, preserves_flags));
        }
        Self { instruction_pointer, stack_pointer, frame_pointer, link_register }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("memscope walks stacks on x86-64 and aarch64 in this version");
