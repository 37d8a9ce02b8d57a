//! How often what is dear is asked.
//!
//! A source whose cost grows with the program (descriptors, free lists, pages) is asked again only when so much time has passed that the last
//! asking was a small share of it, and never before its shortest interval. It may be given up.

use super::super::snapshot::{Figure, Gap, NOT_LOOKED_AT};

/// One asking may take this part of the time until the next, unless another is said.
const SHARE: u64 = 20_000;

#[derive(Debug)]
pub(super) struct Pace {
    shortest_ns: u64,
    share: u64,
    next_ns: u64,
    cost_ns: u64,
    given_up: Option<Gap>,
}

impl Pace {
    pub(super) const fn new(shortest_ns: u64) -> Self {
        Self { shortest_ns, share: SHARE, next_ns: 0, cost_ns: 0, given_up: None }
    }

    /// One asking may take the `share`th part of the time until the next.
    pub(super) const fn with_share(mut self, share: u64) -> Self {
        self.share = share;
        self
    }

    /// Whether it is time at `now_ns`; the reason if it is not.
    pub(super) fn due(&self, now_ns: u64) -> Figure<()> {
        match self.given_up {
            Some(gap) => Err(gap),
            None if now_ns < self.next_ns => Err(NOT_LOOKED_AT),
            None => Ok(()),
        }
    }

    /// It was asked from `began_ns` to `ended_ns`.
    pub(super) fn asked(&mut self, began_ns: u64, ended_ns: u64) {
        let cost_ns = ended_ns.saturating_sub(began_ns);
        self.cost_ns = cost_ns;
        let rest_ns = cost_ns.saturating_mul(self.share).max(self.shortest_ns);
        self.next_ns = ended_ns.saturating_add(rest_ns);
    }

    /// It is not asked until [`Pace::bring_on`].
    pub(super) fn put_off(&mut self) {
        self.next_ns = u64::MAX;
    }

    /// It is due now.
    pub(super) fn bring_on(&mut self) {
        self.next_ns = 0;
    }

    /// What the last asking took.
    pub(super) fn cost_ns(&self) -> u64 {
        self.cost_ns
    }

    /// It is not asked any more, for this reason.
    pub(super) fn give_up(&mut self, gap: Gap) {
        self.given_up = Some(gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearer_the_seldomer_and_never_too_often() {
        let mut pace = Pace::new(1_000_000);
        assert_eq!(pace.due(0), Ok(()));
        pace.asked(0, 10);
        assert_eq!(pace.due(1_000_009), Err(NOT_LOOKED_AT));
        assert_eq!(pace.due(1_000_010), Ok(()));
        pace.asked(2_000_000, 3_000_000);
        assert_eq!(pace.due(3_000_000 + 1_000_000 * SHARE - 1), Err(NOT_LOOKED_AT));
        assert_eq!(pace.due(3_000_000 + 1_000_000 * SHARE), Ok(()));
    }

    #[test]
    fn what_is_put_off_waits_until_it_is_brought_on() {
        let mut pace = Pace::new(1);
        pace.put_off();
        assert_eq!(pace.due(u64::MAX - 1), Err(NOT_LOOKED_AT));
        pace.bring_on();
        assert_eq!(pace.due(0), Ok(()));
    }

    #[test]
    fn what_was_given_up_says_why_for_ever() {
        let gap = Gap::because("x", "too dear");
        let mut pace = Pace::new(1);
        pace.give_up(gap);
        assert_eq!(pace.due(u64::MAX), Err(gap));
    }
}
