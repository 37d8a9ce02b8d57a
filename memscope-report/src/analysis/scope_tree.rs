//! The scopes as a tree, each below those that it was entered from: it reads like the program.
//!
//! A trace tells what a scope did on each *path*: under which scopes it was entered. Then a scope that is entered from two others has a row under
//! each, with what it did there, and a row's figures are part of those of the row above it. What is known of the scope as a whole only (how the bytes of its
//! calls are distributed, what sampling tells) stands in that of its rows that has most bytes.
//!
//! Older traces (formats before 1.4) tell the scope that entered it last: there each scope has one row, below that one, with all its calls; its figures may be more
//! than those of the row above. Two that enter each other in turn stand below the one with more bytes.

use super::types::{BytesPerCall, SampledFigures, ScopeCourse, ScopeFigures, ScopeFreeFigures, ScopePath};
use std::cmp::Reverse;
use std::collections::HashMap;

/// A line of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScopeRow {
    /// Index into the scopes that the tree was made of.
    pub scope: usize,
    /// Index into the scope's paths; `None` where the row stands for all of the scope.
    pub path: Option<usize>,
    /// Whether it is that of the scope's rows with most bytes, in which stands what is known of the scope as a whole only.
    pub is_main: bool,
    /// How deep it lies; 0 for what is entered outside any other.
    pub depth: usize,
    /// Whether no further row of the same depth follows below the same one.
    pub is_last: bool,
    /// Rows directly below it.
    pub children: usize,
}

impl ScopeRow {
    /// The figures of this row: those of its scope with what it did on its path. Bytes of its calls and what sampling tells are 0 or `None`
    /// in all but the main row of a scope.
    ///
    /// # Panics
    /// If the scopes are fewer than those that the tree was made of.
    #[must_use]
    pub fn figures(&self, scopes: &[ScopeFigures]) -> ScopeFigures {
        let scope = &scopes[self.scope];
        let Some(path) = self.path.and_then(|path| scope.paths.get(path)) else { return scope.clone() };
        let is_only = scope.paths.len() == 1;
        let mean = (path.calls > 0).then(|| path.allocated_bytes as f64 / path.calls as f64);
        let whole = scope.per_call.filter(|_| self.is_main).unwrap_or_default();
        let others = if path.id == 0 { " (other callers)" } else { "" };
        ScopeFigures {
            id: scope.id,
            name: format!("{}{others}", scope.name),
            file: scope.file.clone(),
            line: scope.line,
            parent: scope.parent,
            calls: path.calls,
            allocations: path.allocations,
            allocated_bytes: path.allocated_bytes,
            own_allocations: path.own_allocations,
            own_allocated_bytes: path.own_allocated_bytes,
            frees: match is_only {
                true => scope.frees,
                false => Some(ScopeFreeFigures {
                    frees: path.frees,
                    freed_bytes: path.freed_bytes,
                    ..ScopeFreeFigures::default()
                }),
            },
            course: Some(path.course),
            per_call: match is_only {
                true => scope.per_call,
                false => mean.map(|mean| BytesPerCall { mean, ..whole }),
            },
            sampled: if self.is_main { scope.sampled } else { SampledFigures::default() },
            paths: Vec::new(),
        }
    }
}

/// The lines of the tree from the top to the bottom, those next to each other with most bytes first.
///
/// ```
/// use memscope_report::analysis::{ScopeFigures, scope_tree};
/// let scope = |id, parent| ScopeFigures { id, parent, ..ScopeFigures::default() };
/// let scopes = [scope(1, Some(2)), scope(2, None), scope(3, Some(2))];
/// let rows: Vec<_> = scope_tree(&scopes).iter().map(|row| (scopes[row.scope].id, row.depth)).collect();
/// assert_eq!(rows, [(2, 0), (1, 1), (3, 1)]);
/// ```
#[must_use]
pub fn scope_tree(scopes: &[ScopeFigures]) -> Vec<ScopeRow> {
    largest_scope_rows(scopes, usize::MAX)
}

