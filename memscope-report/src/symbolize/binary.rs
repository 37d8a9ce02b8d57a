//! The file on this machine that knows most of the code of a module of the trace.
//!
//! The paths in a trace are its author's: nothing is opened that is not a regular file of a sane size, and nothing is
//! believed that has another build id than the trace says. Only in a folder that the user names is a file of the
//! right name taken for a module that has no build id.
//!
//! Candidates, in this order, the first that has debug information, or else the one that has most:
//!
//! 1. in each folder that the user names: `.build-id/xx/yyyy.debug`, `xxyyyy/debuginfo` (a debuginfod client's
//!    folder), the module's file name, the same with `.debug`;
//! 2. where the module was when the trace was made;
//! 3. `.build-id/xx/yyyy.debug` under `/usr/lib/debug`.
//!
//! Where a candidate has a debug link (`objcopy --add-gnu-debuglink`), the file that it names is looked for beside it,
//! in `.debug` there, in the folders that the user names, and under `/usr/lib/debug`, and must have the same build id.

use super::elf_file::{Detail, ElfFile};
use super::modules::{file_name, path_of};
use super::shared_debug::SharedDebug;
use memscope_trace::Module;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Larger files are not mapped, bytes.
const BINARY_BYTES_MAX: u64 = 8 << 30;
/// Where distributions put debug files.
pub(super) const DEBUG_DIR: &str = "/usr/lib/debug";
/// Reasons that are told of one module.
const REASONS_MAX: usize = 3;
/// Bytes of a build id that are shown.
const SHOWN_ID_BYTES: usize = 20;

/// A file that is the module's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) path: PathBuf,
    pub(super) detail: Detail,
    /// Whether its debug information is in `.dwo` files, and not packed.
    pub(super) has_dwo_files: bool,
    /// The debug information that it shares with other binaries, where it names a file for that.
    pub(super) shared: Option<SharedDebug>,
    /// Why files that might have had more were not taken; empty where there were none.
    pub(super) refused: String,
}

impl Binary {
    /// What must be equal for names that were once found in it to be those that would be found now.
    pub(super) fn stamp(&self) -> String {
        let stamp = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some((metadata.len(), modified.as_nanos()))
        };
        let mut text =
            format!("{} {:?} {:?}", self.path.display(), stamp(&self.path), stamp(&package(&self.path)));
        if let Some(shared) = self.shared.as_ref().and_then(|shared| shared.path.as_deref()) {
            text += &format!(" {} {:?}", shared.display(), stamp(shared));
        }
        text
    }
}

/// The binary or debug file for `module`.
///
/// # Errors
/// One clause that says what was found instead.
pub(super) fn find(module: &Module, symbols_dirs: &[PathBuf]) -> Result<Binary, String> {
    let mut search = Search { module, symbols_dirs, best: None, reasons: Vec::new() };
    for dir in symbols_dirs {
        search.all(&candidates(dir, module), true);
    }
    let path = Path::new(path_of(module));
    if path.is_absolute() {
        search.all(&[path.to_owned()], false);
        if search.best.is_none() && search.reasons.is_empty() {
            search.reasons.push("there is no such file here".to_owned());
        }
    } else if search.reasons.is_empty() {
        search.reasons.push("the trace does not say where it is".to_owned());
    }
    search.all(&by_build_id(Path::new(DEBUG_DIR), module), false);
    search.reasons.truncate(REASONS_MAX);
    let refused = search.reasons.join("; ");
    match search.best {
        Some(best) => Ok(Binary { refused, ..best }),
        None => Err(refused),
    }
}

/// A search for one module's file.
struct Search<'a> {
    module: &'a Module,
    symbols_dirs: &'a [PathBuf],
    best: Option<Binary>,
    reasons: Vec<String>,
}

impl Search<'_> {
    fn all(&mut self, candidates: &[PathBuf], vouched_for: bool) {
        for path in candidates {
            if self.best.as_ref().is_some_and(|best| best.detail == Detail::DebugInformation) {
                return;
            }
            match check(path, self.module, vouched_for) {
                Ok(file) => {
                    if file.detail < Detail::DebugInformation
                        && let Some(link) = &file.debug_link
                    {
                        self.follow(path, link);
                    }
                    self.offer(path, &file);
                }
                Err(Some(reason)) => self.reasons.push(reason),
                Err(None) => {}
            }
        }
    }

    /// Looks for the debug file `link` of the binary at `path`.
    fn follow(&mut self, path: &Path, link: &str) {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let global = Path::new(DEBUG_DIR).join(folder.strip_prefix("/").unwrap_or(folder));
        let mut folders = vec![folder.to_owned(), folder.join(".debug")];
        folders.extend(self.symbols_dirs.iter().cloned());
        folders.push(global);
        for candidate in folders.iter().map(|folder| folder.join(link)).filter(|candidate| candidate != path)
        {
            match check(&candidate, self.module, false) {
                Ok(file) => {
                    // A package beside the binary belongs to the skeleton units in the debug file.
                    if package(path).is_file() && !package(&candidate).is_file() {
                        self.take(path, &file, false);
                    } else {
                        self.offer(&candidate, &file);
                    }
                    return;
                }
                Err(Some(reason)) => self.reasons.push(reason),
                Err(None) => {}
            }
        }
    }

    /// Takes the file at `path` if it knows more than the best so far.
    fn offer(&mut self, path: &Path, file: &ElfFile) {
        if self.best.as_ref().is_none_or(|best| best.detail < file.detail) {
            self.take(path, file, file.is_split && !package(path).is_file());
        }
    }

    fn take(&mut self, path: &Path, file: &ElfFile, has_dwo_files: bool) {
        let detail = file.detail;
        let link = file.shared_link.as_ref();
        let shared = link.map(|link| SharedDebug::find(link, path, self.symbols_dirs));
        self.best =
            Some(Binary { path: path.to_owned(), detail, has_dwo_files, shared, refused: String::new() });
    }
}

