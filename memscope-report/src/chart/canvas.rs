//! The sheet that a chart is drawn on: its size, head, text, legend, and how it becomes an SVG file.

use super::DrawError;
use super::text::{clean, width_px};
use super::theme::{self, Role};
use super::tips::{self, Tip};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Width of every chart, pixels.
pub(super) const WIDTH: u32 = 1000;
/// Height of the line with the title. The page, which has a heading of its own, cuts it off.
pub(crate) const TITLE_HEIGHT: u32 = 34;
/// Where the plot begins, below title, subtitle and legend.
pub(super) const HEAD_HEIGHT: i32 = 70;
/// Free space at the left and right edge, pixels.
pub(super) const SIDE: i32 = 24;
/// Size of ordinary text, pixels. (plotters' arithmetic turns an odd size such as 13 into
/// 13.000000000000002.)
pub(super) const TEXT_SIZE: f64 = 12.0;

const TITLE_SIZE: f64 = 17.0;
const MESSAGE_SIZE: f64 = 14.0;
const PROPORTIONAL: &str = "system-ui, sans-serif";
const MONOSPACED: &str = "ui-monospace, monospace";
/// plotters' SVG backend divides every font size by this.
const PLOTTERS_FONT_FACTOR: f64 = 1.24;

/// What plotters draws on; coordinates are pixels of the whole sheet.
pub(super) type Sheet<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// What plotters reports.
pub(super) type PlotError = DrawingAreaErrorKind<std::io::Error>;

/// What stands above the plot.
pub(super) struct Head<'a> {
    /// The chart's name to a person.
    pub(super) title: &'a str,
    /// One line on how to read it.
    pub(super) subtitle: String,
    /// The colours' meanings.
    pub(super) legend: &'a [(Role, &'a str)],
}

/// Draws `head` and then `body` on a sheet of `height_px`, and returns the SVG document.
pub(super) fn draw(
    head: &Head<'_>,
    height_px: u32,
    body: impl FnOnce(&Sheet<'_>) -> Result<(), PlotError>,
) -> Result<String, DrawError> {
    draw_with_tips(head, height_px, |sheet| body(sheet).map(|()| Vec::new()))
}

/// The same where `body` returns tooltips for what it drew.
pub(super) fn draw_with_tips(
    head: &Head<'_>,
    height_px: u32,
    body: impl FnOnce(&Sheet<'_>) -> Result<Vec<Tip>, PlotError>,
) -> Result<String, DrawError> {
    let mut svg = String::new();
    let drawn = (|| {
        let sheet = SVGBackend::with_string(&mut svg, (WIDTH, height_px)).into_drawing_area();
        sheet.fill(&Role::Paper.color())?;
        draw_head(&sheet, head)?;
        let tips = body(&sheet)?;
        sheet.present()?;
        Ok(tips)
    })();
    let tips = drawn.map_err(|error: PlotError| DrawError::Plot {
        chart: head.title.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(styled(&tips::insert(&svg, &tips), head.title))
}

/// The chart of a trace that ends before the first figures over time were written.
pub(super) fn draw_without_timeline(title: &str) -> Result<String, DrawError> {
    let advice =
        "It ends before the first were written: let the session run for longer, or end it with finalize().";
    draw_empty(title, "This trace has no figures over time.", advice)
}

/// The chart of a trace without samples; `reason` says what is missing without them.
pub(super) fn draw_without_samples(title: &str, reason: &str) -> Result<String, DrawError> {
    let advice = "Run for longer, raise sample_rate, or lower min_allocation_size; \
                  sample_rate = 1.0 records every allocation.";
    draw_empty(title, reason, advice)
}

/// A chart without data: says in words why there is nothing to see and what to do.
pub(super) fn draw_empty(title: &str, reason: &str, advice: &str) -> Result<String, DrawError> {
    let head = Head { title, subtitle: String::new(), legend: &[] };
    draw(&head, 190, |sheet| {
        let middle = WIDTH as i32 / 2;
        write(sheet, reason, (middle, 92), &Style { size_px: MESSAGE_SIZE, ..Style::centered(Role::Ink) })?;
        write(sheet, advice, (middle, 122), &Style::centered(Role::Muted))
    })
}

fn draw_head(sheet: &Sheet<'_>, head: &Head<'_>) -> Result<(), PlotError> {
    let title = Style { size_px: TITLE_SIZE, bold: true, ..Style::left(Role::Ink) };
    write(sheet, head.title, (SIDE, 20), &title)?;
    let line = TITLE_HEIGHT as i32 + 13;
    write(sheet, &head.subtitle, (SIDE, line), &Style::left(Role::Muted))?;
    let mut right = WIDTH as i32 - SIDE;
    for (role, meaning) in head.legend.iter().rev() {
        write(sheet, meaning, (right, line), &Style::right(Role::Ink))?;
        right -= width_px(meaning, TEXT_SIZE) as i32 + 6;
        sheet.draw(&Rectangle::new([(right - 12, line - 6), (right, line + 6)], role.color().filled()))?;
        right -= 12 + 18;
    }
    Ok(())
}

/// A rectangle between two corners, filled.
pub(super) fn fill(sheet: &Sheet<'_>, corners: [(i32, i32); 2], role: Role) -> Result<(), PlotError> {
    sheet.draw(&Rectangle::new(corners, role.color().filled()))
}

/// How a text looks and which of its points its coordinates mean; its middle line in the vertical.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) role: Role,
    pub(super) size_px: f64,
    pub(super) bold: bool,
    pub(super) monospaced: bool,
    pub(super) anchor: HPos,
}

impl Style {
    /// Text that begins at its coordinates.
    pub(super) fn left(role: Role) -> Style {
        Style { role, size_px: TEXT_SIZE, bold: false, monospaced: false, anchor: HPos::Left }
    }

    /// Text that ends at its coordinates.
    pub(super) fn right(role: Role) -> Style {
        Style { anchor: HPos::Right, ..Style::left(role) }
    }

    /// Text around its coordinates.
    pub(super) fn centered(role: Role) -> Style {
        Style { anchor: HPos::Center, ..Style::left(role) }
    }

    /// As plotters wants it.
    pub(super) fn text_style(&self) -> TextStyle<'static> {
        let family = if self.monospaced { MONOSPACED } else { PROPORTIONAL };
        let weight = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::Name(family), self.size_px * PLOTTERS_FONT_FACTOR, weight);
        font.color(&self.role.color()).pos(Pos::new(self.anchor, VPos::Center))
    }
}

/// Writes `text`, cleaned of what must not be shown. Every text of a chart that is not a number goes through
/// here.
pub(super) fn write(sheet: &Sheet<'_>, text: &str, at: (i32, i32), style: &Style) -> Result<(), PlotError> {
    if text.is_empty() {
        return Ok(());
    }
    sheet.draw_text(&clean(text), &style.text_style(), at)
}

/// The document that plotters wrote, with a name for those who cannot see it and a style sheet for light and
/// dark, and without what every element repeats. (No text can be mistaken for an attribute: quotes in text
/// are escaped.)
fn styled(svg: &str, title: &str) -> String {
    let family = format!(" font-family=\"{PROPORTIONAL}\"");
    let elements = svg.replace(&family, "").replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "");
    let elements = elements.strip_prefix("<svg").unwrap_or(&elements);
    let (attributes, elements) = elements.split_once('>').unwrap_or(("", elements));
    format!(
        "<svg class=\"memscope\" role=\"img\" aria-label=\"{title}\"{family}{attributes}>\n\
         <style>\n{}{}</style>{elements}",
        theme::variables(),
        theme::rules(),
    )
}
