//! A small analysis with fixed figures, and what is drawn of it.

use crate::extremes::all_drawn;
use crate::over_time;
use memscope_report::analysis::{
    Analysis, Fate, Frame, GrowthStep, LifetimeBucket, ScopeFigures, SessionInfo, SiteFigures, SizeBucket,
    ThreadFigures, ThreadFlow, TimelinePoint, Totals,
};
use memscope_report::chart::{Drawing, draw_all};
use memscope_report::page;
use memscope_report::statistics::Estimate;

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
    analysis.reconciliation = over_time::reconciliation();
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
pub(crate) fn timeline_point(step: u64) -> TimelinePoint {
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
