//! The overhead budget: the sampling interval T follows what sampling costs.
//!
//! What a session costs has three parts. *Samples* cost so much each: the threads' slow path, and what the drain thread does with them. *Ticks*
//! cost as much again, for waking up is dear: so much for each that finds something, however many samples that is. And there is the *rest*,
//! counters and the system's figures, which T does not change. In steps the controller learns the three, and the process's CPU time.
//!
//! At T the samples cost about `demand / T`, where the *demand* is what the program's allocations ask of the profiler, in nanoseconds times
//! bytes, whatever T is. Of the ticks a share of `1 - exp(-tick * events / T)` finds something, where *events* is how much comes
//! to the rings, in bytes per nanosecond, whatever T is. So the T that keeps the budget needs no search:
//!
//! ```text
//! allowed = HEADROOM * sum of share * max(CPU time, LEAST_CORES * elapsed time)            over recent steps
//! T       : demand / T + elapsed / tick * waking up * (1 - exp(-tick * events / T)) = allowed - rest, but at least half of allowed
//! ```
//!
//! Once samples come faster than ticks, a larger T saves no waking up: there T follows the samples alone. So that ticks leave samples
//! something, they are further apart where waking up would take most of what they may cost ([`Budget::tick_ns`]). On a machine that is so busy
//! that this is not enough, a process that does something still gets samples for a quarter of the budget ([`PROMISED`]), and waking up for
//! them may exceed it.
//!
//! The sums forget with a time constant of [`MEMORY_NS`]; a step that alone asks for more than twice what they say, and is over budget,
//! takes their place, so that a burst is met in the next steps. That T is not an input of the demand is why nothing oscillates: a
//! step's answer does not depend on the last step's. Where costs fall more slowly than with 1/T (allocations larger than T are
//! samples all the same), the demand grows with T, less than in proportion: the steps then go one way, and shrink.
//!
//! T changes when it is off by more than a dead band and the noise of so many samples, at most by [`MOST_RISE`] up (more where very many
//! samples say so) and [`MOST_FALL`] down a step. It never goes below what the session was started with, nor above [`MOST_INTERVAL_BYTES`]: sampling never
//! ends. Half of the budget is the samples' own and their ticks', even if the rest takes all of it.
//!
//! A process that does nothing has no share to speak of. What it is allowed is then counted from a quarter of a core
//! ([`LEAST_CORES`]), and steps in which it took less than a hundredth of a core say nothing and are passed over; so are those in which a
//! clock or counter went back or leapt.

use super::rhythm::{LONG_TICK_NS, TICK_NS};

