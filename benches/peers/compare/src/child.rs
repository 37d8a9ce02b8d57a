//! Runs a program and tells what it took: CPU time of all its threads, and its peak of resident memory.

use crate::Result;
use crate::rows::{Row, Through};
use crate::sizes::Size;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// User and system time of the process and of the processes that it waited for, seconds.
    pub(crate) cpu_seconds: f64,
    /// Peak of resident memory, MiB; the largest process's where there are several.
    pub(crate) peak_mib: f64,
    /// CPU time of memscope's own thread, seconds.
    pub(crate) drain_seconds: Option<f64>,
}

/// Whether what the row needs is installed.
pub(crate) fn is_installed(row: &Row) -> bool {
    match row.through {
        Through::Nothing => true,
        Through::Library(name) => find_library(name).is_some(),
        Through::Heaptrack => find_command("heaptrack").is_some(),
    }
}

/// The command line of a row's program, `folder` being its own, to be removed.
pub(crate) fn command(row: &Row, program: &Path, workload: &str, size: Size, folder: &Path) -> Command {
    let mut command = match row.through {
        Through::Heaptrack => {
            let mut command = Command::new("heaptrack");
            command.arg("--output").arg(folder.join("heaptrack")).arg("--raw").arg(program);
            command
        }
        Through::Nothing | Through::Library(_) => Command::new(program),
    };
    if let Through::Library(name) = row.through
        && let Some(library) = find_library(name)
    {
        command.env("LD_PRELOAD", library);
    }
    command.arg(workload).arg(size.count.to_string());
    describe(&mut command, row, size, folder);
    command
}

/// Sets what the row's program finds in its environment.
pub(crate) fn describe(command: &mut Command, row: &Row, size: Size, folder: &Path) {
    command.current_dir(folder).env("TMPDIR", folder).env("JSON_MIB", size.json_mib.to_string());
    for (name, value) in row.environment {
        command.env(name, value.replace("%TEMP%", &folder.to_string_lossy()));
    }
}

/// Runs it to its end. What it prints is shown only where it fails.
pub(crate) fn run(mut command: Command) -> Result<Usage> {
    let shown = format!("{command:?}");
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| format!("cannot run {shown}: {error}"))?;
    let mut errors = child.stderr.take();
    // Both pipes are read at once: a full one would stop the program.
    let errors = std::thread::spawn(move || read(errors.as_mut()));
    let output = read(child.stdout.take().as_mut());
    let errors = errors.join().unwrap_or_default();
    let (status, mut usage) = wait(child).map_err(|error| format!("cannot wait for {shown}: {error}"))?;
    if status != 0 {
        return Err(format!("{shown} ended with status {status}:\n{output}{errors}"));
    }
    usage.drain_seconds = drain_seconds(&output);
    Ok(usage)
}

fn read(pipe: Option<&mut impl Read>) -> String {
    let mut bytes = Vec::new();
    // What cannot be read is not shown; the program's exit status tells whether it failed.
    let _ = pipe.map(|pipe| pipe.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a program with a session prints: `samples=... lost=... drain_ns=...`.
fn drain_seconds(output: &str) -> Option<f64> {
    let value = output.split_whitespace().find_map(|word| word.strip_prefix("drain_ns="))?;
    value.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
}

/// Waits for the child as `wait4` does, which tells its resources; the standard library does not.
fn wait(child: Child) -> std::io::Result<(i32, Usage)> {
    let mut status = 0;
    // SAFETY: all zeroes is a valid `rusage`: it consists of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live variables, and the process is a child that nobody has waited for.
    let waited = unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage) };
    if waited < 0 {
        return Err(std::io::Error::last_os_error());
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    let peak_mib = usage.ru_maxrss as f64 / 1024.0;
    Ok((status, Usage { cpu_seconds, peak_mib, drain_seconds: None }))
}

/// A command on the search path.
pub(crate) fn find_command(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A shared library where the loader has it.
fn find_library(name: &str) -> Option<PathBuf> {
    let output =
        Command::new(find_command("ldconfig").unwrap_or("/sbin/ldconfig".into())).arg("-p").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.trim_start().starts_with(name))?;
    line.split("=> ").nth(1).map(PathBuf::from)
}
