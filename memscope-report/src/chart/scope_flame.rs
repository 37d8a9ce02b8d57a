//! A flame graph for each scope, side by side: the outermost frame of each stack is the scope that it was made in. A click on one shows it alone.

use super::flame::draw_allocated;
use super::{Chart, DrawError, canvas, scopes};
use crate::analysis::{Analysis, Frame, ScopeFigures, SiteFigures};
use std::collections::HashMap;

/// See the module's head.
pub(super) const CHART: Chart =
    Chart { name: "scope_flame", title: "Flame graph of allocated bytes by scope", draw };

/// Most scopes with a frame, and most call sites of each.
const MOST_SCOPES: usize = 24;
const MOST_SITES: usize = 40;

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    if analysis.scopes.is_empty() {
        return canvas::draw_empty(title, scopes::NONE, scopes::ADVICE);
    }
    draw_allocated(&Analysis { sites: stacks(analysis), ..Analysis::default() }, title)
}

/// The call sites of each scope, with the scope as their outermost frame.
fn stacks(analysis: &Analysis) -> Vec<SiteFigures> {
    let scopes: HashMap<u32, &ScopeFigures> = analysis.scopes.iter().map(|scope| (scope.id, scope)).collect();
    let mut by_scope: Vec<_> = analysis.scope_sites(MOST_SITES).into_iter().collect();
    let bytes = |sites: &[crate::analysis::ScopeSite]| -> f64 {
        sites.iter().map(|site| site.allocated_bytes.value).sum()
    };
    by_scope.sort_by(|(_, one), (_, other)| bytes(other).total_cmp(&bytes(one)));
    by_scope.truncate(MOST_SCOPES);
    let mut stacks = Vec::new();
    for (scope, site) in
        by_scope.iter().flat_map(|(scope, sites)| sites.iter().map(move |site| (scope, site)))
    {
        let known = analysis.sites.get(site.site as usize);
        let mut frames = known.map_or_else(further, |site| site.frames.clone());
        frames.push(outermost(*scope, scopes.get(scope).copied()));
        stacks.push(SiteFigures { frames, allocated_bytes: site.allocated_bytes, ..SiteFigures::default() });
    }
    stacks
}

/// What is not told apart by call site.
fn further() -> Vec<Frame> {
    vec![Frame { function: "(further call sites)".to_owned(), ..Frame::default() }]
}

fn outermost(id: u32, scope: Option<&ScopeFigures>) -> Frame {
    let function = match scope {
        Some(scope) => scope.name.clone(),
        None if id == 0 => "(outside any scope)".to_owned(),
        None => format!("(scope {id})"),
    };
    // Drawn in the colour of the program's own code.
    let file = scope.map(|scope| scope.file.clone()).filter(|file| !file.is_empty());
    Frame { function, file, ..Frame::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{SliceCell, Slices};
    use crate::statistics::{Losses, Sum};

    #[test]
    fn stacks_stand_on_their_scopes_and_the_largest_come_first() {
        let cell = |site, scope, count| SliceCell {
            site,
            scope,
            allocated: Sum::of(count, 100, 0.5, Losses::default()),
            ..SliceCell::default()
        };
        let cells = vec![cell(0, 0, 2), cell(0, 7, 5), cell(Slices::FURTHER, 7, 1)];
        let frame = Frame { function: "main".to_owned(), ..Frame::default() };
        let analysis = Analysis {
            scopes: vec![ScopeFigures { id: 7, name: "/users".to_owned(), ..ScopeFigures::default() }],
            sites: vec![SiteFigures { frames: vec![frame], ..SiteFigures::default() }],
            slices: Slices { cells, ..Slices::default() },
            ..Analysis::default()
        };
        let stacks: Vec<(Vec<String>, f64)> = stacks(&analysis)
            .into_iter()
            .map(|site| {
                let functions = site.frames.into_iter().map(|frame| frame.function).collect();
                (functions, site.allocated_bytes.value)
            })
            .collect();
        let expected = [
            (vec!["main", "/users"], 1000.0),
            (vec!["(further call sites)", "/users"], 200.0),
            (vec!["main", "(outside any scope)"], 400.0),
        ];
        let expected =
            expected.map(|(frames, bytes)| (frames.into_iter().map(str::to_owned).collect(), bytes));
        assert_eq!(stacks, expected);
    }
}