/// The same lines, `most` at most: those with most bytes, and those above them.
#[must_use]
pub fn largest_scope_rows(scopes: &[ScopeFigures], most: usize) -> Vec<ScopeRow> {
    let has_paths = scopes.iter().any(|scope| !scope.paths.is_empty());
    let (nodes, above) = if has_paths { by_path(scopes) } else { by_parent(scopes) };
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut roots = Vec::new();
    for (at, above) in above.iter().enumerate() {
        match *above {
            Some(above) if above != at => children[above].push(at),
            _ => roots.push(at),
        }
    }
    // Those of old traces come in the order of the scopes, which is by bytes.
    let by_bytes = |at: &usize| Reverse(nodes[*at].bytes);
    children.iter_mut().chain([&mut roots]).for_each(|siblings| siblings.sort_by_key(by_bytes));
    let mut tree = Tree { children, is_placed: vec![false; nodes.len()], rows: Vec::new() };
    tree.place(&roots);
    // What is left enters each other in circles.
    for at in 0..nodes.len() {
        if !tree.is_placed[at] {
            tree.place(&[at]);
        }
    }
    let mut rows = largest(&tree.rows, &nodes, most);
    count_and_mark(&mut rows);
    rows
}

/// What a row stands for.
struct Node {
    scope: usize,
    path: Option<usize>,
    is_main: bool,
    bytes: u64,
}

/// A node for each scope, and for each node the one above it.
fn by_parent(scopes: &[ScopeFigures]) -> (Vec<Node>, Vec<Option<usize>>) {
    let place: HashMap<u32, usize> = scopes.iter().enumerate().map(|(at, scope)| (scope.id, at)).collect();
    let node = |(at, scope): (usize, &ScopeFigures)| Node {
        scope: at,
        path: None,
        is_main: true,
        bytes: scope.allocated_bytes,
    };
    let above = scopes.iter().map(|scope| place.get(&scope.parent?).copied()).collect();
    (scopes.iter().enumerate().map(node).collect(), above)
}

/// A node for each path, and for each node the one above it.
fn by_path(scopes: &[ScopeFigures]) -> (Vec<Node>, Vec<Option<usize>>) {
    let mut nodes = Vec::new();
    let mut above_ids = Vec::new();
    let mut place: HashMap<u32, usize> = HashMap::new();
    for (at, scope) in scopes.iter().enumerate() {
        let main =
            scope.paths.iter().enumerate().max_by_key(|(at, path)| (path.allocated_bytes, Reverse(*at)));
        let main = main.map(|(at, _)| at);
        for (path_at, path) in scope.paths.iter().enumerate() {
            place.insert(path.id, nodes.len());
            let (path_at, bytes) = (Some(path_at), path.allocated_bytes);
            nodes.push(Node { scope: at, path: path_at, is_main: path_at == main, bytes });
            above_ids.push(path.above);
        }
        if scope.paths.is_empty() {
            nodes.push(Node { scope: at, path: None, is_main: true, bytes: scope.allocated_bytes });
            above_ids.push(None);
        }
    }
    let above = above_ids.into_iter().map(|id| place.get(&id?).copied()).collect();
    (nodes, above)
}

/// The rows with most bytes and those above them, in the order of the tree.
fn largest(rows: &[(usize, usize)], nodes: &[Node], most: usize) -> Vec<ScopeRow> {
    let mut above: Vec<Option<usize>> = Vec::new();
    let mut path: Vec<usize> = Vec::new();
    for (row, &(_, depth)) in rows.iter().enumerate() {
        path.truncate(depth);
        above.push(path.last().copied());
        path.push(row);
    }
    let mut ranked: Vec<usize> = (0..rows.len()).collect();
    ranked.sort_by_key(|&row| Reverse(nodes[rows[row].0].bytes));
    let (mut is_shown, mut shown) = (vec![false; rows.len()], 0);
    for row in ranked {
        let missing: Vec<usize> =
            std::iter::successors(Some(row), |&row| above[row]).take_while(|&row| !is_shown[row]).collect();
        if shown + missing.len() > most {
            break;
        }
        shown += missing.len();
        missing.into_iter().for_each(|row| is_shown[row] = true);
    }
    let row = |(_, &(node, depth)): (usize, &(usize, usize))| {
        let Node { scope, path, is_main, .. } = nodes[node];
        ScopeRow { scope, path, is_main, depth, is_last: false, children: 0 }
    };
    rows.iter().enumerate().filter(|(at, _)| is_shown[*at]).map(row).collect()
}

struct Tree {
    children: Vec<Vec<usize>>,
    is_placed: Vec<bool>,
    /// Nodes with their depths.
    rows: Vec<(usize, usize)>,
}

