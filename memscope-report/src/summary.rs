//! The analysis on one screen of a terminal.
//!
//! Names come from the trace, so nothing of them reaches a terminal that is not a printable character: a name must
//! not move the cursor, colour the screen or turn the text's direction.

use crate::analysis::{Analysis, Bottleneck, BottleneckKind, Severity, SiteFigures};
use crate::statistics::Estimate;
use crate::units;
use std::fmt;

const WIDTH: usize = 80;
/// One line of the 24 is left for the path that the command prints.
const HEIGHT: usize = 23;
const SITES: usize = 5;
const FINDINGS: usize = 4;
const WARNING_LINES: usize = 4;

/// What matters of an [`Analysis`], as text. Its `Display` has at most 23 lines of at most 80 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    lines: Vec<String>,
    headline: Vec<String>,
}

impl Summary {
    /// Sums `analysis` up.
    #[must_use]
    pub fn new(analysis: &Analysis) -> Self {
        let mut lines = totals(analysis);
        lines.push(String::new());
        sites(analysis, &mut lines);
        lines.push(String::new());
        findings(analysis, &mut lines);
        warnings(analysis, &mut lines);
        Self { lines: lines.iter().map(|line| cut(line)).collect(), headline: headline(analysis) }
    }

    /// The five lines that matter: totals, peak, top call site, worst finding, sampling. They may be of any length.
    #[must_use]
    pub fn headline(&self) -> Vec<String> {
        self.headline.clone()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.lines.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            f.write_str(line)?;
        }
        Ok(())
    }
}

fn totals(analysis: &Analysis) -> Vec<String> {
    let (session, totals) = (&analysis.session, &analysis.totals);
    let executable = session.executable.rsplit('/').next().unwrap_or_default();
    let name = if session.name.is_empty() { executable } else { &session.name };
    let cut_short = if session.complete { "" } else { " (cut short)" };
    let mut lines = vec![
        format!(
            "memscope: {}{}, {}{cut_short}, {}",
            if name.is_empty() { "a program" } else { name },
            units::process(session.process_id),
            units::duration_us(session.duration_us),
            units::things(totals.threads, "thread")
        ),
        String::new(),
        format!(
            "  allocated  {} in {}",
            units::bytes(totals.allocated_bytes as f64),
            units::things(totals.allocations, "allocation")
        ),
        format!(
            "  freed      {} in {}",
            units::bytes(totals.freed_bytes as f64),
            units::things(totals.frees, "free")
        ),
        format!("  peak       {}", peak(analysis)),
        format!("  sampling   {}", sampling(analysis)),
    ];
    lines.extend(overhead(analysis).map(|overhead| format!("  overhead   {overhead}")));
    lines
}

fn peak(analysis: &Analysis) -> String {
    let totals = &analysis.totals;
    format!(
        "{} at {}; live at the end {}",
        units::bytes(totals.peak_bytes as f64),
        units::duration_us(totals.peak_us),
        units::bytes(totals.live_bytes as f64)
    )
}

fn sampling(analysis: &Analysis) -> String {
    let (session, totals) = (&analysis.session, &analysis.totals);
    let interval = if session.interval_bytes > 0.0 {
        match session.interval_range() {
            Some((least, greatest)) => format!("1 per {}", units::range(least, greatest, units::bytes)),
            None => format!("1 per {}", units::bytes(session.interval_bytes)),
        }
    } else {
        "all of them".to_owned()
    };
    format!("{}, {interval}, {} lost", units::things(totals.samples, "sample"), digits(totals.lost_samples))
}

/// What the profiler took, where the trace says it: a share of the process's CPU time, or else of a core's.
fn overhead(analysis: &Analysis) -> Option<String> {
    let (session, overhead_us) = (&analysis.session, analysis.totals.overhead_us);
    let of_a_core = overhead_us as f64 / session.duration_us.max(1) as f64;
    match session.overhead_share(overhead_us) {
        Some(share) => Some(format!("{} of the process's CPU time", units::percent(share))),
        None => (overhead_us > 0).then(|| format!("{} of a core", units::percent(of_a_core))),
    }
}

