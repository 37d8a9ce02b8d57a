//! A thousand tasks with known footprints, through the report: exact figures are the program's, and every sampled figure's interval holds the truth as
//! often as it says.

#[path = "common/mod.rs"]
mod common;
#[path = "common/script.rs"]
mod script;

use memscope_report::analysis::{scope_tree, scopes};
use memscope_report::statistics::Estimate;
use memscope_report::{Analysis, Profile, SymbolizeOptions, analyze, symbolize};
use memscope_trace::Interval;
use script::{Random, Script, Truth};

fn analysis(trace: &[u8]) -> Analysis {
    let profile = Profile::from_reader(trace).expect("a trace");
    assert!(profile.read.is_clean(), "{:?}", profile.read);
    analyze(&profile, &symbolize(&profile, &SymbolizeOptions::default()))
}

/// One sample for each so many bytes.
fn every(interval_bytes: f64) -> Interval {
    Interval { interval_bytes, ..Interval::default() }
}

#[test]
fn exact_figures_are_those_of_the_program() {
    let script = Script::thousand_tasks();
    let analysis = analysis(&script.trace(every(65_536.0), Random(3)));
    assert_eq!(analysis.scopes.len(), 6);
    for (id, (calls, own, all, bytes)) in script.exact() {
        let scope = analysis.scopes.iter().find(|scope| scope.id == id).expect("a scope");
        let frees = scope.frees.expect("told");
        assert_eq!(scope.calls, calls);
        assert_eq!(
            [scope.own_allocations, scope.own_allocated_bytes, frees.own_frees, frees.own_freed_bytes],
            own
        );
        assert_eq!([scope.allocations, scope.allocated_bytes, frees.frees, frees.freed_bytes], all);
        let per_call = scope.per_call.expect("told");
        assert_eq!(per_call.max, bytes.last().copied());
        assert!((per_call.mean - bytes.iter().sum::<u64>() as f64 / calls as f64).abs() < 1e-6);
        for (share, found) in [(0.5, per_call.p50), (0.99, per_call.p99)] {
            let truth = bytes[(share * calls as f64).ceil() as usize - 1];
            let found = found.expect("told");
            assert!(truth <= found && found as f64 <= 1.25 * truth as f64, "{truth} {found}");
        }
        let course = scope.course.expect("told");
        assert_eq!((course.polls, course.cancelled), (3 * calls, calls / 10));
    }
    let tree: Vec<(&str, usize)> = scope_tree(&analysis.scopes)
        .iter()
        .map(|row| (analysis.scopes[row.scope].name.as_str(), row.depth))
        .collect();
    let below = tree.iter().position(|row| *row == ("step", 1)).expect("below a kind");
    assert_eq!(tree[below - 1], ("kind 4", 0));
    for part in ["3 times a scope's name", "1 scopes were left"] {
        assert!(analysis.warnings.iter().any(|warning| warning.starts_with(part)), "{:?}", analysis.warnings);
    }
    assert_eq!((analysis.task_totals.started, analysis.task_totals.unnumbered), (1_005, 5));
    assert_eq!(analysis.tasks.len(), 1_000);
    let allocated: u64 = analysis.tasks.iter().map(|task| task.allocated_bytes).sum();
    assert_eq!(allocated, script.allocations.iter().map(|made| made.size_bytes).sum::<u64>());
}

#[test]
fn without_sampling_everything_is_exact() {
    let script = Script::thousand_tasks();
    let analysis = analysis(&script.trace(every(0.0), Random(3)));
    let (scopes, tasks) = script.truths();
    for scope in &analysis.scopes {
        assert_eq!(
            sampled(scope).map(|estimate| estimate.value),
            scopes[&scope.id].map(|bytes| bytes as f64)
        );
        assert!(sampled(scope).iter().all(|estimate| estimate.low == estimate.high));
    }
    for task in &analysis.tasks {
        let [_, live, at_peak, ..] = tasks[&task.id].map(|bytes| bytes as f64);
        assert_eq!((task.live_bytes.value, task.peak_bytes.value), (live, at_peak));
    }
    // The cells of the call sites say the same.
    for (scope, sites) in analysis.scope_sites(usize::MAX) {
        let sum = |of: fn(&memscope_report::analysis::ScopeSite) -> Estimate| -> f64 {
            sites.iter().map(|site| of(site).value).sum()
        };
        let truth = scopes[&scope];
        assert_eq!(sum(|site| site.allocated_bytes), truth[0] as f64);
        assert_eq!(sum(|site| site.live_bytes), truth[1] as f64);
    }
}

/// In the order of [`Truth`].
fn sampled(scope: &memscope_report::analysis::ScopeFigures) -> [Estimate; 5] {
    let sampled = &scope.sampled;
    [
        sampled.allocated_bytes,
        sampled.live_bytes,
        sampled.peak_bytes,
        sampled.temporary_bytes,
        sampled.cross_thread_bytes,
    ]
}

const SEEDS: u64 = 200;

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let script = Script::thousand_tasks();
    let (truths, tasks) = script.truths();
    // Of each seed, and of each kind of figure, the share of the intervals that hold the truth.
    let (mut by_seed, mut by_figure, mut of_tasks) = (Vec::new(), [0.0; 5], Vec::new());
    for seed in 0..SEEDS {
        let trace = script.trace(every(65_536.0), Random(1_000 + seed));
        let found = scopes(&Profile::from_reader(trace.as_slice()).expect("a trace"));
        let mut held = [0.0; 5];
        for scope in &found {
            let truth: &Truth = &truths[&scope.id];
            for (held, (estimate, truth)) in held.iter_mut().zip(sampled(scope).iter().zip(truth)) {
                *held += share(holds(estimate, *truth)) / found.len() as f64;
            }
        }
        by_figure.iter_mut().zip(held).for_each(|(sum, held)| *sum += held / SEEDS as f64);
        by_seed.push(held.iter().sum::<f64>() / held.len() as f64);
        if seed % 10 > 0 {
            continue;
        }
        // All tasks, not those that the samples let look large.
        let analysis = analysis(&trace);
        let held = analysis.tasks.iter().filter(|task| holds(&task.peak_bytes, tasks[&task.id][2])).count();
        of_tasks.push(held as f64 / analysis.tasks.len() as f64);
    }
    let (mean, error) = mean_and_error(&by_seed);
    println!(
        "scopes: {mean:.4} +- {error:.4}, by figure {by_figure:.3?}; tasks {:.4?}",
        mean_and_error(&of_tasks)
    );
    assert!(mean + 2.0 * error >= 0.93 && mean - 2.0 * error <= 0.97, "{mean} +- {error}");
    // Six scopes, 200 seeds: 1,200 intervals of each kind, whose share has a standard error of 0.7%.
    assert!(by_figure.iter().all(|&held| (0.91..=0.99).contains(&held)), "{by_figure:?}");
    // A task has half a sample in the mean: an interval can but be wide, and must not be too narrow.
    assert!(mean_and_error(&of_tasks).0 >= 0.93, "{:?}", mean_and_error(&of_tasks));
}

fn holds(estimate: &Estimate, truth: u64) -> bool {
    let (truth, slack) = (truth as f64, 1e-6);
    estimate.low <= truth + slack && truth <= estimate.high + slack
}

fn share(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

/// The mean of numbers that are independent, and its standard error.
fn mean_and_error(numbers: &[f64]) -> (f64, f64) {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let variance = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}
