//! Live bytes over time as a stack of layers, each one the call sites, or the scopes, that have something in common: whose memory the heap was made of
//! when it grew.
//!
//! The layers are estimates: each one's figures stand below with their intervals. The line is the live heap as it was counted,
//! exactly: where the stack ends below it, small allocations that are not sampled, or chance, make up the rest. The band is the
//! interval of all layers together.

use super::DrawError;
use super::axis::{Axis, Unit, finite};
use super::canvas::{self, HEAD_HEIGHT, Head, PlotError, SIDE, Sheet, Style, WIDTH};
use super::memory_over_time::live_line;
use super::plot::{Plot, band, line, value_plot};
use super::series::{Point, end_us, thin};
use super::text::certainty;
use super::theme::{LAYERS, Role};
use super::tips::Tip;
use crate::analysis::{Analysis, SliceCell, Slices};
use crate::statistics::{Estimate, Sum};
use crate::units;
use plotters::prelude::*;
use std::collections::BTreeMap;

/// Where the plot ends and the names of its layers begin.
const PLOT_BOTTOM: i32 = 410;
const NAME_HEIGHT: i32 = 22;

/// What the members of a layer held at the end of each bin.
pub(super) struct Layer {
    /// What they have in common; none for what is lumped together.
    pub(super) key: Option<u32>,
    live: Vec<Sum>,
}

/// What a layer is called.
pub(super) struct Name {
    /// Short enough for its line.
    pub(super) shown: String,
    /// In full.
    pub(super) full: String,
}

/// Draws the layers. `names` are those of the layers that have a key, in their order; `others` is what is lumped together.
pub(super) fn draw(
    analysis: &Analysis,
    title: &str,
    layers: &[Layer],
    names: &[Name],
    others: &str,
) -> Result<String, DrawError> {
    let slices = &analysis.slices;
    if layers.is_empty() {
        return canvas::draw_without_samples(title, "No sampled allocation outlived its stretch of time.");
    }
    let figures: Vec<Estimate> =
        layers.iter().flat_map(|layer| &layer.live).map(|sum| slices.estimate(sum)).collect();
    let head = Head {
        title,
        subtitle: format!(
            "{} Line: the live heap, exact. Band: all layers' interval.",
            certainty(analysis, &figures)
        ),
        legend: &[],
    };
    let height = PLOT_BOTTOM + 34 + layers.len() as i32 * NAME_HEIGHT;
    canvas::draw_with_tips(&head, height as u32, |sheet| {
        draw_plot(sheet, analysis, layers)?;
        let is_exact = figures.iter().all(|figure| figure.low >= figure.high);
        write_names(sheet, slices, layers, (names, others), is_exact)
    })
}

fn draw_plot(sheet: &Sheet<'_>, analysis: &Analysis, layers: &[Layer]) -> Result<(), PlotError> {
    let slices = &analysis.slices;
    let end = end_us(analysis);
    let exact = live_line(analysis);
    let edges = edges(layers, slices, end);
    let intervals = intervals(layers, slices);
    let points = || edges.iter().flatten().chain(&exact).map(|point| point.1);
    let (low, highest) = (points().fold(0.0, f64::min), points().map(finite).fold(0.0, f64::max));
    // An interval that is much wider than all else would leave no room for it, and is cut.
    let upper = intervals.iter().map(|interval| finite(interval.high)).fold(0.0, f64::max);
    let high = highest.max(upper.min(2.0 * highest));
    let y = Axis::of_values(Unit::Bytes, low, high, 6);
    let mut plot = value_plot(sheet, (HEAD_HEIGHT, PLOT_BOTTOM), Axis::of_time(end, 9), y)?;
    let roles = layers.iter().enumerate().map(|(index, layer)| role(layer, index));
    draw_layers(&mut plot, &edges, roles)?;
    draw_interval(&mut plot, &edges, &intervals)?;
    line(&mut plot, &thin(&exact, end), Role::Ink)
}

/// The role of a layer: the last one may be what is lumped together.
fn role(layer: &Layer, index: usize) -> Role {
    if layer.key.is_some() { LAYERS[index % LAYERS.len()] } else { Role::Rest }
}

