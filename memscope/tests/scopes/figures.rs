//! What a session's trace says of its scopes.

#[path = "report.rs"]
mod report;

use memscope::{SamplingConfig, Session};
use memscope_trace::{Record, ScopePaths, TaskTotals, TraceReader};
use std::collections::HashMap;
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One scope's figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) calls: u64,
    pub(crate) allocations: u64,
    pub(crate) allocated_bytes: u64,
    pub(crate) own_allocations: u64,
    pub(crate) own_allocated_bytes: u64,
    pub(crate) cancelled: u64,
    pub(crate) polls: u64,
    pub(crate) busy_us: u64,
    pub(crate) wall_us: u64,
    pub(crate) frees: u64,
    pub(crate) freed_bytes: u64,
    pub(crate) own_frees: u64,
    pub(crate) own_freed_bytes: u64,
    pub(crate) most_bytes: u64,
    /// Calls in the histogram of bytes.
    pub(crate) sized_calls: u64,
}

/// One instance of a task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Task {
    pub(crate) id: u32,
    name: String,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) scope: u32,
    pub(crate) parent: u32,
    pub(crate) started_us: u64,
    pub(crate) ended_us: u64,
    /// `None` while it lives.
    pub(crate) end: Option<u8>,
    pub(crate) polls: u64,
    four: [u64; 4],
}

impl Task {
    /// Allocations, bytes, frees, bytes freed.
    pub(crate) fn four(&self) -> [u64; 4] {
        self.four
    }
}

/// All that a trace says of scopes, by their names.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    names: HashMap<u32, String>,
    figures: HashMap<u32, Figures>,
    parents: HashMap<u32, u32>,
    /// By path: what is above, the scope, and its figures.
    paths: HashMap<u32, (u32, u32, Figures)>,
    pub(crate) refused_paths: u64,
    pub(crate) refused_names: u64,
    pub(crate) out_of_order: u64,
    tasks: HashMap<u32, Task>,
    pub(crate) task_totals: TaskTotals,
    /// Bytes of sampled allocations by tasks.
    pub(crate) sampled_bytes: HashMap<u32, u64>,
    site_bytes: Vec<u64>,
    sample_tasks: HashMap<u64, u32>,
}

impl Scopes {
    pub(crate) fn name(&self, scope: u32) -> Option<&str> {
        self.names.get(&scope).map(String::as_str)
    }

    pub(crate) fn tasks<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Task> {
        self.tasks.values().filter(move |task| task.name == name)
    }

    fn add_tasks(&mut self, record: Record) {
        match record {
            Record::Tasks(record) => {
                for (row, &id) in record.tasks.iter().enumerate() {
                    let text = |index: u32| record.texts[index as usize].clone();
                    let task = self.tasks.entry(id).or_default();
                    (task.id, task.name, task.file) = (id, text(record.names[row]), text(record.files[row]));
                    (task.line, task.scope) = (record.lines[row], record.scopes[row]);
                    (task.parent, task.started_us) = (record.parents[row], record.started_us[row]);
                }
            }
            Record::TaskCounters(record) => {
                for (row, id) in record.tasks.iter().enumerate() {
                    let task = self.tasks.entry(*id).or_default();
                    task.polls = record.polls[row];
                    task.four = [
                        record.allocations[row],
                        record.allocated_bytes[row],
                        record.frees[row],
                        record.freed_bytes[row],
                    ];
                }
            }
            Record::TaskEnds(record) => {
                for (row, id) in record.tasks.iter().enumerate() {
                    let task = self.tasks.entry(*id).or_default();
                    (task.end, task.ended_us) = (Some(record.ends[row]), record.ended_us[row]);
                }
            }
            Record::TaskTotals(totals) => self.task_totals = totals,
            Record::SampleTasks(record) => {
                let mut sample = 0;
                for (delta, task) in record.sample_deltas.iter().zip(record.tasks) {
                    sample += delta;
                    self.sample_tasks.insert(sample as u64, task);
                }
            }
            Record::Samples(record) => {
                for (sample, site) in (record.first_sample..).zip(record.sites) {
                    let Some(task) = self.sample_tasks.remove(&sample) else { continue };
                    *self.sampled_bytes.entry(task).or_default() += self.site_bytes[site as usize];
                }
            }
            Record::Sites(record) => self.site_bytes.extend(record.sizes),
            _ => {}
        }
    }

    #[track_caller]
    fn id(&self, name: &str) -> u32 {
        let found: Vec<u32> =
            self.names.iter().filter(|(_, known)| *known == name).map(|(&id, _)| id).collect();
        assert_eq!(found.len(), 1, "scopes called {name} among {:?}", self.names);
        found[0]
    }

    #[track_caller]
    pub(crate) fn of(&self, name: &str) -> Figures {
        self.figures.get(&self.id(name)).copied().unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn parent(&self, name: &str) -> Option<&str> {
        self.names.get(&self.parents[&self.id(name)]).map(String::as_str)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|(id, known)| known == name && self.figures.contains_key(id))
    }