/// The share of the allowed cost that is aimed at: the dead band's upper edge then is the budget itself.
const HEADROOM: f64 = 0.8;
/// Cores that the process is taken to use at least.
const LEAST_CORES: f64 = 0.25;
/// What samples may cost whatever waking up costs, as a share of what is allowed for the CPU time beyond [`LEAST_CORES`].
const PROMISED: f64 = 0.25;
/// Below this use of cores a step says nothing.
const IDLE_CORES: f64 = 0.01;
/// Time constant of the sums.
const MEMORY_NS: f64 = 1e9;
/// T is raised where it should be this much larger, and lowered where it should be this much smaller.
const RAISE_ABOVE: f64 = 1.15;
const LOWER_BELOW: f64 = 0.7;
/// The most that one step changes T. A step that saw more than [`MOST_RISE`] squared samples may raise it by the square root of their number:
/// that many do not come by chance, nor are they all dear because nothing was in the caches yet.
const MOST_RISE: f64 = 4.0;
const MOST_FALL: f64 = 0.5;
/// Ticks are made longer where waking up at each would take more than that of what samples and ticks are allowed, and shorter again
/// where the short ones would take less than that.
const LENGTHEN_ABOVE: f64 = 0.6;
const SHORTEN_BELOW: f64 = 0.45;
/// Below this budget they are long from the start.
const TIGHT_SHARE: f64 = 0.002;
/// A larger share of ticks that found something says only that there are many.
const MOST_FOUND: f64 = 0.98;
/// T is not raised beyond 1 GiB.
const MOST_INTERVAL_BYTES: f64 = (1_u64 << 30) as f64;
/// How far apart steps are.
const STEP_NS: u64 = 250_000_000;
/// The same while T has further to go than one step may.
const HURRIED_STEP_NS: u64 = 100_000_000;
/// The session's first step comes after that, and each further one when the session is twice as old, until it is as old as [`STEP_NS`]: nothing
/// is known in the beginning of how fast the program allocates.
const FIRST_STEP_NS: u64 = 10_000_000;
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
    /// The part of that which was spent on samples and frees.
    pub(crate) drain_samples_ns: u64,
    /// The part of that which waking up took, where there was something to be found.
    pub(crate) waking_ns: u64,
    /// Ticks that found something.
    pub(crate) found_ticks: u64,
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
            waking_ns: self.waking_ns.checked_sub(earlier.waking_ns)?,
            found_ticks: self.found_ticks.checked_sub(earlier.found_ticks)?,
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
    time_ns: f64,
    /// What the profiler may cost, nanoseconds.
    allowed_ns: f64,
    /// The part of it that is the samples' alone.
    promised_ns: f64,
    /// What it costs whatever T is, nanoseconds.
    rest_ns: f64,
    /// What samples cost, each times its T: nanoseconds times bytes.
    demand: f64,
    /// How much comes to the rings: events that ticks can tell apart, each times its T. Bytes.
    events: f64,
    /// What waking up took, and how often.
    waking_ns: f64,
    found_ticks: f64,
    samples: f64,
}

impl Sums {
    fn of(step: &Reading, share: f64, interval_bytes: f64, tick_ns: f64) -> Self {
        let time_ns = step.time_ns as f64;
        let least_ns = LEAST_CORES * time_ns;
        let cores_ns = (step.process_cpu_ns as f64).max(least_ns);
        let cost_ns = step.sampling_ns.saturating_add(step.drain_samples_ns) as f64;
        let rest_ns = step.drain_cpu_ns.saturating_sub(step.drain_samples_ns).saturating_sub(step.waking_ns);
        let ticks = time_ns / tick_ns;
        let found = (step.found_ticks as f64 / ticks).min(MOST_FOUND);
        Self {
            time_ns,
            allowed_ns: HEADROOM * share * cores_ns,
            promised_ns: PROMISED * HEADROOM * share * (cores_ns - least_ns),
            rest_ns: rest_ns as f64,
            demand: cost_ns * interval_bytes,
            events: -(-found).ln_1p() * ticks * interval_bytes,
            waking_ns: step.waking_ns as f64,
            found_ticks: step.found_ticks as f64,
            samples: step.samples as f64,
        }
    }

    /// These, faded by `keep`, and `new`.
    fn faded(self, keep: f64, new: Self) -> Self {
        Self {
            time_ns: self.time_ns * keep + new.time_ns,
            allowed_ns: self.allowed_ns * keep + new.allowed_ns,
            promised_ns: self.promised_ns * keep + new.promised_ns,
            rest_ns: self.rest_ns * keep + new.rest_ns,
            demand: self.demand * keep + new.demand,
            events: self.events * keep + new.events,
            waking_ns: self.waking_ns * keep + new.waking_ns,
            found_ticks: self.found_ticks * keep + new.found_ticks,
            samples: self.samples * keep + new.samples,
        }
    }

    /// What samples and their ticks may cost.
    fn own_ns(&self) -> f64 {
        (self.allowed_ns - self.rest_ns).max(self.allowed_ns / 2.0)
    }

    /// What waking up would take at ticks of `tick_ns` that all find something.
    fn all_ticks_ns(&self, tick_ns: f64) -> f64 {
        self.time_ns / tick_ns * self.waking_ns / self.found_ticks.max(1.0)
    }

