//! The overhead budget: the sampling interval T follows what sampling costs.
//!
//! Of each step the controller knows the process's CPU time, what the samples cost (the threads' slow path, and what the drain thread
//! took for them) and what the rest of the drain thread's work took, which T does not change. At T the samples cost about `demand / T`,
//! where the *demand* is what the program's allocations ask of the profiler, in nanoseconds times bytes, whatever T is. So the T that
//! keeps the budget needs no search:
//!
//! ```text
//! demand  = sum of (cost of the step's samples * T of the step)          over recent steps
//! allowed = sum of share * max(CPU time, LEAST_CORES * elapsed time)     over the same
//! T       = demand / (HEADROOM * allowed - cost of the rest)             but at least half of HEADROOM * allowed
//! ```
//!
//! The sums forget with a time constant of [`MEMORY_NS`]; a step that alone asks for more than twice what they say, and is over budget,
//! takes their place, so that a burst is met in the next steps. That T is not an input of the demand is why nothing oscillates: a
//! step's answer does not depend on the last step's. Where costs fall more slowly than with 1/T (allocations larger than T are
//! samples all the same), the demand grows with T, less than in proportion: the steps then go one way, and shrink.
//!
//! T changes when it is off by more than a dead band and the noise of so many samples, at most by [`MOST_RISE`] up and
//! [`MOST_FALL`] down a step. It never goes below what the session was started with, nor above [`MOST_INTERVAL_BYTES`]: sampling never
//! ends. Half of the budget is the samples' own, even if the rest takes all of it.
//!
//! A process that does nothing has no share to speak of. What it is allowed is then counted from a quarter of a core
//! ([`LEAST_CORES`]), and steps in which it took less than a hundredth of a core say nothing and are passed over; so are those in which a
//! clock or counter went back or leapt.

/// The share of the allowed cost that is aimed at: the dead band's upper edge then is the budget itself.
const HEADROOM: f64 = 0.8;
/// Cores that the process is taken to use at least.
const LEAST_CORES: f64 = 0.25;
/// Below this use of cores a step says nothing.
const IDLE_CORES: f64 = 0.01;
/// Time constant of the sums.
const MEMORY_NS: f64 = 1e9;
/// T is raised where it should be this much larger, and lowered where it should be this much smaller.
const RAISE_ABOVE: f64 = 1.15;
const LOWER_BELOW: f64 = 0.7;
/// The most that one step changes T.
const MOST_RISE: f64 = 4.0;
const MOST_FALL: f64 = 0.5;
/// T is not raised beyond 1 GiB.
const MOST_INTERVAL_BYTES: f64 = (1_u64 << 30) as f64;
/// How far apart steps are.
const STEP_NS: u64 = 250_000_000;
/// The same while T has further to go than one step may.
const HURRIED_STEP_NS: u64 = 100_000_000;
/// The session's first step comes after that.
const FIRST_STEP_NS: u64 = 50_000_000;
/// A step that took longer says nothing: the machine slept, or the process was stopped.
const LONGEST_STEP_NS: u64 = 10_000_000_000;
/// No machine has more cores.
const MOST_CORES: f64 = 65_536.0;

/// What clocks and counters say at one time; all but the time count from the same start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) time_ns: u64,
    /// CPU time of the process, memscope included.
    pub(crate) process_cpu_ns: u64,
    /// Time of the threads' slow path.
    pub(crate) sampling_ns: u64,
    /// CPU time of the drain thread.
    pub(crate) drain_cpu_ns: u64,
    /// The part of that which samples brought about.
    pub(crate) drain_samples_ns: u64,
    /// Samples drawn.
    pub(crate) samples: u64,
}

impl Reading {
    /// What was added since `earlier`; `None` where something went back, or leapt further than it can.
    fn since(&self, earlier: &Self) -> Option<Self> {
        let step = Self {
            time_ns: self.time_ns.checked_sub(earlier.time_ns)?,
            process_cpu_ns: self.process_cpu_ns.checked_sub(earlier.process_cpu_ns)?,
            sampling_ns: self.sampling_ns.checked_sub(earlier.sampling_ns)?,
            drain_cpu_ns: self.drain_cpu_ns.checked_sub(earlier.drain_cpu_ns)?,
            drain_samples_ns: self.drain_samples_ns.checked_sub(earlier.drain_samples_ns)?,
            samples: self.samples.checked_sub(earlier.samples)?,
        };
        let most_ns = step.time_ns as f64 * MOST_CORES;
        let is_possible = (1..=LONGEST_STEP_NS).contains(&step.time_ns)
            && step.process_cpu_ns as f64 <= most_ns
            && step.sampling_ns as f64 <= most_ns
            && step.drain_cpu_ns <= step.time_ns.saturating_mul(2);
        is_possible.then_some(step)
    }
}

