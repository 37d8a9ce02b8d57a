//! The call tree: every function with what was allocated below it.
//!
//! A node's figure is the sum over all call sites whose stacks pass through it; its interval that of the sum ([`Estimate::sum`]: sites
//! rest on different samples). Frames of the standard library and of what is not Rust are left out unless they are asked for: what
//! remains of a stack is the program's own functions, and the innermost of them is where the allocation is to be blamed. A stack
//! without any of the program's own frames keeps all that it has.

use crate::analysis::{Analysis, Frame, SiteFigures};
use crate::chart::origin::Origin;
use crate::compare::Figure;
use crate::statistics::Estimate;
use crate::symbolize::{FrameKind, frame_kind};
use std::collections::HashMap;

/// How a tree is made.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct TreeOptions {
    /// What is summed up.
    pub figure: Figure,
    /// Whether the innermost functions are the roots, and their callers below them.
    pub inverted: bool,
    /// Whether the frames of libraries stay.
    pub all_frames: bool,
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self { figure: Figure::Bytes, inverted: false, all_frames: false }
    }
}

/// A function in its place in the tree.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TreeNode {
    /// The function's name.
    pub name: String,
    /// How deep it lies; 0 for a root.
    pub depth: usize,
    /// The figure, everything below included.
    pub total: Estimate,
    /// The nodes below it, largest first, as indexes into [`CallTree::nodes`].
    pub children: Vec<usize>,
}

/// A call tree.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CallTree {
    /// All nodes, parents before children.
    pub nodes: Vec<TreeNode>,
    /// The outermost nodes, largest first.
    pub roots: Vec<usize>,
    /// The figure of all stacks together.
    pub total: Estimate,
}

impl CallTree {
    /// Builds the tree of all call sites of `analysis`.
    #[must_use]
    pub fn new(analysis: &Analysis, options: &TreeOptions) -> Self {
        let mut builder = Builder::default();
        for site in &analysis.sites {
            let estimate = options.figure.of(site);
            if estimate.value > 0.0 {
                builder.add(site, options, &estimate);
            }
        }
        builder.finish()
    }

    /// The nodes in the order of printing, each with whether it is the last of its siblings: roots and children with at least
    /// `least_share` of the whole (0 to 1), down to `depth` levels, with the number of siblings left out behind each last one.
    #[must_use]
    pub fn rows(&self, least_share: f64, depth: usize) -> Vec<TreeRow> {
        let least = least_share * self.total.value;
        let mut rows = Vec::new();
        let mut pending = vec![(self.roots.as_slice(), 0_usize)];
        let mut open: Vec<bool> = Vec::new();
        while let Some((siblings, at)) = pending.pop() {
            let large =
                |&node: &usize| self.nodes[node].total.value >= least && self.nodes[node].depth < depth;
            let shown = siblings.iter().filter(|node| large(node)).count();
            if at >= shown {
                continue;
            }
            let node = siblings[at];
            let level = self.nodes[node].depth;
            open.truncate(level);
            open.push(at + 1 < shown);
            rows.push(TreeRow { node, open: open.clone(), left_out: self.left_out(node, least, depth) });
            pending.push((siblings, at + 1));
            pending.push((&self.nodes[node].children, 0));
        }
        rows
    }

    fn left_out(&self, node: usize, least: f64, depth: usize) -> usize {
        let shown = |child: &&usize| {
            let child = &self.nodes[**child];
            child.total.value >= least && child.depth < depth
        };
        let children = &self.nodes[node].children;
        children.len() - children.iter().filter(shown).count()
    }
}

/// A line of a printed tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeRow {
    /// Index into [`CallTree::nodes`].
    pub node: usize,
    /// For each level down to the node's whether more siblings follow on it.
    pub open: Vec<bool>,
    /// Children that are not shown, for being too small or too deep.
    pub left_out: usize,
}

/// Nodes in the making, with the squared distances to the ends of their intervals.
#[derive(Default)]
struct Builder {
    nodes: Vec<TreeNode>,
    spread: Vec<(f64, f64)>,
    roots: Vec<usize>,
    by_name: HashMap<(usize, String), usize>,
    total: Estimate,
    total_spread: (f64, f64),
}

const NO_PARENT: usize = usize::MAX;

impl Builder {
    fn add(&mut self, site: &SiteFigures, options: &TreeOptions, estimate: &Estimate) {
        join(&mut self.total, &mut self.total_spread, estimate);
        let mut names = function_names(&site.frames, options.all_frames);
        if names.is_empty() {
            names.push(&site.label);
        }
        if !options.inverted {
            names.reverse();
        }
        let mut parent = NO_PARENT;
        for (depth, name) in names.iter().enumerate() {
            parent = self.child(parent, name, depth);
            join(&mut self.nodes[parent].total, &mut self.spread[parent], estimate);
        }
    }

    fn child(&mut self, parent: usize, name: &str, depth: usize) -> usize {
        if let Some(&child) = self.by_name.get(&(parent, name.to_owned())) {
            return child;
        }
        let child = self.nodes.len();
        self.nodes.push(TreeNode { name: name.to_owned(), depth, ..TreeNode::default() });
        self.spread.push((0.0, 0.0));
        self.by_name.insert((parent, name.to_owned()), child);
        match self.nodes.get_mut(parent) {
            Some(parent) => parent.children.push(child),
            None => self.roots.push(child),
        }
        child
    }

    fn finish(mut self) -> CallTree {
        for (node, spread) in self.nodes.iter_mut().zip(&self.spread) {
            close(&mut node.total, *spread);
        }
        close(&mut self.total, self.total_spread);
        let values: Vec<f64> = self.nodes.iter().map(|node| node.total.value).collect();
        let largest_first =
            |nodes: &mut Vec<usize>| nodes.sort_by(|one, other| values[*other].total_cmp(&values[*one]));
        largest_first(&mut self.roots);
        for node in &mut self.nodes {
            largest_first(&mut node.children);
        }
        CallTree { nodes: self.nodes, roots: self.roots, total: self.total }
    }
}

