//! The call sites of two traces, matched by their names.

use super::{By, Figure, Side};
use crate::analysis::{Frame, site_label, stack_trie::StackTrie};
use crate::load::Site;
use crate::statistics::{Evidence, Total};
use crate::tree::function_names;
use memscope_trace::Interval;
use std::collections::HashMap;

/// A row of both traces. Index 0 is the old one, 1 the new one.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The functions, outermost first, or the one function.
    pub(crate) path: Vec<String>,
    /// What to call it.
    pub(crate) name: String,
    /// What is known of each.
    pub(crate) evidence: [Evidence; 2],
    /// Samples of each.
    pub(crate) samples: [u64; 2],
}

#[derive(Default)]
struct Sums {
    path: Vec<String>,
    name: String,
    totals: [Total; 2],
    /// For each trace: what the heaviest of the other one's samples would stand for beside itself in it.
    elsewhere: [Option<f64>; 2],
}

/// The rows of both traces, in the order in which they are first met.
pub(crate) fn fold(sides: [Side<'_>; 2], by: By, figure: Figure) -> Vec<Row> {
    let mut rows: Vec<Sums> = Vec::new();
    let mut by_path: HashMap<Vec<String>, usize> = HashMap::new();
    for (at, side) in sides.iter().enumerate() {
        let trie = StackTrie::new(&side.profile.stacks, side.symbols);
        let other = sides[1 - at].profile.intervals.last().copied();
        let mut by_stack: HashMap<u32, usize> = HashMap::new();
        for site in &side.profile.sites {
            let samples = figure.samples(&site.samples);
            if samples.samples() == 0 {
                continue;
            }
            let stack = trie.of_site(&side.profile.stacks, site);
            let row = *by_stack.entry(stack).or_insert_with(|| {
                let (path, name) = named(&trie, stack, site.stack, by);
                *by_path.entry(path.clone()).or_insert_with(|| {
                    rows.push(Sums { path, name, ..Sums::default() });
                    rows.len() - 1
                })
            });
            add(&mut rows[row], at, site, &samples, figure, other);
        }
    }
    rows.into_iter().map(|sums| finish(sums, sides)).collect()
}

/// The row's path and name.
fn named(trie: &StackTrie<'_>, stack: u32, recorded: u32, by: By) -> (Vec<String>, String) {
    let Some(blamed) = trie.blamed(stack) else {
        let name =
            if recorded == 0 { "(stack not recorded)" } else { "(stack ends in the allocator)" }.to_owned();
        return (vec![name.clone()], name);
    };
    let name = function_in_file(blamed);
    let path = match by {
        By::Function => vec![name.clone()],
        By::Site => {
            let frames = trie.frames(stack);
            function_names(&frames, false).into_iter().rev().map(str::to_owned).collect()
        }
    };
    (path, name)
}

/// `insert (map/map.rs)`: where the compiler inlined a function, its name has no path; the file says which one is meant. Without the line,
/// which moves with every edit.
fn function_in_file(frame: &Frame) -> String {
    site_label(&Frame { line: None, ..frame.clone() })
}

fn add(row: &mut Sums, at: usize, site: &Site, samples: &Total, figure: Figure, other: Option<Interval>) {
    let value = if figure.is_bytes() { site.size_bytes as f64 } else { 1.0 };
    row.totals[at].merge(&samples.scaled(value));
    if let Some(interval) = other {
        let unseen = value / interval.probability(site.size_bytes) - value;
        let heaviest = row.elsewhere[1 - at].get_or_insert(0.0);
        *heaviest = heaviest.max(unseen);
    }
}

fn finish(sums: Sums, sides: [Side<'_>; 2]) -> Row {
    let totals = [0, 1].map(|at| sums.totals[at].thinned(sides[at].profile.losses()));
    let evidence = [0, 1].map(|at| {
        // Where the interval is lost with its block: as if it had been the other trace's.
        let elsewhere = sums.elsewhere[at].unwrap_or_else(|| Evidence::of(&totals[1 - at], 0.0).unseen());
        Evidence::of(&totals[at], elsewhere)
    });
    let samples = [0, 1].map(|at| sums.totals[at].samples());
    Row { path: sums.path, name: sums.name, evidence, samples }
}
