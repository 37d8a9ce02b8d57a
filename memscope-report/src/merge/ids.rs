//! Ids of one trace in the merged one.
//!
//! Frames, stacks, sites and intervals keep their order: a number is added, behind all ids of the traces before. Threads, scopes and
//! tasks are given new ids one by one. The operating system's ids of threads stay as they are unless an earlier trace has one of them too. A reference to what its trace does not define stays one to nothing: it must not come to mean another
//! trace's.

use super::outline::Outline;
use std::collections::{BTreeSet, HashMap};

/// An id that nothing has.
pub(super) const NOTHING: u32 = u32::MAX;

/// What has been given out.
#[derive(Debug, Default)]
pub(super) struct Space {
    frames: u32,
    nodes: u32,
    sites: u32,
    intervals: u32,
    threads: u32,
    scopes: u32,
    scopes_by_name: HashMap<(String, String, u32), u32>,
    tasks: u32,
    traces: u64,
    os_ids: BTreeSet<u64>,
}

/// A range of ids that are moved.
#[derive(Debug, Clone, Copy)]
struct Moved {
    by: u32,
    last: u32,
}

impl Moved {
    /// Takes `ids` ids (the last of which is `last`) from `given`.
    fn take(given: &mut u32, last: u32, ids: u64, what: &'static str) -> Result<Self, &'static str> {
        let by = *given;
        let behind = u64::from(by) + ids;
        // The last id is left free: it stands for nothing.
        *given = u32::try_from(behind).ok().filter(|&behind| behind < NOTHING).ok_or(what)?;
        Ok(Self { by, last })
    }

    fn id(self, id: u32) -> u32 {
        if id <= self.last { self.by + id } else { NOTHING }
    }
}

/// How one trace's ids and addresses are moved.
#[derive(Debug)]
pub(super) struct Ids {
    /// What is added to each address.
    pub(super) address_shift: u64,
    frames: Moved,
    nodes: Moved,
    sites: Moved,
    intervals: Moved,
    threads: HashMap<u32, u32>,
    scopes: HashMap<u32, u32>,
    tasks: HashMap<u32, u32>,
    /// What is added to the operating system's ids.
    os_shift: u64,
}

/// What is added to the addresses of trace `number` (from 0) of `traces`: more than any address of a program.
pub(super) fn address_shift(number: usize, traces: usize) -> u64 {
    let bits = if traces <= 64 { 57 } else { 48 };
    (number as u64) << bits
}

impl Ids {
    /// # Errors
    /// Of what there are too many.
    pub(super) fn new(
        outline: &Outline,
        space: &mut Space,
        address_shift: u64,
    ) -> Result<Self, &'static str> {
        // Ids of frames and nodes count from 1.
        let from_one = |last: u32| u64::from(last);
        let from_zero = |last: u32| u64::from(last) + 1;
        let frames = Moved::take(
            &mut space.frames,
            outline.last_frame,
            from_one(outline.last_frame),
            "code addresses",
        )?;
        let nodes = Moved::take(&mut space.nodes, outline.last_node, from_one(outline.last_node), "stacks")?;
        let sites =
            Moved::take(&mut space.sites, outline.last_site, from_zero(outline.last_site), "call sites")?;
        let last_interval = outline.last_interval;
        let intervals =
            Moved::take(&mut space.intervals, last_interval, from_zero(last_interval), "sampling intervals")?;
        let mut threads = HashMap::new();
        for &id in outline.thread_ids.iter().filter(|&&id| id != 0) {
            space.threads = space.threads.checked_add(1).ok_or("threads")?;
            threads.insert(id, space.threads);
        }
        let scopes = scopes(outline, space)?;
        let mut tasks = HashMap::new();
        for &id in outline.task_ids.iter().filter(|&&id| id != 0) {
            space.tasks = space.tasks.checked_add(1).ok_or("tasks")?;
            tasks.insert(id, space.tasks);
        }
        let os_shift = os_shift(outline, space);
        Ok(Self { address_shift, frames, nodes, sites, intervals, threads, scopes, tasks, os_shift })
    }

    /// 0 stays 0: callers beyond the recorded depth.
    pub(super) fn frame(&self, id: u32) -> u32 {
        if id == 0 { 0 } else { self.frames.id(id) }
    }

    /// Where a record's frames begin.
    pub(super) fn first_frame(&self, id: u32) -> u32 {
        self.frames.by.saturating_add(id)
    }

    /// Where a record's nodes begin.
    pub(super) fn first_node(&self, id: u32) -> u32 {
        self.nodes.by.saturating_add(id)
    }

    /// 0 stays 0: no stack.
    pub(super) fn node(&self, id: u32) -> u32 {
        if id == 0 { 0 } else { self.nodes.id(id) }
    }

    pub(super) fn site(&self, id: u32) -> u32 {
        self.sites.id(id)
    }

