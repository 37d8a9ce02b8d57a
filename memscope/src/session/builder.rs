//! What a session may be told before it starts.

use super::budget::OverheadBudget;
use super::config::{DEFAULT_INTERVAL_BYTES, SamplingConfig};
use super::{Session, environment, start};
use crate::thread::Busy;
use crate::threshold::Threshold;
use crate::{Error, Result, UnwinderChoice};
use std::path::{Path, PathBuf};

/// Settings of a session, from [`Session::builder`]. The environment has the last word: `MEMSCOPE_OUTPUT`,
/// `MEMSCOPE_SAMPLE_RATE`, `MEMSCOPE_MIN_ALLOCATION_SIZE`, `MEMSCOPE_BUFFER_SIZE`, `MEMSCOPE_SAMPLING_INTERVAL`,
/// `MEMSCOPE_OVERHEAD_BUDGET` (a share such as `0.005`, or `off`), `MEMSCOPE_SEED`, `MEMSCOPE_UNWINDER`,
/// `MEMSCOPE_SHARED_RINGS` (`on` or `off`).
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start` is called"]
pub struct SessionBuilder {
    pub(crate) output: PathBuf,
    pub(crate) name: Option<String>,
    pub(crate) config: SamplingConfig,
    /// The mean sampling interval, where it was said.
    pub(crate) interval_bytes: Option<f64>,
    pub(crate) budget: OverheadBudget,
    pub(crate) seed: Option<u64>,
    pub(crate) unwinder: UnwinderChoice,
    pub(crate) shared_rings: bool,
    pub(crate) thresholds: Vec<Threshold>,
}

impl Default for SessionBuilder {
    fn default() -> Self {
        Self {
            output: PathBuf::from("memscope-out"),
            name: None,
            config: SamplingConfig::default(),
            interval_bytes: None,
            budget: OverheadBudget::Unsaid,
            seed: None,
            unwinder: UnwinderChoice::Auto,
            shared_rings: false,
            thresholds: Vec::new(),
        }
    }
}

impl SessionBuilder {
    /// The folder for `trace.bin`; made where it is missing. `memscope-out` where nothing is said.
    pub fn output(mut self, folder: impl AsRef<Path>) -> Self {
        self.output = folder.as_ref().to_path_buf();
        self
    }

    /// The session's name in the report; the output folder's where nothing is said.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How much is sampled. A preset ([`SamplingConfig::default`] and the others) has an overhead budget of its own; any other configuration is kept
    /// to, whatever it costs, unless an [`overhead_budget`](Self::overhead_budget) is asked for beside it.
    pub fn config(mut self, config: SamplingConfig) -> Self {
        self.config = config;
        self
    }

    /// The share of the process's CPU time that the session may take: above 0 and at most 1. Where nothing is said the presets have theirs (0.005,
    /// half a percent, for [`SamplingConfig::default`]), as long as no [`sampling_interval_bytes`](Self::sampling_interval_bytes) is said
    /// either; other configurations have none.
    ///
    /// What counts is the time that threads spend on samples and the drain thread's CPU time; of a process that uses less than a quarter of
    /// a core, the share of that quarter. While it is passed, the mean sampling interval is raised, up to 1 GiB, and then lowered again
    /// as far as it was at the start. Each sample's weight follows, so that estimates stay unbiased and their intervals say how much
    /// wider they have become; but with an interval `f` times as large, a small allocation is sampled with `sample_rate / f` only. The
    /// report shows the interval over time. Not to be had in exact mode (`sample_rate` 1.0).
    pub fn overhead_budget(mut self, share: f64) -> Self {
        self.budget = OverheadBudget::Share(share);
        self
    }

    /// No overhead budget: the sampling interval stays as it is, whatever it costs.
    pub fn without_overhead_budget(mut self) -> Self {
        self.budget = OverheadBudget::Off;
        self
    }

    /// The mean sampling interval T in bytes: an allocation of `s` bytes is a sample with probability
    /// `1 - exp(-(s + K) / T)`, where `K = -T ln(1 - sample_rate)`. 1 to 2^50; where nothing is said, the preset's, or 524,288. Without
    /// effect in exact mode.
    pub fn sampling_interval_bytes(mut self, interval_bytes: u64) -> Self {
        self.interval_bytes = Some(interval_bytes as f64);
        self
    }

    /// The seed of the random numbers, for runs that can be repeated; of the clock's making where nothing is said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How stacks are walked.
    pub fn unwinder(mut self, choice: UnwinderChoice) -> Self {
        self.unwinder = choice;
        self
    }

    /// Whether samples outlive a process that is killed before they are written. Without it the last tick's are lost (8 ms). With it
    /// the threads' buffers are shared: a file in memory, to which `trace.rings` beside the trace leads. Whoever reads the trace of a killed
    /// process (any command of memscope-report) takes the samples that are left there into the trace, and removes it. Of a session that ends
    /// in order nothing stays behind.
    ///
    /// Costs memory: a thread's first sample takes its whole buffer at once ([`SamplingConfig::buffer_size`]), 4,096 threads at the most; further ones have
    /// buffers of their own. Frees that were not written yet, and exact counters, are still those of the last tick. Needs a memory file
    /// system (the output folder, `/dev/shm` or `$XDG_RUNTIME_DIR` on tmpfs): else starting fails.
    pub fn shared_rings(mut self, shared: bool) -> Self {
        self.shared_rings = shared;
        self
    }

    /// Copies the trace so far each time that memory passes a step of `threshold`, to `snapshot-NUMBER-SIZEMiB.bin` in the output folder: what was
    /// held then survives a kill for lack of memory, with the size in its name. The newest eight are kept. Memory is looked at ten times a
    /// second: of a ramp that is faster than a step in that time, steps are passed over. May be called several times.
    ///
    /// ```no_run
    /// use memscope::{Session, Threshold};
    /// let session = Session::builder().on_threshold(Threshold::PercentOfLimit(10.0)).start()?;
    /// # Ok::<(), memscope::Error>(())
    /// ```
    pub fn on_threshold(mut self, threshold: Threshold) -> Self {
        self.thresholds.push(threshold);
        self
    }

    /// Starts the session.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] or [`Error::Environment`] for settings out of range, [`Error::SessionActive`] when one is
    /// running, [`Error::NoAllocator`] when the program's allocator is not memscope's, [`Error::Output`] when the folder or the trace
    /// cannot be made, [`Error::Start`] when the operating system gives no memory or thread. After an error nothing is recorded and the
    /// program runs as without memscope.
    pub fn start(self) -> Result<Session> {
        let busy = Busy::enter();
        let ours = self.clone();
        drop(busy);
        // What the program allocated for the builder is freed as the program's own.
        drop(self);
        let _busy = Busy::enter();
        let builder = environment::apply(ours)?;
        builder.config.validate()?;
        builder.thresholds.iter().try_for_each(|threshold| threshold.validate())?;
        let preset = builder.config.preset().filter(|_| builder.interval_bytes.is_none());
        let chosen = preset.map_or(DEFAULT_INTERVAL_BYTES, |preset| preset.interval_bytes);
        let interval_bytes = builder.interval_bytes.unwrap_or(chosen);
        if !(1.0..=(1_u64 << 50) as f64).contains(&interval_bytes) {
            let value = interval_bytes.to_string();
            return Err(Error::InvalidConfig {
                field: "sampling_interval_bytes",
                value,
                range: "1 to 2^50 bytes",
            });
        }
        let budget_share = builder.budget.share(preset, builder.config.sample_rate)?;
        start::start(builder, interval_bytes, budget_share)
    }
}
