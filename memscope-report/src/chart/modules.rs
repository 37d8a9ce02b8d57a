//! A treemap of crates and their modules: each tile as large as what its code allocated, and as dark as the part of that which is
//! live at the end.
//!
//! A large light tile churns, a small dark one holds. An allocation belongs to the module of its call site's labelled
//! frame: the first that is not the standard library's.

use super::axis::finite;
use super::call_sites::labelled_frame;
use super::canvas::{self, Head, PlotError, SIDE, Sheet, Style, WIDTH};
use super::heat::{LEGEND_MIDDLE, TOP, write_legend};
use super::module_path::module_of;
use super::origin::Origin;
use super::squarify::{Rect, squarify};
use super::text::{certainty, columns, shorten_middle};
use super::theme::{HEAT, Role};
use super::tips::Tip;
use super::{Chart, DrawError};
use crate::analysis::{Analysis, SiteFigures};
use crate::statistics::Estimate;
use crate::units;
use std::collections::BTreeMap;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "modules", title: "Crates and modules", draw };

const HEIGHT: i32 = 520;
/// Most crates, and most modules of a crate; what is beyond them is one tile.
const MOST_CRATES: usize = 14;
const MOST_MODULES: usize = 24;
/// Height of the line with a crate's name, pixels.
const CRATE_NAME: f64 = 20.0;
/// Between tiles, and between crates, pixels.
const GAP: i32 = 1;
const CRATE_GAP: f64 = 2.0;
/// A letter of a tile's text, pixels.
const LETTER: i32 = 8;
/// The smallest tile that is drawn, pixels.
const LEAST_SIDE: i32 = 3;
/// The name of a crate's root.
const ROOT: &str = "(root)";

/// A crate or a module.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    name: String,
    allocated: Estimate,
    live: Estimate,
}

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let crates = crates(&analysis.sites);
    if crates.is_empty() {
        return canvas::draw_without_samples(title, "No allocation was sampled, so no module is known.");
    }
    let figures = crates.iter().flat_map(|(_, modules)| modules).map(|module| &module.allocated);
    let head = Head {
        title,
        subtitle: format!("Area: bytes allocated by a module's own code. {}", certainty(analysis, figures)),
        legend: &[],
    };
    canvas::draw_with_tips(&head, HEIGHT as u32, |sheet| {
        let names = ["1%", "25%", "50%", "75%", "100%"].map(str::to_owned);
        write_legend(sheet, LEGEND_MIDDLE, "Of it live at the end, up to", &names)?;
        let space = Rect {
            left: f64::from(SIDE),
            top: f64::from(TOP),
            right: f64::from(WIDTH as i32 - SIDE),
            bottom: f64::from(HEIGHT - 12),
        };
        let values: Vec<f64> = crates.iter().map(|(part, _)| part.allocated.value).collect();
        let mut tips = Vec::new();
        for ((part, modules), place) in crates.iter().zip(squarify(&values, space)) {
            draw_crate(sheet, part, modules, place, &mut tips)?;
        }
        Ok(tips)
    })
}

/// The crates with their modules, largest first.
fn crates(sites: &[SiteFigures]) -> Vec<(Part, Vec<Part>)> {
    type Figures = (Vec<Estimate>, Vec<Estimate>);
    let mut by_module: BTreeMap<(&str, &str), Figures> = BTreeMap::new();
    for site in sites.iter().filter(|site| finite(site.allocated_bytes.value) > 0.0) {
        let (allocated, live) = by_module.entry(place(site)).or_default();
        allocated.push(site.allocated_bytes);
        // Of what was not seen live an upper end is known too, but a thousand of those would add up to nonsense.
        live.extend((finite(site.live_bytes.value) > 0.0).then_some(site.live_bytes));
    }
    let mut crates: BTreeMap<&str, Vec<Part>> = BTreeMap::new();
    for ((krate, module), (allocated, live)) in &by_module {
        let name = if module.is_empty() { ROOT } else { module };
        let (allocated, live) = (Estimate::sum(allocated), Estimate::sum(live));
        crates.entry(krate).or_default().push(Part { name: name.to_owned(), allocated, live });
    }
    let mut crates: Vec<(Part, Vec<Part>)> = crates
        .into_iter()
        .map(|(name, modules)| {
            (together(name.to_owned(), &modules), largest(modules, MOST_MODULES, "modules"))
        })
        .collect();
    crates.sort_by(|(one, _), (other, _)| other.allocated.value.total_cmp(&one.allocated.value));
    if crates.len() > MOST_CRATES {
        let rest: Vec<Part> = crates.drain(MOST_CRATES - 1..).map(|(part, _)| part).collect();
        let part = together(format!("({} other crates)", rest.len()), &rest);
        crates.push((part, largest(rest, MOST_MODULES, "crates")));
        crates.sort_by(|(one, _), (other, _)| other.allocated.value.total_cmp(&one.allocated.value));
    }
    crates
}

