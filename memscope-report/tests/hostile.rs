//! Traces whose checksums hold and whose content is out to do harm.

mod common;

use common::{analysis_of, end, samples, session, sites, stacks, write};
use memscope_report::analysis::Analysis;
use memscope_report::statistics::Estimate;
use memscope_report::{Profile, Summary, SymbolizeOptions, analyze, symbolize};
use memscope_trace::*;
use proptest::prelude::*;

/// Numbers that break sums, products, shifts and indexes.
struct Numbers(u64);

impl Numbers {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 11 ^ self.0 << 31
    }

    fn number(&mut self) -> u64 {
        match self.word() % 8 {
            0..=3 => self.word() % 6,
            4 => u64::MAX - self.word() % 3,
            5 => (1 << 31) + self.word() % 3,
            6 => (1 << 63) - self.word() % 3,
            _ => self.word(),
        }
    }

    fn small(&mut self) -> u32 {
        if self.word().is_multiple_of(4) { self.number() as u32 } else { (self.word() % 12) as u32 }
    }

    fn float(&mut self) -> f64 {
        match self.word() % 4 {
            0 => f64::from_bits(self.word()),
            1 => [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e308, 5e-324][(self.word() % 6) as usize],
            _ => (self.word() % 1_000_000) as f64,
        }
    }

    fn text(&mut self) -> String {
        let texts =
            ["", "app::f", "memscope::g", "__rust_alloc", "a\u{1b}[2J</script>\0", "\u{202e}é", "/x/y.rs"];
        texts[(self.word() % texts.len() as u64) as usize].to_owned()
    }

    fn rows<T>(&mut self, rows: usize, mut row: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..rows).map(|_| row(self)).collect()
    }

    fn counters(&mut self) -> Counters {
        Counters {
            time_us: self.number(),
            allocations: self.number(),
            allocated_bytes: self.number(),
            frees: self.number(),
            freed_bytes: self.number(),
            peak_bytes: self.number(),
            peak_us: self.number(),
        }
    }

    fn loss(&mut self) -> Loss {
        Loss {
            time_us: self.number(),
            buffer_full: self.number(),
            buffer_full_bytes: self.number(),
            table_full: self.number(),
            table_full_bytes: self.number(),
            stacks: self.number(),
            late_events: self.number(),
        }
    }

    fn tables(&mut self, kind: u64) -> Record {
        let n = (self.word() % 9) as usize;
        match kind {
            0 => Record::Session(Session {
                name: self.text(),
                sample_rate: self.float(),
                unwinder: self.text(),
                ..Session::default()
            }),
            1 => Record::Modules(Modules {
                modules: self.rows(n, |r| Module {
                    path: r.text(),
                    build_id: vec![1; (r.word() % 4) as usize],
                    start: r.number(),
                    end: r.number(),
                    bias: r.number(),
                }),
            }),
            2 => Record::Threads(Threads {
                threads: self.rows(n, |r| Thread {
                    id: r.small(),
                    os_id: r.number(),
                    name: r.text(),
                    start_us: r.number(),
                }),
            }),
            3 => Record::Stacks(Stacks {
                first_frame: self.small(),
                addresses: self.rows(n, |r| r.number() as i64),
                first_node: self.small(),
                parent_deltas: self.rows(n, Self::small),
                frames: self.rows(n, Self::small),
            }),
            4 => Record::Sites(Sites {
                first_site: self.small(),
                stacks: self.rows(n, Self::small),
                sizes: self.rows(n, Self::number),
                old_sizes: self.rows(n, Self::number),
                scopes: self.rows(n, Self::small),
                kinds: self.rows(n, |r| r.word() as u8 % 5),
            }),
            5 => Record::Scopes(Scopes {
                scopes: self.rows(n, |r| Scope { id: r.small(), name: r.text(), ..Scope::default() }),
            }),
            _ => Record::Symbols(Symbols {
                address_deltas: self.rows(n, |r| r.number() as i64),
                name_indexes: self.rows(n, Self::small),
                names: self.rows(n / 2, Self::text),
            }),
        }
    }

    fn events(&mut self, kind: u64) -> Record {
        let n = (self.word() % 9) as usize;
        match kind {
            0 => Record::Interval(Interval {
                id: self.small(),
                start_us: self.number(),
                interval_bytes: self.float(),
                credit_bytes: self.float(),
            }),
            1 => Record::Samples(Samples {
                first_sample: self.number(),
                interval: self.small(),
                base_us: self.number(),
                delta_us: self.rows(n, |r| r.number() as i64),
                threads: self.rows(n, Self::small),
                sites: self.rows(n, Self::small),
            }),
            2 => Record::Frees(Frees {
                base_us: self.number(),
                delta_us: self.rows(n, |r| r.number() as i64),
                threads: self.rows(n, Self::small),
                sample_deltas: self.rows(n, |r| r.number() as i64),
            }),
            3 => Record::Counters(self.counters()),
            4 => Record::ThreadCounters(ThreadCounters {
                time_us: self.number(),
                threads: self.rows(n, Self::small),
                allocations: self.rows(n, Self::number),
                allocated_bytes: self.rows(n, Self::number),
                frees: self.rows(n, Self::number),
                freed_bytes: self.rows(n, Self::number),
                ended: vec![1; n],
            }),
            5 => Record::ScopeCounters(ScopeCounters {
                time_us: self.number(),
                scopes: self.rows(n, Self::small),
                calls: self.rows(n, Self::number),
                allocations: self.rows(n, Self::number),
                allocated_bytes: self.rows(n, Self::number),
                own_allocations: self.rows(n, Self::number),
                own_allocated_bytes: self.rows(n, Self::number),
            }),
            6 => Record::Resources(Resources {
                time_us: self.number(),
                rss_bytes: Some(self.number()),
                ..Resources::default()
            }),
            7 => Record::Loss(self.loss()),
            _ => Record::End(End {
                reason: self.word() as u8,
                totals: self.counters(),
                threads: self.number(),
                samples: self.number(),
                loss: self.loss(),
                drain_cpu_us: self.number(),
                sampling_us: self.number(),
            }),
        }
    }

    fn record(&mut self) -> Record {
        match self.word() % 24 {
            kind @ 0..=6 => self.tables(kind),
            // Sites, samples and frees are where most can go wrong.
            7..=9 => self.tables(4),
            10..=13 => self.events(1),
            14 => self.events(2),
            kind => self.events(kind - 15),
        }
    }
}