/// The DWARF package beside the binary at `path`: `app.dwp`, `libapp.so.dwp`.
fn package(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".dwp");
    PathBuf::from(name)
}

fn candidates(dir: &Path, module: &Module) -> Vec<PathBuf> {
    let mut candidates = by_build_id(dir, module);
    if !module.build_id.is_empty() {
        candidates.push(dir.join(hex(&module.build_id)).join("debuginfo"));
    }
    candidates.push(dir.join(file_name(module)));
    candidates.push(dir.join(format!("{}.debug", file_name(module))));
    candidates
}

/// Where in `dir` the debug file of `module` would be by its build id.
pub(super) fn by_build_id(dir: &Path, module: &Module) -> Vec<PathBuf> {
    match module.build_id.as_slice() {
        [first, rest @ ..] if !rest.is_empty() => {
            vec![dir.join(format!(".build-id/{first:02x}/{}.debug", hex(rest)))]
        }
        _ => Vec::new(),
    }
}

/// Whether the file at `path` is `module`'s; `Err(None)` where there is none.
pub(super) fn check(path: &Path, module: &Module, vouched_for: bool) -> Result<ElfFile, Option<String>> {
    let Ok(metadata) = std::fs::metadata(path) else { return Err(None) };
    let shown = path.display();
    if !metadata.is_file() {
        return Err(Some(format!("{shown} is no regular file")));
    }
    if metadata.len() > BINARY_BYTES_MAX {
        return Err(Some(format!("{shown} is larger than {} GiB", BINARY_BYTES_MAX >> 30)));
    }
    if module.build_id.is_empty() && !vouched_for {
        return Err(Some("it has no build id to tell it by".to_owned()));
    }
    let Some(file) = ElfFile::read(path) else { return Err(Some(format!("{shown} is no ELF file"))) };
    if file.is_bomb {
        return Err(Some(format!(
            "{shown} has a compressed section that claims to be larger than it can be: the file is damaged"
        )));
    }
    if module.build_id.is_empty() || file.build_id == module.build_id {
        return Ok(file);
    }
    Err(Some(if file.build_id.is_empty() {
        format!("{shown} has no build id, the trace's is {}", shown_id(&module.build_id))
    } else {
        format!(
            "{shown} has another build id: {}, the trace's is {}; it was built anew since",
            shown_id(&file.build_id),
            shown_id(&module.build_id)
        )
    }))
}

fn shown_id(build_id: &[u8]) -> String {
    match build_id.get(..SHOWN_ID_BYTES) {
        Some(start) if start.len() < build_id.len() => format!("{}...", hex(start)),
        _ => hex(build_id),
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
        let build_id = ElfFile::read(&path).unwrap().build_id;
        assert!(!build_id.is_empty(), "a linker that writes build ids");
        Module { path: path.to_str().unwrap().to_owned(), build_id, ..Module::default() }
    }

    fn found(module: &Module, dirs: &[PathBuf]) -> PathBuf {
        find(module, dirs).unwrap().path
    }

    #[test]
    fn the_build_id_decides() {
        let mut module = this_binary();
        assert_eq!(found(&module, &[]), Path::new(&module.path));
        let actual = hex(&module.build_id);
        module.build_id[0] ^= 1;
        let reason = find(&module, &[]).unwrap_err();
        let both = [actual, hex(&module.build_id), module.path.clone()];
        assert!(both.iter().all(|part| reason.contains(part)), "{reason}");
        module.build_id.clear();
        assert!(find(&module, &[]).unwrap_err().contains("no build id"));
    }

    #[test]
    fn a_binary_that_was_replaced_is_looked_for_by_its_name() {
        let mut module = this_binary();
        let path = std::mem::take(&mut module.path);
        module.path = format!("{path} (deleted)");
        assert_eq!(found(&module, &[]), Path::new(&path));
    }

    #[test]
    fn named_folders_are_searched_by_name_and_by_build_id() {
        let dir = tempfile::tempdir().unwrap();
        let mut module = this_binary();
        let original = module.path.clone();
        module.path = "/nowhere/app".to_owned();
        assert_eq!(find(&module, &[]).unwrap_err(), "there is no such file here");

        let dirs = [dir.path().to_owned()];
        let by_name = dir.path().join("app");
        std::fs::copy(&original, &by_name).unwrap();
        assert_eq!(found(&module, &dirs), by_name);

        let id = hex(&module.build_id);
        let by_id = dir.path().join(format!(".build-id/{}/{}.debug", &id[..2], &id[2..]));
        let by_daemon = dir.path().join(&id).join("debuginfo");
        let mut from = by_name.clone();
        for place in [by_id, by_daemon] {
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::rename(&from, &place).unwrap();
            assert_eq!(found(&module, &dirs), place);
            from = place;
        }
        std::fs::rename(&from, &by_name).unwrap();
        module.build_id.clear();
        assert_eq!(found(&module, &dirs), by_name);
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
