//! What a tick of the drain thread costs: so much for waking up at all, and so much for each sample and free that it finds.
//!
//! The two call for different remedies (a longer sampling interval, fewer ticks), and only their sum can be measured. So a
//! straight line is fitted through recent ticks, cost over events, older ones fading; it starts from what is usual, with the weight of a
//! few ticks, and a slope out of all reason is not believed.

/// How much of the past a tick leaves: the line is that of the last hundred or so.
const KEEP: f64 = 0.99;
/// The line's start, as weighted points: (weight, events, nanoseconds).
const USUAL: [(f64, f64, f64); 2] = [(5.0, 0.0, 15_000.0), (5.0, 200.0, 75_000.0)];
/// An event costs no less and no more than that, nanoseconds.
const EVENT_NS: std::ops::RangeInclusive<f64> = 50.0..=1_000.0;

/// Waking up costs no more than that, nanoseconds. A tick that took longer waited: for the kernel's lock on the address space, say, while
/// the program gave back hundreds of MB.
const MOST_WAKING_NS: u64 = 100_000;

/// What a tick's CPU time went to, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    /// To its samples and frees.
    pub(super) events_ns: u64,
    /// To waking up for them; what is still missing then is neither's.
    pub(super) waking_ns: u64,
}

/// The line, as the sums that a least-squares fit needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct TickCost {
    weight: f64,
    events: f64,
    ns: f64,
    events_squared: f64,
    events_ns: f64,
}

impl TickCost {
    pub(super) fn new() -> Self {
        let mut line = Self { weight: 0.0, events: 0.0, ns: 0.0, events_squared: 0.0, events_ns: 0.0 };
        for (weight, events, ns) in USUAL {
            line.add(weight, events, ns);
        }
        line
    }

    /// A tick found `events` and took `cpu_ns`: what for.
    pub(super) fn split(&mut self, events: u64, cpu_ns: u64) -> Parts {
        let usual_ns =
            cpu_ns.min((*EVENT_NS.end() as u64).saturating_mul(events).saturating_add(MOST_WAKING_NS));
        for sum in
            [&mut self.weight, &mut self.events, &mut self.ns, &mut self.events_squared, &mut self.events_ns]
        {
            *sum *= KEEP;
        }
        self.add(1.0, events as f64, usual_ns as f64);
        let events_ns = ((self.event_ns() * events as f64) as u64).min(usual_ns);
        Parts { events_ns, waking_ns: (usual_ns - events_ns).min(MOST_WAKING_NS) }
    }

    fn add(&mut self, weight: f64, events: f64, ns: f64) {
        self.weight += weight;
        self.events += weight * events;
        self.ns += weight * ns;
        self.events_squared += weight * events * events;
        self.events_ns += weight * events * ns;
    }

    /// The line's slope: nanoseconds an event.
    fn event_ns(&self) -> f64 {
        let variance = self.weight * self.events_squared - self.events * self.events;
        let covariance = self.weight * self.events_ns - self.events * self.ns;
        let slope = if variance > 0.0 { covariance / variance } else { 0.0 };
        slope.clamp(*EVENT_NS.start(), *EVENT_NS.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::Random;

    #[test]
    fn finds_what_an_event_costs_among_noise() {
        for (wake_ns, event_ns) in [(5_000.0, 150.0), (40_000.0, 250.0), (15_000.0, 800.0)] {
            let mut line = TickCost::new();
            let mut random = Random::new(1, 1);
            let (mut for_events, mut truth) = (0.0, 0.0);
            for round in 0..2000 {
                let events = (40.0 * random.unit()).floor();
                let noise = 1.0 + 0.4 * (random.unit() - 0.5);
                let part = line.split(events as u64, ((wake_ns + event_ns * events) * noise) as u64);
                if round >= 500 {
                    for_events += part.events_ns as f64;
                    truth += event_ns * events;
                }
            }
            let ratio = for_events / truth;
            assert!((0.7..1.3).contains(&ratio), "{wake_ns} {event_ns}: {ratio}");
        }
    }

    #[test]
    fn ticks_that_all_find_as_much_tell_no_lies() {
        let mut line = TickCost::new();
        for _ in 0..10_000 {
            let part = line.split(1, 50_000).events_ns;
            assert!((50..=1_000).contains(&part), "{part}: waking up is not the event's");
        }
        assert_eq!(
            line.split(1_000, 10_000),
            Parts { events_ns: 10_000, waking_ns: 0 },
            "never more than the tick took"
        );
    }

    #[test]
    fn a_tick_that_waited_is_not_held_against_samples() {
        let mut line = TickCost::new();
        let before = line.split(10, 20_000);
        let waited = line.split(10, 50_000_000);
        assert_eq!(waited.waking_ns, MOST_WAKING_NS);
        let after = line.split(10, 20_000);
        assert!(
            after.events_ns < 3 * before.events_ns && waited.events_ns <= 10_000,
            "{before:?} {waited:?} {after:?}"
        );
    }
}
