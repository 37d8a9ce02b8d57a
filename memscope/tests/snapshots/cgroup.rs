//! A cgroup of the test's own, with a limit on memory: version 2 where the system has it, else version 1.

use std::io;
use std::path::{Path, PathBuf};

/// Gone when dropped.
pub(crate) struct Cgroup {
    folder: PathBuf,
    files: &'static Files,
}

/// How a version calls its files.
struct Files {
    limit: &'static str,
    /// The limit of memory with swap: absent where the kernel doesn't account for swap.
    swap_limit: &'static str,
    usage: &'static str,
    /// Has a line `oom_kill N`.
    events: &'static str,
}

const V2: Files = Files {
    limit: "memory.max",
    swap_limit: "memory.swap.max",
    usage: "memory.current",
    events: "memory.events",
};
const V1: Files = Files {
    limit: "memory.limit_in_bytes",
    swap_limit: "memory.memsw.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    events: "memory.oom_control",
};

impl Cgroup {
    /// Makes one with that limit, below the one that this process is in.
    ///
    /// # Errors
    /// Why there can be none, mostly for want of privileges.
    pub(crate) fn with_limit(limit_bytes: u64) -> Result<Self, String> {
        let mut refusals = Vec::new();
        for (parent, files) in parents().map_err(|error| format!("/proc/self: {error}"))? {
            match Self::below(&parent, files, limit_bytes) {
                Ok(group) => return Ok(group),
                Err(error) => refusals.push(format!("{}: {error}", parent.display())),
            }
        }
        Err(refusals.join("; "))
    }

    fn below(parent: &Path, files: &'static Files, limit_bytes: u64) -> io::Result<Self> {
        let folder = parent.join(format!("memscope-test-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let group = Self { folder, files };
        std::fs::write(group.folder.join(files.limit), limit_bytes.to_string())?;
        let swap_bytes = if files.limit == V2.limit { 0 } else { limit_bytes };
        // Without it the limit is one of memory alone, and the end comes when swap is full.
        let _ = std::fs::write(group.folder.join(files.swap_limit), swap_bytes.to_string());
        Ok(group)
    }

    /// What a process writes its id to, to be in the group.
    pub(crate) fn members(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// Where the group's memory is told, bytes.
    pub(crate) fn usage(&self) -> PathBuf {
        self.folder.join(self.files.usage)
    }

    /// How many of its processes the kernel has killed for want of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        let events =
            std::fs::read_to_string(self.folder.join(self.files.events)).expect("the group's events");
        let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.expect("a count of kills").parse().expect("a number")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Busy for a moment after the last process has gone.
        for _ in 0..50 {
            if std::fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// The folders that a group may be made in: of this process's own group, and where that can't be seen, of the root.
fn parents() -> io::Result<Vec<(PathBuf, &'static Files)>> {
    let (mounts, own) =
        (std::fs::read_to_string("/proc/self/mounts")?, std::fs::read_to_string("/proc/self/cgroup")?);
    let mut parents = Vec::new();
    for mount in mounts.lines() {
        let mut words = mount.split(' ').skip(1);
        let (Some(at), Some(kind), Some(options)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let (files, controllers) = match kind {
            "cgroup2" => (&V2, ""),
            "cgroup" if options.split(',').any(|option| option == "memory") => (&V1, "memory"),
            _ => continue,
        };
        let group = own.lines().find_map(|line| {
            let (_, line) = line.split_once(':')?;
            let (of, group) = line.split_once(':')?;
            of.split(',').any(|of| of == controllers).then(|| group.trim_start_matches('/'))
        });
        parents.extend(group.map(|group| (Path::new(at).join(group), files)));
        parents.push((at.into(), files));
    }
    Ok(parents)
}
