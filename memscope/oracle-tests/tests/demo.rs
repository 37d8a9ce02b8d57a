//! The whole line on the demo's workload: profiled, traced, drawn; totals equal to the oracle's, and every chart shows something.

use document_service::{Scale, Service, run_service};
use memscope::SamplingAllocator;
use memscope_oracle_tests::{Oracle, Truth, peak_tolerance_bytes, wait_until_alone};
use memscope_report::{Profile, RenderOptions};
use std::alloc::System;
use std::path::Path;

#[global_allocator]
static ORACLE: Oracle<SamplingAllocator<System>> = Oracle::new(SamplingAllocator::new(System));

#[memscope::profile(sample_rate = 0.01)]
fn profiled(scale: Scale) -> (Service, Truth) {
    ORACLE.reset();
    let service = run_service(scale).expect("the service runs");
    wait_until_alone();
    (service, ORACLE.truth())
}

/// Without the test harness, whose own thread allocates beside what is compared.
fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    std::env::set_current_dir(folder.path()).expect("it is there");
    let (service, truth) = profiled(Scale::SMALL);
    drop(service);

    let profile = Profile::open("memscope-out/trace.bin").expect("a trace");
    assert!(profile.end.is_some() && profile.read.is_clean());
    let told = &profile.totals;
    assert_eq!((told.allocations, told.allocated_bytes), (truth.allocations, truth.allocated_bytes));
    assert_eq!((told.frees, told.freed_bytes), (truth.frees, truth.freed_bytes));
    let tolerance = peak_tolerance_bytes(truth.peak_bytes, profile.threads.len());
    assert!((told.peak_bytes as f64 - truth.peak_bytes as f64).abs() <= tolerance);

    let rendered = memscope_report::render(
        Path::new("memscope-out/trace.bin"),
        Path::new("memscope-out/report"),
        &RenderOptions::default(),
    )
    .expect("a report");
    let expected =
        ["memory_over_time", "allocation_rate", "threads", "call_sites", "sizes", "lifetimes", "flame_graph"];
    for name in expected {
        let path = rendered.charts.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name));
        let svg = std::fs::read_to_string(path.unwrap_or_else(|| panic!("{name} is drawn"))).expect("an SVG");
        let shapes =
            ["<rect", "<path", "<polyline", "<polygon", "<line"].map(|shape| svg.matches(shape).count());
        assert!(shapes.iter().sum::<usize>() > 10, "{name} shows something: {shapes:?}");
        assert!(!svg.contains("NaN") && !svg.contains("\"inf"), "{name} has finite coordinates");
    }
    let page = std::fs::read_to_string(&rendered.index_html).expect("a page");
    assert!(page.contains("parse_document") && page.contains("flame"), "the page names the scopes");
    println!("charts_show_what_the_oracle_counted: 1 passed, 0 failed");
}
