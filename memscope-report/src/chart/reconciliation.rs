//! Why RSS is not the heap: resident memory over time as a stack, from the live heap to RSS, with the cgroup's usage and limit.
//!
//! The layers add up to RSS at each instant. What nothing accounts for has a layer of its own; what is counted and not resident is
//! said below, for a layer for it would reach above RSS.

use super::axis::{Axis, Unit};
use super::canvas::{self, HEAD_HEIGHT, Head, PlotError, SIDE, Sheet, Style, WIDTH};
use super::plot::{Plot, line, value_plot};
use super::series::{Point, end_us, thin};
use super::theme::{LAYERS, Role};
use super::{Chart, DrawError};
use crate::analysis::{Analysis, ReconciliationPoint};
use crate::units;
use plotters::prelude::*;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "reconciliation", title: "From the heap to RSS", draw };

const PLOT_BOTTOM: i32 = 400;
const NAME_HEIGHT: i32 = 22;
/// Above this multiple of RSS, the cgroup's usage and limit are told and not drawn: they would flatten all else.
const IN_SIGHT: f64 = 2.0;

/// A layer, the lowest first.
struct Layer {
    name: &'static str,
    role: Role,
    bytes: fn(&ReconciliationPoint) -> u64,
}

/// Mostly memory mapped without the allocator; what the allocator came to keep since it was asked last, too.
const UNEXPLAINED: &str = "unexplained: mapped without the allocator, or not told by it";

const ALL_LAYERS: [Layer; 8] = [
    Layer { name: "live heap (exact)", role: LAYERS[0], bytes: |point| point.live_bytes },
    Layer {
        name: "allocator: overhead, rounding, gaps between live allocations",
        role: LAYERS[1],
        bytes: |point| point.overhead_bytes,
    },
    Layer { name: "allocator: freed and kept", role: LAYERS[3], bytes: |point| point.kept_bytes },
    Layer { name: "thread stacks", role: LAYERS[2], bytes: |point| point.stack_bytes },
    Layer { name: "files: code, libraries, mapped data", role: LAYERS[5], bytes: |point| point.file_bytes },
    Layer { name: "variables of program and libraries", role: LAYERS[6], bytes: |point| point.module_bytes },
    Layer { name: "memscope itself", role: LAYERS[7], bytes: |point| point.own_bytes },
    Layer { name: UNEXPLAINED, role: Role::Rest, bytes: |point| point.unexplained_bytes },
];

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let points = &analysis.reconciliation.points;
    if points.len() < 2 {
        return canvas::draw_empty(
            title,
            "This trace does not tell what resident memory is made of.",
            "Traces of format 1.3 and later do, ten times a second: record anew, for at least a second.",
        );
    }
    let layers: Vec<&Layer> =
        ALL_LAYERS.iter().filter(|layer| points.iter().any(|point| (layer.bytes)(point) > 0)).collect();
    let usage = line_of(points, |point| point.cgroup_usage_bytes);
    let limit = line_of(points, |point| point.cgroup_limit_bytes);
    let highest = |line: &[Point]| line.iter().map(|point| point.1).fold(0.0, f64::max);
    let rss = line_of(points, |point| Some(point.rss_bytes));
    let usage_shown = !usage.is_empty() && highest(&usage) <= highest(&rss) * IN_SIGHT;
    let used = if usage_shown { highest(&rss).max(highest(&usage)) } else { highest(&rss) };
    let limit_shown = !limit.is_empty() && highest(&limit) <= used * IN_SIGHT;
    let high = if limit_shown { used.max(highest(&limit)) } else { used };
    let mut legend = vec![(Role::Resident, "RSS")];
    if usage_shown {
        legend.push((Role::Freed, "cgroup usage"));
    }
    if limit_shown {
        legend.push((Role::Ink, "cgroup limit"));
    }
    let head = Head { title, subtitle: subtitle(analysis), legend: &legend };
    let mut notes = notes(analysis);
    for (name, line, is_shown) in [("usage", &usage, usage_shown), ("limit", &limit, limit_shown)] {
        if let Some(last) = line.last().filter(|_| !is_shown) {
            notes.push(format!("The cgroup's {name} is {} at the end: out of sight.", units::bytes(last.1)));
        }
    }
    let rows = (layers.len() + notes.len()) as i32;
    let height = PLOT_BOTTOM + 38 + rows * NAME_HEIGHT;
    canvas::draw(&head, height as u32, |sheet| {
        let end = end_us(analysis).max(points.last().map_or(0, |point| point.time_us));
        let y = Axis::of_values(Unit::Bytes, 0.0, high, 6);
        let mut plot = value_plot(sheet, (HEAD_HEIGHT, PLOT_BOTTOM), Axis::of_time(end, 9), y)?;
        draw_layers(&mut plot, points, &layers)?;
        line(&mut plot, &thin(&rss, end), Role::Resident)?;
        if usage_shown {
            line(&mut plot, &thin(&usage, end), Role::Freed)?;
        }
        if limit_shown {
            line(&mut plot, &thin(&limit, end), Role::Ink)?;
        }
        write_names(sheet, points, &layers, &notes)
    })
}

