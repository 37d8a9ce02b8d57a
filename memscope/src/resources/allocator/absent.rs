//! No allocator is asked: an interpreter has no foreign functions of theirs.

#[derive(Debug)]
pub(super) enum Found {}

use super::answer::Answer;

pub(super) fn find() -> Option<Found> {
    None
}

pub(super) fn ask(found: &Found) -> Answer {
    match *found {}
}
