//! The controller on a synthetic clock, with a synthetic program.

use super::*;
use crate::sampler::Random;

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;

/// A program: what it allocates, what a sample of it costs, and the clocks that it moves.
struct Plant {
    budget: Budget,
    reading: Reading,
    random: Random,
    interval_bytes: f64,
    /// Credit that it takes per second of its own CPU time.
    bytes_per_s: f64,
    /// Bytes of each allocation: what is larger than T is a sample each time.
    size_bytes: f64,
    cores: f64,
    /// A sample's cost in the program's thread and in the drain thread.
    sample_ns: f64,
    drain_sample_ns: f64,
    /// What the drain thread takes without any sample, nanoseconds per second.
    rest_ns_per_s: f64,
    /// What a tick takes that finds something.
    waking_ns: f64,
    changes: Vec<(u64, f64)>,
}

impl Plant {
    fn new(share: f64, interval_bytes: f64) -> Self {
        let start = Reading { time_ns: 7_000_000_000, process_cpu_ns: 3_000_000, ..Reading::default() };
        Self {
            budget: Budget::new(share, interval_bytes, start),
            reading: start,
            random: Random::new(1, 1),
            interval_bytes,
            bytes_per_s: 0.0,
            size_bytes: 64.0,
            cores: 1.0,
            sample_ns: 600.0,
            drain_sample_ns: 400.0,
            rest_ns_per_s: 1_000_000.0,
            waking_ns: 0.0,
            changes: Vec::new(),
        }
    }

    /// About normal, mean 0, deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.random.unit()).sum::<f64>() - 6.0
    }

    /// Runs for `seconds`; returns the cost's share of the process's CPU time in them.
    fn run(&mut self, seconds: f64) -> f64 {
        let (mut cost_ns, mut cpu_ns) = (0.0, 0.0);
        let tick_s = 0.05;
        for _ in 0..(seconds / tick_s).round() as u64 {
            let per_allocation = -(-self.size_bytes / self.interval_bytes).exp_m1();
            let samples_per_s = self.bytes_per_s / self.size_bytes * per_allocation * self.cores;
            // What the samples take, the program does not have.
            let slowed = 1.0 / (1.0 + samples_per_s * self.sample_ns / 1e9 / self.cores.max(1e-9));
            let mean = samples_per_s * slowed * tick_s;
            let samples = (mean + mean.sqrt() * self.normal()).max(0.0).round();
            let sampling_ns = samples * self.sample_ns;
            let for_samples_ns = samples * self.drain_sample_ns;
            let ticks = tick_s * 1e9 / self.budget.tick_ns() as f64;
            // Each sample and each free come by themselves.
            let found_ticks = (-ticks * (-2.0 * samples / ticks).exp_m1()).round();
            let waking_ns = found_ticks * self.waking_ns;
            let drain_ns = for_samples_ns + waking_ns + self.rest_ns_per_s * tick_s;
            self.reading.found_ticks += found_ticks as u64;
            self.reading.waking_ns += waking_ns as u64;
            let cpu = self.cores * tick_s * 1e9 + drain_ns;
            self.reading.time_ns += (tick_s * 1e9) as u64;
            self.reading.process_cpu_ns += cpu as u64;
            self.reading.sampling_ns += sampling_ns as u64;
            self.reading.drain_samples_ns += for_samples_ns as u64;
            self.reading.drain_cpu_ns += drain_ns as u64;
            self.reading.samples += samples as u64;
            cost_ns += sampling_ns + drain_ns;
            cpu_ns += cpu;
            self.control();
        }
        cost_ns / cpu_ns
    }

    fn control(&mut self) {
        if self.budget.is_due(self.reading.time_ns)
            && let Some(interval_bytes) = self.budget.step(self.reading)
        {
            self.interval_bytes = interval_bytes;
            self.changes.push((self.reading.time_ns, interval_bytes));
        }
    }

    /// Lowest and highest T in force over the next `seconds`.
    fn range_over(&mut self, seconds: f64) -> (f64, f64) {
        let before = self.changes.len();
        let (mut low, mut high) = (self.interval_bytes, self.interval_bytes);
        self.run(seconds);
        for &(_, interval_bytes) in &self.changes[before..] {
            (low, high) = (low.min(interval_bytes), high.max(interval_bytes));
        }
        (low, high)
    }
}

