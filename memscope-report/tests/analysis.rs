//! What the analysis makes of traces with known content.

mod common;

use common::{FRAMES, NODES, analysis_of, end, samples, sites, small, stacks, symbols, write};
use memscope_report::Profile;
use memscope_report::analysis::{Analysis, BottleneckKind, Fate, SiteFigures};
use memscope_trace::*;

fn functions(site: &SiteFigures) -> Vec<&str> {
    site.frames.iter().map(|frame| frame.function.as_str()).collect()
}

fn exact(analysis: &Analysis) -> bool {
    analysis.sites.iter().all(|site| site.allocated_bytes.low == site.allocated_bytes.high)
}

#[test]
fn the_small_trace_adds_up() {
    let analysis = analysis_of(&write(&small()));
    assert!(analysis.warnings.is_empty(), "{:?}", analysis.warnings);
    assert!(exact(&analysis), "sample_rate 1 has no uncertainty");
    let totals = &analysis.totals;
    assert_eq!((totals.allocated_bytes, totals.live_bytes, totals.threads), (120_000, 80_000, 2));
    assert_eq!((totals.samples, totals.lost_samples, totals.overhead_us), (70, 0, 9));
    assert_eq!((totals.peak_bytes, totals.peak_us), (90_000, 1_500));

    let [index, parse] = analysis.sites.as_slice() else { panic!("two stacks: {:?}", analysis.sites) };
    assert_eq!(functions(index), ["app::index", "app::main"]);
    assert_eq!((index.samples, index.allocations.value), (30, 30.0));
    assert_eq!(index.allocated_bytes.value, (20 * 64 + 10 * 4_096) as f64);
    assert_eq!(index.live_bytes.value, (5 * 64 + 10 * 4_096) as f64);
    assert_eq!(index.cross_thread_bytes.value, (15 * 64) as f64);
    assert_eq!(index.copied_bytes.value, (10 * 2_048) as f64);
    assert_eq!(functions(parse), ["app::parse", "app::main"]);
    assert_eq!(parse.label, "app::parse");
    assert_eq!((parse.temporary_bytes.value, parse.live_bytes.value), (30_000.0, 10_000.0));
    let lifetime_us = parse.mean_lifetime_us.unwrap();
    assert!((lifetime_us - 184.5).abs() < 0.01, "{lifetime_us}");

    let filled: Vec<_> = analysis.sizes.iter().filter(|bucket| bucket.allocations.samples > 0).collect();
    let buckets: Vec<_> =
        filled.iter().map(|bucket| (bucket.up_to_bytes, bucket.allocations.value)).collect();
    assert_eq!(buckets, [(64, 20.0), (1024, 40.0), (4096, 10.0)]);
    assert_eq!(analysis.scopes[0].own_allocated_bytes, 100_000);
    assert_eq!(analysis.timeline.last().unwrap().rss_bytes, Some(5 << 20));
    assert_eq!(analysis.session.symbols, "symbol tables");

    let efficiency = 100.0 * (1.0 - 30_000.0 / (40_000.0 + 20.0 * 64.0 + 10.0 * 4_096.0));
    assert!((analysis.efficiency_percent() - efficiency).abs() < 1e-9);
}

#[test]
fn every_end_is_accounted_for() {
    let analysis = analysis_of(&write(&small()));
    let cells: Vec<_> =
        analysis.flows.iter().map(|flow| (flow.allocated_by, flow.fate, flow.bytes.value)).collect();
    let live = (10 * 1_000 + 5 * 64 + 10 * 4_096) as f64;
    assert_eq!(
        cells,
        [(1, Fate::Live, live), (1, Fate::FreedBy(1), 30_000.0), (1, Fate::FreedBy(2), 15.0 * 64.0)]
    );
    // 30 freed after 170 to 199 us, 15 after 3,945 to 3,959; made at 1,001 to 1,070, the live ones are 7.9 to 8 ms old.
    let classes: Vec<_> = analysis
        .lifetimes
        .iter()
        .filter(|class| class.freed_bytes.samples + class.live_bytes.samples > 0)
        .map(|class| (class.up_to_us, class.freed_allocations.value, class.live_bytes.value))
        .collect();
    assert_eq!(classes, [(Some(200), 30.0, 0.0), (Some(5_000), 15.0, 0.0), (Some(10_000), 0.0, live)]);
    let survive = analysis.lifetimes.last().unwrap().surviving_allocations;
    assert!((survive - 25.0 / 70.0).abs() < 1e-12, "{survive}");
    // The peak was at 1,500 us: all had been made, and the 30 freed at 1,200 to 1,229 were gone.
    let [index, parse] = analysis.sites.as_slice() else { panic!("two stacks") };
    assert_eq!(index.peak_bytes.value, index.allocated_bytes.value);
    assert_eq!(parse.peak_bytes.value, 10_000.0);
    let [step] = index.growth.as_slice() else { panic!("one step: {:?}", index.growth) };
    assert_eq!((step.up_to_bytes, step.reallocs.value, step.moved.value), (2_048, 10.0, 10.0));
    assert_eq!(step.copied_bytes.value, index.copied_bytes.value);
    let age_us = index.mean_live_age_us.unwrap();
    assert!((7_900.0..8_000.0).contains(&age_us), "{age_us}");
}