/// Those that held most at their highest, the largest first, and then the others together. `key` says what the members of a layer have in common,
/// and `is_known` which keys may have a layer of their own.
pub(super) fn layers(
    slices: &Slices,
    key: fn(&SliceCell) -> u32,
    is_known: impl Fn(u32) -> bool,
) -> Vec<Layer> {
    let bins = slices.bins as usize;
    let mut changes: BTreeMap<u32, Vec<(Sum, Sum)>> = BTreeMap::new();
    for cell in slices.cells.iter().filter(|cell| (cell.bin as usize) < bins) {
        let member = changes.entry(key(cell)).or_insert_with(|| vec![Default::default(); bins]);
        let (allocated, freed) = &mut member[cell.bin as usize];
        allocated.merge(&cell.allocated);
        freed.merge(&cell.freed);
    }
    let mut ranked: Vec<(u32, f64)> = changes
        .iter()
        .filter(|(key, _)| is_known(**key))
        .map(|(key, changes)| (*key, live(changes).iter().map(|sum| finite(sum.bytes)).fold(0.0, f64::max)))
        .filter(|(_, highest)| *highest > 0.0)
        .collect();
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1));
    ranked.truncate(LAYERS.len());
    let mut layers: Vec<Layer> = ranked
        .iter()
        .filter_map(|(key, _)| Some((*key, changes.remove(key)?)))
        .map(|(key, changes)| Layer { key: Some(key), live: live(&changes) })
        .collect();
    let mut rest = vec![<(Sum, Sum)>::default(); bins];
    for (all, part) in changes.values().flat_map(|changes| (0..).zip(changes)) {
        let all: &mut (Sum, Sum) = &mut rest[all];
        all.0.merge(&part.0);
        all.1.merge(&part.1);
    }
    let rest = Layer { key: None, live: live(&rest) };
    if rest.live.iter().any(|sum| finite(sum.bytes) > 0.0) {
        layers.push(rest);
    }
    layers
}

/// What is live at the end of each bin: all that was allocated up to there without all that was freed.
fn live(changes: &[(Sum, Sum)]) -> Vec<Sum> {
    let (mut allocated, mut freed) = (Sum::default(), Sum::default());
    let after = |change: &(Sum, Sum)| {
        allocated.merge(&change.0);
        freed.merge(&change.1);
        allocated.minus(&freed)
    };
    changes.iter().map(after).collect()
}

/// The lower edge of the first layer, and the upper one of each.
fn edges(layers: &[Layer], slices: &Slices, end_us: u64) -> Vec<Vec<Point>> {
    let end = end_us as f64;
    let time = |bin: usize| ((bin as f64 + 1.0) * slices.bin_us as f64).min(end);
    let times: Vec<f64> = std::iter::once(0.0).chain((0..slices.bins as usize).map(time)).collect();
    let mut edges = vec![times.iter().map(|&time| (time, 0.0)).collect::<Vec<Point>>()];
    for layer in layers {
        let below = edges.last().cloned().unwrap_or_default();
        let live = std::iter::once(0.0).chain(layer.live.iter().map(|sum| finite(sum.bytes).max(0.0)));
        edges.push(below.iter().zip(live).map(|(point, live)| (point.0, point.1 + live)).collect());
    }
    edges
}

fn draw_layers(
    plot: &mut Plot<'_, Axis>,
    edges: &[Vec<Point>],
    roles: impl Iterator<Item = Role>,
) -> Result<(), PlotError> {
    for (pair, role) in edges.windows(2).zip(roles) {
        let corners: Vec<Point> = pair[0].iter().chain(pair[1].iter().rev()).copied().collect();
        plot.draw_series([Polygon::new(corners, role.color().filled())])?;
    }
    for edge in &edges[1..] {
        let style = Role::Paper.color().stroke_width(1);
        plot.draw_series([PathElement::new(edge.clone(), style)])?;
    }
    Ok(())
}

/// All layers together at the end of each bin.
fn intervals(layers: &[Layer], slices: &Slices) -> Vec<Estimate> {
    let mut sums = vec![Sum::default(); slices.bins as usize];
    for layer in layers {
        for (all, part) in sums.iter_mut().zip(&layer.live) {
            all.merge(part);
        }
    }
    sums.iter().map(|sum| slices.estimate(sum)).collect()
}

fn draw_interval(
    plot: &mut Plot<'_, Axis>,
    edges: &[Vec<Point>],
    intervals: &[Estimate],
) -> Result<(), PlotError> {
    let Some(times) = edges.first().filter(|_| intervals.iter().any(|all| all.high > all.low)) else {
        return Ok(());
    };
    let edge = |end: fn(&Estimate) -> f64| -> Vec<Point> {
        let values = std::iter::once(0.0).chain(intervals.iter().map(end)).map(finite);
        times.iter().zip(values).map(|(point, value)| (point.0, value)).collect()
    };
    band(plot, &edge(|all| all.low), &edge(|all| all.high))
}

