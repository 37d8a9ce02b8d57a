//! Tables on a terminal: columns of figures, and at the end of each line a name that takes what room is left.

use crate::chart::text::{clean, columns, shorten_symbol};
use crate::statistics::Estimate;
use crate::units;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

/// How text is laid out.
///
/// ```
/// let plain = memscope_report::tables::TextOptions::default();
/// assert!(plain.width.is_none() && !plain.colour);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextOptions {
    /// Columns of the terminal; names are shortened to fit. `None` leaves them whole.
    pub width: Option<usize>,
    /// Whether to colour, with ANSI escapes.
    pub colour: bool,
}

/// Narrowest room for a name, columns: a terminal narrower than its figures wraps.
const NAME_MIN: usize = 20;

/// What a line is, where it is shown in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tone {
    #[default]
    Plain,
    Bold,
    Faint,
    Bad,
    Good,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Bold => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Good => AnsiColor::Green.on_default(),
        }
    }
}

impl TextOptions {
    /// `text` in its tone.
    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        if self.colour && tone != Tone::Plain {
            let style = tone.style();
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// A line of text, made printable and wrapped at spaces to the width; lines behind the first are indented.
    pub(super) fn write_wrapped(&self, out: &mut dyn Write, tone: Tone, text: &str) -> io::Result<()> {
        let width = self.width.unwrap_or(usize::MAX);
        let mut line = String::new();
        for word in clean(text).split(' ') {
            if !line.trim_start().is_empty() && columns(&line) + 1 + columns(word) > width {
                writeln!(out, "{}", self.paint(tone, &line))?;
                line = String::from("  ") + word;
            } else {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        writeln!(out, "{}", self.paint(tone, &line))
    }
}

/// A line: figures, then what stands before the name, and the name.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) figures: Vec<String>,
    pub(super) before_name: String,
    pub(super) name: String,
    pub(super) tone: Tone,
}

/// A table whose figures are right-aligned.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) heads: Vec<&'static str>,
    pub(super) lines: Vec<Line>,
}

impl Table {
    pub(super) fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), lines: Vec::new() }
    }

    pub(super) fn push(&mut self, tone: Tone, figures: Vec<String>, name: &str) {
        self.lines.push(Line { figures, before_name: String::new(), name: name.to_owned(), tone });
    }

    pub(super) fn write(&self, out: &mut dyn Write, options: &TextOptions) -> io::Result<()> {
        let figures = self.heads.len().saturating_sub(1);
        let width_of = |column: usize| {
            let cells = self.lines.iter().filter_map(|line| line.figures.get(column));
            cells.map(|cell| columns(cell)).chain([columns(self.heads[column])]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..figures).map(width_of).collect();
        let mut head = String::new();
        for (name, &width) in self.heads.iter().zip(&widths) {
            pad(&mut head, name, width);
        }
        head.push_str(self.heads.last().copied().unwrap_or_default());
        writeln!(out, "{}", options.paint(Tone::Bold, head.trim_end()))?;
        for line in &self.lines {
            let mut text = String::new();
            for (cell, &width) in line.figures.iter().zip(&widths) {
                pad(&mut text, cell, width);
            }
            text.push_str(&line.before_name);
            let room =
                options.width.map_or(usize::MAX, |width| width.saturating_sub(columns(&text)).max(NAME_MIN));
            text.push_str(&shorten_symbol(&line.name, room));
            writeln!(out, "{}", options.paint(line.tone, text.trim_end()))?;
        }
        Ok(())
    }
}

/// `cell` in `width` columns, right-aligned, and two spaces.
fn pad(into: &mut String, cell: &str, width: usize) {
    (columns(cell)..width).for_each(|_| into.push(' '));
    into.push_str(cell);
    into.push_str("  ");
}

/// A figure with its unit.
pub(super) fn figure(value: f64, is_bytes: bool) -> String {
    if is_bytes { units::bytes(value) } else { units::count(value) }
}

/// The interval: `1.1 to 1.3 GiB`, or `exact`.
pub(super) fn interval(estimate: &Estimate, is_bytes: bool) -> String {
    if estimate.low >= estimate.high {
        return "exact".to_owned();
    }
    units::range(estimate.low, estimate.high, if is_bytes { units::bytes } else { units::count })
}

