//! The file on this machine that a module of the trace was mapped from.
//!
//! The paths in a trace are its author's: nothing is opened that is not a regular file of a sane size, and nothing is
//! believed that has another build id than the trace says. Only in a folder that the user names is a file of the
//! right name taken for a module that has no build id.

use super::modules::file_name;
use memscope_trace::Module;
use std::path::{Path, PathBuf};

/// Larger files are not mapped, bytes.
const BINARY_BYTES_MAX: u64 = 8 << 30;

/// The binary or debug file for `module`, looked for in `symbols_dirs` first and then where the module was.
///
/// # Errors
/// One clause that says what was found instead.
pub(super) fn find(module: &Module, symbols_dirs: &[PathBuf]) -> Result<PathBuf, String> {
    let mut reasons = Vec::new();
    for dir in symbols_dirs {
        for candidate in candidates(dir, module) {
            match check(&candidate, module, true) {
                Ok(()) => return Ok(candidate),
                Err(Some(reason)) => reasons.push(reason),
                Err(None) => {}
            }
        }
    }
    let path = Path::new(&module.path);
    if !path.is_absolute() {
        reasons.push("the trace does not say where it is".to_owned());
        return Err(reasons.swap_remove(0));
    }
    match check(path, module, false) {
        Ok(()) => return Ok(path.to_owned()),
        Err(reason) => reasons.push(reason.unwrap_or_else(|| "there is no such file here".to_owned())),
    }
    Err(reasons.swap_remove(0))
}

fn candidates(dir: &Path, module: &Module) -> Vec<PathBuf> {
    let mut candidates = vec![dir.join(file_name(module))];
    if let [first, rest @ ..] = module.build_id.as_slice()
        && !rest.is_empty()
    {
        let by_id = format!(".build-id/{first:02x}/{}.debug", hex(rest));
        candidates.insert(0, dir.join(by_id));
    }
    candidates
}

/// Whether the file at `path` is `module`'s; `Err(None)` where there is none.
fn check(path: &Path, module: &Module, vouched_for: bool) -> Result<(), Option<String>> {
    let Ok(metadata) = std::fs::metadata(path) else { return Err(None) };
    let shown = path.display();
    if !metadata.is_file() {
        return Err(Some(format!("{shown} is no regular file")));
    }
    if metadata.len() > BINARY_BYTES_MAX {
        return Err(Some(format!("{shown} is larger than {} GiB", BINARY_BYTES_MAX >> 30)));
    }
    if module.build_id.is_empty() {
        return if vouched_for { Ok(()) } else { Err(Some("it has no build id to tell it by".to_owned())) };
    }
    match blazesym::helper::read_elf_build_id(path) {
        Ok(Some(found)) if *found == *module.build_id => Ok(()),
        Ok(Some(_)) => Err(Some(format!("{shown} has another build id: it was built anew since"))),
        Ok(None) => Err(Some(format!("{shown} has no build id"))),
        Err(_) => Err(Some(format!("{shown} is no ELF file"))),
    }
}

/// The bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this_binary() -> Module {
        let path = std::env::current_exe().unwrap();
        let build_id =
            blazesym::helper::read_elf_build_id(&path).unwrap().expect("a linker that writes build ids");
        Module { path: path.to_str().unwrap().to_owned(), build_id: build_id.to_vec(), ..Module::default() }
    }

    #[test]
    fn the_build_id_decides() {
        let mut module = this_binary();
        assert_eq!(find(&module, &[]).unwrap(), Path::new(&module.path));
        module.build_id[0] ^= 1;
        assert!(find(&module, &[]).unwrap_err().contains("another build id"));
        module.build_id.clear();
        assert!(find(&module, &[]).unwrap_err().contains("no build id"));
    }

    #[test]
    fn named_folders_are_searched_by_name_and_by_build_id() {
        let dir = tempfile::tempdir().unwrap();
        let mut module = this_binary();
        let original = module.path.clone();
        module.path = "/nowhere/app".to_owned();
        assert_eq!(find(&module, &[]).unwrap_err(), "there is no such file here");

        let by_name = dir.path().join("app");
        std::fs::copy(&original, &by_name).unwrap();
        assert_eq!(find(&module, &[dir.path().into()]).unwrap(), by_name);

        let id = hex(&module.build_id);
        let by_id = dir.path().join(format!(".build-id/{}/{}.debug", &id[..2], &id[2..]));
        std::fs::create_dir_all(by_id.parent().unwrap()).unwrap();
        std::fs::rename(&by_name, &by_id).unwrap();
        assert_eq!(find(&module, &[dir.path().into()]).unwrap(), by_id);

        std::fs::copy(&original, &by_name).unwrap();
        module.build_id.clear();
        assert_eq!(find(&module, &[dir.path().into()]).unwrap(), by_name);
    }

    #[cfg(unix)]
    #[test]
    fn devices_pipes_and_folders_are_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in ["/dev/zero", "/", pipe.to_str().unwrap()] {
            let module = Module { path: path.into(), build_id: vec![1; 20], ..Module::default() };
            assert!(find(&module, &[]).unwrap_err().ends_with("is no regular file"), "{path}");
        }
        let text = dir.path().join("text");
        std::fs::write(&text, "no ELF").unwrap();
        let module =
            Module { path: text.to_str().unwrap().into(), build_id: vec![1; 20], ..Module::default() };
        assert!(find(&module, &[]).is_err());
        let module = Module { path: "relative".into(), build_id: vec![1; 20], ..Module::default() };
        assert!(find(&module, &[]).is_err());
    }
}