fn sites(analysis: &Analysis, lines: &mut Vec<String>) {
    if analysis.sites.is_empty() {
        lines.push("No call sites: nothing was sampled.".to_owned());
        return;
    }
    lines.push("Call sites by bytes allocated, with 95% intervals".to_owned());
    let top: Vec<[String; 3]> =
        analysis.sites.iter().take(SITES).map(|site| figures(analysis, site)).collect();
    let width = |column: usize| top.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for (row, site) in top.iter().zip(&analysis.sites) {
        let [bytes, interval, share] = row;
        let figures =
            format!("  {bytes:>0$}  {interval:<1$}  {share:>2$}  ", widths[0], widths[1], widths[2]);
        lines.push(with_end_of(figures, &site.name()));
    }
}

/// Bytes, interval and share of all bytes.
fn figures(analysis: &Analysis, site: &SiteFigures) -> [String; 3] {
    let bytes = &site.allocated_bytes;
    let all = analysis.totals.allocated_bytes as f64;
    let share = if all > 0.0 { units::percent(bytes.value / all) } else { String::new() };
    [units::bytes(bytes.value), interval(bytes), share]
}

/// `1.1 to 1.3 GiB`, or `exact`.
fn interval(estimate: &Estimate) -> String {
    if estimate.low == estimate.high {
        return "exact".to_owned();
    }
    let (low, high) = (units::bytes(estimate.low), units::bytes(estimate.high));
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} to {high}"),
        _ => format!("{low} to {high}"),
    }
}

fn findings(analysis: &Analysis, lines: &mut Vec<String>) {
    if analysis.findings.is_empty() {
        lines.push("Nothing stands out.".to_owned());
        return;
    }
    let further = analysis.findings.len().saturating_sub(FINDINGS);
    let more = if further > 0 { format!(" ({further} more in the report)") } else { String::new() };
    lines.push(format!("What stands out{more}"));
    let line = |finding| finding_line(analysis, finding);
    lines.extend(analysis.findings.iter().take(FINDINGS).map(line));
}

fn finding_line(analysis: &Analysis, finding: &Bottleneck) -> String {
    let severity = match finding.severity {
        Severity::High => "high  ",
        Severity::Medium => "medium",
        Severity::Low => "low   ",
    };
    let kind = match finding.kind {
        BottleneckKind::Retained => "retained",
        BottleneckKind::TemporaryChurn => "temporary",
        BottleneckKind::CrossThreadFree => "freed elsewhere",
        BottleneckKind::ReallocGrowth => "copied by realloc",
        BottleneckKind::ThreadImbalance => "allocated",
        BottleneckKind::PeakHolder => "at the peak",
        BottleneckKind::Unreturned => "resident, not live",
        BottleneckKind::Growing => "and growing",
        BottleneckKind::NearLimit => "near the limit",
        BottleneckKind::KeptAfterSpike => "kept after a spike",
        BottleneckKind::ShortLivedThreads => "by short-lived threads",
        BottleneckKind::Oversized => "in single allocations",
        BottleneckKind::ManyTiny => "in tiny allocations",
        BottleneckKind::AllocatorContention => "while threads waited",
        BottleneckKind::CpuBound => "while bound by the CPU",
        BottleneckKind::IoBound => "read and written",
    };
    let figures = format!("  {severity}  {} {kind}: ", units::bytes(finding.bytes.value));
    let named = finding.sites.first().and_then(|&at| analysis.sites.get(at as usize));
    let named = named.filter(|site| site.label == finding.culprit).map(SiteFigures::name);
    with_end_of(figures, named.as_deref().unwrap_or(&finding.culprit))
}

/// `text` and then `name`, of which the beginning is left out where the line has no room: the end of a path tells
/// more.
fn with_end_of(text: String, name: &str) -> String {
    let room = WIDTH.saturating_sub(text.chars().count());
    let length = name.chars().count();
    if length <= room {
        return text + name;
    }
    let end = name.chars().skip(length - room.saturating_sub(3));
    text + "..." + &end.collect::<String>()
}

