//! What grows.

use super::json;
use super::layout::{Table, TextOptions, Tone, signed, signed_interval};
use crate::leaks::{Leak, Leaks};
use crate::units;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes the sites that grew for certain, and as many of the others as make `most` in all.
///
/// # Errors
/// What `out` gives.
pub fn write_leaks(out: &mut dyn Write, leaks: &Leaks, most: usize, options: &TextOptions) -> io::Result<()> {
    let grew = leaks.sites.iter().filter(|site| site.grew()).count();
    let title = format!(
        "{grew} of {} grew for certain in the second half of the session ({}); the process by {} (exact)",
        units::things(leaks.sites.len() as u64, "call site"),
        units::duration_us(leaks.window_us),
        signed(leaks.process_growth_bytes as f64, true)
    );
    if leaks.sites.is_empty() {
        return writeln!(out, "No call sites: nothing was sampled.");
    }
    options.write_wrapped(out, Tone::Plain, &title)?;
    // What neither grew nor shrank nor is there says nothing.
    let moved = |site: &&Leak| site.live_bytes.value > 0.0 || site.growth_bytes.value != 0.0;
    let shown: Vec<&Leak> = leaks.sites.iter().filter(moved).take(most).collect();
    if shown.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["grew by", "interval", "sure", "live", "call site"]);
    for site in shown {
        let growth = &site.growth_bytes;
        let figures = vec![
            signed(growth.value, true),
            signed_interval(growth, true),
            sureness(site.sureness),
            curve(&site.live_bytes_over_time),
        ];
        table.push(if site.grew() { Tone::Bad } else { Tone::Plain }, figures, &site.name);
    }
    table.write(out, options)?;
    let note = "Ranked by what a site grew by for certain. sure: that it grew at all. live: through the session. A cache \
                that fills looks like a leak until it is full: a longer session tells them apart.";
    options.write_wrapped(out, Tone::Faint, note)
}

/// Never 100%: certainty comes from samples.
fn sureness(probability: f64) -> String {
    match probability {
        _ if probability > 0.9999 => ">99.99%".to_owned(),
        _ if probability < 0.01 => "<1%".to_owned(),
        _ => units::percent(probability),
    }
}

/// Eight bars, the highest for the most.
fn curve(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.iter().copied().fold(0.0, f64::max);
    let bar = |value: f64| BARS[((value / most * 7.0).round() as usize).min(7)];
    values.iter().map(|&value| if most > 0.0 { bar(value) } else { BARS[0] }).collect()
}

/// Writes the first `most` sites as JSON, with the trace's `warnings` ([`warnings`](crate::analysis::warnings)).
///
/// # Errors
/// What `out` gives.
pub fn write_leaks_json(
    out: &mut dyn Write,
    leaks: &Leaks,
    most: usize,
    warnings: &[String],
) -> io::Result<()> {
    let sites: Vec<Value> = leaks.sites.iter().take(most).map(site).collect();
    let value = json!({
        "window_us": leaks.window_us,
        "process_growth_bytes": leaks.process_growth_bytes,
        "sites_in_all": leaks.sites.len(),
        "sites": sites,
        "warnings": warnings,
    });
    json::write(out, &value)
}

fn site(site: &Leak) -> Value {
    json!({
        "name": site.name,
        "grew": site.grew(),
        "growth_bytes": json::estimate(&site.growth_bytes),
        "sureness": site.sureness,
        "live_bytes": json::estimate(&site.live_bytes),
        "live_bytes_over_time": site.live_bytes_over_time,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_as_high_as_its_highest() {
        assert_eq!(curve(&[0.0, 1.0, 3.5, 7.0]), "▁▂▅█");
        assert_eq!(curve(&[0.0, 0.0]), "▁▁");
    }

    #[test]
    fn certainty_is_never_whole() {
        assert_eq!([1.0, 0.99, 0.5, 0.0].map(sureness), [">99.99%", "99%", "50%", "<1%"]);
    }
}
