//! The whole line on a real program: a document service with thirty threads runs under memscope, and its
//! report is drawn.
//!
//! ```sh
//! cargo run --release --example demo
//! ```
//! It works for a few seconds, writes `memscope-out/trace.bin`, draws `memscope-out/report/index.html` and
//! prints the lines that matter. What it works on is in `service/`; begin with `service/lib.rs`, and look in
//! the report for the defect that `service/audit.rs` confesses to.

use document_service::{Scale, Service, run_service};
use memscope_report::RenderOptions;
use std::error::Error;
use std::path::PathBuf;
use std::{env, io};

fn main() -> Result<(), Box<dyn Error>> {
    let service = run()?;
    println!("{}\n", service.figures);
    if matches!(env::var("MEMSCOPE").as_deref(), Ok("off" | "0")) {
        return Ok(()); // The service ran as if memscope were not there: there is nothing to draw.
    }
    let output = env::var_os("MEMSCOPE_OUTPUT").map_or_else(|| PathBuf::from("memscope-out"), PathBuf::from);
    let (trace, report) = (output.join("trace.bin"), output.join("report"));
    let rendered = memscope_report::render(&trace, &report, &RenderOptions::default())?;
    for line in rendered.summary.headline() {
        println!("{line}");
    }
    println!("\nReport: {} ({} charts)", rendered.index_html.display(), rendered.charts.len());
    Ok(())
}

/// The session lasts as long as this function. The service is returned, so that what it holds is live at the
/// end.
///
/// One allocation in 500 at least is recorded: enough to see small call sites in a run of a few seconds. A
/// service that runs for days needs far less; that is why the default is lower. Nothing is too small to be
/// sampled here, because text is many small strings.
#[memscope::profile(output = "memscope-out", sample_rate = 0.002, min_allocation_size = 1)]
fn run() -> io::Result<Service> {
    run_service(Scale::DEMO)
}
