//! The gate: what was kept, what was not, and how small a change would have been seen.

use super::json;
use super::layout::{Line, Table, TextOptions, Tone, figure, growth, signed_percent};
use crate::check::{Checked, FALSE_ALARMS, Limits, POWER, SiteGrowth, Standing};
use crate::compare::Figure;
use crate::units;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes what came of a check.
///
/// # Errors
/// What `out` gives.
pub fn write_check(
    out: &mut dyn Write,
    checked: &Checked,
    limits: &Limits,
    options: &TextOptions,
) -> io::Result<()> {
    if !checked.limits.is_empty() {
        let mut table = Table::new(&["", "found", "limit", "limits"]);
        for limit in &checked.limits {
            let figure = |value| if limit.is_bytes { units::bytes(value) } else { units::count(value) };
            let figures = vec![word(limit.kept).to_owned(), figure(limit.found), figure(limit.limit)];
            table.push(tone(limit.kept), figures, &limit.name);
        }
        table.write(out, options)?;
        writeln!(out)?;
    }
    if checked.limits.is_empty() && checked.totals.is_empty() {
        let nothing = "No limit was given: nothing was checked but that the trace is whole. Pass --max-peak, --max-live, \
                       --max-allocs-per or --baseline.";
        options.write_wrapped(out, Tone::Bad, nothing)?;
    }
    if !checked.totals.is_empty() {
        totals(out, checked, options)?;
        sites(out, checked, limits, options)?;
    }
    for note in &checked.notes {
        options.write_wrapped(out, Tone::Bad, note)?;
    }
    if !checked.whole {
        options.write_wrapped(
            out,
            Tone::Bad,
            "A trace is cut short or damaged: what is missing from it was not checked.",
        )?;
    }
    verdict(out, checked, options)
}

fn word(kept: bool) -> &'static str {
    if kept { "ok" } else { "FAIL" }
}

fn tone(kept: bool) -> Tone {
    if kept { Tone::Plain } else { Tone::Bad }
}

fn totals(out: &mut dyn Write, checked: &Checked, options: &TextOptions) -> io::Result<()> {
    let mut table = Table::new(&["", "baseline", "now", "growth", "exact totals"]);
    for total in &checked.totals {
        let change = &total.change;
        let value = |value: i64| figure(value as f64, change.is_bytes);
        let growth = match change.growth() {
            Some(growth) => signed_percent(growth),
            // There was nothing that it could be a share of.
            None if change.new > change.old => "new".to_owned(),
            None => String::new(),
        };
        let figures = vec![word(total.kept).to_owned(), value(change.old), value(change.new), growth];
        table.push(tone(total.kept), figures, change.name);
    }
    table.write(out, options)?;
    writeln!(out)
}

fn sites(out: &mut dyn Write, checked: &Checked, limits: &Limits, options: &TextOptions) -> io::Result<()> {
    let sites = &checked.sites;
    if sites.is_empty() {
        return writeln!(out, "No call sites to compare: nothing was sampled.\n");
    }
    let mut table = Table::new(&["", "baseline", "now", "growth", "interval", "shows", "call sites"]);
    for site in sites {
        let figures = vec![
            standing(site).to_owned(),
            units::bytes(site.old.value),
            units::bytes(site.new.value),
            growth(site.ratio.value),
            format!("{} to {}", growth(site.ratio.low), upper(site.ratio.high)),
            shown(site.smallest_shown),
        ];
        let before_name = if site.figure == Figure::Live { "live: " } else { "" }.to_owned();
        let tone = tone(site.standing != Standing::Grew);
        table.lines.push(Line { figures, before_name, name: site.name.clone(), tone });
    }
    table.write(out, options)?;
    options.write_wrapped(out, Tone::Faint, &explanation(checked, limits))?;
    writeln!(out)
}

fn standing(site: &SiteGrowth) -> &'static str {
    match site.standing {
        Standing::Grew => "FAIL",
        Standing::Unsure => "ok?",
        Standing::Kept => "ok",
    }
}

fn upper(ratio: f64) -> String {
    if ratio.is_infinite() { "any".to_owned() } else { growth(ratio) }
}

/// The growth that the samples show.
fn shown(growth_shown: f64) -> String {
    match growth_shown {
        0.0 => "all".to_owned(),
        _ if growth_shown.is_infinite() => "nothing".to_owned(),
        _ => growth(1.0 + growth_shown),
    }
}

