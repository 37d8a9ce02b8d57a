//! The exact figures of tasks: what the trace is told of them, and what not.
//!
//! Told of are tasks that have ended and were among the largest [`MOST_ENDED`] until then, the largest that live, and those that a sample
//! belongs to. The bound rises with what comes: a program of ever the same tasks is told of once, not for ever.

use super::scopes::Clock;
use crate::control;
use crate::sync::Ordering;
use crate::task::slot::{self, COUNTS, Identity, Slot, TaskFigures};
use memscope_trace::{MAX_ROWS, Record, TaskCounters, TaskEnds, TaskTotals, Tasks};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Ended tasks that the bound is drawn from.
const MOST_ENDED: usize = 1024;
/// Living tasks that are told of in one go: while the session goes on, and at its end.
const MOST_ALIVE: usize = 256;
const MOST_ALIVE_AT_END: usize = 4096;
/// Text that one record takes.
const TEXT_BYTES: usize = 32 * 1024;

/// The tasks that the trace knows.
pub(crate) struct TaskBook {
    /// Those that live, with what was told last.
    told: HashMap<u32, TaskFigures>,
    /// Bytes of the largest tasks that have ended.
    largest: BinaryHeap<Reverse<u64>>,
    clock: Clock,
    before: [u64; 4],
    told_totals: [u64; 4],
    new: Vec<Identity>,
    counters: Vec<(u32, TaskFigures)>,
    ends: TaskEnds,
}

impl Default for TaskBook {
    /// For a session that starts now.
    fn default() -> Self {
        slot::set_keep_bytes(0);
        Self {
            told: HashMap::new(),
            largest: BinaryHeap::new(),
            clock: Clock::now(),
            before: counts(),
            told_totals: [0; 4],
            new: Vec::new(),
            counters: Vec::new(),
            ends: TaskEnds::default(),
        }
    }
}

fn counts() -> [u64; 4] {
    [&COUNTS.started, &COUNTS.ended, &COUNTS.cancelled, &COUNTS.unnumbered]
        .map(|count| count.load(Ordering::Relaxed))
}

impl TaskBook {
    /// Takes the tasks that have ended; tells of those of this session.
    pub(super) fn ended(&mut self, start_ns: u64) {
        let session = control::generation();
        slot::take_ended(|number, slot| {
            let (generation, end, ended_ns) = slot.ending();
            if generation == session
                && let Some((identity, figures)) = slot.read(session)
            {
                self.end(identity, figures, end, ended_ns.saturating_sub(start_ns) / 1000);
            }
            slot::give_back(number);
        });
    }

    fn end(&mut self, identity: Identity, figures: TaskFigures, end: u8, ended_us: u64) {
        let id = identity.id;
        if self.told.remove(&id).is_none() {
            self.new.push(identity);
        }
        self.counters.push((id, figures));
        self.ends.tasks.push(id);
        self.ends.ends.push(end);
        self.ends.ended_us.push(ended_us);
        self.largest.push(Reverse(figures.four[1]));
        if self.largest.len() > MOST_ENDED {
            self.largest.pop();
            let least = self.largest.peek().map_or(0, |bytes| bytes.0);
            // One more than the least of them: tasks that are all alike are not told of for ever.
            slot::set_keep_bytes(least.saturating_add(1));
        }
    }

    /// Looks at the tasks that live.
    pub(super) fn living(&mut self, is_last: bool) {
        let session = control::generation();
        let mut found: Vec<(Identity, TaskFigures, &'static Slot)> = Vec::new();
        slot::for_each(|_, slot| {
            found.extend(slot.read(session).map(|(identity, figures)| (identity, figures, slot)));
        });
        found.sort_unstable_by_key(|(_, figures, _)| Reverse(figures.four[1]));
        let most = if is_last { MOST_ALIVE_AT_END } else { MOST_ALIVE };
        for (at, (identity, figures, slot)) in found.into_iter().enumerate() {
            let told = self.told.get(&identity.id);
            // One that a sample belongs to is told of with its end.
            let is_wanted = told.is_some() || at < most || (is_last && slot.is_kept());
            if !is_wanted || told == Some(&figures) || !slot.keep() {
                continue;
            }
            if self.told.insert(identity.id, figures).is_none() {
                self.new.push(identity);
            }
            self.counters.push((identity.id, figures));
        }
    }

    /// Moves what there is to tell to `records`.
    pub(super) fn write(&mut self, time_us: u64, start_ns: u64, records: &mut Vec<Record>) {
        let mut tasks = Tasks::default();
        for identity in self.new.drain(..) {
            let text_bytes: usize = tasks.texts.iter().map(String::len).sum();
            if tasks.tasks.len() == MAX_ROWS || text_bytes > TEXT_BYTES {
                records.push(Record::Tasks(std::mem::take(&mut tasks)));
            }
            push(&mut tasks, &identity, start_ns);
        }
        if !tasks.tasks.is_empty() {
            records.push(Record::Tasks(tasks));
        }
        let us_per_tick = self.clock.us_per_tick();
        records.extend(self.counters.chunks(MAX_ROWS).map(|rows| counters(time_us, rows, us_per_tick)));
        self.counters.clear();
        let ends = std::mem::take(&mut self.ends);
        for from in (0..ends.tasks.len()).step_by(MAX_ROWS) {
            let rows = from..ends.tasks.len().min(from + MAX_ROWS);
            records.push(Record::TaskEnds(TaskEnds {
                tasks: ends.tasks[rows.clone()].to_vec(),
                ends: ends.ends[rows.clone()].to_vec(),
                ended_us: ends.ended_us[rows].to_vec(),
            }));
        }
        self.totals(time_us, records);
    }

    fn totals(&mut self, time_us: u64, records: &mut Vec<Record>) {
        let now = counts();
        let totals = [0, 1, 2, 3].map(|at| now[at].wrapping_sub(self.before[at]));
        if totals != self.told_totals {
            self.told_totals = totals;
            let [started, ended, cancelled, unnumbered] = totals;
            records.push(Record::TaskTotals(TaskTotals { time_us, started, ended, cancelled, unnumbered }));
        }
    }
}

fn push(tasks: &mut Tasks, identity: &Identity, start_ns: u64) {
    let mut text = |text: &str| {
        let text: String = text.chars().take(1000).collect();
        let known = tasks.texts.iter().position(|known| *known == text);
        known.unwrap_or_else(|| {
            tasks.texts.push(text);
            tasks.texts.len() - 1
        }) as u32
    };
    let (name, file) = (text(identity.name), text(identity.place.file()));
    tasks.tasks.push(identity.id);
    tasks.names.push(name);
    tasks.files.push(file);
    tasks.lines.push(identity.place.line());
    tasks.scopes.push(identity.scope);
    tasks.parents.push(identity.parent);
    tasks.started_us.push(identity.started_ns.saturating_sub(start_ns) / 1000);
}

fn counters(time_us: u64, rows: &[(u32, TaskFigures)], us_per_tick: f64) -> Record {
    let column = |of: fn(&TaskFigures) -> u64| rows.iter().map(|(_, figures)| of(figures)).collect();
    Record::TaskCounters(TaskCounters {
        time_us,
        tasks: rows.iter().map(|(id, _)| *id).collect(),
        polls: column(|figures| figures.polls),
        busy_us: rows.iter().map(|(_, figures)| (figures.busy_ticks as f64 * us_per_tick) as u64).collect(),
        allocations: column(|figures| figures.four[0]),
        allocated_bytes: column(|figures| figures.four[1]),
        frees: column(|figures| figures.four[2]),
        freed_bytes: column(|figures| figures.four[3]),
    })
}