fn estimates(analysis: &Analysis) -> impl Iterator<Item = &Estimate> {
    let of_sites = analysis.sites.iter().flat_map(|site| {
        [
            &site.allocations,
            &site.allocated_bytes,
            &site.live_bytes,
            &site.peak_bytes,
            &site.temporary_bytes,
            &site.cross_thread_bytes,
            &site.copied_bytes,
        ]
    });
    let of_steps = analysis.sites.iter().flat_map(|site| &site.growth);
    let of_steps =
        of_steps.flat_map(|step| [&step.reallocs, &step.moved, &step.copied_bytes, &step.new_bytes]);
    let of_classes = analysis.lifetimes.iter().flat_map(|class| {
        [&class.freed_allocations, &class.freed_bytes, &class.live_allocations, &class.live_bytes]
    });
    let of_cells = analysis.flows.iter().flat_map(|flow| [&flow.allocations, &flow.bytes]);
    let of_sizes = analysis.sizes.iter().flat_map(|bucket| [&bucket.allocations, &bucket.allocated_bytes]);
    of_sites.chain(of_steps).chain(of_classes).chain(of_cells).chain(of_sizes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_records_give_sane_figures(seed: u64, length in 1usize..60) {
        let mut numbers = Numbers(seed);
        let records: Vec<Record> = (0..length).map(|_| numbers.record()).collect();
        let profile = Profile::from_reader(write(&records).as_slice()).unwrap();
        prop_assert_eq!(profile.read.blocks, length as u64);
        let analysis = analyze(&profile, &symbolize(&profile, &SymbolizeOptions::default()));
        let sampled: u64 = analysis.sites.iter().map(|site| site.samples).sum();
        prop_assert_eq!(sampled, profile.samples);
        for estimate in estimates(&analysis) {
            prop_assert!(estimate.low >= 0.0 && estimate.high.is_finite(), "{:?}", estimate);
            prop_assert!(estimate.low <= estimate.value && estimate.value <= estimate.high, "{:?}", estimate);
        }
        for class in &analysis.lifetimes {
            prop_assert!((0.0..=1.0).contains(&class.surviving_allocations), "{:?}", class);
            prop_assert!((0.0..=1.0).contains(&class.surviving_bytes), "{:?}", class);
        }
        prop_assert!((0.0..=100.0).contains(&analysis.efficiency_percent()));
        prop_assert!(analysis.timeline.is_sorted_by_key(|point| point.time_us));
        let summary = Summary::new(&analysis).to_string();
        let escapes = summary.contains('\u{1b}');
        prop_assert!(summary.lines().count() <= 23 && !escapes);
        #[cfg(feature = "charts")]
        {
            let drawings = memscope_report::chart::draw_all(&analysis).unwrap();
            memscope_report::page::write(&mut Vec::new(), &analysis, &drawings).unwrap();
        }
    }
}

#[test]
fn stacks_without_end_are_bounded() {
    // A chain of 50,000 calls to a function with a name of 60,000 bytes, and 2,000 sites at its inner end. Written
    // out, that would be 150 GB.
    const NODES: u32 = 50_000;
    let mut records = vec![session(), Record::Interval(Interval::default()), stacks(&[(0, 1)], &[0x1000])];
    for first_node in (2..NODES).step_by(1000) {
        let rows = 1000.min(NODES - first_node) as usize;
        records.push(Record::Stacks(Stacks {
            first_frame: 2,
            addresses: Vec::new(),
            first_node,
            parent_deltas: vec![1; rows],
            frames: vec![1; rows],
        }));
    }
    let name = "x".repeat(60_000);
    records.push(common::symbols(&[(0x1000, &name)]));
    for first_site in [0, 1000] {
        let rows: Vec<_> =
            (0..1000).map(|at| (NODES - 1 - first_site - at, 100, 0, AllocationKind::Alloc)).collect();
        let Record::Sites(mut part) = sites(&rows) else { unreachable!() };
        part.first_site = first_site;
        records.push(Record::Sites(part));
        records.push(samples(first_site.into(), &(first_site..first_site + 1000).collect::<Vec<_>>()));
    }
    records.push(end());
    let analysis = analysis_of(&write(&records));
    let text: usize =
        analysis.sites.iter().flat_map(|site| &site.frames).map(|frame| frame.function.len()).sum();
    assert!(text <= 64 << 20, "{text} bytes of names");
    let sampled: u64 = analysis.sites.iter().map(|site| site.samples).sum();
    assert_eq!(sampled, 2000);
    assert!(analysis.sites.last().unwrap().label.ends_with("further call sites)"));
}

#[test]
fn ids_far_apart_take_no_memory() {
    let mut records = vec![session(), Record::Interval(Interval::default())];
    for far in [4_000_000_000, 4_100_000_000_u32] {
        let Record::Sites(mut part) = sites(&[(0, 64, 0, AllocationKind::Alloc)]) else { unreachable!() };
        part.first_site = far;
        records.push(Record::Sites(part));
        records.push(samples(u64::from(far) << 30, &[far]));
    }
    let profile = Profile::from_reader(write(&records).as_slice()).unwrap();
    assert_eq!((profile.sites.len(), profile.samples), (2, 2));
    assert_eq!(profile.irregular.samples_without_site, 0);
}
