//! The vdso: a library of the kernel's in every process, with functions such as `clock_gettime`. It is no file, but lies in memory whole,
//! symbols and all, so that its image is read from there.

use super::LoadedModule;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

/// More is no vdso, bytes: kernels have one of two to five pages.
const IMAGE_BYTES_MAX: u64 = 1 << 20;

/// The vdso as it lies in this process's memory; `None` if `module` is another.
///
/// # Errors
/// The process may not read its own memory as a file, or has no list of its mappings.
pub(crate) fn image(module: &LoadedModule) -> io::Result<Option<Vec<u8>>> {
    if !module.path.starts_with("linux-vdso") {
        return Ok(None);
    }
    // The section headers stand behind the last segment, so the module's own end is not the image's.
    let maps = fs::read_to_string("/proc/self/maps")?;
    let prefix = format!("{:x}-", module.start);
    let mapping =
        maps.lines().find_map(|line| line.strip_prefix(&prefix)).filter(|line| line.ends_with("[vdso]"));
    let end = mapping.and_then(|line| u64::from_str_radix(line.split(' ').next()?, 16).ok());
    let length = end.unwrap_or(module.end).saturating_sub(module.start);
    if length > IMAGE_BYTES_MAX {
        return Ok(None);
    }
    let mut image = vec![0; length as usize];
    File::open("/proc/self/mem")?.read_exact_at(&mut image, module.start)?;
    Ok(Some(image))
}
