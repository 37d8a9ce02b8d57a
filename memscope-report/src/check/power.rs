//! How often the check raises a false alarm, and how often it catches what it says that it catches.
//!
//! Pairs of traces of one program are drawn by the sampler's own law (`statistics/coverage/law.rs`), and put through the whole
//! check: folding, choice of rows, intervals, decision. Seeds are fixed, so a test here passes always or never.
//! `MEMSCOPE_PAIRS=20000 cargo test --release -p memscope-report --lib check::power -- --nocapture` draws more and prints the figures.

use super::*;
use crate::compare::{By, Figure, compare};
use crate::load::{Counted, Profile, Site, SiteSamples};
use crate::statistics::coverage::law::{Class, Random, log_uniform, sampled, with_samples};
use crate::symbolize::{SymbolizeOptions, Symbols, symbolize};
use memscope_trace::{AllocationKind, End, Interval, Stacks};

const T: f64 = 65_536.0;
const RATE: f64 = 0.002;

fn pairs(least: u32) -> u32 {
    std::env::var("MEMSCOPE_PAIRS").ok().and_then(|pairs| pairs.parse().ok()).unwrap_or(least)
}

/// A program: for each call site how many samples it gives in the mean. Each allocates sizes from 16 B to 8 KiB, in other
/// proportions from site to site.
struct Program {
    sites: Vec<Vec<Class>>,
    skeleton: Profile,
    symbols: Symbols,
}

impl Program {
    fn new(samples: &[f64]) -> Self {
        let sites: Vec<Vec<Class>> = (0..)
            .zip(samples)
            .map(|(at, &samples)| {
                let low = 16.0 * f64::from(1 << (at % 4));
                let classes: Vec<Class> =
                    log_uniform(low, 8192.0, 8).map(|size| Class::of_size(1000.0, size, T, RATE)).collect();
                with_samples(&classes, samples)
            })
            .collect();
        let count = samples.len() as u32;
        let mut skeleton = Profile::default();
        skeleton.stacks.extend(&Stacks {
            first_frame: 1,
            addresses: vec![0x1000; samples.len()],
            first_node: 1,
            parent_deltas: (1..=count).collect(),
            frames: (1..=count).collect(),
        });
        let credit_bytes = -T * (-RATE).ln_1p();
        skeleton.intervals = vec![Interval { id: 0, start_us: 0, interval_bytes: T, credit_bytes }];
        skeleton.end = Some(End::default());
        let symbols = symbolize(&skeleton, &SymbolizeOptions::default());
        Self { sites, skeleton, symbols }
    }

    /// A trace of the program, in which site 0 allocates `growth` times as often. A third of what is allocated stays live.
    fn trace(&self, random: &mut Random, growth: f64) -> Profile {
        self.run(random, growth, 0.0)
    }

    /// The same of a program whose call sites each allocate `noise` more or less from run to run: the standard deviation, as a fraction.
    fn run(&self, random: &mut Random, growth: f64, noise: f64) -> Profile {
        let mut profile = self.skeleton.clone();
        for (at, classes) in self.sites.iter().enumerate() {
            let differs = if noise > 0.0 { 1.0 + noise * normal(random) } else { 1.0 };
            for class in classes {
                let factor = if at == 0 { growth * differs } else { differs };
                let allocations = (class.allocations as f64 * factor).round() as u64;
                let live = sampled(random, allocations / 3, class.probability);
                let freed = sampled(random, allocations - allocations / 3, class.probability);
                let mut samples = SiteSamples::default();
                samples.add(&Counted { probability: class.probability, live, freed, ..Counted::default() });
                profile.samples += live + freed;
                profile.sites.push(Site {
                    stack: at as u32 + 1,
                    size_bytes: class.size as u64,
                    old_size_bytes: 0,
                    scope: 0,
                    kind: AllocationKind::Alloc,
                    samples,
                });
            }
        }
        profile
    }

    fn check(&self, old: &Profile, new: &Profile) -> Checked {
        let side = |profile| Side { profile, symbols: &self.symbols };
        check(side(new), &[side(old)], &Limits::default()).unwrap()
    }

