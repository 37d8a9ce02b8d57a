//! Intervals that were weighed against each other, each for a sum of weights `w = v/p`.
//!
//! | name | interval |
//! | --- | --- |
//! | normal | value -+ 1.96 standard errors |
//! | Garwood | Garwood's (1936) for `n = Y^2 / V` equal pieces of `V / Y`, which Dobson et al. (1991) and others use |
//! | Fay-Feuer | the same, the upper end with one more piece of the heaviest weight (Fay and Feuer 1997) |
//! | mid-P, mean | the even mixture of the two gammas of Garwood's ends: a mid-P interval (Fay and Kim 2017) with the mean piece |
//! | mid-P, heaviest | the same with the heaviest weight for the piece more, as Fay and Kim have it |
//! | chosen | the same with a piece more that is what a missed sample may stand for: [`super::Total`] |

use super::super::gamma::{Gamma, mixture_quantile};
use super::super::interval::TAIL;
use super::law::{Class, Random, sampled, with_samples};
use super::{RATE, RUNS, Record, T, Total, bytes, changing, count, mixed, rare_and_huge};
use crate::statistics::Estimate;

const NAMES: [&str; 6] = ["normal", "Garwood", "Fay-Feuer", "mid-P, mean", "mid-P, heaviest", "chosen"];

/// What all of them start from.
struct Sums {
    total: Total,
    seen: f64,
    heaviest: f64,
}

fn intervals(sums: &Sums) -> [(f64, f64); 6] {
    let (value, variance) = (sums.total.value(), sums.total.variance());
    if variance <= value * value * f64::EPSILON {
        return [(value, value); 6];
    }
    let as_seen = Gamma::of_moments(value, variance);
    let with = |piece: f64| Gamma::of_moments(value + piece, variance + piece * piece);
    let (mean, heaviest) = (with(variance / value), with(sums.heaviest));
    let low = |parts| mixture_quantile(TAIL, parts);
    let high = |parts| mixture_quantile(1.0 - TAIL, parts);
    let normal = 1.96 * variance.sqrt();
    let chosen = sums.total.estimate();
    let ends = [
        (value - normal, value + normal),
        (low([as_seen; 2]), high([mean; 2])),
        (low([as_seen; 2]), high([heaviest; 2])),
        (low([as_seen, mean]), high([as_seen, mean])),
        (low([as_seen, heaviest]), high([as_seen, heaviest])),
        (chosen.low, chosen.high),
    ];
    ends.map(|(low, high)| (low.max(sums.seen).min(value), high.max(value)))
}

/// Coverage of all over 1,000 runs in which the site has at least one sample; returns the chosen one's.
fn compare(name: &str, value: fn(&Class) -> f64, draw: impl Fn(&mut Random) -> Vec<Class>) -> f64 {
    let mut random = Random(2);
    let mut records = [Record::default(); 6];
    while records[0].runs < RUNS {
        let classes = draw(&mut random);
        let truth = classes.iter().map(|class| class.allocations as f64 * value(class)).sum();
        let mut sums = Sums { total: Total::default(), seen: 0.0, heaviest: 0.0 };
        for class in &classes {
            for _ in 0..sampled(&mut random, class.allocations, class.probability) {
                sums.total.add(value(class), class.probability);
                sums.seen += value(class);
                sums.heaviest = sums.heaviest.max(value(class) / class.probability);
            }
        }
        if sums.total.samples() == 0 {
            continue;
        }
        for (record, (low, high)) in records.iter_mut().zip(intervals(&sums)) {
            record.add(Estimate { value: sums.total.value(), low, high, samples: 1 }, truth);
        }
    }
    let figures = records.map(|record| format!("{:5.1}", record.coverage())).join(" | ");
    println!("| {name} | {figures} |");
    records[5].coverage()
}

/// Prints the table of the module `statistics`, and sees that the chosen interval holds throughout.
#[test]
fn the_chosen_interval_beside_others() {
    println!("| scenario | {} |", NAMES.join(" | "));
    let equal = vec![Class::of_size(1.0, 64.0, T, 0.001)];
    let mut covered = Vec::new();
    for (low, high) in [(3.0_f64, 10.0_f64), (10.0, 100.0)] {
        let samples = move |random: &mut Random| low * (high / low).powf(random.unit());
        let equal = |random: &mut Random| with_samples(&equal, samples(random));
        covered.push(compare(&format!("one size, {low} to {high} samples"), count, equal));
        let sizes = mixed(T, RATE);
        let mixed = |random: &mut Random| with_samples(&sizes, samples(random));
        covered.push(compare(&format!("bytes, mixed sizes, {low} to {high} samples"), bytes, mixed));
    }
    for samples in [30.0, 100.0, 1000.0] {
        let sizes = with_samples(&mixed(T, RATE), samples);
        covered.push(compare(&format!("bytes, mixed sizes, {samples} samples"), bytes, |_| sizes.clone()));
        covered.push(compare(&format!("count, mixed sizes, {samples} samples"), count, |_| sizes.clone()));
    }
    for (what, value) in [("bytes", bytes as fn(&Class) -> f64), ("count", count)] {
        let name = format!("{what}, T changing, 300 samples");
        covered.push(compare(&name, value, |_| with_samples(&changing(), 300.0)));
        covered.push(compare(&format!("{what}, rare huge sizes"), value, |_| rare_and_huge()));
    }
    assert!(covered.iter().all(|covered| (92.5..=97.5).contains(covered)), "{covered:?}");
}
