//! The budget's controller at work in the drain thread: its readings, and what its answers become.

use super::budget::{Budget, Reading};
use super::figures::Totals;
use super::tick_cost::TickCost;
use crate::control;
use crate::sys;
use memscope_trace::Interval;

/// Keeps the session within its overhead budget.
pub(crate) struct Governor {
    budget: Budget,
    /// The interval in force.
    interval: Interval,
    start_ns: u64,
    tick_cost: TickCost,
    /// CPU time of the drain thread that went to samples and frees, and to waking up for them; and how often.
    samples_cpu_ns: u64,
    waking_cpu_ns: u64,
    found_ticks: u64,
    /// CPU time of the drain thread at the end of the last tick.
    last_cpu_ns: u64,
}

impl Governor {
    /// For a session with `interval` that may take `share` of the process's CPU time. Called by the drain thread.
    pub(crate) fn new(share: f64, interval: Interval, start_ns: u64) -> Self {
        let start = Reading {
            time_ns: sys::monotonic_ns(),
            process_cpu_ns: sys::process_cpu_ns(),
            drain_cpu_ns: sys::thread_cpu_ns(),
            ..Reading::default()
        };
        let budget = Budget::new(share, interval.interval_bytes, start);
        Self {
            budget,
            interval,
            start_ns,
            tick_cost: TickCost::new(),
            samples_cpu_ns: 0,
            waking_cpu_ns: 0,
            found_ticks: 0,
            last_cpu_ns: start.drain_cpu_ns,
        }
    }

    /// How far apart ticks are to be.
    pub(crate) fn tick_ns(&self) -> u64 {
        self.budget.tick_ns()
    }

    /// Counts a tick, from waking up to what it wrote. Where it found samples or frees, it is their cost, but for the slower work that was
    /// due anyhow.
    pub(crate) fn tick_ended(&mut self, events: u64, slower_cpu_ns: u64) {
        // One system call a tick; waking up took many times that.
        let cpu_ns = sys::thread_cpu_ns();
        if events > 0 {
            let tick_ns = cpu_ns.saturating_sub(self.last_cpu_ns).saturating_sub(slower_cpu_ns);
            let parts = self.tick_cost.split(events, tick_ns);
            self.samples_cpu_ns += parts.events_ns;
            self.waking_cpu_ns += parts.waking_ns;
            self.found_ticks += 1;
        }
        self.last_cpu_ns = cpu_ns;
    }

    /// Takes a step, if one is due. The interval that it gives has to be in the trace before samples that were drawn under it: it is
    /// in force already, but they are still in their rings.
    pub(crate) fn step(&mut self, now_ns: u64, totals: &Totals, recorded: u64) -> Option<Interval> {
        if !self.budget.is_due(now_ns) {
            return None;
        }
        let interval_bytes = self.budget.step(Reading {
            time_ns: now_ns,
            process_cpu_ns: sys::process_cpu_ns(),
            sampling_ns: totals.sampling_ns,
            drain_cpu_ns: sys::thread_cpu_ns(),
            drain_samples_ns: self.samples_cpu_ns,
            waking_ns: self.waking_cpu_ns,
            found_ticks: self.found_ticks,
            samples: recorded + totals.loss.samples(),
        })?;
        let id = self.interval.id.checked_add(1)?;
        let start_us = now_ns.saturating_sub(self.start_ns) / 1000;
        self.interval = Interval { id, start_us, interval_bytes, ..self.interval };
        control::change_interval(id, interval_bytes);
        Some(self.interval)
    }
}
