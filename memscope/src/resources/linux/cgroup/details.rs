//! Where a cgroup tells how long its tasks waited: for memory, and for a CPU quota to begin anew.

use super::super::super::snapshot::{Figure, Gap, Pressure, Throttling};
use super::super::pressure;
use super::super::source::{Reader, Source};
use super::place::{self, Place};
use std::fs;
use std::path::Path;

const PRESSURE: &str = "cgroup v2 memory.pressure";
const ONLY_V2: Gap = Gap::because(PRESSURE, "cgroup v1 tells no memory pressure");

/// The two files, kept open.
#[derive(Debug)]
pub(in super::super) struct CgroupDetails {
    pressure: Source,
    throttling: Source,
}

impl CgroupDetails {
    /// Finds the process's groups under `root`.
    pub(in super::super) fn open(root: &Path) -> Self {
        let pressure = match place::find(root, place::MEMORY) {
            Ok(place) if place.is_v2 => Source::open(PRESSURE, &place.folder.join("memory.pressure")),
            Ok(_) => Source::missing(ONLY_V2),
            Err(gap) => Source::missing(gap),
        };
        let throttling = match place::find(root, place::CPU) {
            Ok(place) => quota_of(&place),
            Err(gap) => Source::missing(gap),
        };
        Self { pressure, throttling }
    }

    pub(in super::super) fn pressure(&self, reader: &mut Reader) -> Figure<Pressure> {
        pressure::memory(self.pressure.name(), self.pressure.read(reader)?)
    }

    pub(in super::super) fn throttling(&self, reader: &mut Reader) -> Figure<Throttling> {
        pressure::throttling(self.throttling.name(), self.throttling.read(reader)?)
    }
}

/// `cpu.stat` of the innermost group that counts the periods of a quota; the process's own if none does.
fn quota_of(place: &Place) -> Source {
    let name = if place.is_v2 { "cgroup v2 cpu.stat" } else { "cgroup v1 cpu.stat" };
    let folders = || place.folder.ancestors().take_while(|folder| folder.starts_with(&place.top));
    let counts = |folder: &&Path| {
        let text = fs::read(folder.join("cpu.stat")).unwrap_or_default();
        pressure::throttling(name, &text).is_ok_and(|told| told.periods > 0)
    };
    let folder = folders().find(counts).unwrap_or(&place.folder);
    Source::open(name, &folder.join("cpu.stat"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose files are `files`: path and text.
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn v2_has_pressure_and_the_quota_of_the_group_that_has_one() {
        let root = machine(&[
            ("proc/self/cgroup", "0::/pod/app\n"),
            ("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
            ("sys/fs/cgroup/pod/app/memory.pressure", "some total=5\nfull total=3\n"),
            (
                "sys/fs/cgroup/pod/app/cpu.stat",
                "usage_usec 1\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
            ),
            ("sys/fs/cgroup/pod/cpu.stat", "usage_usec 1\nnr_periods 9\nnr_throttled 2\nthrottled_usec 7\n"),
        ]);
        let details = CgroupDetails::open(root.path());
        let mut reader = Reader::new();
        assert_eq!(details.pressure(&mut reader), Ok(Pressure { some_us: 5, full_us: 3 }));
        let throttling = details.throttling(&mut reader).unwrap();
        assert_eq!(throttling, Throttling { periods: 9, throttled_periods: 2, throttled_us: 7 });
    }

    #[test]
    fn v1_has_a_quota_in_another_hierarchy_and_no_pressure() {
        let root = machine(&[
            ("proc/self/cgroup", "4:memory:/a\n3:cpu,cpuacct:/b\n"),
            (
                "proc/self/mountinfo",
                "35 31 0:32 / /cg/memory rw - cgroup cgroup rw,memory\n36 31 0:33 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
            ),
            ("cg/cpu/b/cpu.stat", "nr_periods 9\nnr_throttled 2\nthrottled_time 7000\n"),
        ]);
        let details = CgroupDetails::open(root.path());
        let mut reader = Reader::new();
        assert_eq!(details.pressure(&mut reader), Err(ONLY_V2));
        assert_eq!(details.throttling(&mut reader).unwrap().throttled_us, 7);
    }
}
