//! The sampled stacks as one tree: what the frames of a flame graph stand for, with their intervals.
//!
//! inferno merges stacks by the names of their frames and knows counts only. The same merge is made here with estimates.
//! So that a frame that was drawn finds its estimate again, each frame's name ends with the number of its node, which
//! the drawing loses afterwards. The tree is also where frames too narrow to be seen are left out: what they hold stays in
//! the frame that they stand on.

use super::super::origin::Origin;
use super::super::text::shorten_symbol;
use super::Measure;
use crate::analysis::{Frame, SiteFigures};
use crate::statistics::Estimate;

/// Most stacks that are looked at; what is beyond them is one frame. The narrowest of so many would be invisible.
pub(super) const MOST_STACKS: usize = 5_000;
/// Most frames that are drawn: with ten graphs on one page, each has to stay small.
const MOST_FRAMES: usize = 800;
/// Narrowest frame, as a share of the whole.
const LEAST_SHARE: f64 = 0.001;
/// Columns of a function's name in a tooltip.
const NAME_COLUMNS: usize = 120;
/// Greatest sum of counts: small enough that inferno's percentages are exact.
const MOST_COUNTS: f64 = 1e15;
/// Stands for `;` in a name.
pub(super) const SEMICOLON: char = '\u{F8FE}';
/// Stands for a space in a name.
pub(super) const SPACE: char = '\u{F8FD}';
/// Begins the number of a node at the end of a name.
pub(super) const NUMBER: char = '\u{F8FC}';

/// What a node stands for.
#[derive(Debug, Clone, Copy)]
enum What<'a> {
    /// Everything: the root.
    All,
    Frame(&'a Frame),
    /// A site whose stack is not known.
    Label(&'a str),
    /// So many call sites beyond [`MOST_STACKS`].
    Rest(usize),
}

impl What<'_> {
    /// By this stacks are merged.
    fn key(&self) -> (&str, bool) {
        match self {
            What::Frame(frame) => (&frame.function, frame.inlined),
            What::Label(label) => (label, false),
            What::All | What::Rest(_) => ("", false),
        }
    }

    /// What its frame is called.
    fn name(&self) -> String {
        let shown = |name: &str| {
            let name = if name.trim().is_empty() { "(unknown)" } else { name };
            shorten_symbol(name, NAME_COLUMNS)
        };
        match self {
            What::All => String::new(),
            What::Frame(frame) if frame.inlined => shown(&frame.function) + " (inlined)",
            What::Frame(frame) => shown(&frame.function),
            What::Label(label) => shown(label),
            What::Rest(sites) => format!("({sites} smaller call sites)"),
        }
    }

    fn origin(&self) -> Origin {
        match self {
            What::Frame(frame) => Origin::of(frame),
            _ => Origin::Foreign,
        }
    }
}

/// A frame with everything that is called from it; node 0 is everything.
#[derive(Debug, Clone)]
struct Node<'a> {
    parent: usize,
    what: What<'a>,
    sum: Sum,
    /// What ends in the node itself, or in something too narrow that stands on it.
    own: f64,
    /// Its number among the frames that are drawn.
    number: Option<usize>,
}

/// A sum of independent estimates, as [`Estimate::sum`] makes it.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    value: f64,
    below: f64,
    above: f64,
    samples: u64,
}

impl Sum {
    fn add(&mut self, part: &Estimate) {
        self.value += part.value;
        self.below += finite(part.value - part.low).powi(2);
        self.above += finite(part.high - part.value).powi(2);
        self.samples = self.samples.saturating_add(part.samples);
    }

    fn estimate(&self) -> Estimate {
        Estimate {
            value: self.value,
            low: (self.value - self.below.sqrt()).max(0.0),
            high: self.value + self.above.sqrt(),
            samples: self.samples,
        }
    }
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value.max(0.0) } else { 0.0 }
}

/// See the module's head.
pub(super) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    /// The nodes that are drawn, the widest first.
    drawn: Vec<usize>,
}