#[test]
fn rises_to_the_budget_within_a_second_and_stays() {
    let mut plant = Plant::new(0.005, 4.0 * KIB);
    plant.bytes_per_s = 2e9;
    let at_first = plant.run(0.05);
    assert!(at_first > 0.2, "far over the budget without control: {at_first}");
    plant.run(0.5);
    let kept = plant.run(20.0);
    assert!((0.0025..=0.005).contains(&kept), "{kept}");
    let (last_ns, _) = *plant.changes.last().expect("changes");
    assert!(last_ns < 7_500_000_000, "settled within half a second: {:?}", plant.changes);
    let (low, high) = plant.range_over(60.0);
    assert!(high <= low * 1.3, "{low} to {high}");
    let in_force = 2e9 * 1_000.0 / plant.interval_bytes;
    assert!((0.3..1.05).contains(&((in_force + 1e6) / 5e6)), "{in_force} ns a second for samples");
}

#[test]
fn falls_back_to_where_it_started_and_no_further() {
    let mut plant = Plant::new(0.005, 64.0 * KIB);
    plant.bytes_per_s = 8e9;
    plant.run(10.0);
    let high = plant.interval_bytes;
    assert!(high > 1.5 * MIB, "{high}");
    plant.bytes_per_s = 8e7;
    plant.run(12.0);
    assert_eq!(plant.interval_bytes, 64.0 * KIB);
    let falling: Vec<f64> = plant.changes.iter().map(|change| change.1).skip_while(|&t| t < high).collect();
    assert!(falling.is_sorted_by(|a, b| a >= b), "{falling:?}");
    // Halfway: T follows the demand down, not to the bottom.
    plant.bytes_per_s = 2e9;
    plant.run(20.0);
    let middle = plant.interval_bytes;
    assert!(middle > 256.0 * KIB && middle < high, "{middle}");
}

#[test]
fn leaves_alone_what_is_within_the_budget() {
    let mut plant = Plant::new(0.005, 512.0 * KIB);
    plant.bytes_per_s = 5e8;
    assert!(plant.run(60.0) < 0.005);
    assert_eq!(plant.changes, []);
}

#[test]
fn meets_a_burst_within_a_second() {
    for factor in [4.0, 10.0, 100.0, 1000.0] {
        let mut plant = Plant::new(0.005, 64.0 * KIB);
        plant.bytes_per_s = 2e8;
        plant.run(10.0);
        plant.bytes_per_s *= factor;
        plant.run(1.0);
        let after_a_second = plant.interval_bytes;
        let kept = plant.run(2.0);
        assert!(kept < 0.005, "{factor}: {kept}");
        plant.run(20.0);
        let in_the_end = plant.interval_bytes;
        assert!(after_a_second > 0.8 * in_the_end, "{factor}: {after_a_second} of {in_the_end}");
    }
}

#[test]
fn bursts_that_come_and_go_cost_no_more_than_the_budget_and_few_changes() {
    let mut plant = Plant::new(0.005, 64.0 * KIB);
    let mut costs = Vec::new();
    for round in 0..40 {
        plant.bytes_per_s = if round % 2 == 0 { 4e9 } else { 1e7 };
        costs.push(plant.run(3.0));
    }
    let mean = costs.iter().sum::<f64>() / costs.len() as f64;
    assert!(mean < 0.0075, "{mean}");
    let in_a_second = |from: u64| {
        plant.changes.iter().filter(|(time_ns, _)| (from..from + 1_000_000_000).contains(time_ns)).count()
    };
    let most = plant.changes.iter().map(|(time_ns, _)| in_a_second(*time_ns)).max().expect("changes");
    assert!(most <= 6, "{most}");
}