/// The crate and module of a site: those of its labelled frame, or of the next one outwards that has a path.
fn place(site: &SiteFigures) -> (&str, &str) {
    let outwards = site.frames.get(labelled_frame(site)..).unwrap_or_default();
    let own = outwards.iter().filter(|frame| Origin::of(frame) == Origin::Program);
    let mut places = own.chain(outwards).filter_map(|frame| module_of(&frame.function));
    places.next().unwrap_or(("(unknown)", ""))
}

/// The largest `most` of `parts`, in falling order; the others are one.
fn largest(mut parts: Vec<Part>, most: usize, what: &str) -> Vec<Part> {
    parts.sort_by(|one, other| other.allocated.value.total_cmp(&one.allocated.value));
    if parts.len() > most {
        let rest = parts.split_off(most - 1);
        parts.push(together(format!("({} other {what})", rest.len()), &rest));
        parts.sort_by(|one, other| other.allocated.value.total_cmp(&one.allocated.value));
    }
    parts
}

fn together(name: String, parts: &[Part]) -> Part {
    let sum = |figure: fn(&Part) -> Estimate| Estimate::sum(&parts.iter().map(figure).collect::<Vec<_>>());
    Part { name, allocated: sum(|part| part.allocated), live: sum(|part| part.live) }
}

fn draw_crate(
    sheet: &Sheet<'_>,
    part: &Part,
    modules: &[Part],
    place: Rect,
    tips: &mut Vec<Tip>,
) -> Result<(), PlotError> {
    let mut inner = Rect { right: place.right - CRATE_GAP, bottom: place.bottom - CRATE_GAP, ..place };
    let room = (inner.width() as i32 - 8) / LETTER;
    if room >= 4 && inner.height() >= 2.0 * CRATE_NAME {
        let at = (inner.left as i32 + 2, inner.top as i32 + CRATE_NAME as i32 / 2);
        let bold = Style { bold: true, ..Style::left(Role::Ink) };
        let name = fitting(&[format!("{}  {}", part.name, figure(&part.allocated)), part.name.clone()], room);
        canvas::write(sheet, &name, at, &bold)?;
        tips.push(Tip { at, text: tip(&part.name, part) });
        inner.top += CRATE_NAME;
    }
    let values: Vec<f64> = modules.iter().map(|module| module.allocated.value).collect();
    for (module, tile) in modules.iter().zip(squarify(&values, inner)) {
        let name =
            if module.name == ROOT { part.name.clone() } else { format!("{}::{}", part.name, module.name) };
        draw_module(sheet, module, &tip(&name, module), tile, tips)?;
    }
    Ok(())
}

fn draw_module(
    sheet: &Sheet<'_>,
    module: &Part,
    tip: &str,
    place: Rect,
    tips: &mut Vec<Tip>,
) -> Result<(), PlotError> {
    let (left, top) = (place.left.round() as i32, place.top.round() as i32);
    let (right, bottom) = (place.right.round() as i32 - GAP, place.bottom.round() as i32 - GAP);
    if right - left < LEAST_SIDE || bottom - top < LEAST_SIDE {
        return Ok(());
    }
    canvas::fill(sheet, [(left, top), (right, bottom)], shade(module))?;
    tips.push(Tip { at: (left, top), text: tip.to_owned() });
    let room = (right - left - 8) / LETTER;
    if room < 4 || bottom - top < 20 {
        return Ok(());
    }
    let style = Style::left(shade(module).text());
    canvas::write(sheet, &fitting(std::slice::from_ref(&module.name), room), (left + 5, top + 11), &style)?;
    let value = fitting(&[figure(&module.allocated), units::bytes(module.allocated.value)], room);
    if bottom - top >= 36 && !value.contains('…') {
        canvas::write(sheet, &value, (left + 5, top + 27), &style)?;
    }
    Ok(())
}

