//! The table, a line as soon as it is known.

use crate::measure::Measured;
use crate::preset::Preset;
use crate::truth::Truth;

const COLUMNS: &[&str] = &[
    "workload, size",
    "preset",
    "runs",
    "GB",
    "CPU s",
    "samples",
    "lost",
    "T at the end, KiB",
    "sites",
    "promised",
    "error",
    "error x sqrt(samples)",
    "bias",
    "coverage",
    "needs samples",
    "needs GB",
    "needs CPU s",
];

/// With fewer samples than this at the worst site, what is needed is a guess: errors are no longer like those of a normal distribution.
const GUESS_BELOW_SAMPLES: f64 = 10.0;

pub(crate) fn print_head() {
    println!("| {} |", COLUMNS.join(" | "));
    println!("|{}", " --- |".repeat(COLUMNS.len()));
}

pub(crate) fn print(work: &str, preset: Preset, truth: &Truth, measured: &Measured, with_sites: bool) {
    let promised = preset.promised_error();
    let (worst, needed) = (measured.worst(), measured.needed(truth, promised));
    let is_guess = worst.is_some_and(|worst| worst.samples < GUESS_BELOW_SAMPLES);
    let about = if is_guess { "~" } else { "" };
    let figure = |show: &dyn Fn() -> Option<String>| show().unwrap_or_else(|| "-".to_owned());
    let sites = || measured.sites.iter();
    let bias = sites().map(|site| site.bias).max_by(|one, other| one.abs().total_cmp(&other.abs()));
    let coverage = sites().map(|site| site.coverage).sum::<f64>() / measured.sites.len() as f64;
    let cells = [
        work.to_owned(),
        preset.name().to_owned(),
        measured.runs.to_string(),
        format!("{:.2}", truth.total_bytes / 1e9),
        format!("{:.2}", measured.cpu_seconds),
        format!("{:.0}", measured.samples),
        format!("{:.0}", measured.lost_samples),
        format!("{:.0}", measured.interval.interval_bytes / 1024.0),
        measured.sites.len().to_string(),
        percent(promised),
        figure(&|| Some(percent(worst?.percentile_95))),
        figure(&|| worst.map(|worst| format!("{:.2}", worst.percentile_95 * worst.samples.sqrt()))),
        figure(&|| bias.map(|bias| format!("{:+.2}%", bias * 100.0))),
        figure(&|| bias.map(|_| percent(coverage))),
        figure(&|| Some(format!("{about}{:.0}", needed.as_ref()?.samples))),
        figure(&|| Some(format!("{about}{:.2}", needed.as_ref()?.bytes / 1e9))),
        figure(&|| Some(format!("{about}{:.2}", needed.as_ref()?.cpu_seconds))),
    ];
    println!("| {} |", cells.join(" | "));
    remark(work, truth);
    if with_sites {
        print_sites(truth, measured);
    }
}

/// Says on stderr what puts a line's figures into doubt.
fn remark(work: &str, truth: &Truth) {
    let varies_by = truth.sites.iter().map(|site| site.varies_by).fold(0.0, f64::max);
    eprintln!(
        "{work}: exact runs differ from their mean by {} at most; {} of the bytes are in allocations too small for the preset",
        percent(varies_by),
        percent(truth.left_out_share),
    );
}

fn print_sites(truth: &Truth, measured: &Measured) {
    for (site, error) in truth.sites.iter().zip(&measured.sites) {
        println!(
            "    {} of the bytes, off by {} (bias {:+.2}%), in the interval {}, {:.0} samples, {} frames: {}",
            percent(site.share),
            percent(error.percentile_95),
            error.bias * 100.0,
            percent(error.coverage),
            error.samples,
            site.stack.lines().count(),
            site.label,
        );
    }
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}
