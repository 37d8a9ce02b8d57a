//! The allocators' own functions: found without linking to any of them, and called.
//!
//! A function that is linked statically into the program is not in its dynamic symbol table, so `dlsym` does not see it. A *weak* reference does:
//! the linker fills it in if something else brings the function along, and leaves it null if not. Rust has none, assembly does; where this
//! crate has no assembly for the processor, `dlsym` has to do.

use super::answer::Answer;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

type Mallctl = unsafe extern "C" fn(*const c_char, *mut c_void, *mut usize, *mut c_void, usize) -> c_int;
type ProcessInfo = unsafe extern "C" fn(
    *mut usize,
    *mut usize,
    *mut usize,
    *mut usize,
    *mut usize,
    *mut usize,
    *mut usize,
    *mut usize,
);
type Mallinfo2 = unsafe extern "C" fn() -> Mallinfo;

/// glibc's `struct mallinfo2`.
#[repr(C)]
pub(super) struct Mallinfo {
    arena: usize,
    ordblks: usize,
    smblks: usize,
    hblks: usize,
    hblkhd: usize,
    usmblks: usize,
    fsmblks: usize,
    uordblks: usize,
    fordblks: usize,
    keepcost: usize,
}

/// The functions of an allocator.
#[derive(Debug)]
pub(super) enum Found {
    Jemalloc(Mallctl),
    Mimalloc(ProcessInfo),
    Glibc(Mallinfo2),
}

/// The allocator to ask.
pub(super) fn find() -> Option<Found> {
    let jemalloc = [weak::rjem_mallctl(), weak::mallctl(), exported(c"_rjem_mallctl"), exported(c"mallctl")];
    if let Some(address) = jemalloc.into_iter().find(|address| !address.is_null()) {
        // SAFETY: `mallctl` has had this signature since jemalloc 1.
        return Some(Found::Jemalloc(unsafe { std::mem::transmute::<*mut c_void, Mallctl>(address) }));
    }
    let mimalloc = [weak::mi_process_info(), exported(c"mi_process_info")];
    if let Some(address) = mimalloc.into_iter().find(|address| !address.is_null()) {
        // SAFETY: `mi_process_info` has had this signature since mimalloc 1.7.
        return Some(Found::Mimalloc(unsafe { std::mem::transmute::<*mut c_void, ProcessInfo>(address) }));
    }
    let address = exported(c"mallinfo2");
    // SAFETY: glibc's `mallinfo2` takes nothing and returns the struct above.
    (!address.is_null())
        .then(|| Found::Glibc(unsafe { std::mem::transmute::<*mut c_void, Mallinfo2>(address) }))
}

pub(super) fn ask(found: &Found) -> Answer {
    match *found {
        Found::Jemalloc(mallctl) => jemalloc(mallctl),
        Found::Mimalloc(process_info) => mimalloc(process_info),
        Found::Glibc(mallinfo2) => {
            // SAFETY: it may be called at any time from any thread.
            let told = unsafe { mallinfo2() };
            Answer::Glibc {
                arena: bytes(told.arena),
                mapped_apart: bytes(told.hblkhd),
                in_use: bytes(told.uordblks),
                free: bytes(told.fordblks),
            }
        }
    }
}

fn jemalloc(mallctl: Mallctl) -> Answer {
    let mut epoch = 1_u64;
    // Without a new epoch the figures are those of the last asking. Its failure shows in the figures.
    // SAFETY: `epoch` is read and written as a u64, as the length says; the pointers are to locals.
    unsafe {
        let epoch = ptr::from_mut(&mut epoch).cast::<c_void>();
        mallctl(c"epoch".as_ptr(), ptr::null_mut(), ptr::null_mut(), epoch, size_of::<u64>());
    }
    let read = |name: &CStr| {
        let (mut value, mut length) = (0_usize, size_of::<usize>());
        // SAFETY: these figures are of type `size_t`; the pointers are to locals, the length is theirs.
        let code = unsafe {
            let value = ptr::from_mut(&mut value).cast::<c_void>();
            mallctl(name.as_ptr(), value, &raw mut length, ptr::null_mut(), 0)
        };
        (code == 0).then(|| bytes(value))
    };
    Answer::Jemalloc {
        allocated: read(c"stats.allocated"),
        active: read(c"stats.active"),
        metadata: read(c"stats.metadata"),
        mapped: read(c"stats.mapped"),
        resident: read(c"stats.resident"),
        retained: read(c"stats.retained"),
    }
}

fn mimalloc(process_info: ProcessInfo) -> Answer {
    let mut told = [0_usize; 8];
    let [elapsed, user, system, rss, peak_rss, commit, peak_commit, faults] = &mut told;
    // SAFETY: eight pointers to eight different numbers that live until it returns.
    unsafe { process_info(elapsed, user, system, rss, peak_rss, commit, peak_commit, faults) };
    Answer::Mimalloc { committed: bytes(*commit) }
}

fn bytes(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(unix)]
fn exported(name: &CStr) -> *mut c_void {
    // SAFETY: `name` is a C string; RTLD_DEFAULT is a handle that dlsym knows.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

#[cfg(not(unix))]
fn exported(_name: &CStr) -> *mut c_void {
    ptr::null_mut()
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod weak {
    /// Functions that tell the address of a symbol, null where nothing in the program has it.
    macro_rules! weak {
        ($($function:ident => $symbol:literal),*) => {$(
            pub(super) fn $function() -> *mut std::ffi::c_void {
                let address: *mut std::ffi::c_void;
                // SAFETY: loads a word of the global offset table, which the linker fills in; changes nothing.
                unsafe {
                    #[cfg(target_arch = "x86_64")]
                    std::arch::asm!(
                        concat!(".weak ", $symbol),
                        concat!("mov {0}, qword ptr [rip + ", $symbol, "@GOTPCREL]"),
                        out(reg) address,
                        options(nostack, pure, readonly, preserves_flags)
                    );
                    #[cfg(target_arch = "aarch64")]
                    std::arch::asm!(
                        concat!(".weak ", $symbol),
                        concat!("adrp {0}, :got:", $symbol),
                        concat!("ldr {0}, [{0}, :got_lo12:", $symbol, "]"),
                        out(reg) address,
                        options(nostack, pure, readonly, preserves_flags)
                    );
                }
                address
            }
        )*};
    }
    weak!(rjem_mallctl => "_rjem_mallctl", mallctl => "mallctl", mi_process_info => "mi_process_info");
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod weak {
    pub(super) fn rjem_mallctl() -> *mut std::ffi::c_void {
        std::ptr::null_mut()
    }

    pub(super) fn mallctl() -> *mut std::ffi::c_void {
        std::ptr::null_mut()
    }

    pub(super) fn mi_process_info() -> *mut std::ffi::c_void {
        std::ptr::null_mut()
    }
}