/// What the samples can and cannot tell.
fn explanation(checked: &Checked, limits: &Limits) -> String {
    let few = checked.sites.iter().filter(|site| site.smallest_shown > limits.max_growth).count();
    let finest = checked.sites.iter().map(|site| site.smallest_shown).fold(f64::INFINITY, f64::min);
    let mut text = format!(
        "shows: growth that these samples catch with {} probability, {}. Equal programs fail by chance in at most {} of the checks.",
        units::percent(POWER),
        if finest.is_infinite() {
            "which for none of these sites they can".to_owned()
        } else {
            format!("{} at best", shown(finest))
        },
        units::percent(FALSE_ALARMS)
    );
    if checked.baselines > 1 {
        let noise = checked.sites.iter().filter_map(|site| site.between_runs).fold(0.0, f64::max);
        text += &format!(
            " Compared with the mean of {} baselines, allowing for what they differ by among themselves: call sites by up to {}.",
            checked.baselines,
            units::percent(noise)
        );
    }
    if few > 0 {
        text += &format!(
            " For {few} of {} the samples do not suffice to show {}{}: {}.",
            units::things(checked.sites.len() as u64, "call site"),
            signed_percent(limits.max_growth),
            if checked.sites.iter().any(|site| site.standing == Standing::Unsure) {
                " (ok?: not excluded)"
            } else {
                ""
            },
            if checked.baselines > 1 {
                "take more baselines, or sample more"
            } else {
                "sample more, or longer"
            }
        );
    }
    text
}

fn verdict(out: &mut dyn Write, checked: &Checked, options: &TextOptions) -> io::Result<()> {
    let (limits, growth) = (checked.keeps_limits(), checked.keeps_growth());
    let (tone, text) = match (limits, growth, checked.whole) {
        (true, true, true) => (Tone::Good, "check passed"),
        (true, true, false) => (Tone::Bad, "check passed by what is there, exit code 3"),
        (false, true, _) => (Tone::Bad, "check failed: a limit is exceeded, exit code 4"),
        (true, false, _) => (Tone::Bad, "check failed: grown over the baseline, exit code 5"),
        (false, false, _) => {
            (Tone::Bad, "check failed: a limit is exceeded and grown over the baseline, exit code 6")
        }
    };
    writeln!(out, "{}", options.paint(tone, text))
}

/// Writes the same as JSON, with the checked trace's `warnings` ([`warnings`](crate::analysis::warnings)).
///
/// # Errors
/// What `out` gives.
pub fn write_check_json(out: &mut dyn Write, checked: &Checked, warnings: &[String]) -> io::Result<()> {
    let limits: Vec<Value> = checked
        .limits
        .iter()
        .map(|limit| json!({ "name": limit.name, "found": exact(limit.found), "limit": exact(limit.limit), "kept": limit.kept }))
        .collect();
    let totals: Vec<Value> = checked
        .totals
        .iter()
        .map(|total| {
            let change = &total.change;
            json!({ "name": change.name, "old": change.old, "new": change.new, "kept": total.kept, "between_runs": total.between_runs })
        })
        .collect();
    let sites: Vec<Value> = checked
        .sites
        .iter()
        .map(|site| {
            json!({
                "name": site.name,
                "figure": site.figure.describe(),
                "old": json::estimate(&site.old),
                "new": json::estimate(&site.new),
                "ratio": { "value": site.ratio.value, "low": site.ratio.low, "high": site.ratio.high },
                "smallest_growth_shown": site.smallest_shown,
                "between_runs": site.between_runs,
                "standing": match site.standing {
                    Standing::Grew => "grew",
                    Standing::Unsure => "unsure",
                    Standing::Kept => "kept",
                },
            })
        })
        .collect();
    let value = json!({
        "passed": checked.keeps_limits() && checked.keeps_growth() && checked.whole,
        "keeps_limits": checked.keeps_limits(),
        "keeps_growth": checked.keeps_growth(),
        "whole": checked.whole,
        "baselines": checked.baselines,
        "notes": checked.notes,
        "warnings": warnings,
        "limits": limits,
        "totals": totals,
        "sites": sites,
    });
    json::write(out, &value)
}

/// A whole number as one: exact figures are integers, the mean number of allocations in a call need not be.
fn exact(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}