#[test]
fn converges_where_allocations_are_larger_than_the_interval() {
    let mut plant = Plant::new(0.005, 4.0 * KIB);
    plant.size_bytes = 256.0 * KIB;
    plant.bytes_per_s = 5e10;
    plant.run(20.0);
    let kept = plant.run(10.0);
    assert!((0.0025..=0.005).contains(&kept), "{kept}");
    let rising: Vec<f64> = plant.changes.iter().map(|change| change.1).take(6).collect();
    assert!(rising.is_sorted(), "{rising:?}");
    let (low, high) = plant.range_over(60.0);
    assert!(high <= low * 1.3, "{low} to {high}");
}

#[test]
fn many_cores_have_a_larger_budget() {
    let mut plant = Plant::new(0.005, 64.0 * KIB);
    plant.cores = 16.0;
    plant.bytes_per_s = 1e9;
    plant.run(10.0);
    let kept = plant.run(20.0);
    assert!((0.0025..=0.005).contains(&kept), "{kept}");
}

#[test]
fn few_samples_do_not_make_it_nervous() {
    let mut plant = Plant::new(0.0005, 64.0 * KIB);
    (plant.sample_ns, plant.drain_sample_ns, plant.rest_ns_per_s) = (15_000.0, 5_000.0, 0.0);
    plant.bytes_per_s = 2e7;
    plant.run(20.0);
    let before = plant.changes.len();
    let kept = plant.run(100.0);
    assert!((0.0001..=0.0006).contains(&kept), "{kept}");
    let changes = plant.changes.len() - before;
    assert!(changes < 10, "{changes} in 400 steps of about 5 samples each");
}

#[test]
fn a_start_at_full_speed_is_met_within_three_steps() {
    let mut plant = Plant::new(0.005, 512.0 * KIB);
    plant.bytes_per_s = 80e9;
    let mut costs = Vec::new();
    for _ in 0..4 {
        costs.push(plant.run(0.05));
    }
    assert!(costs[0] > 0.1, "{costs:?}");
    assert!(costs[3] < 0.0055, "{costs:?}: {:?}", plant.changes);
}

#[test]
fn an_idle_process_changes_nothing() {
    let mut plant = Plant::new(0.005, 64.0 * KIB);
    plant.bytes_per_s = 8e9;
    plant.run(10.0);
    (plant.cores, plant.bytes_per_s) = (0.001, 0.0);
    // The step that it is in the middle of saw it at work.
    plant.run(0.3);
    let (before, interval_bytes) = (plant.changes.len(), plant.interval_bytes);
    plant.run(600.0);
    assert_eq!((plant.changes.len(), plant.interval_bytes), (before, interval_bytes));
    // Nor does the long rest hide what comes after it.
    (plant.cores, plant.bytes_per_s) = (1.0, 64e9);
    plant.run(1.0);
    assert!(plant.run(2.0) < 0.0055);
}

#[test]
fn a_rest_that_takes_the_whole_budget_leaves_samples_their_half() {
    let mut plant = Plant::new(0.005, 64.0 * KIB);
    (plant.cores, plant.rest_ns_per_s) = (0.1, 4_000_000.0);
    plant.bytes_per_s = 5e9;
    plant.run(30.0);
    assert!(plant.interval_bytes < 4.0 * MIB, "does not run away: {}", plant.interval_bytes);
    let samples = plant.reading.samples;
    let cost = plant.run(10.0) * (0.1 + 0.004);
    assert!(plant.reading.samples > samples + 2000);
    assert!(cost < 0.004 + 0.25 * 0.005 / 2.0, "{cost} of a core");
}

#[test]
fn sampling_never_ends() {
    let mut plant = Plant::new(1e-9, 512.0 * KIB);
    plant.bytes_per_s = 1e12;
    plant.run(30.0);
    assert_eq!(plant.interval_bytes, MOST_INTERVAL_BYTES);
    let large = 8.0 * MOST_INTERVAL_BYTES;
    let mut plant = Plant::new(1e-9, large);
    plant.bytes_per_s = 1e12;
    plant.run(30.0);
    assert_eq!(plant.interval_bytes, large, "what the session asked for is not lowered");
}