/// Sums over recent steps.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// What the profiler may cost, nanoseconds.
    allowed_ns: f64,
    /// What it costs whatever T is, nanoseconds.
    rest_ns: f64,
    /// What samples cost, each times its T: nanoseconds times bytes.
    demand: f64,
    samples: f64,
}

impl Sums {
    fn of(step: &Reading, share: f64, interval_bytes: f64) -> Self {
        let cores_ns = (step.process_cpu_ns as f64).max(LEAST_CORES * step.time_ns as f64);
        let cost_ns = step.sampling_ns.saturating_add(step.drain_samples_ns) as f64;
        Self {
            allowed_ns: share * cores_ns,
            rest_ns: step.drain_cpu_ns.saturating_sub(step.drain_samples_ns) as f64,
            demand: cost_ns * interval_bytes,
            samples: step.samples as f64,
        }
    }

    /// These, faded by `keep`, and `new`.
    fn faded(self, keep: f64, new: Self) -> Self {
        Self {
            allowed_ns: self.allowed_ns * keep + new.allowed_ns,
            rest_ns: self.rest_ns * keep + new.rest_ns,
            demand: self.demand * keep + new.demand,
            samples: self.samples * keep + new.samples,
        }
    }

    /// The interval that keeps the budget.
    fn wanted_bytes(&self) -> f64 {
        let aim_ns = HEADROOM * self.allowed_ns;
        self.demand / (aim_ns - self.rest_ns).max(aim_ns / 2.0)
    }

    /// How far off chance alone may put [`Sums::wanted_bytes`]: two standard deviations of a count.
    fn noise(&self) -> f64 {
        2.0 / self.samples.max(1.0).sqrt()
    }
}

/// Keeps a session within its budget.
#[derive(Debug)]
pub(crate) struct Budget {
    share: f64,
    least_bytes: f64,
    interval_bytes: f64,
    last: Reading,
    next_ns: u64,
    recent: Option<Sums>,
}

impl Budget {
    /// For a session that starts with `interval_bytes` at the time of `start` and may take `share` of the process's CPU time.
    pub(crate) fn new(share: f64, interval_bytes: f64, start: Reading) -> Self {
        Self {
            share,
            least_bytes: interval_bytes,
            interval_bytes,
            last: start,
            next_ns: start.time_ns.saturating_add(FIRST_STEP_NS),
            recent: None,
        }
    }

    /// Whether the next step is due.
    pub(crate) fn is_due(&self, now_ns: u64) -> bool {
        // A clock that was set back must not put the steps off for ever.
        now_ns >= self.next_ns || now_ns < self.last.time_ns
    }

    /// Takes a step: the interval from now on, if it is to be another.
    pub(crate) fn step(&mut self, reading: Reading) -> Option<f64> {
        self.next_ns = reading.time_ns.saturating_add(STEP_NS);
        let step = reading.since(&std::mem::replace(&mut self.last, reading))?;
        if (step.process_cpu_ns as f64) < IDLE_CORES * step.time_ns as f64 {
            return None;
        }
        let sums = self.remember(&step);
        let factor = sums.wanted_bytes() / self.interval_bytes;
        let noise = 1.0 + sums.noise();
        if !(factor > RAISE_ABOVE * noise || factor < LOWER_BELOW / noise) {
            return None;
        }
        if factor > MOST_RISE {
            self.next_ns = reading.time_ns.saturating_add(HURRIED_STEP_NS);
        }
        let most_bytes = MOST_INTERVAL_BYTES.max(self.least_bytes);
        let wanted_bytes = self.interval_bytes * factor.clamp(MOST_FALL, MOST_RISE);
        let interval_bytes = wanted_bytes.round().clamp(self.least_bytes, most_bytes);
        let changes = interval_bytes != self.interval_bytes;
        self.interval_bytes = interval_bytes;
        changes.then_some(interval_bytes)
    }

    /// Adds a step to the sums, or starts them anew with it where it is the beginning of something else.
    fn remember(&mut self, step: &Reading) -> Sums {
        let new = Sums::of(step, self.share, self.interval_bytes);
        let keep = (-(step.time_ns as f64) / MEMORY_NS).exp();
        let sums = match self.recent {
            Some(old) if !is_burst(&old, &new, self.interval_bytes) => old.faded(keep, new),
            _ => new,
        };
        self.recent = Some(sums);
        sums
    }
}

/// Whether `new` asks for far more than `old` did, surely enough, and is over budget at `interval_bytes`.
fn is_burst(old: &Sums, new: &Sums, interval_bytes: f64) -> bool {
    let wanted_bytes = new.wanted_bytes() / (1.0 + new.noise());
    wanted_bytes > 2.0 * old.wanted_bytes() && wanted_bytes > interval_bytes / HEADROOM
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
