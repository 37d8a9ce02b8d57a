//! Who freed what: the thread-to-thread matrix; and what grows by `realloc`.

use super::html::escape;
use super::sites::write_estimate;
use super::tables::{thread_name, write_cut, write_foot, write_head};
use crate::analysis::{Analysis, Fate, SiteFigures, ThreadFlow};
use crate::statistics::Estimate;
use crate::units::{bytes, count};
use std::collections::HashMap;
use std::io::{self, Write};

/// Most threads with a row, and most with a column; what the others have is summed up.
const MOST_THREADS: usize = 8;
/// Most call sites with a row.
const MOST_SITES: usize = 50;

/// A row or a column of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    Thread(u32),
    Others,
    Unknown,
    Live,
}

/// The matrix: rows are the allocating threads, columns what became of it.
pub(super) fn write_flows(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    writeln!(out, r#"<section id="ownership"><h2>Who freed what</h2>"#)?;
    if analysis.flows.is_empty() {
        return writeln!(out, r#"<p class="muted">No allocation was sampled.</p></section>"#);
    }
    writeln!(
        out,
        r#"<p class="caption">Bytes that the thread at the left allocated and the thread above freed, estimated, with 95% intervals. Coloured cells where the two differ are memory that changes hands.</p>"#
    )?;
    let rows = ends(&analysis.flows, |flow| Some(thread(flow.allocated_by)));
    let mut columns = ends(&analysis.flows, |flow| match flow.fate {
        Fate::FreedBy(id) => Some(thread(id)),
        _ => None,
    });
    columns.extend(has(&analysis.flows, Fate::FreedByUnknown).then_some(End::Unknown));
    columns.insert(0, End::Live);
    let names: Vec<String> = columns.iter().map(|column| escape(&name(analysis, *column))).collect();
    let heads: Vec<&str> = std::iter::once("Allocated by \u{2193} freed by \u{2192}")
        .chain(names.iter().map(String::as_str))
        .collect();
    let cells = cells(&analysis.flows, &rows, &columns);
    let greatest = cells.values().map(|cell| cell.value).fold(0.0, f64::max);
    write_head(out, &heads, heads.len())?;
    for &row in &rows {
        write!(out, r#"<tr><td class="name">{}</td>"#, escape(&name(analysis, row)))?;
        for &column in &columns {
            match cells.get(&(row, column)) {
                Some(cell) => write_estimate(out, cell, bytes, shade(cell.value, greatest))?,
                None => write!(out, r#"<td class="n muted" data-value="0">–</td>"#)?,
            }
        }
        writeln!(out, "</tr>")?;
    }
    write_foot(out)
}

fn thread(id: u32) -> End {
    if id == 0 { End::Unknown } else { End::Thread(id) }
}

fn has(flows: &[ThreadFlow], fate: Fate) -> bool {
    flows.iter().any(|flow| flow.fate == fate)
}

/// The threads with most bytes, in that order; then, if there are more, the others; then, if there are any, the unknown.
fn ends(flows: &[ThreadFlow], end: fn(&ThreadFlow) -> Option<End>) -> Vec<End> {
    let mut sums: HashMap<End, f64> = HashMap::new();
    for flow in flows {
        if let Some(end) = end(flow) {
            *sums.entry(end).or_default() += flow.bytes.value;
        }
    }
    let unknown = sums.remove(&End::Unknown).is_some();
    let mut ends: Vec<(End, f64)> = sums.into_iter().collect();
    let id = |end: &End| if let End::Thread(id) = end { *id } else { u32::MAX };
    ends.sort_by(|(one, one_bytes), (other, other_bytes)| {
        other_bytes.total_cmp(one_bytes).then(id(one).cmp(&id(other)))
    });
    let more = ends.len() > MOST_THREADS;
    let shown = ends.into_iter().take(MOST_THREADS).map(|(end, _)| end);
    shown.chain(more.then_some(End::Others)).chain(unknown.then_some(End::Unknown)).collect()
}

/// The sums of the flows by row and column.
fn cells(flows: &[ThreadFlow], rows: &[End], columns: &[End]) -> HashMap<(End, End), Estimate> {
    let mut parts: HashMap<(End, End), Vec<Estimate>> = HashMap::new();
    let of = |end, shown: &[End]| if shown.contains(&end) { end } else { End::Others };
    for flow in flows {
        let column = match flow.fate {
            Fate::FreedBy(id) => of(thread(id), columns),
            Fate::FreedByUnknown => End::Unknown,
            Fate::Live => End::Live,
        };
        parts.entry((of(thread(flow.allocated_by), rows), column)).or_default().push(flow.bytes);
    }
    parts.into_iter().map(|(cell, parts)| (cell, Estimate::sum(&parts))).collect()
}

fn name(analysis: &Analysis, end: End) -> String {
    match end {
        End::Thread(id) => thread_name(analysis, id),
        End::Others => "other threads".to_owned(),
        End::Unknown => "unknown thread".to_owned(),
        End::Live => "still live".to_owned(),
    }
}

/// The class of a cell: `s1` to `s4` by its part of the greatest.
fn shade(value: f64, greatest: f64) -> &'static str {
    match value / greatest {
        part if part > 0.5 => " s4",
        part if part > 0.2 => " s3",
        part if part > 0.05 => " s2",
        part if part > 0.01 => " s1",
        _ => "",
    }
}

/// The call sites that grow what they have, most copied bytes first.
pub(super) fn write_growth(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    writeln!(out, r#"<section id="growth"><h2>Growth by realloc</h2>"#)?;
    let mut sites: Vec<(&SiteFigures, Chain)> =
        analysis.sites.iter().filter_map(|site| Some((site, Chain::of(site)?))).collect();
    if sites.is_empty() {
        return writeln!(out, r#"<p class="muted">No sampled allocation was grown.</p></section>"#);
    }
    sites.sort_by(|(_, one), (_, other)| other.copied.value.total_cmp(&one.copied.value));
    let shown = sites.len().min(MOST_SITES);
    writeln!(
        out,
        r#"<p class="caption">What was grown step by step: each step that moves copies what is there. Estimated, with 95% intervals.</p>"#
    )?;
    write_cut(out, shown, sites.len(), "call sites")?;
    write_head(out, &["Call site", "Steps", "From", "To", "Reallocs", "Moved", "Copied"], 6)?;
    for (site, chain) in &sites[..shown] {
        write!(out, r#"<tr><td class="name"><code>{}</code></td>"#, escape(&site.label))?;
        let exact = |value: usize| Estimate::exact(value as f64);
        write_estimate(out, &exact(site.growth.len()), count, "")?;
        write_estimate(out, &Estimate::exact(chain.from), bytes, "")?;
        write_estimate(out, &Estimate::exact(chain.to), bytes, "")?;
        write_estimate(out, &chain.reallocs, count, "")?;
        write_estimate(out, &chain.moved, count, "")?;
        write_estimate(out, &chain.copied, bytes, "")?;
        writeln!(out, "</tr>")?;
    }
    write_foot(out)
}

/// All growth steps of a site together.
struct Chain {
    /// The smallest and largest class of sizes that grew.
    from: f64,
    to: f64,
    reallocs: Estimate,
    moved: Estimate,
    copied: Estimate,
}

impl Chain {
    fn of(site: &SiteFigures) -> Option<Chain> {
        let (first, last) = (site.growth.first()?, site.growth.last()?);
        let sum = |column: fn(&crate::analysis::GrowthStep) -> Estimate| {
            Estimate::sum(&site.growth.iter().map(column).collect::<Vec<_>>())
        };
        Some(Chain {
            from: first.up_to_bytes as f64,
            to: last.up_to_bytes as f64,
            reallocs: sum(|step| step.reallocs),
            moved: sum(|step| step.moved),
            copied: sum(|step| step.copied_bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(allocated_by: u32, fate: Fate, bytes: f64) -> ThreadFlow {
        let bytes = Estimate { value: bytes, low: bytes - 3.0, high: bytes + 4.0, samples: 9 };
        ThreadFlow { allocated_by, fate, allocations: bytes, bytes }
    }

    #[test]
    fn threads_beyond_the_first_are_summed_up() {
        let mut flows: Vec<ThreadFlow> =
            (1..=10).map(|id| flow(id, Fate::FreedBy(id), 2000.0 - f64::from(id))).collect();
        flows.push(flow(0, Fate::Live, 5.0));
        let rows = ends(&flows, |flow| Some(thread(flow.allocated_by)));
        assert_eq!(rows.len(), 10);
        assert_eq!(rows[0], End::Thread(1));
        assert_eq!(rows[8..], [End::Others, End::Unknown]);
        let cells = cells(&flows, &rows, &rows);
        let others = cells[&(End::Others, End::Others)];
        assert_eq!(others.value, 1991.0 + 1990.0);
        assert!((others.high - others.value - 32.0_f64.sqrt()).abs() < 1e-9, "{others:?}");
    }
}