/// The warnings, as many as there is room for.
fn warnings(analysis: &Analysis, lines: &mut Vec<String>) {
    if analysis.warnings.is_empty() {
        return;
    }
    lines.push(String::new());
    for (at, warning) in analysis.warnings.iter().enumerate() {
        let left = analysis.warnings.len() - at - 1;
        let room = HEIGHT.saturating_sub(lines.len() + usize::from(left > 0));
        if room == 0 {
            lines.push(format!("! {} in the report", units::things(left as u64 + 1, "more warning")));
            return;
        }
        let wrapped = wrap(&printable(warning), WIDTH - 2, room.min(WARNING_LINES));
        lines.extend(wrapped.iter().enumerate().map(|(row, text)| match row {
            0 => format!("! {text}"),
            _ => format!("  {text}"),
        }));
    }
}

/// `text` in lines of at most `width` characters, broken at spaces; the last of `most` lines has the rest, to be cut.
fn wrap(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let used = lines[last].chars().count();
        if used > 0 && used + 1 + word.chars().count() > width && lines.len() < most {
            lines.push(word.to_owned());
        } else {
            if used > 0 {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

fn headline(analysis: &Analysis) -> Vec<String> {
    let totals = &analysis.totals;
    let site = match analysis.sites.first() {
        Some(site) => {
            let [bytes, interval, share] = figures(analysis, site);
            format!("top call site: {bytes} ({interval}), {share} of all bytes, by {}", site.label)
        }
        None => "top call site: none, nothing was sampled".to_owned(),
    };
    let finding = match analysis.findings.first() {
        Some(finding) => format!("what stands out: {}; {}", finding.culprit, finding.evidence),
        None => "what stands out: nothing".to_owned(),
    };
    let lines = [
        format!(
            "{} allocated in {} by {} in {}",
            units::bytes(totals.allocated_bytes as f64),
            units::things(totals.allocations, "allocation"),
            units::things(totals.threads, "thread"),
            units::duration_us(analysis.session.duration_us)
        ),
        format!("peak {}", peak(analysis)),
        site,
        finding,
        match overhead(analysis) {
            Some(overhead) => format!("sampling: {}, overhead {overhead}", sampling(analysis)),
            None => format!("sampling: {}", sampling(analysis)),
        },
    ];
    lines.iter().map(|line| printable(line)).collect()
}

/// `1234567` as `1,234,567`.
fn digits(number: u64) -> String {
    let plain = number.to_string();
    let mut text = String::with_capacity(plain.len() + plain.len() / 3);
    for (at, digit) in plain.chars().enumerate() {
        if at > 0 && (plain.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The line made printable and cut to the screen's width.
fn cut(line: &str) -> String {
    let line = printable(line);
    if line.chars().count() <= WIDTH {
        return line;
    }
    line.chars().take(WIDTH - 3).chain("...".chars()).collect()
}

/// `text` with everything that is not plainly visible replaced by U+FFFD: control characters, line breaks, marks that
/// change the direction of text or have no width.
fn printable(text: &str) -> String {
    let visible = |c: char| match c {
        c if c.is_control() => false,
        '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' => false,
        '\u{00AD}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}' => false,
        _ => true,
    };
    text.chars().map(|c| if visible(c) { c } else { '\u{FFFD}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{IntervalStart, Severity};

    fn busy() -> Analysis {
        let mut analysis = Analysis::default();
        analysis.session.name = "demo".into();
        analysis.session.process_id = 4321;
        analysis.session.complete = true;
        analysis.session.duration_us = 12_300_000;
        analysis.session.interval_bytes = 524_288.0;
        analysis.totals.allocations = 1_234_567;
        analysis.totals.allocated_bytes = 3 << 30;
        analysis.totals.peak_bytes = 123 << 20;
        analysis.totals.peak_us = 4_200_000;
        analysis.totals.live_bytes = -5;
        analysis.totals.threads = 33;
        analysis.totals.samples = 45_678;
        analysis.totals.overhead_us = 36_900;
        for at in 0..20 {
            analysis.sites.push(SiteFigures {
                label: format!("app::work_{at} (src/work.rs:{at})"),
                allocated_bytes: Estimate { value: 1.2e9, low: 1.1e9, high: 1.3e9, samples: 99 },
                ..SiteFigures::default()
            });
            analysis.findings.push(Bottleneck {
                kind: BottleneckKind::TemporaryChurn,
                severity: Severity::High,
                culprit: format!("app::churn_{at}"),
                bytes: Estimate::exact(1e8),
                evidence: "It does.".into(),
                advice: "Do not.".into(),
                sites: Vec::new(),
                threads: Vec::new(),
                span_us: None,
            });
            analysis.warnings.push(format!("Warning {at} {}", "with very many words ".repeat(at)));
        }
        analysis
    }

    #[test]
    fn it_says_what_matters() {
        let mut analysis = busy();
        analysis.warnings.clear();
        let text = Summary::new(&analysis).to_string();
        for expected in [
            "memscope: demo (process 4321), 12.3 s, 33 threads",
            "allocated  3 GiB in 1,234,567 allocations",
            "peak       123 MiB at 4.2 s; live at the end -5 B",
            "45,678 samples, 1 per 512 KiB, 0 lost\n  overhead   0.3% of a core",
            "1.12 GiB  1.02 to 1.21 GiB  37.3%  app::work_0 (src/work.rs:0)",
            "What stands out (16 more in the report)",
            "\n  high    95.4 MiB temporary: app::churn_0",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in\n{text}");
        }
    }

    #[test]
    fn sampling_tells_how_far_the_interval_went_and_what_it_cost() {
        let mut analysis = busy();
        analysis.session.process_cpu_us = Some(3_690_000);
        for (time_us, interval_bytes) in [(0, 65_536.0), (5, 8_388_608.0), (9, 524_288.0)] {
            analysis.session.intervals.push(IntervalStart { time_us, interval_bytes });
        }
        let text = Summary::new(&analysis).to_string();
        let expected =
            "45,678 samples, 1 per 64 KiB to 8 MiB, 0 lost\n  overhead   1% of the process's CPU time";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_long_name_loses_its_beginning() {
        let mut analysis = busy();
        analysis.sites[0].label =
            "document_service::index::builder::Index::search (service/index.rs:88)".into();
        let text = Summary::new(&analysis).to_string();
        let line = text.lines().find(|line| line.ends_with("Index::search (service/index.rs:88)")).unwrap();
        assert!(line.contains("  ...") && line.chars().count() == WIDTH, "{text}");
    }

    #[test]
    fn it_fits_one_screen() {
        let mut analysis = busy();
        analysis.session.name = "n".repeat(500);
        analysis.sites[0].label = "界".repeat(500);
        for analysis in [analysis, busy(), Analysis::default()] {
            let text = Summary::new(&analysis).to_string();
            assert!(text.lines().count() <= HEIGHT, "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
            assert_eq!(Summary::new(&analysis).headline().len(), 5);
        }
        assert!(Summary::new(&busy()).to_string().contains("more warnings in the report"));
    }

    #[test]
    fn a_name_cannot_reach_the_terminal() {
        let mut analysis = busy();
        let hostile = "a\u{1b}[31m\u{7}\r\n\u{202e}b\u{9b}2J\u{2028}\0";
        analysis.session.name = hostile.into();
        analysis.sites[0].label = hostile.into();
        analysis.findings[0].culprit = hostile.into();
        analysis.warnings.insert(0, hostile.into());
        let summary = Summary::new(&analysis);
        let shown = summary.to_string() + &summary.headline().join("\n");
        assert!(
            !shown.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}' || c == '\u{2028}')
        );
        assert!(shown.contains("a\u{FFFD}[31m"));
        assert_eq!(summary.headline().len(), 5);
    }

    #[test]
    fn numbers_have_separators() {
        let shown = [0, 999, 1_000, 1_234_567, u64::MAX].map(digits);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567", "18,446,744,073,709,551,615"]);
    }
}
