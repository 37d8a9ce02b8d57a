//! Where the process's memory cgroup lies in the file system.

use super::super::super::snapshot::{Figure, Gap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

const CGROUP: &str = "/proc/self/cgroup";
const MOUNTS: &str = "/proc/self/mountinfo";

/// What a hierarchy of v1 is for; in v2 one hierarchy is for everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Controller {
    name: &'static [u8],
    not_named: &'static str,
    not_mounted: &'static str,
}

pub(super) const MEMORY: Controller = Controller {
    name: b"memory",
    not_named: "names no cgroup that could count memory (neither v1 `memory` nor v2)",
    not_mounted: "the cgroup hierarchy that counts memory is not mounted here",
};

pub(super) const CPU: Controller = Controller {
    name: b"cpu",
    not_named: "names no cgroup that could have a CPU quota (neither v1 `cpu` nor v2)",
    not_mounted: "the cgroup hierarchy of CPU quotas is not mounted here",
};

/// A group's folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub is_v2: bool,
    pub folder: PathBuf,
    /// The mount point: the highest folder of this hierarchy that can be seen.
    pub top: PathBuf,
}

/// This process's cgroup of v1's `controller` or of v2, with all paths taken under `root`.
pub(super) fn find(root: &Path, controller: Controller) -> Figure<Place> {
    let read = |name: &'static str| {
        fs::read(root.join(name.trim_start_matches('/'))).map_err(|error| Gap::error(name, &error))
    };
    let group = group_in(&read(CGROUP)?, controller).ok_or(Gap::because(CGROUP, controller.not_named))?;
    let mounts = read(MOUNTS)?;
    let mut seen = false;
    for mount in mounts.split(|byte| *byte == b'\n').filter_map(|line| mount_in(line, controller)) {
        if !mount.holds(&group) {
            continue;
        }
        seen = true;
        // A group outside of what is mounted cannot be read; another group's figures would not be this
        // process's.
        let Ok(below) = group.path.strip_prefix(&mount.root) else { continue };
        if below.components().all(|part| matches!(part, Component::Normal(_))) {
            let top = root.join(mount.point.strip_prefix("/").unwrap_or(&mount.point));
            return Ok(Place { is_v2: group.is_v2, folder: top.join(below), top });
        }
    }
    Err(if seen {
        Gap::because(MOUNTS, "the process's cgroup lies outside of the part that is mounted here")
    } else {
        Gap::because(MOUNTS, controller.not_mounted)
    })
}

/// A line of `/proc/self/cgroup`: `ID:CONTROLLERS:PATH`.
#[derive(Debug, PartialEq, Eq)]
struct Group {
    is_v2: bool,
    path: PathBuf,
}

/// The group of the controller: v1's where it exists, else the one of v2.
fn group_in(text: &[u8], controller: Controller) -> Option<Group> {
    let mut v2 = None;
    for line in text.split(|byte| *byte == b'\n') {
        // The path may hold colons itself.
        let mut parts = line.splitn(3, |byte| *byte == b':');
        let (Some(id), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let path = PathBuf::from(OsStr::from_bytes(path));
        if controllers.split(|byte| *byte == b',').any(|name| name == controller.name) {
            return Some(Group { is_v2: false, path });
        }
        if id == b"0" && controllers.is_empty() {
            v2 = Some(Group { is_v2: true, path });
        }
    }
    v2
}

/// A line of `/proc/self/mountinfo`: `ID PARENT DEVICE ROOT POINT OPTIONS TAGS... - TYPE SOURCE
/// SUPEROPTIONS`.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    root: PathBuf,
    point: PathBuf,
    is_v2: bool,
    /// Mounted with v1's controller.
    is_v1: bool,
}

impl Mount {
    fn holds(&self, group: &Group) -> bool {
        if group.is_v2 { self.is_v2 } else { self.is_v1 }
    }
}

fn mount_in(line: &[u8], controller: Controller) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let root = unescape(words.nth(3)?);
    let point = unescape(words.next()?);
    let mut words = words.skip_while(|word| *word != b"-").skip(1);
    let kind = words.next()?;
    let options = words.nth(1)?;
    let is_v1 = kind == b"cgroup" && options.split(|byte| *byte == b',').any(|word| word == controller.name);
    Some(Mount { root, point, is_v2: kind == b"cgroup2", is_v1 })
}

/// The kernel writes blanks, tabs, line feeds and backslashes in a path as a backslash and three octal
/// digits.
fn unescape(word: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                path.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = after;
            }
            _ => path.push(*first),
        }
    }
    PathBuf::from(OsStr::from_bytes(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_memory_wins_over_v2_and_v2_stands_alone() {
        let both = b"9:name=systemd:/\n4:cpu,memory:/a:b/c\n0::/\n";
        assert_eq!(group_in(both, MEMORY), Some(Group { is_v2: false, path: "/a:b/c".into() }));
        let v2 = b"0::/kubepods/pod 1/app\n";
        assert_eq!(group_in(v2, MEMORY), Some(Group { is_v2: true, path: "/kubepods/pod 1/app".into() }));
        assert_eq!(group_in(b"3:cpu:/\nnonsense\n1:\n", MEMORY), None);
        assert_eq!(group_in(b"", MEMORY), None);
    }

    #[test]
    fn a_mount_has_its_root_point_and_kind() {
        let v1 =
            b"35 31 0:32 /docker/1 /sys/fs/cgroup/mem\\040ory rw,nosuid shared:9 - cgroup cgroup rw,memory";
        let mount = mount_in(v1, MEMORY).unwrap();
        assert_eq!(mount.root, Path::new("/docker/1"));
        assert_eq!(mount.point, Path::new("/sys/fs/cgroup/mem ory"));
        assert!(mount.is_v1 && !mount.is_v2);

        let v2 = mount_in(b"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate", MEMORY).unwrap();
        assert!(v2.is_v2 && !v2.is_v1);
        let cpu = mount_in(b"32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu", MEMORY).unwrap();
        assert!(!cpu.is_v2 && !cpu.is_v1);
        for cut in [&b""[..], b"30 23 0:26 /", b"30 23 0:26 / /sys rw", b"30 23 0:26 / /sys rw - cgroup2"] {
            assert_eq!(mount_in(cut, MEMORY), None);
        }
    }

    #[test]
    fn only_whole_escapes_are_escapes() {
        let unescaped = |word: &[u8]| unescape(word).into_os_string().into_string().unwrap();
        assert_eq!(unescaped(b"a\\040b\\134c"), "a b\\c");
        assert_eq!(unescaped(b"\\04"), "\\04");
        assert_eq!(unescaped(b"\\777\\"), "\\777\\");
    }
}
