//! Small analyses with fixed figures, and large and strange ones.

use crate::over_time;
use memscope_report::analysis::{
    Analysis, Fate, Frame, GrowthStep, IntervalStart, LifetimeBucket, ResourcePoint, ScopeFigures,
    SessionInfo, SiteFigures, SizeBucket, SizeLifetime, SliceCell, Slices, ThreadCell, ThreadFigures,
    ThreadFlow, ThreadSeries, TimelinePoint, Totals,
};
use memscope_report::chart::{Drawing, draw_all};
use memscope_report::page;
use memscope_report::statistics::Estimate;
use std::sync::OnceLock;

/// Every chart of an analysis.
pub(crate) fn drawings(analysis: &Analysis) -> Vec<Drawing> {
    draw_all(analysis).expect("every analysis can be drawn")
}

/// The chart of that name of the analysis above that is called so.
pub(crate) fn chart_of(analysis: &str, name: &str) -> &'static str {
    let drawn = all_drawn().iter().find(|(drawn, _)| *drawn == analysis);
    let drawing = drawn.and_then(|(_, drawings)| drawings.iter().find(|drawing| drawing.name == name));
    &drawing.unwrap_or_else(|| panic!("no chart {name} of {analysis}")).svg
}

/// The chart of that name.
pub(crate) fn chart(analysis: &Analysis, name: &str) -> String {
    let drawing = drawings(analysis).into_iter().find(|drawing| drawing.name == name);
    drawing.unwrap_or_else(|| panic!("no chart {name}")).svg
}

/// The page with every chart.
pub(crate) fn page(analysis: &Analysis) -> String {
    page_with(analysis, &drawings(analysis))
}

/// The page with these charts.
pub(crate) fn page_with(analysis: &Analysis, drawings: &[Drawing]) -> String {
    let mut out = Vec::new();
    page::write(&mut out, analysis, drawings).expect("a vector takes everything");
    String::from_utf8(out).expect("the page is UTF-8")
}

/// An estimate whose interval is a tenth to both sides.
pub(crate) fn estimate(value: f64, samples: u64) -> Estimate {
    Estimate { value, low: value * 0.9, high: value * 1.1, samples }
}

/// A frame of the program's own code.
pub(crate) fn frame(function: &str, line: u32) -> Frame {
    Frame {
        function: function.to_owned(),
        file: Some("/build/service/src/lib.rs".to_owned()),
        line: Some(line),
        inlined: false,
    }
}

/// A site with the label that its innermost frame gives it.
pub(crate) fn site(functions: &[&str], bytes: f64) -> SiteFigures {
    SiteFigures {
        frames: functions.iter().zip(1..).map(|(function, line)| frame(function, line)).collect(),
        label: functions.first().map(|function| format!("{function} (src/lib.rs:1)")).unwrap_or_default(),
        samples: 100,
        allocations: estimate(bytes / 64.0, 100),
        allocated_bytes: estimate(bytes, 100),
        live_bytes: estimate(bytes / 8.0, 12),
        peak_bytes: estimate(bytes / 4.0, 25),
        temporary_bytes: estimate(bytes / 2.0, 50),
        ..SiteFigures::default()
    }
}

/// A thread that frees three quarters of what it allocates.
pub(crate) fn thread(id: u32, name: &str, allocated_bytes: u64) -> ThreadFigures {
    ThreadFigures {
        id,
        os_id: 4_000 + u64::from(id),
        name: name.to_owned(),
        allocations: allocated_bytes / 64,
        allocated_bytes,
        frees: allocated_bytes / 100,
        freed_bytes: allocated_bytes / 4 * 3,
        ..ThreadFigures::default()
    }
}

/// A small service: two seconds, four threads, five sites.
pub(crate) fn service() -> Analysis {
    let mut analysis = service_without_series();
    analysis.slices = over_time::slices(4, 131_072);
    analysis.thread_series = over_time::thread_series(&analysis.threads, 131_072);
    analysis.resources = over_time::resources();
    analysis.lifetimes_by_size = over_time::lifetimes_by_size(&analysis.sizes, &analysis.lifetimes);
    analysis
}

fn service_without_series() -> Analysis {
    Analysis {
        session: session(),
        totals: totals(),
        timeline: (1..=20).map(timeline_point).collect(),
        threads: vec![
            thread(1, "main", 40 << 20),
            thread(2, "worker", 20 << 20),
            thread(3, "worker", 10 << 20),
            thread(17, "", 5 << 20),
        ],
        sites: sites(),
        sizes: (0..14).map(size_bucket).collect(),
        lifetimes: (0..24).map(lifetime_bucket).collect(),
        flows: flows(),
        scopes: vec![ScopeFigures {
            name: "service::handle".to_owned(),
            calls: 1_000,
            allocations: 500_000,
            allocated_bytes: 30 << 20,
            own_allocations: 200_000,
            own_allocated_bytes: 10 << 20,
            ..ScopeFigures::default()
        }],
        findings: Vec::new(),
        warnings: vec!["3 samples were lost because a thread's buffer was full.".to_owned()],
        ..Analysis::default()
    }
}