impl Tree {
    /// Puts `roots` and all below them into rows. Not by recursion: a trace may nest as deep as it likes.
    fn place(&mut self, roots: &[usize]) {
        let mut pending: Vec<(usize, usize)> = roots.iter().rev().map(|&root| (root, 0)).collect();
        while let Some((node, depth)) = pending.pop() {
            if std::mem::replace(&mut self.is_placed[node], true) {
                continue;
            }
            let below = std::mem::take(&mut self.children[node]);
            self.rows.push((node, depth));
            pending.extend(below.iter().rev().map(|&child| (child, depth + 1)));
        }
    }
}

/// A row is the last of its siblings if the next row that is not deeper is less deep.
fn count_and_mark(rows: &mut [ScopeRow]) {
    // For each depth how many rows of it follow before a less deep one.
    let mut follow: Vec<usize> = Vec::new();
    for row in rows.iter_mut().rev() {
        row.children = follow.get(row.depth + 1).copied().unwrap_or(0);
        follow.truncate(row.depth + 1);
        follow.resize(row.depth + 1, 0);
        row.is_last = follow[row.depth] == 0;
        follow[row.depth] += 1;
    }
}

/// What the paths of a scope leave of its own figures: what found no room to be told apart. `None` where nothing is left.
pub(super) fn rest(scope: &ScopeFigures) -> Option<ScopePath> {
    let sum = |of: fn(&ScopePath) -> u64| scope.paths.iter().map(of).fold(0, u64::saturating_add);
    let course = scope.course.unwrap_or_default();
    let freed = scope.frees.unwrap_or_default();
    let rest = ScopePath {
        calls: scope.calls.saturating_sub(sum(|path| path.calls)),
        allocations: scope.allocations.saturating_sub(sum(|path| path.allocations)),
        allocated_bytes: scope.allocated_bytes.saturating_sub(sum(|path| path.allocated_bytes)),
        own_allocations: scope.own_allocations.saturating_sub(sum(|path| path.own_allocations)),
        own_allocated_bytes: scope.own_allocated_bytes.saturating_sub(sum(|path| path.own_allocated_bytes)),
        frees: freed.frees.saturating_sub(sum(|path| path.frees)),
        freed_bytes: freed.freed_bytes.saturating_sub(sum(|path| path.freed_bytes)),
        course: ScopeCourse {
            polls: course.polls.saturating_sub(sum(|path| path.course.polls)),
            cancelled: course.cancelled.saturating_sub(sum(|path| path.course.cancelled)),
            busy_us: course.busy_us.saturating_sub(sum(|path| path.course.busy_us)),
            wall_us: course.wall_us.saturating_sub(sum(|path| path.course.wall_us)),
        },
        ..ScopePath::default()
    };
    (rest.course.polls > 0 || rest.calls > 0).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(parents: &[(u32, u32)]) -> Vec<(u32, usize, bool)> {
        let scopes: Vec<ScopeFigures> = parents
            .iter()
            .map(|&(id, parent)| ScopeFigures {
                id,
                parent: Some(parent).filter(|&id| id != 0),
                ..ScopeFigures::default()
            })
            .collect();
        scope_tree(&scopes).iter().map(|row| (scopes[row.scope].id, row.depth, row.is_last)).collect()
    }

    #[test]
    fn circles_and_strangers_have_a_place() {
        assert_eq!(tree(&[(1, 1)]), [(1, 0, true)]);
        assert_eq!(tree(&[(1, 9), (2, 1)]), [(1, 0, true), (2, 1, true)]);
        assert_eq!(tree(&[(1, 2), (2, 3), (3, 1), (4, 0)]).len(), 4);
        assert_eq!(
            tree(&[(5, 0), (1, 5), (2, 1), (3, 5), (4, 0)]),
            [(5, 0, false), (1, 1, false), (2, 2, true), (3, 1, true), (4, 0, true)]
        );
    }

    #[test]
    fn a_chain_may_be_as_deep_as_it_likes() {
        let chain: Vec<(u32, u32)> = (1..=100_000).map(|id| (id, id - 1)).collect();
        assert_eq!(tree(&chain).last(), Some(&(100_000, 99_999, true)));
    }

    fn on_paths(paths: &[(u32, u32, u32, u64)]) -> Vec<ScopeFigures> {
        let mut scopes: Vec<ScopeFigures> = Vec::new();
        for &(id, above, scope, bytes) in paths {
            let at = scopes.iter().position(|known| known.id == scope).unwrap_or_else(|| {
                scopes.push(ScopeFigures { id: scope, ..ScopeFigures::default() });
                scopes.len() - 1
            });
            scopes[at].allocated_bytes += bytes;
            let above = Some(above).filter(|&id| id != 0);
            let path = ScopePath { id, above, calls: 1, allocated_bytes: bytes, ..ScopePath::default() };
            scopes[at].paths.push(path);
        }
        scopes
    }

    fn told(scopes: &[ScopeFigures], rows: &[ScopeRow]) -> Vec<(u32, usize, u64, bool)> {
        let told = |row: &ScopeRow| {
            let figures = row.figures(scopes);
            (figures.id, row.depth, figures.allocated_bytes, row.is_main)
        };
        rows.iter().map(told).collect()
    }

    #[test]
    fn a_scope_stands_under_each_that_entered_it() {
        // serve > search > filter, serve > totals > filter.
        let scopes =
            on_paths(&[(1, 0, 7, 900), (2, 1, 8, 300), (3, 2, 5, 100), (4, 1, 9, 500), (5, 4, 5, 400)]);
        let rows = scope_tree(&scopes);
        assert_eq!(
            told(&scopes, &rows),
            [(7, 0, 900, true), (9, 1, 500, true), (5, 2, 400, true), (8, 1, 300, true), (5, 2, 100, false)]
        );
        assert_eq!(rows.iter().map(|row| row.children).collect::<Vec<_>>(), [2, 1, 0, 1, 0]);
        assert_eq!(told(&scopes, &largest_scope_rows(&scopes, 3)), told(&scopes, &rows)[..3]);
        // The smaller of two that are shown takes what is above it along, or stays away.
        assert_eq!(largest_scope_rows(&scopes, 4).len(), 4);
    }

    #[test]
    fn what_found_no_room_has_a_row() {
        let mut scopes = on_paths(&[(1, 0, 7, 900), (2, 1, 8, 300)]);
        assert_eq!(rest(&ScopeFigures { calls: 1, ..scopes[1].clone() }), None);
        (scopes[1].calls, scopes[1].allocated_bytes) = (5, 1300);
        let left = rest(&scopes[1]).expect("calls are left");
        assert_eq!((left.calls, left.allocated_bytes, left.id), (4, 1000, 0));
        scopes[1].paths.push(left);
        let names: Vec<String> = scope_tree(&scopes).iter().map(|row| row.figures(&scopes).name).collect();
        assert_eq!(names, [" (other callers)", "", ""]);
    }

    proptest! {
        #[test]
        fn paths_of_any_trace_have_their_rows(
            paths in prop::collection::vec((0_u32..50, 0_u32..50, 0_u32..9, 0_u64..99), 1..60), most in 0_usize..70,
        ) {
            let mut seen = std::collections::HashSet::new();
            let paths: Vec<_> = paths.into_iter().filter(|path| seen.insert(path.0)).collect();
            let scopes = on_paths(&paths);
            prop_assert_eq!(scope_tree(&scopes).len(), paths.len());
            let rows = largest_scope_rows(&scopes, most);
            prop_assert!(rows.len() <= most.min(paths.len()));
            let mut depth = 0;
            for row in rows {
                prop_assert!(row.depth <= depth);
                depth = row.depth + 1;
            }
        }

        #[test]
        fn every_scope_is_there_once_and_below_its_parent(parents in prop::collection::vec(0_u32..40, 1..40)) {
            let named: Vec<(u32, u32)> = (1..).zip(parents.iter().copied()).collect();
            let rows = tree(&named);
            let mut ids: Vec<u32> = rows.iter().map(|row| row.0).collect();
            ids.sort_unstable();
            prop_assert_eq!(ids, (1..=parents.len() as u32).collect::<Vec<_>>());
            let mut path: Vec<u32> = Vec::new();
            for (id, depth, _) in rows {
                prop_assert!(depth <= path.len());
                path.truncate(depth);
                if let Some(&above) = path.last() {
                    prop_assert_eq!(above, parents[id as usize - 1]);
                }
                path.push(id);
            }
        }
    }
}