#[test]
fn efficiency_falls_with_churn_and_stays_a_percentage() {
    assert_eq!(Analysis::default().efficiency_percent(), 100.0);
    let efficiency = |temporary: f64| {
        let mut site = SiteFigures::default();
        (site.allocated_bytes.value, site.temporary_bytes.value) = (100.0, temporary);
        Analysis { sites: vec![site], ..Analysis::default() }.efficiency_percent()
    };
    assert_eq!([0.0, 25.0, 100.0, 120.0].map(efficiency), [100.0, 75.0, 0.0, 0.0]);
}

/// What the share of some sites' bytes that is not temporary is, in percent.
fn efficiency(sites: &[(f64, f64)]) -> f64 {
    let site = |&(allocated, temporary): &(f64, f64)| {
        let mut site = SiteFigures::default();
        (site.allocated_bytes.value, site.temporary_bytes.value) = (allocated, temporary);
        site
    };
    Analysis { sites: sites.iter().map(site).collect(), ..Analysis::default() }.efficiency_percent()
}

proptest::proptest! {
    /// More churn of the same bytes lowers it, more bytes that live on raise it, and how the bytes are spread over sites or scaled does not matter.
    #[test]
    fn efficiency_is_monotone_in_churn(
        rows in proptest::collection::vec((1_u32..1_000_000, 0.0..1.0_f64), 1..20),
        at in 0_usize..20,
        more in 1_u32..1_000_000,
    ) {
        let sites: Vec<(f64, f64)> =
            rows.iter().map(|&(bytes, share)| (f64::from(bytes), f64::from(bytes) * share)).collect();
        let (before, more, at) = (efficiency(&sites), f64::from(more), at % sites.len());
        proptest::prop_assert!((0.0..=100.0).contains(&before));
        let mut churning = sites.clone();
        churning[at].1 += (sites[at].0 - sites[at].1) / 2.0;
        proptest::prop_assert!(efficiency(&churning) < before);
        let mut living = sites.clone();
        living[at].0 += more;
        proptest::prop_assert!(efficiency(&living) >= before);
        let sum = sites.iter().fold((0.0, 0.0), |sum, site| (sum.0 + site.0, sum.1 + site.1));
        proptest::prop_assert!((efficiency(&[(3.0 * sum.0, 3.0 * sum.1)]) - before).abs() < 1e-6);
    }
}

/// The small trace with other frames: `names` are those of one stack, innermost first.
fn trimmed(names: &[&str]) -> (Vec<String>, String) {
    let frames: Vec<(i64, &str)> = (1..).map(|at| at * 0x10).zip(names.iter().rev().copied()).collect();
    let nodes: Vec<(u32, u32)> = (0..names.len() as u32).map(|at| (at, at + 1)).collect();
    let addresses: Vec<i64> = frames.iter().map(|frame| frame.0).collect();
    let records = [
        common::session(),
        Record::Interval(Interval::default()),
        stacks(&nodes, &addresses),
        sites(&[(names.len() as u32, 8, 0, AllocationKind::Alloc)]),
        samples(0, &[0]),
        symbols(&frames),
        end(),
    ];
    let site = analysis_of(&write(&records)).sites.remove(0);
    (site.frames.into_iter().map(|frame| frame.function).collect(), site.label)
}

