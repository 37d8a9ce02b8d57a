//! The figures that a full sample asks for beside the main ones, each at its own pace.
//!
//! | figure | source | at most every | bound |
//! | --- | --- | --- | --- |
//! | memory pressure | cgroup v2 `memory.pressure` | full sample | one small file |
//! | CPU quota | cgroup v2 or v1 `cpu.stat` | full sample | one small file |
//! | descriptors | length of `/proc/self/fd` (Linux 6.2), else its listing | 2 s | 1/20,000 of the time |
//! | proportional set size | `/proc/self/smaps_rollup`: walks all pages, 50 ms where threads change the mappings meanwhile | 10 s; a session asks at its end | 1/20,000 of the time; not above 4 GiB of RSS |

use super::super::os;
use super::super::snapshot::{Details, Figure, Gap};
use super::cgroup::CgroupDetails;
use super::pace::Pace;
use super::source::{Reader, Source};
use super::text::{complete_lines, number, words};
use std::fs::File;
use std::io::Seek;
use std::path::Path;

const ROLLUP: &str = "/proc/self/smaps_rollup";
const DESCRIPTORS: &str = "/proc/self/fd";
/// Above, walking the pages would hold the program's memory map for too long.
const MOST_ROLLED_UP_BYTES: u64 = 4 << 30;
const TOO_LARGE: Gap = Gap::because(ROLLUP, "not read above 4 GiB of RSS: the kernel would walk every page");

#[derive(Debug)]
pub(super) struct DetailSources {
    rollup: Source,
    rollup_pace: Pace,
    descriptors: Figure<File>,
    descriptors_pace: Pace,
    cgroup: CgroupDetails,
}

impl DetailSources {
    /// Opens what there is under `root` (`/`, or a folder that stands for it).
    pub(super) fn open(root: &Path) -> Self {
        let under = |name: &'static str| root.join(name.trim_start_matches('/'));
        Self {
            rollup: Source::open(ROLLUP, &under(ROLLUP)),
            rollup_pace: Pace::new(10_000_000_000),
            descriptors: File::open(under(DESCRIPTORS)).map_err(|error| Gap::error(DESCRIPTORS, &error)),
            descriptors_pace: Pace::new(2_000_000_000),
            cgroup: CgroupDetails::open(root),
        }
    }

    /// Leaves out what walks all pages, or asks for it the next time.
    pub(super) fn walk_pages(&mut self, may: bool) {
        if may { self.rollup_pace.bring_on() } else { self.rollup_pace.put_off() }
    }

    pub(super) fn ask(&mut self, reader: &mut Reader, rss_bytes: Figure<u64>) -> Details {
        Details {
            proportional_bytes: self.proportional(reader, rss_bytes),
            open_files: self.open_files(reader),
            pressure: self.cgroup.pressure(reader),
            throttling: self.cgroup.throttling(reader),
        }
    }

    fn proportional(&mut self, reader: &mut Reader, rss_bytes: Figure<u64>) -> Figure<u64> {
        let began_ns = os::monotonic_ns();
        self.rollup_pace.due(began_ns)?;
        if rss_bytes? > MOST_ROLLED_UP_BYTES {
            return Err(TOO_LARGE);
        }
        let told = self.rollup.read(reader).and_then(proportional_in);
        self.rollup_pace.asked(began_ns, os::monotonic_ns());
        told
    }

    fn open_files(&mut self, reader: &mut Reader) -> Figure<u64> {
        let began_ns = os::monotonic_ns();
        self.descriptors_pace.due(began_ns)?;
        let folder = self.descriptors.as_mut().map_err(|gap| *gap)?;
        let told = count(folder, reader).map_err(|error| Gap::error(DESCRIPTORS, &error));
        self.descriptors_pace.asked(began_ns, os::monotonic_ns());
        told
    }
}

/// Entries of the folder, without `.` and `..`. Since Linux 6.2 they are its length, and nothing is listed.
fn count(folder: &mut File, reader: &mut Reader) -> std::io::Result<u64> {
    let length = folder.metadata()?.len();
    if length > 0 {
        return Ok(length);
    }
    folder.rewind()?;
    let mut tids = Vec::new();
    let mut entries = 0;
    loop {
        let length = os::directory_entries(folder, reader.buffer())?;
        if length == 0 {
            return Ok(entries);
        }
        tids.clear();
        super::list::add_tids(reader.buffer().get(..length).unwrap_or_default(), &mut tids);
        entries += u64::try_from(tids.len()).unwrap_or(0);
    }
}

fn proportional_in(text: &[u8]) -> Figure<u64> {
    let kib = complete_lines(text).find_map(|line| {
        let mut words = words(line);
        if words.next() == Some(b"Pss:") { words.next().and_then(number) } else { None }
    });
    kib.and_then(|kib| kib.checked_mul(1024)).ok_or(Gap::lacks(ROLLUP, "Pss:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proportional_size_is_found_or_missing() {
        let text = b"5581-7ffc ---p 00000000 00:00 0  [rollup]\nRss:  900 kB\nPss:  884 kB\nPss_Anon: 1 kB\n";
        assert_eq!(proportional_in(text), Ok(884 * 1024));
        assert!(proportional_in(b"Pss:  88").is_err());
    }

    #[test]
    fn a_process_has_its_descriptors_counted() {
        let mut details = DetailSources::open(Path::new("/"));
        let mut reader = Reader::new();
        let listed = || u64::try_from(std::fs::read_dir(DESCRIPTORS).unwrap().count()).unwrap();
        let (low, told) = (listed(), details.open_files(&mut reader).unwrap());
        // Other tests of this process open and close files meanwhile.
        assert!(told > 0 && told.abs_diff(low) < 64, "{low} {told}");
        assert!(details.open_files(&mut reader).is_err(), "and not again at once");
    }

    #[test]
    fn a_large_process_is_not_walked() {
        let mut details = DetailSources::open(Path::new("/"));
        let mut reader = Reader::new();
        assert_eq!(details.proportional(&mut reader, Ok(MOST_ROLLED_UP_BYTES + 1)), Err(TOO_LARGE));
    }

    #[test]
    fn where_there_is_nothing_each_says_so() {
        let root = tempfile::tempdir().unwrap();
        let mut details = DetailSources::open(root.path());
        let told = details.ask(&mut Reader::new(), Ok(1));
        for reason in [
            told.proportional_bytes.unwrap_err(),
            told.open_files.unwrap_err(),
            told.pressure.unwrap_err(),
            told.throttling.unwrap_err(),
        ] {
            assert!(reason.to_string().contains("No such file or directory"), "{reason}");
        }
    }
}