/// The first of `texts` that fits into `room` columns, or the last one shortened.
fn fitting(texts: &[String], room: i32) -> String {
    let room = room.max(1) as usize;
    let fits = texts.iter().find(|text| columns(text) <= room);
    fits.cloned().unwrap_or_else(|| texts.last().map(|text| shorten_middle(text, room)).unwrap_or_default())
}

/// By the part that is live at the end.
fn shade(module: &Part) -> Role {
    let share = finite(module.live.value / module.allocated.value);
    if share <= 0.01 { HEAT[0] } else { HEAT[(share * 4.0).ceil().clamp(1.0, 4.0) as usize] }
}

fn figure(estimate: &Estimate) -> String {
    let value = units::bytes(estimate.value);
    if estimate.high > estimate.low {
        format!("{value} ({})", units::range(estimate.low, estimate.high, units::bytes))
    } else {
        value
    }
}

fn tip(name: &str, part: &Part) -> String {
    format!("{name}: {} allocated, {} live at the end", figure(&part.allocated), figure(&part.live))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Frame;

    fn site(functions: &[&str], bytes: f64) -> SiteFigures {
        let frame = |function: &&str| Frame { function: (*function).to_owned(), ..Frame::default() };
        SiteFigures {
            frames: functions.iter().map(frame).collect(),
            label: functions[0].to_owned(),
            allocated_bytes: Estimate::exact(bytes),
            live_bytes: Estimate::exact(bytes / 2.0),
            ..SiteFigures::default()
        }
    }

    #[test]
    fn bytes_are_summed_by_crate_and_module() {
        let crates = crates(&[
            site(&["app::cache::put", "app::main"], 10.0),
            site(&["app::cache::Cache::get", "app::main"], 20.0),
            site(&["malloc_in_c", "app::main"], 5.0),
            site(&["serde::ser::f"], 7.0),
            site(&["c_only"], 1.0),
        ]);
        let names: Vec<_> =
            crates.iter().map(|(part, _)| (part.name.as_str(), part.allocated.value)).collect();
        assert_eq!(names, [("app", 35.0), ("serde", 7.0), ("(unknown)", 1.0)]);
        let modules: Vec<_> = crates[0].1.iter().map(|part| (part.name.as_str(), part.live.value)).collect();
        assert_eq!(modules, [("cache", 15.0), (ROOT, 2.5)]);
    }

    #[test]
    fn many_crates_and_modules_are_cut_and_none_is_lost() {
        let names: Vec<String> = (0..2_000).map(|i| format!("k{}::m{i}::f", i % 40)).collect();
        let sites: Vec<_> = names.iter().map(|name| site(&[name], 2.0)).collect();
        let crates = crates(&sites);
        assert_eq!(crates.len(), MOST_CRATES);
        assert!(crates.iter().all(|(_, modules)| modules.len() <= MOST_MODULES));
        let sum: f64 =
            crates.iter().flat_map(|(_, modules)| modules).map(|module| module.allocated.value).sum();
        assert_eq!(sum, 4_000.0);
    }

    #[test]
    fn the_darker_the_more_is_live() {
        for (live, role) in
            [(0.0, HEAT[0]), (1.0, HEAT[0]), (1.1, HEAT[1]), (30.0, HEAT[2]), (100.0, HEAT[4])]
        {
            let (allocated, live) = (Estimate::exact(100.0), Estimate::exact(live));
            assert_eq!(shade(&Part { name: String::new(), allocated, live }), role);
        }
    }
}
