//! Which caller tells a call site from others of the same label.
//!
//! A call site is a whole stack, and its label one frame of it: a function that allocates for three callers makes three sites of one label. The
//! nearest caller in which a site differs from its namesakes says which one it is.

use super::types::{Frame, SiteFigures};
use std::collections::HashMap;

impl SiteFigures {
    /// [`SiteFigures::label`], and where the site is called from if others have that label: `app::read (src/io.rs:3) ‹ load.rs:7`.
    #[must_use]
    pub fn name(&self) -> String {
        let Some(caller) = &self.caller else { return self.label.clone() };
        let file = caller.file.as_deref().and_then(|file| file.rsplit(['/', '\\']).next());
        match (file, caller.line) {
            (Some(file), Some(line)) => format!("{} ‹ {file}:{line}", self.label),
            _ => format!("{} ‹ {}", self.label, caller.function),
        }
    }
}

/// Puts the caller into each site that has namesakes.
pub(super) fn name_callers(sites: &mut [SiteFigures]) {
    let mut same: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, site) in sites.iter().enumerate().filter(|(_, site)| !site.frames.is_empty()) {
        same.entry(&site.label).or_default().push(at);
    }
    let several = same.into_values().filter(|namesakes| namesakes.len() > 1);
    let callers: Vec<(usize, Frame)> = several.flat_map(|namesakes| callers(sites, &namesakes)).collect();
    for (at, caller) in callers {
        sites[at].caller = Some(caller);
    }
}

/// The callers of the sites at `namesakes`, as far as they differ: level by level outwards, with those that no level before told from all
/// others.
fn callers(sites: &[SiteFigures], namesakes: &[usize]) -> Vec<(usize, Frame)> {
    let mut found: HashMap<usize, Frame> = HashMap::new();
    let mut groups = vec![namesakes.to_vec()];
    for step in 1.. {
        let mut next = Vec::new();
        for group in groups {
            let mut by_frame: HashMap<Option<Place<'_>>, Vec<usize>> = HashMap::new();
            for at in group {
                by_frame.entry(frame(&sites[at], step).map(place)).or_default().push(at);
            }
            let differ = by_frame.len() > 1;
            for (place, members) in by_frame {
                if differ && place.is_some() {
                    let callers = members.iter().map(|at| (*at, frame(&sites[*at], step).cloned()));
                    found.extend(callers.filter_map(|(at, caller)| Some((at, caller?))));
                }
                // Those without a frame here have none further out either.
                if members.len() > 1 && place.is_some() {
                    next.push(members);
                }
            }
        }
        if next.is_empty() {
            break;
        }
        groups = next;
    }
    found.into_iter().collect()
}

type Place<'a> = (&'a str, Option<&'a str>, Option<u32>);

fn place(frame: &Frame) -> Place<'_> {
    (&frame.function, frame.file.as_deref(), frame.line)
}

/// The frame so many steps outwards from the one that the site is labelled by.
fn frame(site: &SiteFigures, step: usize) -> Option<&Frame> {
    let function = site.label.rfind(" (").map_or(site.label.as_str(), |at| &site.label[..at]);
    let labelled = site.frames.iter().position(|frame| frame.function == function).unwrap_or(0);
    site.frames.get(labelled + step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(label: &str, frames: &[(&str, u32)]) -> SiteFigures {
        let frame = |&(function, line): &(&str, u32)| Frame {
            function: function.to_owned(),
            line: Some(line),
            ..Frame::default()
        };
        SiteFigures {
            label: label.to_owned(),
            frames: frames.iter().map(frame).collect(),
            ..SiteFigures::default()
        }
    }

    #[test]
    fn namesakes_are_told_apart_by_the_nearest_caller_in_which_they_differ() {
        let mut sites = [
            site("app::read (io.rs:3)", &[("alloc", 1), ("app::read", 3), ("app::load", 7), ("main", 1)]),
            site("app::read (io.rs:3)", &[("alloc", 1), ("app::read", 3), ("app::load", 8), ("main", 1)]),
            // Two that only their callers' callers tell apart.
            site("app::read (io.rs:3)", &[("app::read", 3), ("app::save", 9), ("main", 2)]),
            site("app::read (io.rs:3)", &[("app::read", 3), ("app::save", 9), ("main", 4)]),
            // One that nobody called.
            site("app::read (io.rs:3)", &[("app::read", 3)]),
            site("app::alone (io.rs:5)", &[("app::alone", 5), ("main", 1)]),
            site("app::same", &[("app::same", 5), ("main", 1)]),
            site("app::same", &[("app::same", 5), ("main", 1)]),
        ];
        name_callers(&mut sites);
        let callers: Vec<Option<(&str, Option<u32>)>> = sites
            .iter()
            .map(|site| site.caller.as_ref().map(|caller| (caller.function.as_str(), caller.line)))
            .collect();
        let known = |function, line| Some((function, Some(line)));
        assert_eq!(
            callers,
            [
                known("app::load", 7),
                known("app::load", 8),
                known("main", 2),
                known("main", 4),
                None,
                None,
                None,
                None
            ]
        );
    }
}
