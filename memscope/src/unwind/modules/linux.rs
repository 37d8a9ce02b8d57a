//! What the loader says: `dl_iterate_phdr`, and the program headers that lie in memory.

use super::{LoadedModule, Range};
#[cfg(feature = "framehop")]
use super::{Section, SectionBytes};
use core::ffi::{CStr, c_int, c_void};

/// All modules, the program itself first.
pub(crate) fn loaded() -> Vec<LoadedModule> {
    let mut modules: Vec<LoadedModule> = Vec::new();
    // SAFETY: the callback matches the expected signature, and `modules` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(collect), core::ptr::from_mut(&mut modules).cast()) };
    modules
}

/// How many modules were ever loaded and unloaded: changes whenever [`loaded`] would.
pub(crate) fn generation() -> (u64, u64) {
    unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _: usize, counts: *mut c_void) -> c_int {
        // SAFETY: `info` is the loader's, `counts` is the pair that `generation` passed.
        unsafe { *counts.cast::<(u64, u64)>() = ((*info).dlpi_adds, (*info).dlpi_subs) };
        1
    }
    let mut counts = (0_u64, 0_u64);
    // SAFETY: as in `loaded`.
    unsafe { libc::dl_iterate_phdr(Some(first), core::ptr::from_mut(&mut counts).cast()) };
    counts
}

unsafe extern "C" fn collect(info: *mut libc::dl_phdr_info, _: usize, modules: *mut c_void) -> c_int {
    // SAFETY: `info` is the loader's and valid during the call; `modules` is the vector that `loaded` passed.
    let (info, modules) = unsafe { (&*info, &mut *modules.cast::<Vec<LoadedModule>>()) };
    if let Some(module) = module(info, modules.is_empty()) {
        modules.push(module);
    }
    0
}

fn module(info: &libc::dl_phdr_info, first: bool) -> Option<LoadedModule> {
    // SAFETY: the loader's table of `dlpi_phnum` headers.
    let headers = unsafe { core::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let bias = info.dlpi_addr;
    let place = |header: &libc::Elf64_Phdr| {
        let start = bias.wrapping_add(header.p_vaddr);
        Range { start, end: start.wrapping_add(header.p_memsz) }
    };
    let of_kind = |kind: u32| headers.iter().filter(move |header| header.p_type == kind);
    let loads: Vec<Range> = of_kind(libc::PT_LOAD).map(place).collect();
    let is_writable = |header: &&libc::Elf64_Phdr| header.p_flags & libc::PF_W != 0;
    let writable = of_kind(libc::PT_LOAD).filter(is_writable).map(place).collect();
    let start = loads.iter().map(|load| load.start).min()?;
    let end = loads.iter().map(|load| load.end).max()?;
    #[cfg(feature = "framehop")]
    let unwind =
        of_kind(libc::PT_GNU_EH_FRAME).map(place).find_map(|header| unwind_sections(header, &loads, first));
    let build_id = of_kind(libc::PT_NOTE).map(place).find_map(build_id).unwrap_or_default();
    let path = if first {
        std::fs::read_link("/proc/self/exe")
            .map(|path| path.to_string_lossy().into_owned())
            .unwrap_or_default()
    } else {
        // SAFETY: the loader's zero-terminated name.
        unsafe { CStr::from_ptr(info.dlpi_name) }.to_string_lossy().into_owned()
    };
    Some(LoadedModule {
        path,
        build_id,
        start,
        end,
        bias,
        writable,
        #[cfg(feature = "framehop")]
        unwind,
    })
}

/// `.eh_frame_hdr`, and `.eh_frame` as it names it, up to the end of the segment that it lies in. Called with the loader's lock
/// held: nothing is unloaded meanwhile. Only the program itself (`permanent`) is never unloaded later.
#[cfg(feature = "framehop")]
fn unwind_sections(header: Range, loads: &[Range], permanent: bool) -> Option<(Section, Section)> {
    const PC_RELATIVE_I32: u8 = 0x1b;
    let section = |range: Range| {
        // SAFETY: inside a segment that is mapped readable and constant: for good, or while the loader's lock is held.
        let bytes: &'static [u8] = unsafe {
            core::slice::from_raw_parts(range.start as *const u8, (range.end - range.start) as usize)
        };
        let bytes = if permanent { SectionBytes::Mapped(bytes) } else { SectionBytes::Copied(bytes.into()) };
        Section { range, bytes }
    };
    let covering = |address: u64| loads.iter().find(|load| (load.start..load.end).contains(&address));
    covering(header.start).filter(|load| header.end <= load.end && header.end - header.start >= 8)?;
    let header = section(header);
    if header.bytes[0] != 1 || header.bytes[1] != PC_RELATIVE_I32 {
        return None;
    }
    let offset = i32::from_le_bytes([header.bytes[4], header.bytes[5], header.bytes[6], header.bytes[7]]);
    let start = (header.range.start + 4).wrapping_add_signed(i64::from(offset));
    let end = covering(start)?.end;
    Some((header, section(Range { start, end })))
}

/// The GNU build id in a segment of notes.
fn build_id(notes: Range) -> Option<Vec<u8>> {
    const GNU_BUILD_ID: u32 = 3;
    let (mut at, end) = (notes.start, notes.end);
    while at + 12 <= end {
        // SAFETY: twelve bytes inside a mapped segment; notes are four-byte aligned but not trusted to be.
        let head = unsafe { core::ptr::read_unaligned(at as *const [u32; 3]) };
        let [name_bytes, desc_bytes, kind] = head;
        let name_at = at + 12;
        let desc_at = name_at + u64::from(name_bytes).next_multiple_of(4);
        let next = desc_at + u64::from(desc_bytes).next_multiple_of(4);
        if next > end {
            return None;
        }
        if kind == GNU_BUILD_ID && name_bytes == 4 {
            // SAFETY: `desc_bytes` bytes inside the segment.
            let id = unsafe { core::slice::from_raw_parts(desc_at as *const u8, desc_bytes as usize) };
            return Some(id.to_vec());
        }
        at = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_this_program_and_its_build_id() {
        let modules = loaded();
        let here = finds_this_program_and_its_build_id as fn() as usize as u64;
        let this = &modules[0];
        assert!((this.start..this.end).contains(&here));
        assert_eq!(std::path::Path::new(&this.path), std::env::current_exe().expect("a path"));
        #[cfg(feature = "framehop")]
        assert!(this.unwind.is_some());
        assert!(modules.iter().any(|module| module.path.contains("libc") && module.build_id.len() == 20));
        assert_eq!(generation(), generation());
    }
}
