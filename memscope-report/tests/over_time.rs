//! What the analysis makes of time: cells add up to totals, whatever they are cut by.

mod common;

use common::{analysis_of, end, session, small, write};
use memscope_report::analysis::{Analysis, GroupBy, Slices, group};
use memscope_report::statistics::Estimate;
use memscope_report::{Profile, SymbolizeOptions, analyze, symbolize};
use memscope_trace::*;

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-6 * one.abs().max(other.abs()).max(1.0)
}

fn agree(one: &Estimate, other: &Estimate) {
    assert_eq!(one.samples, other.samples);
    assert!(close(one.value, other.value), "{one:?} {other:?}");
    // Where samples were lost, the heaviest ones are asked for before or after that is allowed for.
    let limits = [(one.low, other.low), (one.high, other.high)];
    assert!(limits.into_iter().all(|(a, b)| (a - b).abs() <= 1e-3 * one.value), "{one:?} {other:?}");
}

/// Numbers from a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A session of ten seconds: 400 sites on 100 stacks in three scopes, eight threads, 20,000 samples under two intervals, two thirds freed; some
/// samples lost.
fn busy(seed: u64, lost: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    let interval = |id: u32, interval_bytes: f64| {
        Record::Interval(Interval { id, start_us: 0, interval_bytes, credit_bytes: 100.0 })
    };
    let nodes: Vec<(u32, u32)> = (0..100).map(|at| (0, at + 1)).collect();
    let addresses: Vec<i64> = (0..100).map(|at| 0x1000 + at * 16).collect();
    let mut records =
        vec![session(), interval(0, 50_000.0), interval(1, 5_000.0), common::stacks(&nodes, &addresses)];
    records.push(Record::Sites(Sites {
        first_site: 0,
        stacks: (0..400).map(|at| at % 100 + 1).collect(),
        sizes: (0..400).map(|at| 16 << (at % 12)).collect(),
        old_sizes: vec![0; 400],
        scopes: (0..400).map(|at| at % 3).collect(),
        kinds: vec![0; 400],
    }));
    let mut live: Vec<i64> = Vec::new();
    for part in 0..40_u64 {
        let (first, base_us) = (part * 500, part * 250_000);
        records.push(Record::Samples(Samples {
            first_sample: first,
            // Losses under one interval are allowed for in the estimates, under several in each sample's probability.
            interval: u32::from(lost == 0 && part % 4 == 3),
            base_us,
            delta_us: (0..500).map(|_| numbers.below(400) as i64).collect(),
            threads: (0..500).map(|_| numbers.below(8) as u32 + 1).collect(),
            sites: (0..500).map(|_| (numbers.below(400).min(numbers.below(400))) as u32).collect(),
        }));
        live.extend((first..first + 500).map(|id| id as i64));
        let freed: Vec<i64> =
            (0..330).map(|_| live.swap_remove(numbers.below(live.len() as u64) as usize)).collect();
        let mut before = 0;
        records.push(Record::Frees(Frees {
            base_us: base_us + 1_000,
            delta_us: (0..330).map(|_| numbers.below(500) as i64).collect(),
            threads: (0..330).map(|_| numbers.below(9) as u32).collect(),
            sample_deltas: freed.iter().map(|&id| id - std::mem::replace(&mut before, id)).collect(),
        }));
    }
    let loss = Loss { buffer_full: lost, ..Loss::default() };
    let totals = common::counters(10_000_000, 1 << 30, 1 << 29);
    records.push(Record::End(End { totals, samples: 20_000, loss, ..End::default() }));
    write(&records)
}

fn slices_add_up(analysis: &Analysis) {
    let slices = &analysis.slices;
    for &site in &slices.sites {
        let figures = &analysis.sites[site as usize];
        let totals = slices.totals(|cell| cell.site == site);
        agree(&slices.estimate(&totals.allocated), &figures.allocated_bytes);
        assert!(close(totals.allocated.allocations, figures.allocations.value));
        let live = slices.estimate(&totals.live());
        assert_eq!(live.samples, figures.live_bytes.samples);
        assert!(close(live.value, figures.live_bytes.value), "{live:?} {:?}", figures.live_bytes);
        assert!(live.low <= live.value && live.value <= live.high);
    }
    for thread in &analysis.threads {
        let totals = slices.totals(|cell| cell.thread == thread.id);
        agree(&slices.estimate(&totals.allocated), &thread.sampled.allocated_bytes);
        assert!(close(totals.live().bytes, thread.sampled.live_bytes.value));
    }
    for scope in &analysis.scopes {
        let totals = slices.totals(|cell| cell.scope == scope.id);
        agree(&slices.estimate(&totals.allocated), &scope.sampled.allocated_bytes);
        assert!(close(totals.live().bytes, scope.sampled.live_bytes.value));
    }
    let all = slices.totals(|_| true);
    assert_eq!(all.allocated.samples, analysis.totals.samples);
    let of_sites: f64 = analysis.sites.iter().map(|site| site.live_bytes.value).sum();
    assert!(close(all.live().bytes, of_sites));
}