impl<'a> Tree<'a> {
    /// The stacks of `sites` by `measure`. What is nothing, or no number, is left out.
    pub(super) fn new(sites: &'a [SiteFigures], measure: Measure) -> Tree<'a> {
        let value = |site: &SiteFigures| finite((measure.figure)(site).value);
        let mut counted: Vec<&SiteFigures> = sites.iter().filter(|site| value(site) > 0.0).collect();
        counted.sort_by(|one, other| value(other).total_cmp(&value(one)));
        let most = counted.len().min(MOST_STACKS);
        let (first, rest) = counted.split_at_mut(most);
        // In this order a stack shares more frames with the one before than with any other.
        first.sort_by(|one, other| keys(one).cmp(keys(other)));
        let mut tree = Tree { nodes: vec![Node::new(0, What::All)], drawn: Vec::new() };
        let mut before = Vec::new();
        for site in first {
            before = tree.add(&before, path(site), &(measure.figure)(site));
        }
        before.clear();
        for site in rest.iter() {
            before = tree.add(&before, std::iter::once(What::Rest(rest.len())), &(measure.figure)(site));
        }
        tree.prune();
        tree
    }

    /// Adds a stack, the nodes of the one before known, and returns its nodes.
    fn add(
        &mut self,
        before: &[usize],
        path: impl Iterator<Item = What<'a>>,
        figure: &Estimate,
    ) -> Vec<usize> {
        let mut nodes = Vec::with_capacity(before.len());
        self.nodes[0].sum.add(figure);
        let mut at = 0;
        for (depth, what) in path.enumerate() {
            let shared = before
                .get(depth)
                .filter(|&&node| self.nodes[node].parent == at && self.nodes[node].what.key() == what.key());
            at = shared.copied().unwrap_or_else(|| {
                self.nodes.push(Node::new(at, what));
                self.nodes.len() - 1
            });
            self.nodes[at].sum.add(figure);
            nodes.push(at);
        }
        self.nodes[at].own += finite(figure.value);
        nodes
    }

    /// Decides which frames are drawn: the widest. A frame is never wider than the one that it stands on, and comes after it,
    /// so those that are drawn form a tree.
    fn prune(&mut self) {
        let least = LEAST_SHARE * self.nodes[0].sum.value;
        let value = |index: usize| self.nodes[index].sum.value;
        let mut widest: Vec<usize> = (1..self.nodes.len()).filter(|&index| value(index) >= least).collect();
        widest.sort_by(|&one, &other| value(other).total_cmp(&value(one)));
        widest.truncate(MOST_FRAMES);
        for (number, &index) in widest.iter().enumerate() {
            self.nodes[index].number = Some(number);
        }
        self.drawn = widest;
        for index in (1..self.nodes.len()).rev() {
            let Node { parent, own, number, .. } = self.nodes[index];
            if number.is_none() {
                self.nodes[parent].own += own;
            }
        }
    }

    /// What the whole tree stands for.
    pub(super) fn total(&self) -> Estimate {
        self.nodes[0].sum.estimate()
    }

    /// The estimate of the frame of that number.
    pub(super) fn estimate(&self, number: usize) -> Option<Estimate> {
        self.drawn.get(number).map(|&node| self.nodes[node].sum.estimate())
    }

    /// By what inferno's counts must be multiplied to be bytes.
    pub(super) fn scale(&self) -> f64 {
        (self.total().value / MOST_COUNTS).max(1.0)
    }

    /// inferno's input: `outermost;...;innermost count`.
    pub(super) fn folded(&self) -> Vec<String> {
        let count = |node: usize| (self.nodes[node].own / self.scale()).round();
        let ends = std::iter::once(&0).chain(&self.drawn).filter(|&&node| count(node) >= 1.0);
        ends.map(|&node| format!("{} {:.0}", self.stack(node), count(node))).collect()
    }

    fn stack(&self, mut node: usize) -> String {
        if node == 0 {
            // What stands on no frame that is drawn.
            return folded_name("(narrower than can be drawn)");
        }
        let mut names = Vec::new();
        while node != 0 {
            names.push(self.nodes[node].folded_name());
            node = self.nodes[node].parent;
        }
        names.reverse();
        names.join(";")
    }

    /// The frames that are drawn: the name that inferno is given, the function's name, and whose code it is.
    pub(super) fn frames(&self) -> impl Iterator<Item = (String, String, Origin)> {
        let drawn = self.drawn.iter().map(|&node| &self.nodes[node]);
        drawn.map(|node| (node.folded_name(), node.what.name(), node.what.origin()))
    }
}

impl<'a> Node<'a> {
    fn new(parent: usize, what: What<'a>) -> Node<'a> {
        Node { parent, what, sum: Sum::default(), own: 0.0, number: None }
    }

    /// Its name as inferno is given it. The number has always four digits, so that no name is the beginning of another: the
    /// lines of one frame then stay together when inferno sorts them.
    fn folded_name(&self) -> String {
        format!("{}{NUMBER}{:04}", folded_name(&self.what.name()), self.number.unwrap_or_default())
    }
}

/// The frames of a site, outermost first.
fn path(site: &SiteFigures) -> impl Iterator<Item = What<'_>> {
    let label = site.frames.is_empty().then_some(What::Label(&site.label));
    site.frames.iter().rev().map(What::Frame).chain(label)
}

fn keys(site: &SiteFigures) -> impl Iterator<Item = (&str, bool)> {
    let label = site.frames.is_empty().then_some((site.label.as_str(), false));
    site.frames.iter().rev().map(|frame| (frame.function.as_str(), frame.inlined)).chain(label)
}

/// A name that inferno reads back as one frame, whatever is in it.
pub(crate) fn folded_name(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            ';' => SEMICOLON,
            c if c.is_whitespace() => SPACE,
            SEMICOLON | SPACE | NUMBER => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{ALLOCATED_BYTES, tests::site};
    use super::*;

    #[test]
    fn a_frame_s_interval_is_that_of_everything_in_it() {
        let mut sites = [site(&["a", "main"], 300.0), site(&["b", "main"], 400.0)];
        for (site, half) in sites.iter_mut().zip([30.0, 40.0]) {
            let value = site.allocated_bytes.value;
            site.allocated_bytes = Estimate { value, low: value - half, high: value + half, samples: 1 };
        }
        let tree = Tree::new(&sites, ALLOCATED_BYTES);
        let main = tree.estimate(0).expect("main is the widest");
        assert_eq!((main.value, main.low, main.high, main.samples), (700.0, 650.0, 750.0, 2));
    }

    #[test]
    fn frames_too_narrow_to_be_seen_stay_in_the_one_below() {
        let sites = [site(&["wide", "main"], 1e6), site(&["narrow", "main"], 10.0)];
        let lines = Tree::new(&sites, ALLOCATED_BYTES).folded();
        let (main, wide) = (format!("main{NUMBER}0000"), format!("wide{NUMBER}0001"));
        assert_eq!(lines, [format!("{main} 10"), format!("{main};{wide} 1000000")]);
    }

    #[test]
    fn inferno_is_given_no_count_of_nothing() {
        for bytes in [0.2, 0.5, 1.5, f64::MAX] {
            let lines = Tree::new(&[site(&["main"], bytes)], ALLOCATED_BYTES).folded();
            assert!(lines.iter().all(|line| !line.ends_with(" 0")), "{bytes}: {lines:?}");
        }
    }

    #[test]
    fn frames_are_limited_and_nothing_is_lost() {
        let deep: Vec<String> = (0..40).map(|depth| format!("g{depth}")).collect();
        let sites: Vec<_> = (0..500)
            .map(|i| {
                let own = format!("f{i}");
                let functions: Vec<&str> = deep.iter().map(String::as_str).chain([own.as_str()]).collect();
                site(&functions, 1e6 + f64::from(i) * 1e3)
            })
            .collect();
        let tree = Tree::new(&sites, ALLOCATED_BYTES);
        assert_eq!(tree.frames().count(), MOST_FRAMES);
        let count = |line: &String| line.rsplit(' ').next().and_then(|count| count.parse::<f64>().ok());
        let counts: f64 = tree.folded().iter().filter_map(count).sum();
        assert!((counts - tree.total().value).abs() < 1.0);
    }
}