fn subtitle(analysis: &Analysis) -> String {
    match analysis.reconciliation.allocator {
        "" => "Layers add up to RSS; no allocator told anything of itself.".to_owned(),
        name => format!("Layers add up to RSS; the allocator's layers are what {name} tells of itself."),
    }
}

/// What an allocator told longer ago than that is old, microseconds.
const STALE_US: u64 = 1_000_000;

/// What the layers cannot show.
fn notes(analysis: &Analysis) -> Vec<String> {
    let points = &analysis.reconciliation.points;
    let mut notes = Vec::new();
    if let Some(most) = points.iter().max_by_key(|point| point.not_resident_bytes)
        && most.not_resident_bytes > most.rss_bytes / 100
    {
        notes.push(format!(
            "Counted as held and not in memory (never touched, or given back): up to {}, at {}; no layer shows it.",
            units::bytes(most.not_resident_bytes as f64),
            units::duration_us(most.time_us)
        ));
    }
    if let (Some(told_us), Some(last)) = (analysis.reconciliation.allocator_told_us, points.last())
        && last.time_us.saturating_sub(told_us) > STALE_US
    {
        notes.push(format!(
            "{} was asked last at {}, for it is slow to answer: what it came to keep after that is in \"unexplained\".",
            analysis.reconciliation.allocator,
            units::duration_us(told_us)
        ));
    }
    if analysis.reconciliation.allocator == "mimalloc" {
        notes.push(
            "mimalloc tells only what it has committed: its overhead is in \"freed and kept\".".to_owned(),
        );
    }
    notes
}

fn line_of(points: &[ReconciliationPoint], of: fn(&ReconciliationPoint) -> Option<u64>) -> Vec<Point> {
    points.iter().filter_map(|point| Some((point.time_us as f64, of(point)? as f64))).collect()
}

/// Steps: what was told holds until it is told anew.
fn draw_layers(
    plot: &mut Plot<'_, Axis>,
    points: &[ReconciliationPoint],
    layers: &[&Layer],
) -> Result<(), PlotError> {
    let mut below: Vec<Point> = points.iter().map(|point| (point.time_us as f64, 0.0)).collect();
    for layer in layers {
        let above: Vec<Point> = below
            .iter()
            .zip(points)
            .map(|(edge, point)| (edge.0, edge.1 + (layer.bytes)(point) as f64))
            .collect();
        let corners: Vec<Point> = below.iter().chain(above.iter().rev()).copied().collect();
        plot.draw_series([Polygon::new(corners, layer.role.color().filled())])?;
        plot.draw_series([PathElement::new(above.clone(), Role::Paper.color().stroke_width(1))])?;
        below = above;
    }
    Ok(())
}

