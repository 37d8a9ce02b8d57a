//! What the reader wants to know first: how much, what stands out, and what is wrong with the trace itself.

use super::data::known_sites;
use super::html::{escape, utc};
use super::sites::caller;
use crate::analysis::{Analysis, Bottleneck, SessionInfo, Totals};
use crate::units::{bytes, digits, duration_us, percent, range, things};
use std::fmt::Debug;
use std::io::{self, Write};

/// What to call the session: its name, or that of its executable.
pub(super) fn name(analysis: &Analysis) -> String {
    let session = &analysis.session;
    let file = session.executable.rsplit(['/', '\\']).next().unwrap_or_default();
    [session.name.as_str(), file]
        .into_iter()
        .find(|name| !name.trim().is_empty())
        .unwrap_or("unnamed session")
        .to_owned()
}

/// Name and origin of the session, one sentence, and the figures as cards.
pub(super) fn write_verdict(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    writeln!(out, r#"<section id="verdict"><h1>{}</h1>"#, escape(&name(analysis)))?;
    writeln!(out, r#"<div class="origin">{}</div>"#, escape(&origin(&analysis.session)))?;
    writeln!(out, r#"<p class="lead">{}</p><dl class="cards">"#, escape(&lead(&analysis.totals)))?;
    for card in cards(&analysis.session, &analysis.totals) {
        writeln!(
            out,
            r#"<div class="card"><dt>{}</dt><dd class="figure">{}</dd><dd class="note">{}</dd></div>"#,
            card.name,
            escape(&card.figure),
            escape(&card.note)
        )?;
    }
    writeln!(out, "</dl></section>")
}

fn origin(session: &SessionInfo) -> String {
    let mut parts = Vec::new();
    if !session.executable.is_empty() {
        // Several that were merged have none.
        parts.push(match session.process_id {
            0 => session.executable.clone(),
            id => format!("{}, process {id}", session.executable),
        });
    }
    if session.started_unix_ns > 0 {
        parts.push(utc(session.started_unix_ns));
    }
    parts.push(format!("{} recorded", duration_us(session.duration_us)));
    if !session.memscope_version.is_empty() {
        parts.push(format!("memscope {}", session.memscope_version));
    }
    for (what, how) in [("stacks", &session.unwinder), ("names", &session.symbols)] {
        if !how.is_empty() {
            parts.push(format!("{what}: {how}"));
        }
    }
    parts.join(" · ")
}

fn lead(totals: &Totals) -> String {
    if totals.allocations == 0 {
        return "Nothing was allocated while the session was active.".to_owned();
    }
    let peak = format!(
        "The heap peaked at {} after {}. ",
        bytes(totals.peak_bytes as f64),
        duration_us(totals.peak_us)
    );
    peak + &match totals.live_bytes {
        ..0 => format!(
            "At the end {} less was live than at the start: memory from before the session was freed in it.",
            bytes(-(totals.live_bytes as f64))
        ),
        0 => "At the end everything was freed.".to_owned(),
        live => format!(
            "At the end {} was live, {} of the peak and {} of everything allocated.",
            bytes(live as f64),
            percent(live as f64 / totals.peak_bytes as f64),
            percent(live as f64 / totals.allocated_bytes as f64)
        ),
    }
}

struct Card {
    name: &'static str,
    figure: String,
    note: String,
}

fn cards(session: &SessionInfo, totals: &Totals) -> [Card; 6] {
    let card = |name, figure, note| Card { name, figure, note };
    [
        card(
            "Peak live heap",
            bytes(totals.peak_bytes as f64),
            format!("{} bytes at {}, exact", digits(totals.peak_bytes), duration_us(totals.peak_us)),
        ),
        card(
            "Live at the end",
            bytes(totals.live_bytes as f64),
            format!("{} bytes, exact", digits(totals.live_bytes)),
        ),
        card(
            "Allocated in all",
            bytes(totals.allocated_bytes as f64),
            format!(
                "{} bytes in {}, exact",
                digits(totals.allocated_bytes),
                things(totals.allocations, "allocation")
            ),
        ),
        card("Threads", digits(totals.threads), "that allocated or freed".to_owned()),
        card("Samples", digits(totals.samples), sampling(session, totals)),
        overhead(session, totals),
    ]
}

fn sampling(session: &SessionInfo, totals: &Totals) -> String {
    if totals.samples == 0 {
        return "none was recorded".to_owned();
    }
    let how = if session.interval_bytes > 0.0 {
        let bytes = match session.interval_range() {
            Some((least, greatest)) => range(least, greatest, bytes),
            None => bytes(session.interval_bytes),
        };
        format!("one per {bytes} on average")
    } else {
        "every allocation recorded".to_owned()
    };
    match totals.lost_samples {
        0 => how,
        lost => format!("{how}; {} lost", digits(lost)),
    }
}

fn overhead(session: &SessionInfo, totals: &Totals) -> Card {
    let name = "Overhead";
    if totals.overhead_us == 0 || session.duration_us == 0 {
        return Card { name, figure: "–".to_owned(), note: "not measured in this trace".to_owned() };
    }
    if let (Some(share), Some(process_us)) =
        (session.overhead_share(totals.overhead_us), session.process_cpu_us)
    {
        let (overhead, process) = (duration_us(totals.overhead_us), duration_us(process_us));
        let note = format!("of the process's CPU time: {overhead} of {process}");
        return Card { name, figure: percent(share), note };
    }
    Card {
        name,
        figure: percent(totals.overhead_us as f64 / session.duration_us as f64),
        note: format!("of one core: {} of CPU time", duration_us(totals.overhead_us)),
    }
}

/// Findings that are shown at once.
const TOP_FINDINGS: usize = 5;

/// What stands out, worst first, each with its evidence and what to do: five, and the others on demand.
pub(super) fn write_findings(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    writeln!(out, r#"<section id="findings"><h2>What stands out</h2>"#)?;
    if analysis.findings.is_empty() {
        writeln!(out, r#"<p class="muted">{}</p></section>"#, nothing_stands_out(&analysis.totals))?;
        return Ok(());
    }
    let (top, others) = analysis.findings.split_at(analysis.findings.len().min(TOP_FINDINGS));
    write_list(out, analysis, top)?;
    if !others.is_empty() {
        let findings = if others.len() == 1 { "finding" } else { "findings" };
        writeln!(out, "<details><summary>{} more {findings}</summary>", others.len())?;
        write_list(out, analysis, others)?;
        writeln!(out, "</details>")?;
    }
    writeln!(out, "</section>")
}

fn write_list(out: &mut dyn Write, analysis: &Analysis, findings: &[Bottleneck]) -> io::Result<()> {
    writeln!(out, r#"<ol class="findings">"#)?;
    for finding in findings {
        write_finding(out, analysis, finding)?;
    }
    writeln!(out, "</ol>")
}

fn nothing_stands_out(totals: &Totals) -> &'static str {
    if totals.samples == 0 {
        "Findings need samples, and none was recorded. Run for longer, raise sample_rate, or lower \
         min_allocation_size."
    } else {
        "Nothing does: no call site or thread holds, churns or hands over a share of memory that is out of \
         the ordinary."
    }
}

fn write_finding(out: &mut dyn Write, analysis: &Analysis, finding: &Bottleneck) -> io::Result<()> {
    let severity = words(&finding.severity);
    let figure = &finding.bytes;
    let mut interval = String::new();
    if figure.high > figure.low {
        interval = format!(r#" <small class="muted">{}</small>"#, range(figure.low, figure.high, bytes));
    }
    writeln!(
        out,
        r#"<li class="finding {}"><h3><span class="severity">{severity}</span>{}: {}{interval}</h3>"#,
        severity.to_lowercase(),
        words(&finding.kind),
        bytes(figure.value),
    )?;
    let culprit = format!("<code>{}</code>", escape(&finding.culprit).replace("::", "::<wbr>"));
    let culprit = match blamed_site(analysis, finding) {
        Some(index) => {
            let caller = caller(&analysis.sites[index]);
            format!(r##"<a href="#site-{index}">{culprit}</a>{caller}"##)
        }
        None => culprit,
    };
    let advice = format!("<strong>{}</strong>", escape(&finding.advice));
    for text in [culprit, escape(&finding.evidence), advice] {
        writeln!(out, "<p>{text}</p>")?;
    }
    writeln!(out, "</li>")
}

/// The place in the page's table of the call site that a finding is about, the first where there are several.
fn blamed_site(analysis: &Analysis, finding: &Bottleneck) -> Option<usize> {
    let rows = known_sites(analysis).len();
    finding.sites.iter().map(|&at| at as usize).find(|&at| at < rows)
}

/// `TemporaryChurn` as `Temporary churn`.
fn words(name: &impl Debug) -> String {
    let mut out = String::new();
    for c in format!("{name:?}").chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
            out.push(c.to_ascii_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// What is wrong with the trace; nothing where all is well.
pub(super) fn write_warnings(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    if analysis.warnings.is_empty() {
        return Ok(());
    }
    writeln!(out, r#"<section id="warnings"><h2>About this trace</h2><div class="warnings"><ul>"#)?;
    for warning in &analysis.warnings {
        writeln!(out, "<li>{}</li>", escape(warning))?;
    }
    writeln!(out, "</ul></div></section>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{BottleneckKind, Severity};

    #[test]
    fn kinds_and_severities_are_words() {
        assert_eq!(words(&BottleneckKind::CrossThreadFree), "Cross thread free");
        assert_eq!(words(&Severity::High), "High");
    }

    /// Whatever its figure is: growth, say, is none of the site's own columns.
    #[test]
    fn a_finding_leads_to_its_call_site() {
        use crate::analysis::SiteFigures;
        use crate::statistics::Estimate;
        let site = |label: &str| SiteFigures { label: label.to_owned(), ..SiteFigures::default() };
        let analysis = Analysis { sites: vec![site("app::one"), site("app::two")], ..Analysis::default() };
        let mut finding = Bottleneck {
            kind: BottleneckKind::Growing,
            severity: Severity::High,
            culprit: "app::two".to_owned(),
            bytes: Estimate::exact(77.0),
            evidence: String::new(),
            advice: String::new(),
            sites: vec![1],
            threads: Vec::new(),
            span_us: None,
        };
        let mut written = |sites: Vec<u32>| {
            finding.sites = sites;
            let mut out = Vec::new();
            write_finding(&mut out, &analysis, &finding).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(written(vec![1]).contains(r##"<a href="#site-1"><code>app::<wbr>two</code></a>"##));
        // One that the page's table does not have, and a thread.
        assert!(!written(vec![2]).contains("<a ") && !written(Vec::new()).contains("<a "));
    }

    #[test]
    fn the_lead_is_true_whatever_was_left() {
        let totals = |live_bytes| Totals {
            allocations: 3,
            allocated_bytes: 4096,
            peak_bytes: 2048,
            peak_us: 1_000_000,
            live_bytes,
            ..Totals::default()
        };
        for (live_bytes, part) in [
            (1024, "1 KiB was live, 50% of the peak and 25% of everything"),
            (0, "everything was freed"),
            (-2048, "2 KiB less was live than at the start"),
            (i64::MIN, "8 EiB less"),
        ] {
            let lead = lead(&totals(live_bytes));
            assert!(lead.contains("peaked at 2 KiB after 1 s") && lead.contains(part), "{lead}");
        }
        assert!(lead(&Totals::default()).starts_with("Nothing was allocated"));
    }

    #[test]
    fn a_session_without_a_name_has_that_of_its_executable() {
        let mut analysis = Analysis::default();
        assert_eq!(name(&analysis), "unnamed session");
        analysis.session.executable = "/srv/bin/ingest".to_owned();
        assert_eq!(name(&analysis), "ingest");
        analysis.session.name = "nightly".to_owned();
        assert_eq!(name(&analysis), "nightly");
    }

    #[test]
    fn overhead_that_was_not_measured_is_not_called_zero() {
        let session = SessionInfo { duration_us: 1_000_000, ..SessionInfo::default() };
        assert_eq!(overhead(&session, &Totals::default()).figure, "–");
        let totals = Totals { overhead_us: 5_000, ..Totals::default() };
        assert_eq!(overhead(&session, &totals).figure, "0.5%");
        let session = SessionInfo { process_cpu_us: Some(500_000), ..session };
        let card = overhead(&session, &totals);
        assert_eq!(
            (card.figure.as_str(), card.note.as_str()),
            ("1%", "of the process's CPU time: 5 ms of 500 ms")
        );
    }
}
