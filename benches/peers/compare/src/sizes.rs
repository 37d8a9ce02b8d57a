//! How large each workload is: at full size, for a run of about a second, for profilers that are tens of times slower, and for callgrind.

use workloads::{Workload, find};

/// The size of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) count: usize,
    /// The document of `json`, MiB.
    pub(crate) json_mib: usize,
}

/// The sizes of one workload.
#[derive(Debug)]
pub(crate) struct Sizes {
    pub(crate) workload: &'static str,
    pub(crate) full: usize,
    pub(crate) usual: usize,
    pub(crate) small: usize,
    /// Two sizes, whose difference leaves the start of the program out.
    callgrind: (usize, usize),
}

const DOCUMENT_MIB: usize = 20;
const SMALL_DOCUMENT_MIB: usize = 2;

impl Sizes {
    /// The size for a row.
    pub(crate) fn of(&self, is_heavy: bool, is_full: bool) -> Size {
        match (is_heavy, is_full) {
            (true, _) => Size { count: self.small, json_mib: SMALL_DOCUMENT_MIB },
            (false, true) => Size { count: self.full, json_mib: DOCUMENT_MIB },
            (false, false) => Size { count: self.usual, json_mib: DOCUMENT_MIB },
        }
    }

    /// The sizes for callgrind; less for a heavy row, where the difference is large anyway.
    pub(crate) fn for_callgrind(&self, is_heavy: bool) -> (Size, Size) {
        let size = |count| Size { count, json_mib: SMALL_DOCUMENT_MIB };
        let (less, more) = self.callgrind;
        if is_heavy { (size(less / 4), size(less / 2)) } else { (size(less), size(more)) }
    }

    fn described(&self) -> Option<&'static Workload> {
        find(self.workload)
    }

    /// What is counted.
    pub(crate) fn unit(&self) -> &'static str {
        self.described().map_or("unit", |workload| workload.unit)
    }

    /// How many units a size of 1 is.
    pub(crate) fn units_per_size(&self) -> usize {
        self.described().map_or(1, |workload| workload.units_per_size)
    }
}

/// All workloads.
pub(crate) const SIZES: &[Sizes] = &[
    Sizes {
        workload: "pair",
        full: 100_000_000,
        usual: 20_000_000,
        small: 1_000_000,
        callgrind: (200_000, 1_200_000),
    },
    Sizes {
        workload: "zeroed",
        full: 100_000_000,
        usual: 20_000_000,
        small: 1_000_000,
        callgrind: (200_000, 1_200_000),
    },
    Sizes { workload: "mixed", full: 1_000_000, usual: 100_000, small: 5_000, callgrind: (4_000, 10_000) },
    Sizes { workload: "json", full: 5, usual: 2, small: 1, callgrind: (2, 5) },
    Sizes { workload: "seed", full: 1_000, usual: 1_000, small: 50, callgrind: (20, 80) },
    Sizes { workload: "server", full: 50_000, usual: 10_000, small: 500, callgrind: (200, 1_000) },
    Sizes { workload: "burst", full: 1_000, usual: 200, small: 10, callgrind: (4, 16) },
    Sizes { workload: "scopes", full: 10_000, usual: 10_000, small: 500, callgrind: (200, 1_000) },
];