    /// How many of `checks` checks fail against so many `baselines`, where runs differ by `noise`.
    fn alarms_among_runs(&self, checks: u32, growth: f64, baselines: usize, noise: f64) -> u32 {
        let mut random = Random(23);
        let alarm = |_: &u32| {
            let mut run = |growth| with_totals(self.run(&mut random, growth, noise));
            let old: Vec<Profile> = (0..baselines).map(|_| run(1.0)).collect();
            let new = run(growth);
            let side = |profile| Side { profile, symbols: &self.symbols };
            let sides: Vec<Side<'_>> = old.iter().map(side).collect();
            !check(side(&new), &sides, &Limits::default()).unwrap().keeps_growth()
        };
        (0..checks).filter(alarm).count() as u32
    }

    /// How many of `pairs` pairs fail.
    fn alarms(&self, pairs: u32, growth: f64) -> u32 {
        let mut random = Random(11);
        let alarm = |_: &u32| {
            let (old, new) = (self.trace(&mut random, 1.0), self.trace(&mut random, growth));
            !self.check(&old, &new).keeps_growth()
        };
        (0..pairs).filter(alarm).count() as u32
    }
}

/// A normal variable (Box and Muller).
fn normal(random: &mut Random) -> f64 {
    (-2.0 * random.unit().ln()).sqrt() * (std::f64::consts::TAU * random.unit()).cos()
}

/// The exact totals that a run with these samples has, but for what sampling adds: they differ between runs as the sites do.
fn with_totals(mut profile: Profile) -> Profile {
    let sum = |figure: fn(&Site) -> f64| profile.sites.iter().map(figure).sum::<f64>() as u64;
    let totals = &mut profile.totals;
    totals.allocations = sum(|site| site.samples.allocated().value());
    totals.allocated_bytes = sum(|site| site.samples.allocated().value() * site.size_bytes as f64);
    let live_bytes = sum(|site| site.samples.live().value() * site.size_bytes as f64);
    totals.freed_bytes = totals.allocated_bytes - live_bytes;
    totals.peak_bytes = live_bytes;
    profile
}

fn percent(alarms: u32, pairs: u32) -> f64 {
    100.0 * f64::from(alarms) / f64::from(pairs)
}

#[test]
fn equal_pairs_raise_no_more_alarms_than_promised() {
    for (name, samples) in [
        ("one site, 30 samples", vec![30.0]),
        ("one site, 400 samples", vec![400.0]),
        ("12 sites, 20 samples each", vec![20.0; 12]),
        ("30 sites, 100 samples each", vec![100.0; 30]),
        ("20 sites, 10 to 2,000 samples", (0..20).map(|at| 10.0 * 1.32_f64.powi(at)).collect()),
    ] {
        let pairs = pairs(50);
        let alarms = Program::new(&samples).alarms(pairs, 1.0);
        println!("A/A, {name}: {alarms} of {pairs} pairs raise an alarm, {:.2}%", percent(alarms, pairs));
        // The promise is 1%; of so many pairs, three standard errors more may be seen.
        let most = 0.01 * f64::from(pairs) + 3.0 * (0.01 * f64::from(pairs)).sqrt();
        assert!(f64::from(alarms) <= most, "{name}: {alarms} of {pairs}");
    }
}

/// Ten percent more is caught wherever the check says that the samples suffice for it.
#[test]
fn ten_percent_more_is_caught_where_the_samples_suffice() {
    for (name, samples) in [
        ("one site, 5,000 samples", vec![5_000.0]),
        ("8 sites, 9,000 samples", [vec![9_000.0], vec![700.0; 7]].concat()),
    ] {
        let program = Program::new(&samples);
        let mut random = Random(5);
        let aa = program.check(&program.trace(&mut random, 1.0), &program.trace(&mut random, 1.0));
        let shown = aa.sites.iter().map(|site| site.smallest_shown).fold(f64::INFINITY, f64::min);
        assert!(shown <= 0.1, "{name}: shows {shown} only");
        let pairs = pairs(30);
        let caught = percent(program.alarms(pairs, 1.1), pairs);
        println!("A/+10%, {name} (shows {:.1}%): {caught:.2}% caught", 100.0 * shown);
        assert!(caught >= 95.0, "{name}: {caught}%");
    }
}

