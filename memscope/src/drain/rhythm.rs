//! When the drain thread wakes up: as seldom as its promises allow, for waking up is most of what it costs.
//!
//! * *Ticking*, while samples come closer together than ticks: a tick apart, which is what a crash can lose.
//! * *Asleep*, otherwise: until a hook leaves a sample and rings ([`crate::bell`]), or until other work is due. A sample that comes
//!   alone costs one waking up, and is drained at once.
//!
//! The other work (counters, the system's figures) is due every [`PERIOD_NS`] while anything moves. In a program at rest the period
//! doubles each time, up to [`LONGEST_PERIOD_NS`]; what moves in between is less than [`MOVES_BYTES`] of what the timeline shows.

use std::time::Duration;

/// How often rings are emptied while there are samples: what a crash can lose. Waking up takes 5 to 50 microseconds of CPU time, so this is what
/// a session costs that samples little.
pub(super) const TICK_NS: u64 = 8_000_000;
/// The same where the overhead budget is too small for so many: the longest that a crash may lose.
pub(super) const LONG_TICK_NS: u64 = 20_000_000;
/// The same in exact mode, where threads may be waiting for room.
const EXACT_TICK_NS: u64 = 1_000_000;
/// So many ticks without a sample end the ticking.
const EMPTY_TICKS: u32 = 2;
/// How often the exact counters of all threads are summed.
const PERIOD_NS: u64 = 50_000_000;
/// The same in a program at rest.
const LONGEST_PERIOD_NS: u64 = 500_000_000;
/// A program that allocated and freed less than this in a period is at rest.
const MOVES_BYTES: u64 = 64 * 1024;

pub(crate) struct Rhythm {
    tick_ns: u64,
    is_ticking: bool,
    empty_ticks: u32,
    found_ns: u64,
    emptied_ns: u64,
    period_ns: u64,
    next_ns: u64,
    /// Bytes allocated and freed, as last told.
    moved_bytes: u64,
}

impl Rhythm {
    pub(crate) fn new(is_exact: bool) -> Self {
        Self {
            tick_ns: if is_exact { EXACT_TICK_NS } else { TICK_NS },
            is_ticking: false,
            empty_ticks: 0,
            found_ns: 0,
            emptied_ns: 0,
            period_ns: PERIOD_NS,
            next_ns: 0,
            moved_bytes: 0,
        }
    }

    /// Ticks are to be so far apart from now on.
    pub(crate) fn set_tick_ns(&mut self, tick_ns: u64) {
        self.tick_ns = tick_ns;
    }

    /// The rings were emptied at `now_ns`; whether they held anything.
    pub(crate) fn emptied(&mut self, now_ns: u64, found: bool) {
        self.emptied_ns = now_ns;
        if found {
            self.is_ticking |= now_ns.saturating_sub(self.found_ns) < 2 * self.tick_ns;
            self.found_ns = now_ns;
            self.empty_ticks = 0;
            self.period_ns = PERIOD_NS;
            self.next_ns = self.next_ns.min(now_ns + PERIOD_NS);
        } else if self.is_ticking {
            self.empty_ticks += 1;
            self.is_ticking = self.empty_ticks < EMPTY_TICKS;
        }
    }

    /// Whether the rings were emptied a tick ago: for work that takes longer than one.
    pub(crate) fn is_late(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.emptied_ns) >= self.tick_ns
    }

    /// How long to wait at `now_ns`, and whether to be rung for.
    pub(crate) fn wait(&self, now_ns: u64) -> (Duration, bool) {
        if self.is_ticking {
            // Counted from the last time, so that what a tick takes does not come on top; but the program gets a quarter of it at the least.
            let waited_ns = now_ns.saturating_sub(self.emptied_ns).min(self.tick_ns / 4 * 3);
            return (Duration::from_nanos(self.tick_ns - waited_ns), false);
        }
        (Duration::from_nanos(self.next_ns.saturating_sub(now_ns)), true)
    }

    /// Whether the counters are to be summed.
    pub(crate) fn is_due(&self, now_ns: u64) -> bool {
        now_ns >= self.next_ns
    }

    /// The counters were summed: so many bytes have been allocated and freed in all.
    pub(crate) fn summed(&mut self, now_ns: u64, moved_bytes: u64) {
        let moves = moved_bytes.wrapping_sub(self.moved_bytes) >= MOVES_BYTES;
        self.moved_bytes = moved_bytes;
        self.period_ns = if moves { PERIOD_NS } else { (2 * self.period_ns).min(LONGEST_PERIOD_NS) };
        self.next_ns = now_ns + self.period_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Wakings up in a second in which samples come at `samples_ms`, and the longest that one waited.
    fn second(samples_ms: impl Iterator<Item = u64>) -> (usize, u64) {
        let mut rhythm = Rhythm::new(false);
        let mut samples: Vec<u64> = samples_ms.map(|ms| 1000 * MS + ms * MS).collect();
        let (mut now, mut wakings, mut longest) = (1000 * MS, 0, 0);
        while now < 2000 * MS {
            let waiting = samples.iter().take_while(|&&at| at <= now).count();
            longest = longest.max(samples.drain(..waiting).map(|at| now - at).max().unwrap_or(0));
            rhythm.emptied(now, waiting > 0);
            if rhythm.is_due(now) {
                rhythm.summed(now, 0);
            }
            let (wait, until_rung) = rhythm.wait(now);
            let rung = samples.first().filter(|_| until_rung).map_or(u64::MAX, |&at| at.max(now));
            now = (now + wait.as_nanos() as u64).min(rung);
            wakings += 1;
        }
        (wakings, longest)
    }

    #[test]
    fn at_rest_it_sleeps() {
        let (wakings, _) = second(std::iter::empty());
        assert!(wakings <= 7, "{wakings}");
    }

    #[test]
    fn samples_that_come_alone_cost_one_waking_up_each() {
        let (wakings, longest) = second((0..1000).step_by(50));
        assert!((20..=45).contains(&wakings), "{wakings}");
        assert_eq!(longest, 0, "drained at once");
    }

    #[test]
    fn many_samples_are_drained_tick_by_tick() {
        for step in [1, 2, 4] {
            let (wakings, longest) = second((0..1000).step_by(step));
            assert!((118..=132).contains(&wakings), "{wakings}");
            assert!(longest <= 8 * MS, "{longest}");
        }
    }

    #[test]
    fn counters_follow_what_moves() {
        let mut rhythm = Rhythm::new(true);
        let mut periods = Vec::new();
        let mut now = 0;
        for moved_bytes in [0, 100, 200, 300, 400, 1 << 20, 2 << 20] {
            rhythm.summed(now, moved_bytes);
            let (wait, _) = rhythm.wait(now);
            periods.push(wait.as_millis());
            now += wait.as_nanos() as u64;
            assert!(rhythm.is_due(now) && !rhythm.is_due(now - 1));
        }
        assert_eq!(periods, [100, 200, 400, 500, 500, 50, 50]);
        // A sample brings the next sums near again.
        rhythm.summed(now, 2 << 20);
        rhythm.summed(now, 2 << 20);
        rhythm.emptied(now + MS, true);
        assert!(rhythm.is_due(now + 51 * MS));
    }
}