#[test]
fn cells_add_up_by_site_thread_and_scope() {
    for (seed, lost) in [(1, 0), (2, 0), (3, 7_000)] {
        let analysis = analysis_of(&busy(seed, lost));
        assert!(analysis.slices.sites.len() > 50 && analysis.slices.cells.len() > 5_000);
        assert!((64..=128).contains(&analysis.slices.bins), "{} bins", analysis.slices.bins);
        assert_eq!(analysis.slices.known > 0.0, lost > 0);
        slices_add_up(&analysis);
    }
    slices_add_up(&analysis_of(&write(&small())));
}

#[test]
fn nothing_is_freed_before_it_was_allocated() {
    let analysis = analysis_of(&busy(4, 0));
    let slices = &analysis.slices;
    for bin in (0..slices.bins).step_by(9) {
        for &site in &slices.sites {
            let totals = slices.totals(|cell| cell.site == site && cell.bin <= bin);
            assert!(totals.freed.samples <= totals.allocated.samples);
        }
    }
    let by_half = slices.totals(|cell| cell.bin <= slices.bins / 2);
    let whole = slices.totals(|_| true);
    assert!(by_half.allocated.samples > whole.allocated.samples / 3);
    assert!(by_half.allocated.samples < whole.allocated.samples * 2 / 3);
}

#[test]
fn groups_hold_each_sample_once() {
    let trace = busy(5, 500);
    let profile = Profile::from_reader(trace.as_slice()).unwrap();
    let symbols = symbolize(&profile, &SymbolizeOptions::default());
    let analysis = analyze(&profile, &symbols);
    let whole: f64 = analysis.sites.iter().map(|site| site.allocated_bytes.value).sum();
    let live: f64 = analysis.sites.iter().map(|site| site.live_bytes.value).sum();
    let temporary: f64 = analysis.sites.iter().map(|site| site.temporary_bytes.value).sum();
    let peak: f64 = analysis.sites.iter().map(|site| site.peak_bytes.value).sum();
    let crossing: f64 = analysis.sites.iter().map(|site| site.cross_thread_bytes.value).sum();
    assert!(temporary > 0.0 && live > 0.0 && crossing > 0.0);
    for by in [GroupBy::Site, GroupBy::Function, GroupBy::Module, GroupBy::Thread, GroupBy::Scope] {
        let groups = group(&profile, &symbols, by);
        let sum = |column: fn(&memscope_report::analysis::SampledFigures) -> Estimate| {
            groups.iter().map(|group| column(&group.sampled).value).sum::<f64>()
        };
        assert_eq!(groups.iter().map(|group| group.sampled.samples).sum::<u64>(), 20_000, "{by:?}");
        assert!(close(sum(|sampled| sampled.allocated_bytes), whole), "{by:?}");
        assert!(close(sum(|sampled| sampled.live_bytes), live), "{by:?}");
        assert!(close(sum(|sampled| sampled.temporary_bytes), temporary), "{by:?}");
        assert!(close(sum(|sampled| sampled.peak_bytes), peak), "{by:?}");
        assert!(close(sum(|sampled| sampled.cross_thread_bytes), crossing), "{by:?}");
        assert!(groups.is_sorted_by(|one, other| {
            one.sampled.allocated_bytes.value >= other.sampled.allocated_bytes.value
        }));
    }
}

#[test]
fn functions_on_the_stack_count_for_each_sample_once() {
    let profile = Profile::from_reader(write(&small()).as_slice()).unwrap();
    let symbols = symbolize(&profile, &SymbolizeOptions::default());
    let rows = |by| {
        let groups = group(&profile, &symbols, by);
        groups
            .into_iter()
            .map(|group| (group.name, group.sampled.samples, group.sampled.live_bytes.value))
            .collect::<Vec<_>>()
    };
    let (parse, index) = (10_000.0, (5 * 64 + 10 * 4_096) as f64);
    let named = |name: &str, samples, live| (name.to_owned(), samples, live);
    assert_eq!(rows(GroupBy::Function), [named("app::index", 30, index), named("app::parse", 40, parse)]);
    assert_eq!(rows(GroupBy::Module), [named("app", 70, parse + index)]);
    assert_eq!(
        rows(GroupBy::FunctionInclusive),
        [
            named("app::main", 70, parse + index),
            named("app::index", 30, index),
            named("app::parse", 40, parse)
        ]
    );
    assert_eq!(rows(GroupBy::Thread), [named("main", 70, parse + index)]);
    assert_eq!(rows(GroupBy::Scope), [named("(outside any scope)", 70, parse + index)]);
}