/// The growth that is said to be shown is caught as often as is said, from few samples as from many.
#[test]
fn what_is_said_to_be_shown_is_caught() {
    for samples in [40.0, 200.0, 1_000.0] {
        let program = Program::new(&[samples, 150.0, 150.0]);
        let mut random = Random(3);
        let aa = program.check(&program.trace(&mut random, 1.0), &program.trace(&mut random, 1.0));
        let site = |site: &&SiteGrowth| {
            site.figure == Figure::Bytes && site.old.samples.abs_diff(samples as u64) < samples as u64 / 4
        };
        let shown = aa.sites.iter().find(site).expect("the first site").smallest_shown;
        let pairs = pairs(30);
        let caught = percent(program.alarms(pairs, 1.0 + shown), pairs);
        println!("A/+{:.0}%, {samples} samples: {caught:.2}% caught", 100.0 * shown);
        assert!(caught >= 93.0, "{samples} samples, +{shown}: {caught}%");
    }
}

/// Runs that differ by themselves raise alarms against one baseline, and no more than promised against several.
#[test]
fn several_baselines_allow_for_what_runs_differ_by() {
    let program = Program::new(&[3_000.0; 6]);
    let checks = pairs(40);
    let alone = program.alarms_among_runs(checks, 1.0, 1, 0.08);
    println!(
        "A/A, runs differ by 8%, 1 baseline: {:.2}% of the checks raise an alarm",
        percent(alone, checks)
    );
    assert!(
        percent(alone, checks) > 10.0,
        "the runs do not differ enough to tell anything: {alone} of {checks}"
    );
    for (baselines, noise) in [(2, 0.08), (3, 0.08), (5, 0.08), (5, 0.01), (8, 0.3)] {
        let alarms = program.alarms_among_runs(checks, 1.0, baselines, noise);
        println!(
            "A/A, runs differ by {:.0}%, {baselines} baselines: {:.2}% of the checks raise an alarm",
            100.0 * noise,
            percent(alarms, checks)
        );
        let most = 0.01 * f64::from(checks) + 3.0 * (0.01 * f64::from(checks)).sqrt();
        assert!(f64::from(alarms) <= most, "{baselines} baselines, {noise}: {alarms} of {checks}");
    }
}

/// Ten percent more is caught beside runs that differ by one percent.
#[test]
fn ten_percent_more_is_caught_among_runs_that_differ() {
    let program = Program::new(&[40_000.0, 40_000.0]);
    let checks = pairs(30);
    for baselines in [10, 16] {
        let caught = percent(program.alarms_among_runs(checks, 1.1, baselines, 0.01), checks);
        println!("A/+10%, runs differ by 1%, {baselines} baselines: {caught:.2}% caught");
        assert!(caught >= 95.0, "{baselines} baselines: {caught}%");
    }
}

#[test]
fn growth_below_the_limit_passes_once_it_is_certain() {
    let program = Program::new(&[60_000.0]);
    let alarms = program.alarms(20, 1.04);
    assert_eq!(alarms, 0);
}

/// A table of two traces that differ in nothing but their samples shows a change in one of twenty at most.
#[test]
fn equal_tables_show_no_more_changes_than_promised() {
    for (name, samples) in
        [("40 rows, 25 samples each", vec![25.0; 40]), ("8 rows, 300 samples each", vec![300.0; 8])]
    {
        let program = Program::new(&samples);
        for figure in [Figure::Bytes, Figure::Count] {
            let (mut random, pairs) = (Random(17), pairs(40));
            let changed = |_: &u32| {
                let (old, new) = (program.trace(&mut random, 1.0), program.trace(&mut random, 1.0));
                let side = |profile| Side { profile, symbols: &program.symbols };
                compare(side(&old), side(&new), By::Function, figure).changes().next().is_some()
            };
            let changed = (0..pairs).filter(changed).count() as u32;
            println!("A/A, {figure:?}, {name}: {:.2}% of the tables show a change", percent(changed, pairs));
            let most = 0.05 * f64::from(pairs) + 3.0 * (0.05 * f64::from(pairs)).sqrt();
            assert!(f64::from(changed) <= most, "{figure:?}, {name}: {changed} of {pairs}");
        }
    }
}
