//! The rows of the table: which program, with what in its environment, against which other row.
//!
//! A row more is an entry more in [`ROWS`]; where it needs a program of its own, a file more in `programs/src/bin/`.

/// Where a program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Package {
    /// `programs/`
    Programs,
    /// `jemalloc-profiling/`, because features are additive.
    JemallocProfiling,
    /// `default-feature/`, for the same reason in a workspace of its own.
    DefaultFeature,
}

/// What runs the program, where it does not run by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Through {
    /// By itself.
    Nothing,
    /// With a shared library of this name preloaded, if it is there.
    Library(&'static str),
    /// heaptrack, recording only, if it is there.
    Heaptrack,
}

/// One row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) package: Package,
    pub(crate) binary: &'static str,
    /// `%TEMP%` in a value is a folder that is removed after the run.
    pub(crate) environment: &'static [(&'static str, &'static str)],
    pub(crate) through: Through,
    /// The same allocator without the profiler; for allocators the system's.
    pub(crate) against: Option<&'static str>,
    /// Tens of times slower than plain: it runs at the small sizes, and so does what it is compared with.
    pub(crate) is_heavy: bool,
}

impl Row {
    const fn new(name: &'static str, binary: &'static str, against: &'static str) -> Self {
        Self {
            name,
            package: Package::Programs,
            binary,
            environment: &[],
            through: Through::Nothing,
            against: Some(against),
            is_heavy: false,
        }
    }

    const fn of(mut self, package: Package) -> Self {
        self.package = package;
        self
    }

    const fn with(mut self, environment: &'static [(&'static str, &'static str)]) -> Self {
        self.environment = environment;
        self
    }

    const fn through(mut self, through: Through) -> Self {
        self.through = through;
        self
    }

    const fn heavy(mut self) -> Self {
        self.is_heavy = true;
        self
    }

    /// Whether callgrind sees all of it: no wrapping script and no signal-driven or interposed profiler that fights with valgrind.
    pub(crate) fn counts_instructions(&self) -> bool {
        self.through == Through::Nothing
    }

    /// Whether the third thread of the program is memscope's.
    pub(crate) fn has_drain_thread(&self) -> bool {
        self.environment.iter().any(|(name, value)| *name == "SESSION" && *value != "off")
    }
}

const OFF: &[(&str, &str)] = &[("SESSION", "off")];
const UNSAMPLED: &[(&str, &str)] = &[("SESSION", "unsampled")];
const DEFAULT: &[(&str, &str)] = &[("SESSION", "default")];
const HIGH: &[(&str, &str)] = &[("SESSION", "high_precision")];
const LOW: &[(&str, &str)] = &[("SESSION", "low_overhead")];
const TCMALLOC: Through = Through::Library("libtcmalloc.so.4");

/// The rows, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    Row { against: None, ..Row::new("system", "system", "") },
    Row::new("system, no second thread", "system", "system").with(&[("IDLE_THREAD", "0")]),
    Row::new("memscope, no session", "memscope", "system").with(OFF),
    Row::new("memscope, nothing sampled", "memscope", "system").with(UNSAMPLED),
    Row::new("memscope", "memscope", "system").with(DEFAULT),
    Row::new("memscope, high_precision", "memscope", "system").with(HIGH),
    Row::new("memscope, low_overhead", "memscope", "system").with(LOW),
    Row::new("memscope by default feature, no session", "memscope_default_feature", "system")
        .of(Package::DefaultFeature)
        .with(OFF),
    Row::new("memscope by default feature, nothing sampled", "memscope_default_feature", "system")
        .of(Package::DefaultFeature)
        .with(UNSAMPLED),
    Row::new("memscope by default feature", "memscope_default_feature", "system")
        .of(Package::DefaultFeature)
        .with(DEFAULT),
    Row::new("stats_alloc", "stats_alloc", "system"),
    Row::new("divan's counter", "divan", "system"),
    Row::new("hotpath's counter", "hotpath", "system").with(&[("HOTPATH_METRICS_SERVER_OFF", "true")]),
    Row::new("dhat", "dhat", "system").heavy(),
    Row::new("heaptrack", "system", "system").through(Through::Heaptrack).heavy(),
    Row::new("jemalloc", "jemalloc", "system"),
    Row::new("jemalloc, profiler built in but off", "jemalloc_profiling", "jemalloc")
        .of(Package::JemallocProfiling)
        .with(&[("_RJEM_MALLOC_CONF", "prof:false")]),
    Row::new("jemalloc, its profiler", "jemalloc_profiling", "jemalloc").of(Package::JemallocProfiling),
    Row::new("memscope over jemalloc, no session", "memscope_jemalloc", "jemalloc").with(OFF),
    Row::new("memscope over jemalloc, nothing sampled", "memscope_jemalloc", "jemalloc").with(UNSAMPLED),
    Row::new("memscope over jemalloc", "memscope_jemalloc", "jemalloc").with(DEFAULT),
    Row::new("mimalloc", "mimalloc", "system"),
    Row::new("memscope over mimalloc, no session", "memscope_mimalloc", "mimalloc").with(OFF),
    Row::new("memscope over mimalloc, nothing sampled", "memscope_mimalloc", "mimalloc").with(UNSAMPLED),
    Row::new("memscope over mimalloc", "memscope_mimalloc", "mimalloc").with(DEFAULT),
    Row::new("tcmalloc", "system", "system").through(TCMALLOC),
    Row::new("tcmalloc, sampling", "system", "tcmalloc")
        .through(TCMALLOC)
        .with(&[("TCMALLOC_SAMPLE_PARAMETER", "524288")]),
    Row::new("tcmalloc, HEAPPROFILE", "system", "tcmalloc")
        .through(TCMALLOC)
        .with(&[("HEAPPROFILE", "%TEMP%/heap")])
        .heavy(),
];
