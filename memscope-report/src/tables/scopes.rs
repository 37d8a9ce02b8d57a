//! The scopes, as a tree or a list.

use super::json;
use super::layout::{Line, Table, TextOptions, Tone, figure, interval, share};
use super::tree::branches;
use crate::analysis::{Analysis, ScopeFigures, ScopeSite, largest_scope_rows, scope_tree};
use crate::statistics::Estimate;
use crate::units;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Which figures of scopes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ScopeColumns {
    /// Calls, bytes, bytes per call, live bytes.
    #[default]
    Memory,
    /// Calls and how their bytes are distributed.
    Calls,
    /// Polls, cancelled calls, time inside, time in all.
    Time,
    /// What sampling tells: live at the end and at the peak, temporary, freed by other threads.
    Live,
}

/// What is shown of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeOptions {
    /// Which figures.
    pub columns: ScopeColumns,
    /// Those with most bytes first instead of the tree.
    pub flat: bool,
    /// Most levels of the tree.
    pub depth: usize,
    /// Most call sites of each scope.
    pub sites: usize,
    /// Most rows: those with most bytes, and those above them.
    pub rows: usize,
}

impl Default for ScopeOptions {
    fn default() -> Self {
        Self { columns: ScopeColumns::Memory, flat: false, depth: 12, sites: 0, rows: usize::MAX }
    }
}

/// A scope that is shown, with what stands before its name.
struct Shown {
    scope: usize,
    figures: ScopeFigures,
    /// Whether it is the scope's only row, or that with most bytes.
    is_main: bool,
    depth: usize,
    branches: String,
}

fn shown(scopes: &[ScopeFigures], options: &ScopeOptions) -> Vec<Shown> {
    if options.flat {
        let row = |(scope, figures): (usize, &ScopeFigures)| Shown {
            scope,
            figures: figures.clone(),
            is_main: true,
            depth: 0,
            branches: String::new(),
        };
        return scopes.iter().enumerate().take(options.rows).map(row).collect();
    }
    // For each level down to the row's whether more siblings follow on it.
    let mut open: Vec<bool> = Vec::new();
    let mut rows: Vec<Shown> = Vec::new();
    for row in largest_scope_rows(scopes, options.rows) {
        if row.depth >= options.depth {
            continue;
        }
        open.truncate(row.depth);
        open.push(!row.is_last);
        let (figures, depth, is_main) = (row.figures(scopes), row.depth, row.is_main);
        rows.push(Shown { scope: row.scope, figures, is_main, depth, branches: branches(&open) });
    }
    rows
}

/// Writes the scopes of `analysis`.
///
/// # Errors
/// What `out` gives.
pub fn write_scopes(
    out: &mut dyn Write,
    analysis: &Analysis,
    options: &ScopeOptions,
    text: &TextOptions,
) -> io::Result<()> {
    let scopes = &analysis.scopes;
    if scopes.is_empty() {
        return writeln!(
            out,
            "No scopes: put #[memscope::profile] on functions, or memscope::scope! into them."
        );
    }
    let title = format!(
        "{}; the process allocated {} in {} allocations",
        units::things(scopes.len() as u64, "scope"),
        units::bytes(analysis.totals.allocated_bytes as f64),
        units::count(analysis.totals.allocations as f64)
    );
    text.write_wrapped(out, Tone::Plain, &title)?;
    let mut table = Table::new(heads(options.columns));
    let sites = if options.sites > 0 { analysis.scope_sites(options.sites) } else { BTreeMap::new() };
    let rows = shown(scopes, options);
    for row in &rows {
        let scope = &row.figures;
        table.lines.push(Line {
            figures: figures(scope, row.is_main, options.columns),
            before_name: row.branches.clone(),
            name: scope.name.clone(),
            tone: Tone::Plain,
        });
        let sites = sites.get(&scope.id).filter(|_| row.is_main).into_iter().flatten();
        table.lines.extend(sites.map(|site| site_line(analysis, site, row, options.columns)));
    }
    table.write(out, text)?;
    let all = if options.flat { scopes.len() } else { scope_tree(scopes).len() };
    if rows.len() < all {
        let note = format!("{} more: -n 0 and --depth show all.", all - rows.len());
        text.write_wrapped(out, Tone::Faint, &note)?;
    }
    Ok(())
}

/// The heads of the figures and of the names behind them.
fn heads(columns: ScopeColumns) -> &'static [&'static str] {
    match columns {
        ScopeColumns::Memory => {
            &["calls", "bytes", "own", "p50", "p99", "live at the end", "95% interval", "scope"]
        }
        ScopeColumns::Calls => {
            &["calls", "bytes", "freed", "allocations", "mean", "p50", "p99", "most", "scope"]
        }
        ScopeColumns::Time => &["calls", "polls", "cancelled", "busy", "wall", "busy/wall", "scope"],
        ScopeColumns::Live => &["own", "at the end", "at the peak", "temporary", "freed elsewhere", "scope"],
    }
}