#[test]
fn the_way_from_the_program_to_the_allocator_is_folded() {
    let user = ["memscope_examples::parse", "memscope::run", "main"];
    for inner in [
        &["memscope::unwind::capture", "<memscope::SamplingAllocator<A> as core::alloc::GlobalAlloc>::alloc"]
            [..],
        &[
            "memscope::unwind::capture",
            "__rustc::__rust_alloc",
            "alloc::alloc::alloc",
            "alloc::alloc::Global::alloc_impl",
        ],
        // The hook's innermost frame may be what the compiler inlined there.
        &["core::cell::Cell<T>::get", "memscope::unwind::capture", "__rust_alloc", "alloc::alloc::alloc"],
        &["memscope::unwind::capture"],
        &["memscope::unwind::capture", "alloc::alloc::realloc"],
        &["__rg_alloc"],
        &[],
    ] {
        let library = &["alloc::raw_vec::finish_grow", "hashbrown::raw::RawTable<T>::reserve"][..];
        let (frames, label) = trimmed(&[inner, library, &user[..]].concat());
        assert_eq!(frames, user, "{inner:?}");
        assert_eq!(label, "memscope_examples::parse");
    }
}

#[test]
fn what_a_program_calls_is_not_taken_off() {
    // An entry further out belongs to another allocation.
    let (frames, _) = trimmed(&["memscope::unwind::capture", "app::f", "__rust_alloc", "app::g"]);
    assert_eq!(frames, ["app::f", "__rust_alloc", "app::g"]);
    let (frames, label) =
        trimmed(&["memscope::unwind::capture", "std::thread::spawn", "std::rt::lang_start"]);
    assert_eq!((frames.len(), label.as_str()), (2, "std::thread::spawn"));
    let (frames, label) = trimmed(&["memscope::unwind::capture", "__rust_alloc"]);
    assert!(frames.is_empty());
    assert_eq!(label, "(stack ends in the allocator)");
}

#[test]
fn a_stack_too_deep_or_without_names_says_so() {
    let records = [
        common::session(),
        Record::Modules(Modules {
            modules: vec![Module {
                path: "/nowhere/app".into(),
                start: 0x1000,
                end: 0x2000,
                bias: 0x800,
                ..Module::default()
            }],
        }),
        Record::Interval(Interval::default()),
        stacks(&[(0, 0), (1, 1), (2, 2)], &[0x1234, 0x9999]),
        sites(&[(3, 8, 0, AllocationKind::Alloc), (0, 8, 0, AllocationKind::Alloc)]),
        samples(0, &[0, 0, 1]),
        end(),
    ];
    let analysis = analysis_of(&write(&records));
    assert_eq!(functions(&analysis.sites[0]), ["0x9999", "app+0xa34", "[callers beyond the recorded depth]"]);
    assert_eq!(analysis.sites[1].label, "(stack not recorded)");
    assert_eq!(analysis.session.symbols, "none");
}

#[test]
fn lost_samples_are_allowed_for() {
    let mut records = small();
    let loss = Loss { buffer_full: 30, ..Loss::default() };
    let Some(Record::End(end)) = records.last_mut() else { unreachable!() };
    end.loss = loss;
    let whole = analysis_of(&write(&small()));
    let lossy = analysis_of(&write(&records));
    assert_eq!(lossy.totals.lost_samples, 30);
    assert!(lossy.warnings[0].contains("30 samples (30%) were lost"), "{:?}", lossy.warnings);
    for (whole, lossy) in whole.sites.iter().zip(&lossy.sites) {
        // 70 recorded and 30 lost.
        assert!((lossy.allocations.value / whole.allocations.value - 100.0 / 70.0).abs() < 1e-9);
        assert!((lossy.live_bytes.value / whole.live_bytes.value - 100.0 / 70.0).abs() < 1e-9);
        assert!(
            lossy.allocations.low < lossy.allocations.value
                && lossy.allocations.value < lossy.allocations.high
        );
        assert!(lossy.allocations.low >= whole.allocations.value);
    }
}

#[test]
fn samples_of_lost_sites_keep_the_totals() {
    let mut records = small();
    let Record::Sites(sites) = &mut records[5] else { unreachable!() };
    // The third site, with the ten largest samples, is gone.
    for column in [&mut sites.sizes, &mut sites.old_sizes] {
        column.truncate(2);
    }
    for column in [&mut sites.stacks, &mut sites.scopes] {
        column.truncate(2);
    }
    sites.kinds.truncate(2);
    let analysis = analysis_of(&write(&records));
    let count: f64 = analysis.sites.iter().map(|site| site.allocations.value).sum();
    assert!((count - 70.0).abs() < 1e-9);
    let lost = analysis.sites.last().unwrap();
    assert_eq!(lost.label, "(call sites lost to damage)");
    assert_eq!((lost.samples, lost.live_bytes.samples), (10, 10));
    assert!((lost.allocated_bytes.value - 10.0 * (40_000.0 + 20.0 * 64.0) / 60.0).abs() < 1e-6);
    assert!(analysis.warnings.iter().any(|warning| warning.starts_with("10 samples refer to a call site")));
}