    /// The interval that keeps the budget at ticks of `tick_ns`.
    fn wanted_bytes(&self, tick_ns: f64) -> f64 {
        let own_ns = self.own_ns();
        let all_ticks_ns = self.all_ticks_ns(tick_ns);
        let events = self.events * tick_ns / self.time_ns.max(1.0);
        let cost_ns = |bytes: f64| self.demand / bytes - all_ticks_ns * (-events / bytes).exp_m1();
        // The cost falls with T; without waking up the first would keep the budget, and the second keeps it in any case.
        let mut too_small = self.demand / own_ns;
        let mut large_enough = (self.demand + all_ticks_ns * events) / own_ns;
        for _ in 0..32 {
            let middle = (too_small.max(1.0) * large_enough).sqrt();
            if cost_ns(middle) > own_ns { too_small = middle } else { large_enough = middle }
        }
        if self.promised_ns > 0.0 { large_enough.min(self.demand / self.promised_ns) } else { large_enough }
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
    tick_ns: u64,
    start_ns: u64,
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
            tick_ns: if share < TIGHT_SHARE { LONG_TICK_NS } else { TICK_NS },
            start_ns: start.time_ns,
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

    /// How far apart the drain thread's ticks are to be.
    pub(crate) fn tick_ns(&self) -> u64 {
        self.tick_ns
    }

    /// Takes a step: the interval from now on, if it is to be another.
    pub(crate) fn step(&mut self, reading: Reading) -> Option<f64> {
        let age_ns = reading.time_ns.saturating_sub(self.start_ns).max(FIRST_STEP_NS);
        self.next_ns = reading.time_ns.saturating_add(STEP_NS.min(age_ns));
        let step = reading.since(&std::mem::replace(&mut self.last, reading))?;
        if (step.process_cpu_ns as f64) < IDLE_CORES * step.time_ns as f64 {
            return None;
        }
        let sums = self.remember(&step);
        self.choose_tick(&sums);
        let factor = sums.wanted_bytes(self.tick_ns as f64) / self.interval_bytes;
        let noise = 1.0 + sums.noise();
        if !(factor > RAISE_ABOVE * noise || factor < LOWER_BELOW / noise) {
            return None;
        }
        let most_rise = MOST_RISE.max((step.samples as f64).sqrt());
        if factor > most_rise {
            self.next_ns = reading.time_ns.saturating_add(HURRIED_STEP_NS.min(age_ns));
        }
        let most_bytes = MOST_INTERVAL_BYTES.max(self.least_bytes);
        let wanted_bytes = self.interval_bytes * factor.clamp(MOST_FALL, most_rise);
        let interval_bytes = wanted_bytes.round().clamp(self.least_bytes, most_bytes);
        let changes = interval_bytes != self.interval_bytes;
        self.interval_bytes = interval_bytes;
        changes.then_some(interval_bytes)
    }

    fn choose_tick(&mut self, sums: &Sums) {
        let waking_share = sums.all_ticks_ns(TICK_NS as f64) / sums.own_ns();
        if self.share < TIGHT_SHARE || waking_share > LENGTHEN_ABOVE {
            self.tick_ns = LONG_TICK_NS;
        } else if waking_share < SHORTEN_BELOW {
            self.tick_ns = TICK_NS;
        }
    }

    /// Adds a step to the sums, or starts them anew with it where it is the beginning of something else.
    fn remember(&mut self, step: &Reading) -> Sums {
        let tick_ns = self.tick_ns as f64;
        let new = Sums::of(step, self.share, self.interval_bytes, tick_ns);
        let keep = (-(step.time_ns as f64) / MEMORY_NS).exp();
        let sums = match self.recent {
            Some(old) if !is_burst(&old, &new, self.interval_bytes, tick_ns) => old.faded(keep, new),
            _ => new,
        };
        self.recent = Some(sums);
        sums
    }
}

/// Whether `new` asks for far more than `old` did, surely enough, and is over budget at `interval_bytes`.
fn is_burst(old: &Sums, new: &Sums, interval_bytes: f64, tick_ns: f64) -> bool {
    let wanted_bytes = new.wanted_bytes(tick_ns) / (1.0 + new.noise());
    wanted_bytes > 2.0 * old.wanted_bytes(tick_ns) && wanted_bytes > interval_bytes / HEADROOM
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