/// The functions of `frames`: the program's own, or all of them where that is asked for or there are no others.
pub(crate) fn function_names(frames: &[Frame], all: bool) -> Vec<&str> {
    let names = |keep: fn(&Frame) -> bool| -> Vec<&str> {
        frames.iter().filter(|frame| keep(frame)).map(|frame| frame.function.as_str()).collect()
    };
    let own = if all { Vec::new() } else { names(is_programs) };
    if own.is_empty() { names(|_| true) } else { own }
}

fn is_programs(frame: &Frame) -> bool {
    let is_outside_library = matches!(frame_kind(frame), FrameKind::Program | FrameKind::Dependency);
    is_outside_library && Origin::of(frame) == Origin::Program
}

/// Adds `part`, whose samples are others: values add up, distances to the ends add up in squares.
fn join(total: &mut Estimate, spread: &mut (f64, f64), part: &Estimate) {
    total.value += part.value;
    total.samples = total.samples.saturating_add(part.samples);
    spread.0 += (part.value - part.low).powi(2);
    spread.1 += (part.high - part.value).powi(2);
}

fn close(total: &mut Estimate, spread: (f64, f64)) {
    total.low = (total.value - spread.0.sqrt()).max(0.0);
    total.high = total.value + spread.1.sqrt();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(functions: &[&str], bytes: f64) -> SiteFigures {
        let frame = |function: &&str| Frame { function: (*function).to_owned(), ..Frame::default() };
        SiteFigures {
            label: functions.first().copied().unwrap_or("(stack not recorded)").to_owned(),
            frames: functions.iter().map(frame).collect(),
            allocated_bytes: Estimate { value: bytes, low: bytes - 30.0, high: bytes + 40.0, samples: 5 },
            ..SiteFigures::default()
        }
    }

    fn analysis() -> Analysis {
        let sites = vec![
            site(&["alloc::raw_vec::grow", "app::leaf", "app::main", "std::rt::lang_start"], 600.0),
            site(&["app::other", "app::main"], 300.0),
            site(&["app::tiny", "app::other", "app::main"], 60.0),
            site(&[], 40.0),
        ];
        Analysis { sites, ..Analysis::default() }
    }

    fn printed(tree: &CallTree, least: f64, depth: usize) -> Vec<(String, usize, f64, usize)> {
        let row = |row: TreeRow| {
            let node = &tree.nodes[row.node];
            (node.name.clone(), node.depth, node.total.value, row.left_out)
        };
        tree.rows(least, depth).into_iter().map(row).collect()
    }

    #[test]
    fn figures_add_up_from_the_leaves() {
        let tree = CallTree::new(&analysis(), &TreeOptions::default());
        let rows = printed(&tree, 0.0, usize::MAX);
        let expected = [
            ("app::main", 0, 960.0, 0),
            ("app::leaf", 1, 600.0, 0),
            ("app::other", 1, 360.0, 0),
            ("app::tiny", 2, 60.0, 0),
            ("(stack not recorded)", 0, 40.0, 0),
        ];
        assert_eq!(rows, expected.map(|(name, depth, value, left)| (name.to_owned(), depth, value, left)));
        assert_eq!(tree.total.value, 1_000.0);
        // Three sites, 30 below and 40 above each: 30 and 40 times the root of three.
        let main = tree.nodes[tree.roots[0]].total;
        assert!((main.low - (960.0 - 51.96)).abs() < 0.01 && (main.high - (960.0 + 69.28)).abs() < 0.01);
        assert_eq!(tree.rows(0.0, 9).iter().map(|row| row.open.clone()).nth(1), Some(vec![true, true]));
    }

    #[test]
    fn what_is_small_or_deep_is_left_out_and_counted() {
        let tree = CallTree::new(&analysis(), &TreeOptions::default());
        let names = |rows: Vec<(String, usize, f64, usize)>| {
            rows.into_iter().map(|row| (row.0, row.3)).collect::<Vec<_>>()
        };
        let small = names(printed(&tree, 0.1, usize::MAX));
        assert_eq!(
            small,
            [("app::main".to_owned(), 0), ("app::leaf".to_owned(), 0), ("app::other".to_owned(), 1)]
        );
        assert_eq!(names(printed(&tree, 0.1, 1)), [("app::main".to_owned(), 2)]);
    }

    #[test]
    fn inverted_the_innermost_function_is_the_root() {
        let options = TreeOptions { inverted: true, ..TreeOptions::default() };
        let tree = CallTree::new(&analysis(), &options);
        let rows = printed(&tree, 0.0, usize::MAX);
        assert_eq!((rows[0].0.as_str(), rows[1].0.as_str()), ("app::leaf", "app::main"));
        let all = TreeOptions { all_frames: true, ..TreeOptions::default() };
        let tree = CallTree::new(&analysis(), &all);
        assert_eq!(tree.nodes[tree.roots[0]].name, "std::rt::lang_start");
    }

    #[test]
    fn a_stack_of_any_depth_is_walked_without_recursion() {
        let names: Vec<String> = (0..200_000).map(|at| format!("app::f{}", at % 7)).collect();
        let functions: Vec<&str> = names.iter().map(String::as_str).collect();
        let tree = CallTree::new(
            &Analysis { sites: vec![site(&functions, 100.0)], ..Analysis::default() },
            &TreeOptions::default(),
        );
        assert_eq!(tree.nodes.len(), 200_000);
        assert_eq!(tree.rows(0.0, 50).len(), 50);
    }
}
