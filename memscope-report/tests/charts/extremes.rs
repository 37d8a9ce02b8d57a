//! Large and strange analyses: what nobody would think of, and what somebody will have.

use crate::fixture::{drawings, service, site, thread, timeline_point};
use crate::over_time;
use memscope_report::analysis::{
    Analysis, Fate, IntervalStart, LifetimeBucket, ResourcePoint, ScopeFigures, SiteFigures, SizeBucket,
    SizeLifetime, SliceCell, Slices, ThreadCell, ThreadFigures, ThreadFlow, ThreadSeries, TimelinePoint,
    Totals,
};
use memscope_report::chart::Drawing;
use memscope_report::statistics::Estimate;
use std::sync::OnceLock;

/// Letters, marks and markup that must do no harm, each of which may be anybody's name.
pub(crate) const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "</svg></script><img src=x onerror=alert(1)>",
    "nul\0 esc\u{1b}[31m bell\u{7} c1\u{9b} del\u{7f}",
    "turned\u{202e}txt.exe\u{2066} mark\u{200f}\u{feff}\u{ffff}\u{fffe}",
    "\"><svg onload='alert(1)'>&amp;]]><!-- --> fill=\"#FFFFFF\" opacity=\"1\"",
    "a;b c;d 12 34",
    "; DROP 'x' \\u003c \\\" \u{2028}\u{2029}",
];

/// An analysis in which every text is hostile.
pub(crate) fn hostile() -> Analysis {
    let mut analysis = service();
    analysis.session.name = HOSTILE.join(" ");
    analysis.session.executable = HOSTILE.join("/");
    for text in [
        &mut analysis.session.memscope_version,
        &mut analysis.session.unwinder,
        &mut analysis.session.symbols,
    ] {
        *text = HOSTILE.concat();
    }
    analysis.threads = HOSTILE.iter().zip(1..).map(|(name, id)| thread(id, name, 1 << 20)).collect();
    analysis.sites = HOSTILE.iter().map(|name| site(&[name, "main", name], 1e6)).collect();
    for (site, name) in analysis.sites.iter_mut().zip(HOSTILE) {
        site.label = name.to_owned();
        site.frames[0].file = Some(name.to_owned());
    }
    analysis.scopes = HOSTILE
        .iter()
        .map(|name| ScopeFigures { name: (*name).to_owned(), ..ScopeFigures::default() })
        .collect();
    analysis.warnings = HOSTILE.map(str::to_owned).to_vec();
    analysis.slices = over_time::slices(HOSTILE.len() as u32, 131_072);
    analysis.thread_series = over_time::thread_series(&analysis.threads, 131_072);
    analysis
}

/// Five hundred threads and as many sites, their names of three hundred letters.
pub(crate) fn crowded() -> Analysis {
    let mut analysis = service();
    let symbol = |i: u32| {
        format!("krate{i}::module::Type<krate::other::Argument<krate::inner::Key{i}>>::method").repeat(4)
    };
    analysis.threads = (1..=500).map(|id| thread(id, &symbol(id), u64::from(1_000_000 - id * 100))).collect();
    analysis.sites = (0..500)
        .map(|i| site(&[&symbol(i % 7), &symbol(i), "main"], f64::from(1_000_000 - i * 100)))
        .collect();
    analysis.flows = (1..=500)
        .flat_map(|id| [(id, Fate::FreedBy(id)), (id, Fate::FreedBy(id % 7 + 1)), (id, Fate::Live)])
        .map(|(allocated_by, fate)| ThreadFlow { allocated_by, fate, ..analysis.flows[0] })
        .collect();
    analysis.timeline =
        (1..=200_000).map(|i| TimelinePoint { time_us: i * 1_000, ..timeline_point(i % 20 + 1) }).collect();
    analysis.totals.threads = 500;
    analysis.session.intervals = intervals(50_000);
    analysis.scopes = (0..500)
        .map(|i| ScopeFigures { name: symbol(i), id: i, calls: 7, ..analysis.scopes[0].clone() })
        .collect();
    analysis.slices = over_time::slices(400, 12_500_000);
    analysis.thread_series = over_time::thread_series(&analysis.threads, 12_500_000);
    analysis
}

/// A mean sampling interval that wanders between 512 KiB and 8 MiB over 200 seconds.
pub(crate) fn intervals(steps: u64) -> Vec<IntervalStart> {
    let interval = |step: u64| IntervalStart {
        time_us: step * (200_000_000 / steps),
        interval_bytes: 524_288.0 * (1 + step * 7 % 16) as f64,
    };
    (0..steps).map(interval).collect()
}

