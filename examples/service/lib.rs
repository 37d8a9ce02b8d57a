//! A document service in one process: the workload that the demo profiles.
//!
//! It does what such a service does, with threads, queues, JSON, an index and a cache, and the same work in
//! every run:
//!
//! 1. `ingest`: documents are parsed, cut into terms, indexed and stored.
//! 2. `serve`: questions are answered; an export of everything falls into the middle of it.
//! 3. `cool_down`: the older half of the documents is forgotten.
//!
//! What the service still holds afterwards is an index and a store of half the size, and an audit log that
//! nobody ever empties ([`audit`]): that is what a look at the report should find.
//!
//! The number of allocations and their bytes are the same in every run of the same [`Scale`], whatever the
//! threads' timing: batches are cut by number, tables that things are removed from are large enough from the
//! start, and the queues allocate nothing while they are used. So what memscope counts can be compared with
//! what another allocator counts. (One thing moves it, by 0 to 6 allocations of 544 or 640 bytes: the standard
//! library keeps a tree of the threads' stacks, and how often its nodes split depends on which threads overlap.)

#![forbid(unsafe_code)]

pub mod audit;
pub mod cache;
pub mod corpus;
pub mod document;
mod export;
pub mod index;
mod ingest;
pub mod query;
pub mod queue;
pub mod random;
mod serve;
pub mod store;

use audit::AuditLog;
use corpus::Corpus;
use index::Index;
pub use serve::Served;
use std::thread::Scope;
use std::{fmt, io, thread};
use store::Store;

/// How much work there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Documents that come in.
    pub documents: u32,
    /// Requests that are answered.
    pub requests: u32,
}

impl Scale {
    /// The demo's: some seconds on two cores.
    pub const DEMO: Self = Self { documents: 14_000, requests: 35_000 };
    /// A fraction of a second, for tests.
    pub const SMALL: Self = Self { documents: 400, requests: 1_000 };
}

/// The service, with all that it holds.
#[derive(Default)]
pub struct Service {
    /// The documents.
    pub store: Store,
    /// What stands in them.
    pub index: Index,
    /// What was asked.
    pub audit: AuditLog,
    /// What was done.
    pub figures: Figures,
}

/// What the service has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Documents that came in.
    pub documents: u32,
    /// Those of them that could not be read.
    pub rejected: u32,
    /// Different terms in the index, before the cool-down.
    pub terms: usize,
    /// What was served.
    pub served: Served,
}

/// Runs the service from its start until its queues are empty. What it returns is still as it was while it
/// ran: a profile that ends now finds its memory live.
///
/// # Errors
/// When the operating system gives no thread.
pub fn run_service(scale: Scale) -> io::Result<Service> {
    let (mut service, corpus) = (Service::default(), Corpus::default());
    let rejected = ingest::ingest(&service, &corpus, scale)?;
    let terms = service.index.terms();
    let served = serve::serve(&service, &corpus, scale)?;
    cool_down(&service, scale)?;
    service.figures = Figures { documents: scale.documents, rejected, terms, served };
    Ok(service)
}

/// The third phase: forgets the older half of the documents.
fn cool_down(service: &Service, scale: Scale) -> io::Result<()> {
    thread::scope(|scope| {
        spawn_pool(scope, "compactor", 1, |_| move || compact(service, scale.documents / 2))
    })
}

#[memscope::profile]
fn compact(service: &Service, oldest_kept: u32) {
    service.index.compact(oldest_kept);
    service.store.compact(oldest_kept);
}

/// Starts `count` threads called `name-0`, `name-1` and so on; `worker` says what each of them does.
fn spawn_pool<'scope, W: FnOnce() + Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    count: u32,
    mut worker: impl FnMut(u32) -> W,
) -> io::Result<()> {
    for number in 0..count {
        thread::Builder::new().name(format!("{name}-{number}")).spawn_scoped(scope, worker(number))?;
    }
    Ok(())
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { documents, rejected, terms, served } = self;
        writeln!(
            f,
            "{documents} documents taken in, {rejected} of them unreadable; {terms} terms in the index"
        )?;
        let Served { requests, cached, answered_bytes, exported_bytes } = served;
        let (answered_mib, exported_mib) = (answered_bytes >> 20, exported_bytes >> 20);
        write!(
            f,
            "{requests} requests answered, {cached} of them from a cache, {answered_mib} MiB of JSON; "
        )?;
        write!(f, "an export of {exported_mib} MiB")
    }
}