#[test]
fn thread_series_add_up_to_the_threads() {
    let mut records = small();
    let end = records.pop().unwrap();
    let mut figures = [110_000_u64, 10_000];
    for step in 1..300_u64 {
        figures[(step % 2) as usize] += step * 100;
        records.push(common::thread_counters(8_000 + step * 77, &[(1, figures[0]), (2, figures[1])]));
    }
    records.push(end);
    let analysis = analysis_of(&write(&records));
    let series = &analysis.thread_series;
    assert!((64..=128).contains(&series.bins), "{} bins", series.bins);
    for thread in &analysis.threads {
        let cells = || series.cells.iter().filter(|cell| cell.thread == thread.id);
        assert_eq!(cells().map(|cell| cell.allocated_bytes).sum::<u64>(), thread.allocated_bytes);
        assert_eq!(cells().map(|cell| cell.allocations).sum::<u64>(), thread.allocations);
        assert_eq!(cells().map(|cell| cell.freed_bytes).sum::<u64>(), thread.freed_bytes);
        assert_eq!(cells().map(|cell| cell.frees).sum::<u64>(), thread.frees);
    }
}

#[test]
fn sizes_and_lifetimes_together_are_the_lifetimes() {
    let analysis = analysis_of(&busy(6, 100));
    for class in &analysis.lifetimes {
        let cells = || analysis.lifetimes_by_size.iter().filter(|cell| cell.up_to_us == class.up_to_us);
        assert!(close(cells().map(|cell| cell.freed_bytes.value).sum(), class.freed_bytes.value));
        assert!(close(cells().map(|cell| cell.live_allocations.value).sum(), class.live_allocations.value));
    }
    for bucket in &analysis.sizes {
        let cells =
            || analysis.lifetimes_by_size.iter().filter(|cell| cell.up_to_bytes == bucket.up_to_bytes);
        let bytes: f64 = cells().map(|cell| cell.freed_bytes.value + cell.live_bytes.value).sum();
        assert!(close(bytes, bucket.allocated_bytes.value));
    }
}

#[test]
fn the_operating_systems_figures_are_handed_on() {
    let mut records = small();
    let at = records.len() - 1;
    records.insert(
        at,
        Record::Resources(Resources { time_us: 3_000, threads: Some(7), ..Resources::default() }),
    );
    let points = analysis_of(&write(&records)).resources;
    let told: Vec<_> = points.iter().map(|point| (point.time_us, point.rss_bytes, point.threads)).collect();
    assert_eq!(told, [(2_100, Some(5 << 20), None), (3_000, None, Some(7))]);
}

#[test]
fn on_several_threads_the_same_comes_out() {
    let shown = |profile: Profile| {
        let analysis = analyze(&profile, &symbolize(&profile, &SymbolizeOptions::default()));
        format!("{analysis:?}")
    };
    let trace = busy(7, 300);
    for cut in [trace.len(), trace.len() * 2 / 3, 40] {
        for flip in [None, Some(cut / 2), Some(cut / 7)] {
            let mut bytes = trace[..cut].to_vec();
            flip.into_iter().for_each(|at| bytes[at] ^= 0x55);
            let alone = shown(Profile::from_reader(bytes.as_slice()).unwrap());
            let together = shown(Profile::from_large_reader(bytes.as_slice()).unwrap());
            assert!(alone == together, "cut at {cut}, flipped at {flip:?}");
        }
    }
    assert!(Profile::from_large_reader(&b"no trace"[..]).is_err());
}

#[test]
fn a_trace_without_samples_has_no_slices() {
    let analysis = analysis_of(&write(&[session(), end()]));
    assert_eq!((analysis.slices.bins, analysis.slices.bin_us), (0, 0));
    let totals = analysis.slices.totals(|cell| cell.site == Slices::FURTHER);
    assert_eq!(analysis.slices.estimate(&totals.live()), Estimate::default());
}
