//! How long the allocations of a call site live, as the page shows it: of a program whose lifetimes are known, the exact figures without sampling, and
//! intervals that hold them as often as they say with it.
#![cfg(feature = "cli")]

#[path = "common/mod.rs"]
mod common;
#[path = "common/script.rs"]
mod script;

use memscope_report::analysis::{LifetimeBucket, site_lifetimes};
use memscope_report::statistics::Estimate;
use memscope_report::{Analysis, Profile, SymbolizeOptions, analyze, symbolize};
use memscope_trace::Interval;
use script::{Random, Script};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

const SAMPLING_INTERVAL_BYTES: f64 = 16_384.0;
const SEEDS: u64 = 60;
/// Classes with fewer allocations are not held to the share: nearly all of their intervals rest on no sample at all.
const CLASS_ALLOCATIONS_MIN: u64 = 200;

/// By function and the longest lifetime of a class: bytes freed at that age and bytes live at it, and how many allocations these are.
type Truth = BTreeMap<(&'static str, u64), [u64; 3]>;

/// The classes end at 1, 2, 5, 10, ... microseconds; a lifetime belongs to the first that it does not exceed.
fn class_of(age_us: u64) -> u64 {
    let decades = (0..).map(|power| 10_u64.pow(power));
    decades.flat_map(|decade| [decade, 2 * decade, 5 * decade]).find(|&up_to| age_us <= up_to).unwrap()
}

fn truth(script: &Script) -> Truth {
    let mut truth = Truth::new();
    for made in &script.allocations {
        let function = function_of(script, made.call);
        let end_us = made.freed.map_or(script.end_us, |freed| freed.0);
        let class = truth.entry((function, class_of(end_us - made.start_us))).or_default();
        class[usize::from(made.freed.is_none())] += made.size_bytes;
        class[2] += 1;
    }
    truth
}

/// By function: the mean lifetime of what was freed, and the mean age of what is live at the end, microseconds.
fn mean_ages(script: &Script) -> BTreeMap<&'static str, [Option<f64>; 2]> {
    let mut sums: BTreeMap<&'static str, [[u64; 2]; 2]> = BTreeMap::new();
    for made in &script.allocations {
        let end_us = made.freed.map_or(script.end_us, |freed| freed.0);
        let sum =
            &mut sums.entry(function_of(script, made.call)).or_default()[usize::from(made.freed.is_none())];
        *sum = [sum[0] + end_us - made.start_us, sum[1] + 1];
    }
    let mean = |[sum, number]: [u64; 2]| (number > 0).then(|| sum as f64 / number as f64);
    sums.into_iter().map(|(function, sums)| (function, sums.map(mean))).collect()
}

/// The script's traces have two stacks, in turn over the scopes.
fn function_of(script: &Script, call: usize) -> &'static str {
    if script.calls[call].scope.is_multiple_of(2) { "app::parse" } else { "app::index" }
}

fn interval(interval_bytes: f64) -> Interval {
    Interval { interval_bytes, ..Interval::default() }
}

/// The lifetimes of the call sites of `trace`, by function.
fn lifetimes(trace: &[u8]) -> (Analysis, BTreeMap<String, Vec<LifetimeBucket>>) {
    let profile = Profile::from_reader(trace).unwrap();
    let analysis = analyze(&profile, &symbolize(&profile, &SymbolizeOptions::default()));
    let found = site_lifetimes(trace, &profile, &analysis, usize::MAX).unwrap();
    assert_eq!(found.len(), analysis.sites.len());
    let labels = analysis.sites.iter().map(|site| site.label.clone());
    let by_function = labels.zip(found).collect();
    (analysis, by_function)
}

/// The sites of the page that the command writes.
fn sites_of_page(trace: &[u8]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.bin");
    fs::write(&path, trace).unwrap();
    let mut command = assert_cmd::Command::cargo_bin("memscope-report").unwrap();
    command.arg(&path).arg("-o").arg(dir.path().join("page")).assert().success();
    let page = fs::read_to_string(dir.path().join("page/index.html")).unwrap();
    let (_, data) =
        page.split_once("<script type=\"application/json\" id=\"data\">").expect("the page's data");
    let (data, _) = data.split_once("</script>").expect("their end");
    serde_json::from_str(data).unwrap()
}

/// By function and class: the ends of the class, and the estimates of bytes freed and live, each with its interval.
fn classes_of_page(page: &Value) -> BTreeMap<(String, u64), [[f64; 3]; 2]> {
    let mut classes = BTreeMap::new();
    for site in page["sites"].as_array().unwrap() {
        let label = page["strings"][site["label"].as_u64().unwrap() as usize].as_str().unwrap();
        for class in site["lifetimes"].as_array().unwrap() {
            let estimate = |at: usize| [0, 1, 2].map(|part| class[at][part].as_f64().unwrap());
            classes.insert((label.to_owned(), class[1].as_u64().unwrap()), [estimate(2), estimate(3)]);
        }
    }
    classes
}

#[test]
fn without_sampling_the_page_shows_the_truth() {
    let script = Script::thousand_tasks();
    let page = sites_of_page(&script.trace(interval(0.0), Random(1)));
    let mut classes = classes_of_page(&page);
    let truth = truth(&script);
    assert!(truth.len() > 20 && truth.values().filter(|class| class[1] > 0).count() > 4, "{truth:?}");
    for ((function, up_to_us), [freed, live, _]) in truth {
        let shown = classes.remove(&(function.to_owned(), up_to_us)).expect("the class is shown");
        for (shown, bytes) in shown.iter().zip([freed, live]) {
            // The page has seven digits.
            let near = |value: f64| (value - bytes as f64).abs() <= 1e-6 * bytes as f64;
            assert!(shown.iter().all(|&value| near(value)), "{function} {up_to_us}: {shown:?} {bytes}");
        }
    }
    assert!(classes.is_empty(), "the page shows what is not: {classes:?}");
}

