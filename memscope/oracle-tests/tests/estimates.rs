//! Estimates over many seeded runs of the whole chain: bias, and how often the intervals hold the truth; for the whole, and for
//! slices by thread, by scope, and by what became of the memory.

use memscope::{SamplingAllocator, SamplingConfig, Session};
use memscope_oracle_tests::{Oracle, Random, wait_until_alone};
use memscope_report::Profile;
use memscope_report::load::{Amount, Fate, Flow};
use memscope_report::statistics::{Estimate, Total};
use std::alloc::System;
use std::collections::BTreeMap;
use std::hint::black_box;

#[global_allocator]
static ORACLE: Oracle<SamplingAllocator<System>> = Oracle::new(SamplingAllocator::new(System));

const RUNS: u64 = 1000;
const FIRST_SEED: u64 = 100_000;

/// Two scopes with sizes of their own, and a call site of one size outside both.
#[memscope::profile]
#[inline(never)]
fn small(random: &mut Random) {
    for _ in 0..20 {
        black_box(vec![0_u8; random.size()]);
    }
}

#[memscope::profile]
#[inline(never)]
fn large(random: &mut Random) {
    black_box(vec![0_u8; random.size() * 4]);
}

#[inline(never)]
fn fixed() {
    black_box(vec![0_u8; 48]);
}

fn allocate(random: &mut Random, rounds: u32) {
    for _ in 0..rounds {
        small(random);
        (0..4).for_each(|_| large(random));
        (0..20).for_each(|_| fixed());
    }
}

/// What the program keeps, and what it leaves another thread to free.
struct Kept {
    live: Vec<Vec<u8>>,
    live_bytes: u64,
    handed_over_bytes: u64,
}

fn workload(seed: u64) -> Kept {
    let mut random = Random(seed ^ 0x5EED);
    allocate(&mut random, 300);
    // One after the other, so that a run can be repeated to the last sample.
    let own = Random(random.next());
    std::thread::spawn(move || allocate(&mut { own }, 120)).join().expect("no panic");
    let sizes = |random: &mut Random, count: u32| (0..count).map(|_| random.size()).collect::<Vec<_>>();
    let filled = |sizes: Vec<usize>| sizes.into_iter().map(|size| vec![1_u8; size]).collect::<Vec<_>>();
    let (to_hand, to_keep) = (sizes(&mut random, 2500), sizes(&mut random, 1500));
    let sum = |sizes: &[usize]| sizes.iter().sum::<usize>() as u64;
    let (handed_over_bytes, live_bytes) = (sum(&to_hand), sum(&to_keep));
    let handed = filled(to_hand);
    // The vectors are freed there, and then the vector of them.
    let handed_over_bytes = handed_over_bytes + (handed.capacity() * size_of::<Vec<u8>>()) as u64;
    std::thread::spawn(move || drop(handed)).join().expect("no panic");
    let live = filled(to_keep);
    let live_bytes = live_bytes + (live.capacity() * size_of::<Vec<u8>>()) as u64;
    wait_until_alone();
    Kept { live, live_bytes, handed_over_bytes }
}

/// What one slice's estimates add up to.
#[derive(Default)]
struct Errors {
    runs: u64,
    truth: f64,
    estimated: f64,
    /// Sum of the squares of estimate less truth.
    squared_errors: f64,
    held: u64,
    samples: u64,
}

impl Errors {
    fn add(&mut self, estimate: Estimate, truth: u64) {
        let truth = truth as f64;
        self.runs += 1;
        self.truth += truth;
        self.estimated += estimate.value;
        self.squared_errors += (estimate.value - truth).powi(2);
        self.held += u64::from(estimate.low <= truth && truth <= estimate.high);
        self.samples += estimate.samples;
    }