fn figures(scope: &ScopeFigures, is_main: bool, columns: ScopeColumns) -> Vec<String> {
    let count = |number: u64| units::count(number as f64);
    let bytes = |number: u64| units::bytes(number as f64);
    let per_call = scope.per_call.unwrap_or_default();
    // What is not known is left empty.
    let some = |number: Option<u64>| number.map_or_else(String::new, bytes);
    let sampled = &scope.sampled;
    // What sampling tells is known of the scope as a whole only.
    let of_whole = |text: String| if is_main { text } else { String::new() };
    match columns {
        ScopeColumns::Memory => vec![
            count(scope.calls),
            bytes(scope.allocated_bytes),
            bytes(scope.own_allocated_bytes),
            some(per_call.p50),
            some(per_call.p99),
            of_whole(units::bytes(sampled.live_bytes.value)),
            of_whole(interval(&sampled.live_bytes, true)),
        ],
        ScopeColumns::Calls => vec![
            count(scope.calls),
            bytes(scope.allocated_bytes),
            some(scope.frees.map(|freed| freed.freed_bytes)),
            count(scope.allocations),
            scope.per_call.map_or_else(String::new, |per_call| units::bytes(per_call.mean)),
            some(per_call.p50),
            some(per_call.p99),
            some(per_call.max),
        ],
        ScopeColumns::Time => {
            let Some(course) = &scope.course else {
                return std::iter::once(count(scope.calls)).chain(vec![String::new(); 5]).collect();
            };
            vec![
                count(scope.calls),
                count(course.polls),
                count(course.cancelled),
                units::duration_us(course.busy_us),
                units::duration_us(course.wall_us),
                share(course.busy_us.min(course.wall_us) as f64, course.wall_us as f64),
            ]
        }
        ScopeColumns::Live => vec![
            bytes(scope.own_allocated_bytes),
            of_whole(with_interval(&sampled.live_bytes)),
            of_whole(with_interval(&sampled.peak_bytes)),
            of_whole(with_interval(&sampled.temporary_bytes)),
            of_whole(with_interval(&sampled.cross_thread_bytes)),
        ],
    }
}

/// `3.1 MiB (2.8 to 3.4 MiB)`.
fn with_interval(estimate: &Estimate) -> String {
    let value = figure(estimate.value, true);
    if estimate.high > estimate.low { format!("{value} ({})", interval(estimate, true)) } else { value }
}

/// A call site below its scope: its bytes below the scope's own.
fn site_line(analysis: &Analysis, site: &ScopeSite, row: &Shown, columns: ScopeColumns) -> Line {
    let heads = heads(columns);
    let mut figures = vec![String::new(); heads.len() - 1];
    let live = if columns == ScopeColumns::Live { "at the end" } else { "live at the end" };
    for (head, figure) in heads.iter().zip(&mut figures) {
        *figure = match *head {
            "own" => units::bytes(site.allocated_bytes.value),
            "95% interval" => interval(&site.live_bytes, true),
            head if head == live && columns == ScopeColumns::Live => with_interval(&site.live_bytes),
            head if head == live => units::bytes(site.live_bytes.value),
            _ => String::new(),
        };
    }
    let before_name = format!("{}@ ", " ".repeat(2 * row.depth + 2));
    Line { figures, before_name, name: label(analysis, site), tone: Tone::Faint }
}

fn label(analysis: &Analysis, site: &ScopeSite) -> String {
    let known = analysis.sites.get(site.site as usize);
    known.map_or_else(|| "(further call sites)".to_owned(), |site| site.label.clone())
}

/// Writes the same scopes as JSON, each with all its figures.
///
/// # Errors
/// What `out` gives.
pub fn write_scopes_json(out: &mut dyn Write, analysis: &Analysis, options: &ScopeOptions) -> io::Result<()> {
    let sites = if options.sites > 0 { analysis.scope_sites(options.sites) } else { BTreeMap::new() };
    let rows: Vec<Value> = shown(&analysis.scopes, options)
        .iter()
        .filter(|row| row.is_main)
        .map(|row| {
            let scope = &analysis.scopes[row.scope];
            let mut value = scope_value(scope);
            value["depth"] = json!(row.depth);
            value["paths"] = json!(scope.paths);
            if options.sites > 0 {
                let sites = sites.get(&scope.id).into_iter().flatten();
                value["sites"] = sites.map(|site| site_value(analysis, site)).collect();
            }
            value
        })
        .collect();
    let value = json!({
        "process": { "allocations": analysis.totals.allocations, "allocated_bytes": analysis.totals.allocated_bytes },
        "scopes_in_all": analysis.scopes.len(),
        "scopes": rows,
        "warnings": analysis.warnings,
    });
    json::write(out, &value)
}

fn scope_value(scope: &ScopeFigures) -> Value {
    let sampled = &scope.sampled;
    json!({
        "id": scope.id,
        "name": scope.name,
        "file": scope.file,
        "line": scope.line,
        "parent": scope.parent,
        "calls": scope.calls,
        "allocations": scope.allocations,
        "allocated_bytes": scope.allocated_bytes,
        "own_allocations": scope.own_allocations,
        "own_allocated_bytes": scope.own_allocated_bytes,
        "frees": scope.frees,
        "course": scope.course,
        "per_call": scope.per_call,
        "samples": sampled.samples,
        "own_live_bytes": json::estimate(&sampled.live_bytes),
        "own_peak_bytes": json::estimate(&sampled.peak_bytes),
        "own_temporary_bytes": json::estimate(&sampled.temporary_bytes),
        "own_cross_thread_bytes": json::estimate(&sampled.cross_thread_bytes),
    })
}

fn site_value(analysis: &Analysis, site: &ScopeSite) -> Value {
    json!({
        "name": label(analysis, site),
        "allocated_bytes": json::estimate(&site.allocated_bytes),
        "live_bytes": json::estimate(&site.live_bytes),
    })
}
