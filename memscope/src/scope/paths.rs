//! What a scope has done under each of those that it was entered from: the figures of *paths*.
//!
//! A path is a scope and all the scopes around it, from the outermost on. A scope that is entered while it is open already stays on the path of its
//! outermost call, so a path has no scope twice, and there are no more of them than ways through the program's scopes.
//!
//! ```text
//! path   1 serve   2 serve > search   3 serve > search > filter   4 serve > totals   5 serve > totals > filter
//! above  0         1                  2                           1                  4
//! ```
//!
//! Nothing is added to a path when a scope is left: its row says which path it is on, and only where it is entered on another one is what it has done
//! since it came there kept with that path ([`Paths::switch`]). Each frame has its path, so an edge compares two numbers.
//!
//! ```text
//! figures of a path = kept                        where the row is on another
//!                     the row's figures + since   where it is on this one
//! ```
//!
//! The table has room for [`MOST_PATHS`]; what comes when it is full is on none ([`NO_PATH`]): the scopes' own figures miss nothing, and what the
//! paths leave of them is that.

use super::table::Row;
use crate::sync::{AtomicU32, Counter, Ordering, fence};

/// Paths of a thread; the first stands for "outside any scope".
pub(super) const MOST_PATHS: usize = 2048;

/// Places to look a path up: twice as many.
const PLACES: usize = 2 * MOST_PATHS;

/// The path of what found no room.
pub(super) const NO_PATH: u32 = u32::MAX;

/// How often a reader looks at a row that is switched meanwhile.
const LOOKS: u32 = 100;

/// Declares a path's figures: a subset of a row's, in one order.
macro_rules! figures {
    ($count:literal: $($(#[$doc:meta])* $name:ident,)*) => {
        /// Exact figures of a scope on one path.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub(crate) struct PathFigures {
            $($(#[$doc])* pub(crate) $name: u64,)*
        }

        impl PathFigures {
            pub(crate) fn add(&mut self, other: Self) {
                $(self.$name = self.$name.wrapping_add(other.$name);)*
            }

            fn of_row(row: &Row) -> [u64; $count] {
                let figures = row.figures();
                [$(figures.$name,)*]
            }

            fn from_array([$($name,)*]: [u64; $count]) -> Self {
                Self { $($name,)* }
            }
        }

        type Figures = [Counter; $count];
    };
}

figures! { 11:
    calls,
    cancelled,
    /// Times that the scope was entered.
    polls,
    busy_ticks,
    waited_ticks,
    allocations,
    allocated_bytes,
    own_allocations,
    own_allocated_bytes,
    frees,
    freed_bytes,
}

/// One path.
#[repr(C)]
struct Path {
    scope: AtomicU32,
    above: AtomicU32,
    kept: Figures,
    /// What is to be added to the row's figures, modulo 2^64, while it is on this path.
    since: Figures,
}

/// The paths of a thread, in one session. Zeroed, there are none.
pub(super) struct Paths {
    /// Those that were ever taken in the session, from 1.
    used: AtomicU32,
    /// Times that one found no room.
    refused: Counter,
    places: [AtomicU32; PLACES],
    paths: [Path; MOST_PATHS],
}

/// A path that a reader is told of. They come in the order of their numbers, from 1.
pub(crate) struct PathRow {
    /// The number on this thread of the path around it, which is a lower one; 0 for outside any.
    pub(crate) above: u32,
    pub(crate) scope: u32,
    pub(crate) figures: PathFigures,
}

impl Paths {
    /// Forgets all of them, for a new session.
    pub(super) fn clear(&self) {
        self.used.store(0, Ordering::Relaxed);
        self.refused.set(0);
        self.places.iter().for_each(|place| place.store(0, Ordering::Relaxed));
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// Puts a row, whose scope is entered on path `above`, onto the path below it. One that is open stays where it is.
    pub(super) fn follow(&self, row: &Row, above: u32) {
        if row.depth.get() != 0 {
            return;
        }
        let path = self.below(above, row.id());
        if path != row.path() {
            self.switch(row, path);
        }
        row.set_above(above);
    }

    /// The path of a scope that is entered on path `above`.
    fn below(&self, above: u32, scope: u32) -> u32 {
        if above == NO_PATH {
            return NO_PATH;
        }
        // Neighbours in number come to stand beside each other: few pages are touched.
        let start = (above as usize).wrapping_mul(61).wrapping_add(scope as usize);
        for step in 0..PLACES {
            let place = &self.places[(start + step) % PLACES];
            let number = place.load(Ordering::Relaxed);
            if number == 0 {
                return self.add(place, above, scope);
            }
            let path = &self.paths[number as usize % MOST_PATHS];
            let is_it =
                path.above.load(Ordering::Relaxed) == above && path.scope.load(Ordering::Relaxed) == scope;
            if is_it {
                return number;
            }
        }
        NO_PATH
    }

    #[cold]
    fn add(&self, place: &AtomicU32, above: u32, scope: u32) -> u32 {
        let number = self.used.load(Ordering::Relaxed) + 1;
        if number as usize >= MOST_PATHS {
            self.refused.add(1);
            return NO_PATH;
        }
        let path = &self.paths[number as usize];
        path.scope.store(scope, Ordering::Relaxed);
        path.above.store(above, Ordering::Relaxed);
        path.kept.iter().chain(&path.since).for_each(|figure| figure.set(0));
        place.store(number, Ordering::Relaxed);
        // Release: pairs with `for_each`, which finds the path as it is here.
        self.used.store(number, Ordering::Release);
        number
    }

    /// Puts a row onto another path.
    fn switch(&self, row: &Row, to: u32) {
        let now = PathFigures::of_row(row);
        let (old, new) = (self.paths.get(row.path() as usize), self.paths.get(to as usize));
        if let Some(old) = old {
            let kept = old.kept.iter().zip(&old.since).zip(now);
            kept.for_each(|((kept, since), now)| kept.set(now.wrapping_add(since.get())));
        }
        if let Some(new) = new {
            let since = new.since.iter().zip(&new.kept).zip(now);
            since.for_each(|((since, kept), now)| since.set(kept.get().wrapping_sub(now)));
        }
        row.set_path(to);
    }

    /// Calls `visit` for each path; `row` gives the row of a scope. For any thread.
    pub(super) fn for_each<'a>(&self, row: impl Fn(u32) -> &'a Row, mut visit: impl FnMut(PathRow)) {
        // Acquire: pairs with `add`.
        let used = self.used.load(Ordering::Acquire) as usize;
        for (number, path) in self.paths.iter().enumerate().take(used + 1).skip(1) {
            let scope = path.scope.load(Ordering::Relaxed);
            let (number, above) = (number as u32, path.above.load(Ordering::Relaxed));
            let figures = path.figures(number, row(scope));
            visit(PathRow { above, scope, figures });
        }
    }
}

impl Path {
    fn figures(&self, number: u32, row: &Row) -> PathFigures {
        let mut figures = PathFigures::default();
        for _ in 0..LOOKS {
            let (switches, on) = (row.switches(), row.path());
            // Acquire: pairs with `Row::set_path`; what was written before the switch is seen.
            fence(Ordering::Acquire);
            figures = PathFigures::from_array(if on == number {
                let mut sum = PathFigures::of_row(row);
                sum.iter_mut().zip(&self.since).for_each(|(sum, since)| *sum = sum.wrapping_add(since.get()));
                sum
            } else {
                self.kept.each_ref().map(Counter::get)
            });
            fence(Ordering::Acquire);
            if row.switches() == switches {
                break;
            }
        }
        figures
    }
}