    pub(super) fn interval(&self, id: u32) -> u32 {
        self.intervals.id(id)
    }

    /// 0 stays 0: a thread that is not known.
    pub(super) fn thread(&self, id: u32) -> u32 {
        self.threads.get(&id).copied().unwrap_or(0)
    }

    /// 0 stays 0: outside any.
    pub(super) fn scope(&self, id: u32) -> u32 {
        self.scopes.get(&id).copied().unwrap_or(0)
    }

    /// 0 stays 0: outside any.
    pub(super) fn task(&self, id: u32) -> u32 {
        self.tasks.get(&id).copied().unwrap_or(0)
    }

    /// The operating system's id of a thread. 0 stays 0: it is not known.
    pub(super) fn os_id(&self, id: u64) -> u64 {
        if id == 0 { 0 } else { id.wrapping_add(self.os_shift) }
    }
}

/// 0, unless a thread of an earlier trace has one of the ids: then more than any system gives.
fn os_shift(outline: &Outline, space: &mut Space) -> u64 {
    let known = outline.os_ids.iter().any(|&id| id != 0 && space.os_ids.contains(&id));
    let shift = if known { space.traces << 32 } else { 0 };
    space.os_ids.extend(outline.os_ids.iter().map(|id| id.wrapping_add(shift)));
    space.traces += 1;
    shift
}

/// Scopes of one name and place are one.
fn scopes(outline: &Outline, space: &mut Space) -> Result<HashMap<u32, u32>, &'static str> {
    let mut scopes = HashMap::new();
    for &id in outline.scope_ids.iter().filter(|&&id| id != 0) {
        let named = outline.scopes.get(&id).map(|scope| (scope.name.clone(), scope.file.clone(), scope.line));
        let known = named.as_ref().and_then(|key| space.scopes_by_name.get(key)).copied();
        let merged = match known {
            Some(merged) => merged,
            None => {
                space.scopes = space.scopes.checked_add(1).ok_or("scopes")?;
                space.scopes_by_name.extend(named.map(|key| (key, space.scopes)));
                space.scopes
            }
        };
        scopes.insert(id, merged);
    }
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(last: u32) -> Outline {
        Outline {
            last_frame: last,
            last_node: last,
            last_site: last,
            last_interval: 0,
            thread_ids: [0, 3, 7].into(),
            scope_ids: [1].into(),
            task_ids: [0, 5, 6].into(),
            os_ids: [0, 900].into(),
            ..Outline::default()
        }
    }

    #[test]
    fn ids_of_two_traces_do_not_meet() {
        let mut space = Space::default();
        let one = Ids::new(&outline(10), &mut space, 0).unwrap();
        let other = Ids::new(&outline(5), &mut space, 1 << 57).unwrap();
        assert_eq!((one.node(1), one.node(10), other.node(1), other.node(5)), (1, 10, 11, 15));
        assert_eq!((one.site(0), one.site(10), other.site(0)), (0, 10, 11));
        assert_eq!((one.thread(3), one.thread(7), other.thread(3)), (1, 2, 3));
        assert_eq!((one.interval(0), other.interval(0)), (0, 1));
        // Unnamed scopes are not taken for each other.
        assert_eq!((one.scope(1), other.scope(1)), (1, 2));
        assert_eq!((one.task(5), one.task(6), other.task(5), other.task(6)), (1, 2, 3, 4));
        assert_eq!((one.os_id(900), other.os_id(900), other.os_id(0)), (900, (1 << 32) + 900, 0));
        let third = Ids::new(&Outline { os_ids: [7].into(), ..outline(1) }, &mut space, 2 << 57).unwrap();
        assert_eq!(third.os_id(7), 7);
    }

    #[test]
    fn what_means_nothing_goes_on_to_mean_nothing() {
        let mut space = Space::default();
        let one = Ids::new(&outline(10), &mut space, 0).unwrap();
        let _ = Ids::new(&outline(10), &mut space, 0).unwrap();
        assert_eq!([one.node(11), one.frame(u32::MAX), one.site(11), one.interval(1)], [NOTHING; 4]);
        assert_eq!(
            [
                one.node(0),
                one.frame(0),
                one.thread(0),
                one.thread(9),
                one.scope(0),
                one.scope(5),
                one.task(7)
            ],
            [0; 7]
        );
    }

    #[test]
    fn too_many_ids_are_refused() {
        let mut space = Space::default();
        Ids::new(&outline(u32::MAX - 2), &mut space, 0).unwrap();
        assert_eq!(Ids::new(&outline(10), &mut space, 0).unwrap_err(), "code addresses");
    }

    #[test]
    fn address_spaces_are_apart() {
        let shifts: Vec<u64> = (0..64).map(|number| address_shift(number, 64)).collect();
        assert!(shifts.windows(2).all(|pair| pair[1] - pair[0] >= 1 << 57));
        assert_eq!(address_shift(100, 101), 100 << 48);
    }
}