    fn add(&mut self, record: Record) {
        match record {
            Record::Scopes(record) => {
                self.names.extend(record.scopes.into_iter().map(|scope| (scope.id, scope.name)));
            }
            Record::ScopeCounters(record) => {
                for (row, id) in record.scopes.iter().enumerate() {
                    let figures = self.figures.entry(*id).or_default();
                    figures.calls = record.calls[row];
                    figures.allocations = record.allocations[row];
                    figures.allocated_bytes = record.allocated_bytes[row];
                    figures.own_allocations = record.own_allocations[row];
                    figures.own_allocated_bytes = record.own_allocated_bytes[row];
                }
            }
            Record::ScopeDetails(record) => {
                (self.refused_names, self.out_of_order) = (record.refused_names, record.out_of_order);
                for (row, id) in record.scopes.iter().enumerate() {
                    self.parents.insert(*id, record.parents[row]);
                    let figures = self.figures.entry(*id).or_default();
                    figures.cancelled = record.cancelled[row];
                    figures.polls = record.polls[row];
                    (figures.busy_us, figures.wall_us) = (record.busy_us[row], record.wall_us[row]);
                    figures.most_bytes = record.most_bytes[row];
                }
            }
            Record::ScopeFrees(record) => {
                for (row, id) in record.scopes.iter().enumerate() {
                    let figures = self.figures.entry(*id).or_default();
                    (figures.frees, figures.freed_bytes) = (record.frees[row], record.freed_bytes[row]);
                    figures.own_frees = record.own_frees[row];
                    figures.own_freed_bytes = record.own_freed_bytes[row];
                }
            }
            Record::ScopeSizes(record) => {
                for id in &record.scopes {
                    self.figures.entry(*id).or_default().sized_calls = 0;
                }
                for (id, calls) in record.scopes.iter().zip(&record.calls) {
                    self.figures.entry(*id).or_default().sized_calls += calls;
                }
            }
            Record::ScopePaths(record) => self.add_paths(&record),
            other => self.add_tasks(other),
        }
    }

    fn add_paths(&mut self, record: &ScopePaths) {
        self.refused_paths = record.refused;
        for (row, id) in record.paths.iter().enumerate() {
            let (above, scope) = (record.above[row], record.scopes[row]);
            assert!(above < *id && (above == 0 || self.paths.contains_key(&above)), "{above} above {id}");
            let figures = Figures {
                calls: record.calls[row],
                allocations: record.allocations[row],
                allocated_bytes: record.allocated_bytes[row],
                own_allocations: record.own_allocations[row],
                own_allocated_bytes: record.own_allocated_bytes[row],
                cancelled: record.cancelled[row],
                polls: record.polls[row],
                busy_us: record.busy_us[row],
                wall_us: record.wall_us[row],
                frees: record.frees[row],
                freed_bytes: record.freed_bytes[row],
                ..Figures::default()
            };
            self.paths.insert(*id, (above, scope, figures));
        }
    }

    /// What the last scope of `names` did below the others.
    #[track_caller]
    pub(crate) fn on_path(&self, names: &[&str]) -> Figures {
        let path = names.iter().fold(0, |above, name| {
            let scope = self.id(name);
            let is_it = |path: &(&u32, &(u32, u32, Figures))| (path.1.0, path.1.1) == (above, scope);
            *self.paths.iter().find(is_it).unwrap_or_else(|| panic!("no path to {name} of {names:?}")).0
        });
        self.paths[&path].2
    }

    pub(crate) fn path_count(&self, name: &str) -> usize {
        let scope = self.id(name);
        self.paths.values().filter(|path| path.1 == scope).count()
    }

    /// No scope is inside for longer than its calls take, and the paths of each make up the whole.
    fn agree(&self) {
        for (scope, all) in &self.figures {
            let name = self.name(*scope).unwrap_or_default();
            assert!(all.busy_us <= all.wall_us, "{name}: {all:?}");
            let paths = self.paths.values().filter(|path| path.1 == *scope).map(|path| path.2);
            let sum = |of: fn(&Figures) -> u64| paths.clone().map(|figures| of(&figures)).sum::<u64>();
            let is_told = |of: fn(&Figures) -> u64| match self.refused_paths {
                0 => assert_eq!(sum(of), of(all), "{name}"),
                _ => assert!(sum(of) <= of(all), "{name}"),
            };
            is_told(|of| of.calls);
            is_told(|of| of.cancelled);
            is_told(|of| of.polls);
            is_told(|of| of.allocations);
            is_told(|of| of.allocated_bytes);
            is_told(|of| of.own_allocations);
            is_told(|of| of.own_allocated_bytes);
            is_told(|of| of.frees);
            is_told(|of| of.freed_bytes);
            let rounding_us = 2 * paths.clone().count() as u64 + 2;
            if self.refused_paths == 0 {
                assert!(
                    sum(|of| of.busy_us).abs_diff(all.busy_us) <= rounding_us + all.busy_us / 100,
                    "{name}"
                );
            }
        }
    }
}

/// One session at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the scopes did in a session around `work`.
pub(crate) fn measure(work: impl FnOnce()) -> Scopes {
    measure_with(SamplingConfig::low_overhead(), work)
}

/// The same, with each allocation a sample.
pub(crate) fn measure_exactly(work: impl FnOnce()) -> Scopes {
    measure_with(SamplingConfig { sample_rate: 1.0, ..SamplingConfig::high_precision() }, work)
}

fn measure_with(config: SamplingConfig, work: impl FnOnce()) -> Scopes {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let mut session =
        Session::builder().output(folder.path().join("out")).config(config).start().expect("a session");
    work();
    let trace = session.finalize().expect("a result").trace;
    let mut reader = TraceReader::new(File::open(&trace).expect("a trace")).expect("a trace");
    let mut scopes = Scopes::default();
    while let Some(record) = reader.next_record().expect("a record") {
        scopes.add(record);
    }
    assert!(reader.stats().is_clean(), "{:?}", reader.stats());
    scopes.agree();
    report::agrees(&trace, &scopes);
    scopes
}

/// Does `work` without a session.
pub(crate) fn without_session(work: impl FnOnce()) {
    let _turn = turn();
    work();
}

/// Allocates so many bytes, once.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    std::hint::black_box(Vec::with_capacity(count))
}
