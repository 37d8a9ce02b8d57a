//! The preloaded shim before libc's `write`: built with the system's C compiler, and told by its process what to spoil.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

const SOURCE: &str = include_str!("shim.c");

/// What happens to the writes that are meant (the numbers are the shim's).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// The error number.
    Fails(i32),
    /// Every second one is interrupted.
    Interrupted,
    /// Half of it is taken.
    Short,
    /// Takes so many milliseconds.
    Slow(i64),
    /// Half of the first is taken, then this error number.
    Torn(i32),
}

/// Where the shim is, built once; or why it cannot be had.
pub(crate) fn library() -> Result<PathBuf, String> {
    static BUILT: OnceLock<Result<(tempfile::TempDir, PathBuf), String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (source, library) = (folder.path().join("shim.c"), folder.path().join("shim.so"));
        std::fs::write(&source, SOURCE).map_err(|error| error.to_string())?;
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut command = Command::new(&compiler);
        command.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&library).arg(&source);
        let built = command.output().map_err(|error| format!("no C compiler ({compiler}): {error}"))?;
        // A compiler that is there must accept it: that is no reason to skip.
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Ok((folder, library))
    });
    built.as_ref().map(|(_, library)| library.clone()).map_err(Clone::clone)
}

fn symbol(name: &std::ffi::CStr) -> *mut libc::c_void {
    // SAFETY: the name is a C string.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    assert!(!symbol.is_null(), "the shim is not preloaded");
    symbol
}

/// Spoils the writes to the trace from number `from` (counted from 1) on, `count` of them.
pub(crate) fn arm(fault: Fault, from: i64, count: i64) {
    let (kind, error, ms) = match fault {
        Fault::Fails(error) => (1, error, 0),
        Fault::Interrupted => (2, 0, 0),
        Fault::Short => (3, 0, 0),
        Fault::Slow(ms) => (4, 0, ms),
        Fault::Torn(error) => (5, error, 0),
    };
    // SAFETY: the shim's function has this type.
    let arm: extern "C" fn(i32, i32, i64, i64, i64) = unsafe { std::mem::transmute(symbol(c"fault_arm")) };
    arm(kind, error, from, count, ms);
}

/// Writes to the trace since then.
pub(crate) fn writes() -> i64 {
    // SAFETY: the shim's function has this type.
    let writes: extern "C" fn() -> i64 = unsafe { std::mem::transmute(symbol(c"fault_writes")) };
    writes()
}