/// Figures at the ends of their types, and estimates that are no numbers.
pub(crate) fn immense() -> Analysis {
    let mut analysis = service();
    let strange =
        Estimate { value: f64::NAN, low: f64::NEG_INFINITY, high: f64::INFINITY, samples: u64::MAX };
    let huge = Estimate { value: u64::MAX as f64, low: 0.0, high: f64::MAX, samples: 1 };
    analysis.session.duration_us = u64::MAX;
    analysis.session.process_cpu_us = Some(u64::MAX);
    analysis.session.intervals = [0.0, f64::MAX, 1.0]
        .map(|interval_bytes| IntervalStart { time_us: u64::MAX, interval_bytes })
        .to_vec();
    analysis.session.started_unix_ns = u64::MAX;
    analysis.totals = Totals {
        peak_bytes: u64::MAX,
        peak_us: u64::MAX,
        live_bytes: i64::MIN,
        allocated_bytes: u64::MAX,
        allocations: u64::MAX,
        overhead_us: u64::MAX,
        ..analysis.totals
    };
    analysis.timeline.push(TimelinePoint {
        time_us: u64::MAX,
        live_bytes: i64::MAX,
        allocations: u64::MAX,
        allocated_bytes: u64::MAX,
        frees: u64::MAX,
        freed_bytes: u64::MAX,
        rss_bytes: Some(u64::MAX),
    });
    analysis.threads.push(thread(u32::MAX, "immense", u64::MAX));
    for (site, figures) in analysis.sites.iter_mut().zip([strange, huge]) {
        (site.allocations, site.allocated_bytes, site.live_bytes) = (figures, figures, figures);
    }
    for (class, figures) in analysis.sizes.iter_mut().zip([huge, strange]) {
        (class.up_to_bytes, class.allocations, class.allocated_bytes) = (u64::MAX, figures, figures);
    }
    for (class, figures) in analysis.lifetimes.iter_mut().zip([strange, huge]) {
        (class.freed_bytes, class.live_bytes, class.surviving_bytes) = (figures, figures, figures.value);
    }
    for (flow, figures) in analysis.flows.iter_mut().zip([strange, huge]) {
        flow.bytes = figures;
    }
    for cell in &mut analysis.slices.cells {
        cell.allocated.bytes *= 1e300;
        cell.freed.bytes *= f64::NAN;
    }
    analysis.slices.bin_us = u64::MAX;
    for cell in &mut analysis.thread_series.cells {
        (cell.allocated_bytes, cell.bin) = (u64::MAX, u32::MAX - cell.bin);
    }
    analysis.thread_series.bin_us = u64::MAX;
    for (point, figure) in analysis.resources.iter_mut().zip([0, u64::MAX, 7].into_iter().cycle()) {
        (point.cpu_user_us, point.rss_bytes, point.time_us) =
            (Some(figure), Some(figure), figure.max(point.time_us));
    }
    for (cell, figures) in analysis.lifetimes_by_size.iter_mut().zip([strange, huge]) {
        (cell.up_to_bytes, cell.freed_bytes, cell.live_allocations) = (u64::MAX, figures, figures);
    }
    analysis.scopes[0] =
        ScopeFigures { allocations: u64::MAX, allocated_bytes: u64::MAX, ..analysis.scopes[0].clone() };
    analysis.flows.push(ThreadFlow {
        allocated_by: u32::MAX,
        fate: Fate::FreedBy(u32::MAX),
        ..analysis.flows[0]
    });
    analysis
}

/// One of each, and every figure zero.
pub(crate) fn zero() -> Analysis {
    Analysis {
        timeline: vec![TimelinePoint::default(); 2],
        threads: vec![ThreadFigures::default()],
        sites: vec![SiteFigures::default()],
        sizes: vec![SizeBucket::default()],
        lifetimes: vec![LifetimeBucket::default()],
        scopes: vec![ScopeFigures::default()],
        slices: Slices { bin_us: 1, bins: 1, cells: vec![SliceCell::default()], ..Slices::default() },
        thread_series: ThreadSeries { bin_us: 1, bins: 1, cells: vec![ThreadCell::default()] },
        resources: vec![ResourcePoint::default(); 2],
        lifetimes_by_size: vec![SizeLifetime::default()],
        warnings: vec![String::new()],
        ..Analysis::default()
    }
}

/// A trace with a single point in time.
pub(crate) fn one_point() -> Analysis {
    let mut analysis = service();
    analysis.timeline.truncate(1);
    analysis.threads.truncate(1);
    analysis.sites.truncate(1);
    analysis.sizes.drain(..6);
    analysis.sizes.truncate(1);
    analysis.lifetimes.drain(..20);
    analysis
}

/// More was freed than allocated, so that the live heap is below zero; and small allocations are not sampled.
pub(crate) fn below_zero() -> Analysis {
    let mut analysis = service();
    for point in &mut analysis.timeline {
        point.live_bytes -= 8 << 20;
        point.rss_bytes = None;
    }
    analysis.session.min_allocation_size_bytes = 1_024;
    analysis.totals.live_bytes = -(3 << 20);
    analysis
}

/// Every analysis above, by name.
pub(crate) fn all() -> [(&'static str, Analysis); 8] {
    [
        ("service", service()),
        ("empty", Analysis::default()),
        ("hostile", hostile()),
        ("crowded", crowded()),
        ("immense", immense()),
        ("zero", zero()),
        ("one point", one_point()),
        ("below zero", below_zero()),
    ]
}

/// The charts of every analysis above: drawn once, for several tests look at them.
pub(crate) fn all_drawn() -> &'static [(&'static str, Vec<Drawing>)] {
    static DRAWN: OnceLock<Vec<(&'static str, Vec<Drawing>)>> = OnceLock::new();
    DRAWN.get_or_init(|| all().iter().map(|(name, analysis)| (*name, drawings(analysis))).collect())
}