/// What each layer is, the topmost first, with its bytes when RSS was highest and at the end.
fn write_names(
    sheet: &Sheet<'_>,
    points: &[ReconciliationPoint],
    layers: &[&Layer],
    notes: &[String],
) -> Result<(), PlotError> {
    let (Some(highest), Some(last)) = (points.iter().max_by_key(|point| point.rss_bytes), points.last())
    else {
        return Ok(());
    };
    let columns = [
        (highest, "when RSS was highest", WIDTH as i32 - SIDE - 140),
        (last, "at the end", WIDTH as i32 - SIDE),
    ];
    for (_, head, right) in columns {
        canvas::write(sheet, head, (right, PLOT_BOTTOM + 10), &Style::right(Role::Muted))?;
    }
    let middle = |row: usize| PLOT_BOTTOM + 32 + row as i32 * NAME_HEIGHT;
    for (row, layer) in layers.iter().rev().enumerate() {
        canvas::fill(sheet, [(SIDE, middle(row) - 6), (SIDE + 12, middle(row) + 6)], layer.role)?;
        canvas::write(sheet, layer.name, (SIDE + 20, middle(row)), &Style::left(Role::Ink))?;
        for (point, _, right) in columns {
            let bytes = (layer.bytes)(point);
            let share = units::percent(bytes as f64 / point.rss_bytes.max(1) as f64);
            let text = format!("{} ({share})", units::bytes(bytes as f64));
            canvas::write(sheet, &text, (right, middle(row)), &Style::right(Role::Ink))?;
        }
    }
    for (row, note) in notes.iter().enumerate() {
        canvas::write(sheet, note, (SIDE, middle(layers.len() + row)), &Style::left(Role::Muted))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Reconciliation;

    fn point(time_us: u64, live_bytes: u64) -> ReconciliationPoint {
        ReconciliationPoint {
            time_us,
            rss_bytes: 2 * live_bytes,
            live_bytes,
            unexplained_bytes: live_bytes,
            ..Default::default()
        }
    }

    fn svg(points: Vec<ReconciliationPoint>) -> String {
        svg_told_at(points.last().map(|point| point.time_us), points)
    }

    fn svg_told_at(allocator_told_us: Option<u64>, points: Vec<ReconciliationPoint>) -> String {
        let reconciliation = Reconciliation { allocator: "glibc", allocator_told_us, points };
        draw(&Analysis { reconciliation, ..Analysis::default() }, "T").expect("drawn")
    }

    #[test]
    fn layers_that_hold_nothing_are_left_out_and_the_rest_is_named() {
        let svg = svg(vec![point(0, 1 << 20), point(1_000_000, 2 << 20)]);
        assert!(svg.contains("live heap (exact)") && svg.contains("unexplained"));
        assert!(!svg.contains("thread stacks") && !svg.contains("cgroup"));
        assert!(svg.contains("2 MiB (50"), "{svg}");
    }

    #[test]
    fn an_allocator_that_was_not_asked_again_is_told_of() {
        let points = vec![point(0, 1 << 20), point(9_000_000, 2 << 20)];
        assert!(!svg(points.clone()).contains("was asked last"));
        assert!(svg_told_at(Some(121_000), points).contains("glibc was asked last at 121 ms"));
    }

    #[test]
    fn what_is_not_resident_and_a_limit_far_away_are_told() {
        let far = ReconciliationPoint {
            not_resident_bytes: 3 << 20,
            cgroup_limit_bytes: Some(1 << 40),
            ..point(5, 1 << 20)
        };
        let svg = svg(vec![point(0, 1 << 20), far]);
        assert!(svg.contains("up to 3 MiB"));
        assert!(svg.contains("limit is 1 TiB at the end: out of sight"));
    }

    #[test]
    fn without_points_it_says_what_to_do() {
        assert!(svg(Vec::new()).contains("record anew"));
    }
}
