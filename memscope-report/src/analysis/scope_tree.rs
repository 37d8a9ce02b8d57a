//! The scopes as a tree, each below the one that it was entered from: it reads like the program.
//!
//! A scope that is entered from several others stands below the one that entered it last, with all its calls: its figures may so be more than
//! those of the scope above it. Two that enter each other in turn stand below the one with more bytes.

use super::types::ScopeFigures;
use std::collections::HashMap;

/// A line of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScopeRow {
    /// Index into the scopes that the tree was made of.
    pub scope: usize,
    /// How deep it lies; 0 for what is entered outside any other.
    pub depth: usize,
    /// Whether no further scope of the same depth follows below the same one.
    pub is_last: bool,
    /// Scopes directly below it.
    pub children: usize,
}

/// The lines of the tree from the top to the bottom, those next to each other in the order of `scopes`. Each scope is in it once.
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
    let place: HashMap<u32, usize> = scopes.iter().enumerate().map(|(at, scope)| (scope.id, at)).collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); scopes.len()];
    let mut roots = Vec::new();
    for (at, scope) in scopes.iter().enumerate() {
        match scope.parent.and_then(|id| place.get(&id)) {
            Some(&above) if above != at => children[above].push(at),
            _ => roots.push(at),
        }
    }
    let mut tree = Tree { children, is_placed: vec![false; scopes.len()], rows: Vec::new() };
    tree.place(&roots);
    // What is left enters each other in circles.
    for at in 0..scopes.len() {
        if !tree.is_placed[at] {
            tree.place(&[at]);
        }
    }
    mark_last(&mut tree.rows);
    tree.rows
}

struct Tree {
    children: Vec<Vec<usize>>,
    is_placed: Vec<bool>,
    rows: Vec<ScopeRow>,
}

impl Tree {
    /// Puts `roots` and all below them into rows. Not by recursion: a trace may nest as deep as it likes.
    fn place(&mut self, roots: &[usize]) {
        let mut pending: Vec<(usize, usize)> = roots.iter().rev().map(|&root| (root, 0)).collect();
        while let Some((scope, depth)) = pending.pop() {
            if std::mem::replace(&mut self.is_placed[scope], true) {
                continue;
            }
            let below = std::mem::take(&mut self.children[scope]);
            let below: Vec<usize> = below.into_iter().filter(|&child| !self.is_placed[child]).collect();
            self.rows.push(ScopeRow { scope, depth, is_last: false, children: below.len() });
            pending.extend(below.iter().rev().map(|&child| (child, depth + 1)));
        }
    }
}

/// A row is the last of its siblings if the next row that is not deeper is less deep.
fn mark_last(rows: &mut [ScopeRow]) {
    let mut follows: Vec<bool> = Vec::new();
    for row in rows.iter_mut().rev() {
        follows.truncate(row.depth + 1);
        follows.resize(row.depth + 1, false);
        row.is_last = !std::mem::replace(&mut follows[row.depth], true);
    }
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

    proptest! {
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