#[test]
fn clocks_and_counters_that_leap_or_go_back_change_nothing() {
    let leaps: [fn(&mut Reading); 8] = [
        |reading| reading.time_ns -= 3_000_000_000,
        |reading| reading.time_ns += 3_600_000_000_000,
        |reading| reading.process_cpu_ns = 0,
        |reading| reading.process_cpu_ns = u64::MAX,
        |reading| reading.sampling_ns = 0,
        |reading| reading.sampling_ns = u64::MAX,
        |reading| reading.drain_cpu_ns += 3_600_000_000_000,
        |reading| reading.samples = 0,
    ];
    for (number, leap) in leaps.iter().enumerate() {
        let mut plant = Plant::new(0.005, 64.0 * KIB);
        plant.bytes_per_s = 4e9;
        plant.run(20.0);
        let before = plant.interval_bytes;
        let sane = plant.reading;
        plant.reading.time_ns += STEP_NS;
        plant.reading.process_cpu_ns += STEP_NS;
        leap(&mut plant.reading);
        assert_eq!(plant.budget.step(plant.reading), None, "leap {number}");
        assert!(plant.budget.is_due(plant.reading.time_ns.saturating_add(STEP_NS)), "leap {number}");
        // The next steps count from there; a counter at its end cannot go on, and is put right.
        if plant.reading.process_cpu_ns == u64::MAX || plant.reading.sampling_ns == u64::MAX {
            plant.reading = sane;
            assert_eq!(plant.budget.step(sane), None, "leap {number}");
        }
        let kept = plant.run(20.0);
        let after = plant.interval_bytes;
        assert!((before / 1.3..before * 1.3).contains(&after), "leap {number}: {before} to {after}");
        assert!(kept <= 0.005, "leap {number}: {kept}");
    }
}

#[test]
fn waking_up_that_a_longer_interval_would_not_save_does_not_lengthen_it() {
    let mut plant = Plant::new(0.005, 512.0 * KIB);
    (plant.waking_ns, plant.rest_ns_per_s) = (15_000.0, 500_000.0);
    plant.bytes_per_s = 6e8;
    assert!(plant.run(60.0) < 0.005);
    assert_eq!((plant.changes.as_slice(), plant.budget.tick_ns()), (&[][..], TICK_NS));
    // Nor where waking up is so dear that ticks have to be fewer.
    plant.waking_ns = 40_000.0;
    assert!(plant.run(60.0) < 0.005);
    assert_eq!((plant.changes.as_slice(), plant.budget.tick_ns()), (&[][..], LONG_TICK_NS));
    plant.waking_ns = 5_000.0;
    plant.run(10.0);
    assert_eq!(plant.budget.tick_ns(), TICK_NS);
}

#[test]
fn a_process_that_does_little_is_left_asleep() {
    let mut plant = Plant::new(0.005, 64.0 * KIB);
    (plant.cores, plant.waking_ns, plant.rest_ns_per_s) = (0.05, 30_000.0, 100_000.0);
    plant.bytes_per_s = 2e9;
    plant.run(20.0);
    let kept = plant.run(60.0) * (0.05 + 0.001);
    assert!(kept < 1.05 * 0.005 * LEAST_CORES, "{kept} of a core");
    let samples = plant.reading.samples;
    plant.run(60.0);
    let samples_per_s = (plant.reading.samples - samples) as f64 / 60.0;
    assert!((5.0..100.0).contains(&samples_per_s), "{samples_per_s}");
    let (low, high) = plant.range_over(60.0);
    assert!(high <= low * 1.6, "{low} to {high}");
}

#[test]
fn waking_up_counts_where_samples_come_one_by_one() {
    for bytes_per_s in [1e8, 1e9, 1e10, 1e11] {
        let mut plant = Plant::new(0.005, 64.0 * KIB);
        (plant.waking_ns, plant.rest_ns_per_s) = (100_000.0, 1_000_000.0);
        plant.bytes_per_s = bytes_per_s;
        plant.run(20.0);
        let kept = plant.run(60.0);
        // Over the budget by less than half of it, and only to have samples at all.
        assert!(kept < 0.007, "{bytes_per_s}: {kept}");
        assert!(
            kept > 0.002 || plant.interval_bytes == 64.0 * KIB,
            "{bytes_per_s}: {kept} at {}",
            plant.interval_bytes
        );
    }
}