/// An interval of changes: `-3 to +4 KiB`, or `exact`.
pub(super) fn signed_interval(estimate: &Estimate, is_bytes: bool) -> String {
    if estimate.low >= estimate.high {
        return "exact".to_owned();
    }
    let (low, high) = (signed(estimate.low, is_bytes), signed(estimate.high, is_bytes));
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} to {high}"),
        _ => format!("{low} to {high}"),
    }
}

/// A change: `+1.2 MiB`, `-3 KiB`.
pub(super) fn signed(value: f64, is_bytes: bool) -> String {
    let plus = if value > 0.0 { "+" } else { "" };
    plus.to_owned() + &figure(value, is_bytes)
}

/// `part` of `whole`; empty where there is no whole.
pub(super) fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 { units::percent(part / whole) } else { String::new() }
}

/// A change: `+12%`, `-3.4%`, `x25` where it is manyfold, `new` from nothing.
pub(super) fn growth(ratio: f64) -> String {
    match ratio {
        _ if ratio.is_infinite() => "new".to_owned(),
        _ if ratio.is_nan() => "n/a".to_owned(),
        _ if ratio >= 10.0 => format!("x{}", units::count(ratio)),
        _ => signed_percent(ratio - 1.0),
    }
}

/// `+12%`, `-3.4%`.
pub(super) fn signed_percent(fraction: f64) -> String {
    let text = units::percent(fraction.abs());
    match text.as_str() {
        "0%" => text,
        _ if fraction < 0.0 => format!("-{text}"),
        _ => format!("+{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["bytes", "share", "function"]);
        table.push(
            Tone::Plain,
            vec!["1.5 MiB".into(), "12%".into()],
            "app::work::<alloc::vec::Vec<u8>>::run_all_of_it",
        );
        table.push(Tone::Bad, vec!["9 B".into(), "<0.01%".into()], "a\u{1b}[2Jb\u{202e}c");
        table
    }

    fn written(options: TextOptions) -> String {
        let mut out = Vec::new();
        table().write(&mut out, &options).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn figures_are_aligned_and_names_shortened() {
        let text = written(TextOptions { width: Some(40), colour: false });
        let expected = "  bytes   share  function\n1.5 MiB     12%  …::work::run_all_of_it\n    9 B  <0.01%  a\u{fffd}[2Jb\u{fffd}c\n";
        assert_eq!(text, expected);
        assert!(written(TextOptions::default()).contains("app::work::<alloc::vec::Vec<u8>>::run_all_of_it"));
    }

    #[test]
    fn colour_is_there_only_when_asked_for() {
        assert!(!written(TextOptions::default()).contains('\u{1b}'));
        let coloured = written(TextOptions { width: None, colour: true });
        assert!(coloured.contains("\u{1b}[31m") && coloured.contains("\u{1b}[0m"));
    }

    #[test]
    fn changes_are_told_in_percent_until_they_are_manyfold() {
        let told = [1.0, 1.123, 0.9, 25.0, f64::INFINITY, 0.0, 1.0 + 1e-9].map(growth);
        assert_eq!(told, ["0%", "+12.3%", "-10%", "x25", "new", "-100%", "+<0.01%"]);
    }

    #[test]
    fn intervals_of_changes_have_signs_and_one_unit() {
        let between = |low, high| signed_interval(&Estimate { value: 0.0, low, high, samples: 3 }, true);
        assert_eq!(between(-3072.0, 4096.0), "-3 to +4 KiB");
        assert_eq!(between(-5.0, 2048.0), "-5 B to +2 KiB");
        assert_eq!(between(7.0, 7.0), "exact");
    }

    #[test]
    fn long_lines_are_wrapped_at_spaces() {
        let mut out = Vec::new();
        let options = TextOptions { width: Some(20), colour: false };
        options.write_wrapped(&mut out, Tone::Plain, "one two three four five\u{1b} six").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "one two three four\n  five\u{fffd} six\n");
    }
}