#[test]
fn samples_in_damaged_blocks_count_as_lost() {
    let mut records = small();
    let sites = [vec![0; 40], vec![1; 30]].concat();
    records.splice(7..8, sites.chunks(7).zip(0..).map(|(chunk, at)| samples(at * 7, chunk)));
    let mut trace = write(&records);
    let ends = common::block_ends(&records);
    // Damage the last of the ten blocks of seven samples.
    trace[ends[16] - 1] ^= 1;
    let analysis = analysis_of(&trace);
    assert_eq!((analysis.totals.samples, analysis.totals.lost_samples), (63, 7));
    let count: f64 = analysis.sites.iter().map(|site| site.allocations.value).sum();
    assert!((count - 70.0).abs() < 1e-9, "{count}");
    assert!(analysis.warnings[0].contains("1 of 26 blocks are lost"), "{:?}", analysis.warnings);
}

#[test]
fn the_same_trace_gives_the_same_analysis() {
    let trace = write(&small());
    assert_eq!(format!("{:?}", analysis_of(&trace)), format!("{:?}", analysis_of(&trace)));
}

#[test]
fn a_planted_leak_is_the_worst_finding() {
    let mut records = small();
    let Record::Sites(sites) = &mut records[5] else { unreachable!() };
    sites.sizes[2] = 1 << 20;
    let Some(Record::End(end)) = records.last_mut() else { unreachable!() };
    end.totals.allocated_bytes = 12 << 20;
    end.totals.peak_bytes = 11 << 20;
    let analysis = analysis_of(&write(&records));
    assert_eq!(analysis.findings[0].kind, BottleneckKind::Retained);
    assert_eq!(analysis.findings[0].culprit, "app::index");
    assert_eq!(analysis.findings[0].bytes.low, 10.0 * 1_048_576.0 + 5.0 * 64.0);
}

/// A session that raised its interval after most of its samples had been lost: each share belongs to its interval.
#[test]
fn losses_are_allowed_for_interval_by_interval() {
    let interval = |id, interval_bytes| {
        Record::Interval(Interval { id, start_us: u64::from(id), interval_bytes, credit_bytes: 0.0 })
    };
    let hundred = |first_sample, interval| {
        Record::Samples(Samples {
            first_sample,
            interval,
            base_us: 0,
            delta_us: vec![1; 100],
            threads: vec![1; 100],
            sites: vec![0; 100],
        })
    };
    let loss = Loss { buffer_full: 300, buffer_full_bytes: 30_000, ..Loss::default() };
    let trace = write(&[
        common::session(),
        stacks(&NODES, &FRAMES.map(|frame| frame.0)),
        sites(&[(4, 100, 0, AllocationKind::Alloc)]),
        interval(0, 1_000.0),
        hundred(0, 0),
        Record::Loss(loss),
        interval(1, 10_000.0),
        hundred(100, 1),
        Record::End(End { samples: 200, loss, ..End::default() }),
    ]);
    let probability = |interval_bytes: f64| -(-100.0 / interval_bytes).exp_m1();
    let truth = 400.0 / probability(1_000.0) + 100.0 / probability(10_000.0);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &trace).unwrap();
    // A source that can be read only once gives the same.
    let (opened, read) =
        (Profile::open(file.path()).unwrap(), Profile::from_reader(trace.as_slice()).unwrap());
    for profile in [opened, read] {
        let estimated = profile.sites[0].samples.allocated().thinned(profile.losses()).value();
        assert!((estimated / truth - 1.0).abs() < 1e-9, "{estimated} for {truth}");
        let flow: f64 = profile.ownership.flows.iter().map(|flow| flow.amount.allocations.value()).sum();
        assert!((flow / truth - 1.0).abs() < 1e-9, "{flow} for {truth}");
        assert_eq!(profile.losses().lost, 0, "the samples' own probabilities allow for it");
        assert_eq!(profile.loss.buffer_full, 300, "and the report still tells of it");
    }
}
