//! The memory limit of the container: cgroup v2 or v1.
//!
//! Two files say where the process stands: `/proc/self/cgroup` names its group in each hierarchy,
//! `/proc/self/mountinfo` says where a hierarchy is mounted and from which group on (a container often sees
//! its own part only). A limit anywhere between the group and the top of what is mounted holds, so the
//! tightest is what counts, and the usage that is held against it is that of the same group. A machine may
//! have both versions mounted; memory is then where v1 lists it.

mod details;
mod place;

pub(super) use details::CgroupDetails;

use super::super::snapshot::{Figure, Gap};
use super::source::{Reader, Source};
use super::text::{complete_lines, number, single_number};
use place::Place;
use std::fs;
use std::path::{Path, PathBuf};

/// v1 prints "no limit" as the largest multiple of the page size that fits into 63 bits; no machine comes
/// near half of it.
const V1_NO_LIMIT: u64 = 1 << 62;

/// The files of one version, and how messages call them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Files {
    limit: &'static str,
    limit_name: &'static str,
    usage: &'static str,
    usage_name: &'static str,
}

const V1: Files = Files {
    limit: "memory.limit_in_bytes",
    limit_name: "cgroup v1 memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    usage_name: "cgroup v1 memory.usage_in_bytes",
};

const V2: Files = Files {
    limit: "memory.max",
    limit_name: "cgroup v2 memory.max",
    usage: "memory.current",
    usage_name: "cgroup v2 memory.current",
};

/// The limit and the usage, kept open.
#[derive(Debug)]
pub(super) struct Cgroup {
    limit: Source,
    usage: Source,
}

impl Cgroup {
    /// Finds the process's group under `root` (`/`, or a folder that stands for it).
    pub(super) fn open(root: &Path) -> Self {
        match place::find(root, place::MEMORY) {
            Ok(place) => Self::at(&place),
            Err(gap) => Self { limit: Source::missing(gap), usage: Source::missing(gap) },
        }
    }

    fn at(place: &Place) -> Self {
        let files = if place.is_v2 { V2 } else { V1 };
        let folder = binding_folder(place, files);
        Self {
            limit: Source::open(files.limit_name, &folder.join(files.limit)),
            usage: Source::open(files.usage_name, &folder.join(files.usage)),
        }
    }

    /// The limit, bytes.
    pub(super) fn limit(&self, reader: &mut Reader) -> Figure<u64> {
        match limit_in(self.limit.read(reader)?) {
            Some(Limit::Bytes(bytes)) => Ok(bytes),
            Some(Limit::None) => {
                Err(Gap::because(self.limit.name(), "no limit is set on this cgroup or on one above it"))
            }
            None => Err(Gap::lacks(self.limit.name(), "BYTES")),
        }
    }

    /// The usage that is held against the limit, bytes.
    pub(super) fn usage(&self, reader: &mut Reader) -> Figure<u64> {
        single_number(self.usage.read(reader)?).ok_or(Gap::lacks(self.usage.name(), "BYTES"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    None,
    Bytes(u64),
}

fn limit_in(text: &[u8]) -> Option<Limit> {
    match complete_lines(text).next()? {
        b"max" => Some(Limit::None),
        line => {
            number(line).map(|bytes| if bytes >= V1_NO_LIMIT { Limit::None } else { Limit::Bytes(bytes) })
        }
    }
}

/// The folder with the tightest limit between the process's group and the top of the mount. If nothing is
/// limited: the innermost one that counts memory at all (in v2 a group counts it only if its parent says so).
fn binding_folder(place: &Place, files: Files) -> PathBuf {
    let folders = || place.folder.ancestors().take_while(|folder| folder.starts_with(&place.top));
    let limit_of = |folder: &Path| match fs::read(folder.join(files.limit)).ok().as_deref().and_then(limit_in)
    {
        Some(Limit::Bytes(bytes)) => Some(bytes),
        _ => None,
    };
    let limited = folders().filter_map(|folder| limit_of(folder).map(|bytes| (bytes, folder)));
    let tightest = limited.min_by_key(|(bytes, _)| *bytes).map(|(_, folder)| folder);
    let counted = || folders().find(|folder| folder.join(files.usage).exists());
    tightest.or_else(counted).unwrap_or(&place.folder).to_path_buf()
}

#[cfg(test)]
#[path = "cgroup_tests.rs"]
mod tests;