/// The analysis as the command exports it.
fn exported(trace: &[u8]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.bin");
    fs::write(&path, trace).unwrap();
    let mut command = assert_cmd::Command::cargo_bin("memscope-report").unwrap();
    let output = command.args(["export", "--format", "json", "-o", "-"]).arg(&path).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn without_sampling_mean_ages_and_the_json_are_the_truth() {
    let script = Script::thousand_tasks();
    let trace = script.trace(interval(0.0), Random(1));
    let (page, json) = (sites_of_page(&trace), exported(&trace));
    let ages = mean_ages(&script);
    assert!(ages.len() == 2 && ages.values().all(|ages| ages[0].is_some()), "{ages:?}");
    assert!(ages.values().any(|ages| ages[1].is_some()), "{ages:?}");
    let mut truth = truth(&script);
    let near = |shown: &Value, truth: Option<f64>| match truth {
        Some(truth) => (shown.as_f64().unwrap() - truth).abs() <= 1e-6 * truth,
        None => shown.is_null(),
    };
    for (at, site) in json["sites"].as_array().unwrap().iter().enumerate() {
        let function = site["label"].as_str().unwrap();
        let [lifetime, age] = ages[function];
        let shown = &page["sites"][at];
        for (shown, truth) in [
            (&site["mean_lifetime_us"], lifetime),
            (&shown["lifetime"], lifetime),
            (&site["mean_live_age_us"], age),
            (&shown["age"], age),
        ] {
            assert!(near(shown, truth), "{function}: {shown} {truth:?}");
        }
        for class in json["site_lifetimes"][at].as_array().unwrap() {
            let key = (*ages.get_key_value(function).unwrap().0, class["up_to_us"].as_u64().unwrap());
            let [freed, live] = ["freed_bytes", "live_bytes"].map(|of| class[of]["value"].as_f64().unwrap());
            let [true_freed, true_live, _] = truth.remove(&key).unwrap_or_default();
            assert!(
                (freed - true_freed as f64).abs() < 1e-3 && (live - true_live as f64).abs() < 1e-3,
                "{key:?}"
            );
        }
    }
    assert!(truth.is_empty(), "not in the JSON: {truth:?}");
}

#[test]
fn with_sampling_the_page_shows_the_estimates_and_they_add_up() {
    let script = Script::thousand_tasks();
    let trace = script.trace(interval(SAMPLING_INTERVAL_BYTES), Random(2));
    let (analysis, found) = lifetimes(&trace);
    let shown = classes_of_page(&sites_of_page(&trace));
    let mut compared = 0;
    for (function, classes) in &found {
        for class in classes {
            let Some(shown) = shown.get(&(function.clone(), class.up_to_us.unwrap())) else {
                assert_eq!(class.freed_bytes.samples + class.live_bytes.samples, 0);
                continue;
            };
            for (shown, estimate) in shown.iter().zip([class.freed_bytes, class.live_bytes]) {
                let all = [estimate.value, estimate.low, estimate.high];
                let near = |(shown, value): (&f64, f64)| (shown - value).abs() <= 1e-6 * value;
                assert!(shown.iter().zip(all).all(near), "{function}: {shown:?} {estimate:?}");
            }
            compared += 1;
        }
        // Over all classes they are the site's bytes, freed and live.
        let site = analysis.sites.iter().find(|site| site.label == *function).unwrap();
        let sum = |of: fn(&LifetimeBucket) -> f64| classes.iter().map(of).sum::<f64>();
        let (freed, live) = (sum(|class| class.freed_bytes.value), sum(|class| class.live_bytes.value));
        let near = |sum: f64, whole: f64| (sum - whole).abs() <= 1e-9 * whole;
        assert!(near(live, site.live_bytes.value) && near(freed + live, site.allocated_bytes.value));
    }
    assert_eq!(compared, shown.len());
    assert!(compared > 10);
}

#[test]
fn intervals_hold_the_lifetimes_as_often_as_they_say() {
    let script = Script::thousand_tasks();
    let truth = truth(&script);
    let mut shares = Vec::new();
    for seed in 0..SEEDS {
        let (_, found) = lifetimes(&script.trace(interval(SAMPLING_INTERVAL_BYTES), Random(500 + seed)));
        let (mut held, mut all) = (0, 0);
        for (&(function, up_to_us), &[freed, live, allocations]) in &truth {
            if allocations < CLASS_ALLOCATIONS_MIN {
                continue;
            }
            let classes = &found[function];
            // Classes behind the last that has a sample are not there: nothing is said of them.
            let Some(class) = classes.iter().find(|class| class.up_to_us == Some(up_to_us)) else { continue };
            for (estimate, bytes) in [(class.freed_bytes, freed), (class.live_bytes, live)] {
                if bytes > 0 {
                    held += u32::from(holds(&estimate, bytes));
                    all += 1;
                }
            }
        }
        assert!(all > 8, "{all} classes");
        shares.push(f64::from(held) / f64::from(all));
    }
    let (mean, error) = mean_and_error(&shares);
    println!("lifetimes: {mean:.4} +- {error:.4}");
    assert!(mean + 2.0 * error >= 0.93 && mean - 2.0 * error <= 0.98, "{mean} +- {error}");
}

fn holds(estimate: &Estimate, truth: u64) -> bool {
    let (truth, slack) = (truth as f64, 1e-6);
    estimate.low <= truth + slack && truth <= estimate.high + slack
}

/// The mean of numbers that are independent, and its standard error.
fn mean_and_error(numbers: &[f64]) -> (f64, f64) {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let variance = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}