fn session() -> SessionInfo {
    SessionInfo {
        name: "service".to_owned(),
        executable: "/srv/bin/service".to_owned(),
        process_id: 4_001,
        started_unix_ns: 1_700_000_000_000_000_000,
        duration_us: 2_000_000,
        complete: true,
        memscope_version: "0.1.0".to_owned(),
        interval_bytes: 524_288.0,
        unwinder: "frame pointers".to_owned(),
        symbols: "DWARF".to_owned(),
        ..SessionInfo::default()
    }
}

fn totals() -> Totals {
    Totals {
        allocations: 1_200_000,
        allocated_bytes: 75 << 20,
        frees: 1_100_000,
        freed_bytes: 70 << 20,
        peak_bytes: 12 << 20,
        peak_us: 1_230_000,
        live_bytes: 5 << 20,
        threads: 4,
        samples: 500,
        lost_samples: 3,
        overhead_us: 4_000,
    }
}

/// Point `step` of 20: the heap rises for twelve steps and falls for eight.
fn timeline_point(step: u64) -> TimelinePoint {
    let live_bytes = if step <= 12 { step } else { 25 - step.min(20) } * (900 << 10);
    let allocated_bytes = step * (75 << 20) / 20;
    TimelinePoint {
        time_us: step * 100_000,
        live_bytes: live_bytes as i64,
        allocations: step * 60_000,
        allocated_bytes,
        frees: step * 55_000,
        freed_bytes: allocated_bytes - live_bytes.min(allocated_bytes),
        rss_bytes: step.is_multiple_of(2).then_some((20 << 20) + step * (300 << 10)),
    }
}

fn sites() -> Vec<SiteFigures> {
    let mebibyte = f64::from(1 << 20);
    let mut sites = vec![
        site(&["service::cache::Cache::insert", "service::handle", "main"], 30.0 * mebibyte),
        site(&["service::parse", "service::handle", "main"], 20.0 * mebibyte),
        site(&["service::parse", "service::warm_up", "main"], 10.0 * mebibyte),
        site(&["alloc::vec::Vec<[u8; 8],A>::push", "service::index", "main"], 5.0 * mebibyte),
        SiteFigures { frames: Vec::new(), label: "(stack not recorded)".to_owned(), ..site(&[], mebibyte) },
    ];
    sites[3].frames[0].inlined = true;
    sites[3].copied_bytes = estimate(3.0 * mebibyte, 40);
    sites[3].growth = (5..12)
        .map(|power| GrowthStep {
            up_to_bytes: 1 << power,
            reallocs: estimate(2_000.0, 30),
            moved: estimate(1_500.0, 25),
            copied_bytes: estimate(1_500.0 * f64::from(1 << power), 25),
            new_bytes: estimate(4_000.0 * f64::from(1 << power), 30),
        })
        .collect();
    sites
}

/// Class `index` of lifetimes: most is freed after a tenth of a millisecond or so, and the longest classes hold what is live.
fn lifetime_bucket(index: u32) -> LifetimeBucket {
    let up_to_us = [1, 2, 5][index as usize % 3] * 10_u64.pow(index / 3);
    let freed = f64::from(9 - index.abs_diff(7).min(9)) * 1e6;
    let live = f64::from(index.saturating_sub(16)) * 3e5;
    LifetimeBucket {
        up_to_us: (index < 23).then_some(up_to_us),
        freed_allocations: estimate(freed / 64.0, 40),
        freed_bytes: estimate(freed, 40),
        live_allocations: estimate(live / 64.0, 20),
        live_bytes: estimate(live, 20),
        surviving_allocations: 1.0 / f64::from(1 + index),
        surviving_bytes: 1.0 - f64::from(index.min(16)) / 18.0,
    }
}

/// Thread 1 hands much to thread 2; the others keep to themselves.
fn flows() -> Vec<ThreadFlow> {
    let cell = |(allocated_by, fate, mebibytes): (u32, Fate, f64)| ThreadFlow {
        allocated_by,
        fate,
        allocations: estimate(mebibytes * 1e4, 60),
        bytes: estimate(mebibytes * f64::from(1 << 20), 60),
    };
    [
        (1, Fate::FreedBy(2), 24.0),
        (2, Fate::FreedBy(2), 17.0),
        (1, Fate::FreedBy(1), 14.0),
        (3, Fate::FreedBy(3), 9.5),
        (17, Fate::FreedBy(17), 4.0),
        (2, Fate::Live, 3.0),
        (1, Fate::Live, 2.0),
        (3, Fate::FreedByUnknown, 0.5),
    ]
    .into_iter()
    .map(cell)
    .collect()
}

fn size_bucket(power: u32) -> SizeBucket {
    let allocations = f64::from(7 - power.abs_diff(6).min(7)) * 10_000.0;
    let up_to_bytes = 1 << power;
    SizeBucket {
        up_to_bytes,
        allocations: estimate(allocations, 40),
        allocated_bytes: estimate(allocations * up_to_bytes as f64 * 0.75, 40),
    }
}

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