/// What each layer is, the topmost first, as they lie on each other.
fn write_names(
    sheet: &Sheet<'_>,
    slices: &Slices,
    layers: &[Layer],
    (names, others): (&[Name], &str),
    is_exact: bool,
) -> Result<Vec<Tip>, PlotError> {
    let heads = ["at its highest", "live at the end"];
    let columns = [WIDTH as i32 - SIDE - 230, WIDTH as i32 - SIDE];
    for (head, right) in heads.iter().zip(columns) {
        canvas::write(sheet, head, (right, PLOT_BOTTOM + 10), &Style::right(Role::Muted))?;
    }
    let mut tips = Vec::new();
    for (place, (index, layer)) in layers.iter().enumerate().rev().enumerate() {
        let middle = PLOT_BOTTOM + 32 + place as i32 * NAME_HEIGHT;
        canvas::fill(sheet, [(SIDE, middle - 6), (SIDE + 12, middle + 6)], role(layer, index))?;
        let at = (SIDE + 20, middle);
        match names.get(index).filter(|_| layer.key.is_some()) {
            Some(name) => {
                tips.push(Tip { at, text: name.full.clone() });
                let style = Style { monospaced: true, ..Style::left(Role::Ink) };
                canvas::write(sheet, &name.shown, at, &style)?;
            }
            None => canvas::write(sheet, others, at, &Style::left(Role::Ink))?,
        }
        let estimate = |sum: &Sum| slices.estimate(sum);
        let highest = layer.live.iter().max_by(|one, other| one.bytes.total_cmp(&other.bytes));
        let figures = [highest, layer.live.last()];
        for (sum, right) in figures.into_iter().zip(columns) {
            let figure = sum.map(|sum| figure(&estimate(sum), is_exact)).unwrap_or_default();
            canvas::write(sheet, &figure, (right, middle), &Style::right(Role::Ink))?;
        }
    }
    Ok(tips)
}

/// A figure with its interval. Where there is no sample there may still be some bytes, unless everything is recorded.
fn figure(estimate: &Estimate, is_exact: bool) -> String {
    if estimate.samples == 0 && !is_exact {
        return "none seen".to_owned();
    }
    let value = units::bytes(estimate.value);
    if estimate.high > estimate.low {
        format!("{value} ({})", units::range(estimate.low, estimate.high, units::bytes))
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Losses;

    fn cell(site: u32, bin: u32, allocated: u64, freed: u64) -> SliceCell {
        let sum = |count| Sum::of(count, 100, 1.0, Losses::default());
        SliceCell { site, bin, allocated: sum(allocated), freed: sum(freed), ..SliceCell::default() }
    }

    fn layers_of(cells: Vec<SliceCell>, sites: u32) -> Vec<Layer> {
        let slices = Slices { bin_us: 10, bins: 3, cells, ..Slices::default() };
        layers(&slices, |cell| cell.site, |site| site < sites)
    }

    #[test]
    fn a_layer_is_what_was_allocated_so_far_and_not_freed() {
        let cells =
            vec![cell(0, 0, 3, 0), cell(0, 2, 1, 2), cell(1, 1, 9, 1), cell(Slices::FURTHER, 1, 1, 0)];
        let layers = layers_of(cells, 2);
        let bytes = |layer: &Layer| layer.live.iter().map(|sum| sum.bytes).collect::<Vec<_>>();
        assert_eq!(layers.iter().map(|layer| layer.key).collect::<Vec<_>>(), [Some(1), Some(0), None]);
        assert_eq!(bytes(&layers[0]), [0.0, 800.0, 800.0]);
        assert_eq!(bytes(&layers[1]), [300.0, 300.0, 200.0]);
        assert_eq!(bytes(&layers[2]), [0.0, 100.0, 100.0]);
        let edges = edges(&layers, &Slices { bin_us: 10, bins: 3, ..Slices::default() }, 25);
        assert_eq!(edges[3], [(0.0, 0.0), (10.0, 300.0), (20.0, 1200.0), (25.0, 1100.0)]);
    }

    #[test]
    fn sites_beyond_the_layers_are_one() {
        let cells = (0..30).map(|site| cell(site, 0, 1 + u64::from(site), 0)).collect();
        let layers = layers_of(cells, 30);
        assert_eq!(layers.len(), LAYERS.len() + 1);
        let all: f64 = layers.iter().map(|layer| layer.live[2].bytes).sum();
        assert_eq!(all, 30.0 * 31.0 / 2.0 * 100.0);
    }
}
