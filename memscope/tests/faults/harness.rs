//! Scenarios, and the processes that they run.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// One row, or some, of the matrix of hazards.
pub(crate) struct Scenario {
    /// The rows' numbers.
    pub(crate) rows: &'static str,
    pub(crate) name: &'static str,
    /// Panics where the promise is broken.
    pub(crate) run: fn(Effort) -> Outcome,
}

pub(crate) enum Outcome {
    /// With what was done and found.
    Passed(String),
    /// With the reason.
    Skipped(String),
}

/// What a child is called, and what it does.
pub(crate) type ChildProgram = (&'static str, fn());

/// How long a run may take.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) full: bool,
}

impl Effort {
    pub(crate) fn choose<T>(self, short: T, full: T) -> T {
        if self.full { full } else { short }
    }
}

/// A child that takes longer than this hangs.
const HANGS: Duration = Duration::from_secs(300);

/// A child that is to be run, in a folder of its own.
pub(crate) struct Program {
    command: Command,
    pub(crate) folder: tempfile::TempDir,
}

/// A child that runs.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) folder: tempfile::TempDir,
    name: String,
}

/// A child that has ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) folder: tempfile::TempDir,
}

impl Program {
    pub(crate) fn new(child: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        command.args(["--child", child]).current_dir(folder.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, folder }
    }

    pub(crate) fn argument(mut self, argument: impl ToString) -> Self {
        self.command.arg(argument.to_string());
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// In a process group of its own.
    pub(crate) fn leading_a_group(mut self) -> Self {
        self.command.process_group(0);
        self
    }

    pub(crate) fn start(mut self) -> Running {
        let name = format!("{:?}", self.command.get_args().nth(1).expect("a name"));
        let child = self.command.spawn().expect("it starts");
        Running { child, folder: self.folder, name }
    }

    pub(crate) fn run(self) -> Ended {
        self.start().wait()
    }
}

impl Running {
    /// The trace that it writes.
    pub(crate) fn trace(&self) -> PathBuf {
        self.folder.path().join("out/trace.bin")
    }

    pub(crate) fn kill(&self) {
        self.signal(libc::SIGKILL);
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: the child has not been waited for, so its id is its own.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    /// Waits for its end, not for ever.
    pub(crate) fn wait(mut self) -> Ended {
        let start = Instant::now();
        let (out, error) = (self.child.stdout.take(), self.child.stderr.take());
        let out = std::thread::spawn(move || read_to_end(out));
        let error = std::thread::spawn(move || read_to_end(error));
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            if start.elapsed() > HANGS {
                self.kill();
                let _ = self.child.wait();
                let said = error.join().expect("no panic");
                panic!("{} hangs; it said: {said}", self.name);
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let (stdout, stderr) = (out.join().expect("no panic"), error.join().expect("no panic"));
        Ended { status, stdout, stderr, folder: self.folder }
    }
}

impl Ended {
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn trace(&self) -> PathBuf {
        self.path("out/trace.bin")
    }

    /// Requires a good end, and returns what it told.
    pub(crate) fn expect_success(&self) -> &str {
        assert!(self.status.success(), "{}\n{}\n{}", self.status, self.stdout, self.stderr);
        self.stdout.trim()
    }

    /// What memscope said.
    pub(crate) fn said(&self) -> Vec<&str> {
        self.stderr.lines().filter(|line| line.starts_with("memscope: ")).collect()
    }

    /// What the program itself said, with `#` for the numbers in it (ids of threads), without backtraces.
    pub(crate) fn own_stderr(&self) -> String {
        let is_own = |line: &&str| !line.starts_with("memscope: ") && !line.starts_with(' ');
        let own = self.stderr.lines().filter(is_own);
        let digits_hidden = |line: &str| {
            let mut text: String = line.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
            while text.contains("##") {
                text = text.replace("##", "#");
            }
            text
        };
        own.map(digits_hidden).collect::<Vec<_>>().join("\n")
    }
}

fn read_to_end(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What a killed child left in the pipe is enough.
    let _ = pipe.expect("a pipe").read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The child's argument number `at`, after its name.
pub(crate) fn argument(at: usize) -> String {
    std::env::args().nth(3 + at).unwrap_or_else(|| panic!("argument {at}"))
}

/// The same, a number.
pub(crate) fn number(at: usize) -> u64 {
    argument(at).parse().unwrap_or_else(|error| panic!("argument {at}: {error}"))
}

/// Pseudo-random numbers (xorshift) from a seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Resident memory of this process, KiB, without what glibc's allocator keeps for later.
pub(crate) fn settled_kib() -> u64 {
    // SAFETY: no arguments to get wrong; it locks the allocator's arenas one after the other.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
    resident_kib()
}

/// Resident memory of this process, KiB.
pub(crate) fn resident_kib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: u64 = statm.split(' ').nth(1).expect("a second figure").parse().expect("a number");
    pages * 4
}

/// Resident memory of this process that is no file's, KiB: a forked child has it from the start, where its parent's files come in page by page.
pub(crate) fn anonymous_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Nanoseconds of the clock that samples have.
pub(crate) fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
