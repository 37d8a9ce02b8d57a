//! Fixture folders that stand for `/`: each version, limits at each level, files missing, texts cut short.

use super::*;
use tempfile::TempDir;

const V2_MOUNT: &str = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
const V1_MOUNT: &str = "35 31 0:32 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

/// A machine whose files are `files`: path and text.
fn machine(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

/// The limit and the usage on such a machine; a gap as its text.
fn read(files: &[(&str, &str)]) -> (Result<u64, String>, Result<u64, String>) {
    let root = machine(files);
    let cgroup = Cgroup::open(root.path());
    let mut reader = Reader::new();
    let (limit, usage) = (cgroup.limit(&mut reader), cgroup.usage(&mut reader));
    (limit.map_err(|gap| gap.to_string()), usage.map_err(|gap| gap.to_string()))
}

#[test]
fn v2_takes_the_tightest_limit_and_the_usage_beside_it() {
    let (limit, usage) = read(&[
        ("proc/self/cgroup", "0::/pod/app\n"),
        ("proc/self/mountinfo", V2_MOUNT),
        ("sys/fs/cgroup/pod/app/memory.max", "max\n"),
        ("sys/fs/cgroup/pod/app/memory.current", "111\n"),
        ("sys/fs/cgroup/pod/memory.max", "4096\n"),
        ("sys/fs/cgroup/pod/memory.current", "222\n"),
        ("sys/fs/cgroup/memory.max", "8192\n"),
        ("sys/fs/cgroup/memory.current", "333\n"),
        ("sys/fs/memory.max", "1\n"),
    ]);
    assert_eq!((limit, usage), (Ok(4096), Ok(222)));
}

#[test]
fn v2_without_a_limit_says_so_and_has_the_usage() {
    let (limit, usage) = read(&[
        ("proc/self/cgroup", "0::/app\n"),
        ("proc/self/mountinfo", V2_MOUNT),
        ("sys/fs/cgroup/app/memory.max", "max\n"),
        ("sys/fs/cgroup/app/memory.current", "111\n"),
    ]);
    assert_eq!(limit.unwrap_err(), "cgroup v2 memory.max: no limit is set on this cgroup or on one above it");
    assert_eq!(usage, Ok(111));
}

#[test]
fn v2_group_that_does_not_count_memory_leaves_it_to_its_parent() {
    let (limit, usage) = read(&[
        ("proc/self/cgroup", "0::/pod/app\n"),
        ("proc/self/mountinfo", V2_MOUNT),
        ("sys/fs/cgroup/pod/app/cgroup.procs", "1\n"),
        ("sys/fs/cgroup/pod/memory.max", "max\n"),
        ("sys/fs/cgroup/pod/memory.current", "222\n"),
    ]);
    assert!(limit.is_err());
    assert_eq!(usage, Ok(222));
}

#[test]
fn v1_in_a_container_reads_its_own_part_of_the_tree() {
    let (limit, usage) = read(&[
        ("proc/self/cgroup", "4:memory:/docker/1/app\n0::/\n"),
        ("proc/self/mountinfo", &[V2_MOUNT, V1_MOUNT].concat()),
        ("sys/fs/cgroup/memory/app/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/memory/app/memory.usage_in_bytes", "5\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576\n"),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "7\n"),
    ]);
    assert_eq!((limit, usage), (Ok(1_048_576), Ok(7)));
}

#[test]
fn v1_prints_no_limit_as_a_huge_number() {
    let (limit, usage) = read(&[
        ("proc/self/cgroup", "4:memory:/docker/1\n"),
        ("proc/self/mountinfo", V1_MOUNT),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n"),
    ]);
    assert!(limit.unwrap_err().contains("no limit is set"));
    assert_eq!(usage, Ok(5));
}

#[test]
fn each_missing_piece_is_named() {
    let reason = |files: &[(&str, &str)]| read(files).0.unwrap_err();
    assert_eq!(reason(&[]), "/proc/self/cgroup: No such file or directory (os error 2)");
    assert_eq!(
        reason(&[("proc/self/cgroup", "3:cpu:/\n")]),
        "/proc/self/cgroup: names no cgroup that could count memory (neither v1 `memory` nor v2)"
    );
    let group = ("proc/self/cgroup", "0::/app\n");
    assert_eq!(reason(&[group]), "/proc/self/mountinfo: No such file or directory (os error 2)");
    assert_eq!(
        reason(&[group, ("proc/self/mountinfo", V1_MOUNT)]),
        "/proc/self/mountinfo: the cgroup hierarchy that counts memory is not mounted here"
    );
    let outside = "/proc/self/mountinfo: the process's cgroup lies outside of the part that is mounted here";
    let v1 = ("proc/self/mountinfo", V1_MOUNT);
    assert_eq!(reason(&[("proc/self/cgroup", "4:memory:/docker/2\n"), v1]), outside);
    let v2 = ("proc/self/mountinfo", V2_MOUNT);
    assert_eq!(reason(&[("proc/self/cgroup", "0::/../app\n"), v2]), outside);
    assert_eq!(reason(&[group, v2]), "cgroup v2 memory.max: No such file or directory (os error 2)");
}

#[test]
fn a_text_cut_short_or_garbled_is_no_figure() {
    for text in ["", "4096", "ma", "-1\n", "99999999999999999999\n"] {
        let (limit, usage) = read(&[
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/mountinfo", V2_MOUNT),
            ("sys/fs/cgroup/memory.max", text),
            ("sys/fs/cgroup/memory.current", text),
        ]);
        assert_eq!(
            limit.unwrap_err(),
            "cgroup v2 memory.max: expected a complete line `BYTES`, found none",
            "{text:?}"
        );
        assert!(usage.is_err(), "{text:?}");
    }
}

#[test]
fn a_limit_that_changes_is_read_anew() {
    let root = machine(&[
        ("proc/self/cgroup", "0::/\n"),
        ("proc/self/mountinfo", V2_MOUNT),
        ("sys/fs/cgroup/memory.max", "4096\n"),
        ("sys/fs/cgroup/memory.current", "1\n"),
    ]);
    let cgroup = Cgroup::open(root.path());
    let mut reader = Reader::new();
    assert_eq!(cgroup.limit(&mut reader), Ok(4096));
    fs::write(root.path().join("sys/fs/cgroup/memory.max"), "8192\n").unwrap();
    assert_eq!(cgroup.limit(&mut reader), Ok(8192));
}