    fn check(&self, what: &str) {
        assert_eq!(self.runs, RUNS, "{what} is in every run");
        let coverage = 100.0 * self.held as f64 / RUNS as f64;
        let samples = self.samples as f64 / RUNS as f64;
        let bias = 100.0 * (self.estimated / self.truth - 1.0);
        // The mean of 1,000 runs is off by a standard error of its own. Twelve slices are looked at: beyond four standard errors
        // one of them lies once in 1,300 times.
        let standard_error = 100.0 * self.squared_errors.sqrt() / self.truth;
        println!(
            "{what}: {samples:.0} samples a run, bias {bias:+.2}% (standard error {standard_error:.2}%), intervals hold the truth in {coverage:.1}%"
        );
        assert!(
            bias.abs() < f64::max(0.5, 4.0 * standard_error),
            "{what}: bias {bias}%, standard error {standard_error}%"
        );
        // 1,000 runs at 95% lie within 93% and 97% but once in two hundred times. The seeds are fixed, so this is no gamble.
        assert!((93.0..=97.0).contains(&coverage), "{what}: coverage {coverage}%");
    }
}

/// All slices by name.
#[derive(Default)]
struct Slices(BTreeMap<String, Errors>);

impl Slices {
    fn add(&mut self, what: impl Into<String>, total: &Total, whole: &Total, truth: u64) {
        self.0.entry(what.into()).or_default().add(total.estimate_within(whole), truth);
    }

    fn add_run(&mut self, profile: &Profile, kept: &Kept) {
        let flows = &profile.ownership.flows;
        let all = amount(flows, |_| true);
        let truth = profile.totals;
        self.add("all, bytes", &all.bytes, &all.bytes, truth.allocated_bytes);
        self.add("all, count", &all.allocations, &all.allocations, truth.allocations);
        // The threads that only free are left out: the first two are those that allocate much.
        for (at, thread) in
            profile.threads.iter().filter(|thread| thread.allocated_bytes > 1 << 20).enumerate()
        {
            let own = amount(flows, |flow| flow.allocated_by == thread.id);
            self.add(format!("thread {at}, bytes"), &own.bytes, &all.bytes, thread.allocated_bytes);
            self.add(format!("thread {at}, count"), &own.allocations, &all.allocations, thread.allocations);
        }
        for scope in &profile.scopes {
            let (mut count, mut bytes) = (Total::default(), Total::default());
            for site in profile.sites.iter().filter(|site| site.scope == scope.scope.id) {
                count.merge(&site.samples.allocated());
                bytes.merge(&site.samples.allocated().scaled(site.size_bytes as f64));
            }
            let name = &scope.scope.name;
            self.add(format!("scope {name}, bytes"), &bytes, &all.bytes, scope.own_allocated_bytes);
            self.add(format!("scope {name}, count"), &count, &all.allocations, scope.own_allocations);
        }
        let live = amount(flows, |flow| flow.fate == Fate::Live);
        self.add("live at the end, bytes", &live.bytes, &all.bytes, kept.live_bytes);
        let handed = amount(
            flows,
            |flow| matches!(flow.fate, Fate::FreedBy(thread) if flow.allocated_by == 1 && thread != 1),
        );
        self.add("freed by another thread, bytes", &handed.bytes, &all.bytes, kept.handed_over_bytes);
    }
}

fn amount(flows: &[Flow], belongs: impl Fn(&Flow) -> bool) -> Amount {
    let mut sum = Amount::default();
    flows.iter().filter(|flow| belongs(flow)).for_each(|flow| sum.merge(&flow.amount));
    sum
}

/// Without the test harness, whose own thread would take numbers from the sequence: the same seeds give the same samples.
fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut slices = Slices::default();
    let config = SamplingConfig { sample_rate: 0.005, min_allocation_size: 0, buffer_size: 1 << 20 };
    for seed in FIRST_SEED..FIRST_SEED + RUNS {
        let output = folder.path().join(seed.to_string());
        let builder = Session::builder().output(&output).config(config).sampling_interval_bytes(65_536);
        let mut session = builder.seed(seed).start().expect("a session");
        let kept = workload(seed);
        session.finalize().expect("a result");
        let profile = Profile::open(output.join("trace.bin")).expect("a trace");
        assert_eq!(profile.losses().lost, 0);
        slices.add_run(&profile, &kept);
        drop(kept.live);
        std::fs::remove_dir_all(&output).expect("it was there");
    }
    slices.0.iter().for_each(|(what, errors)| errors.check(what));
    println!("totals_and_slices_are_unbiased_and_intervals_hold: {} passed, 0 failed", slices.0.len());
}
