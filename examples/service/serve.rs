//! The second phase: questions come in, are answered, and the answers go out. When six in ten are through,
//! somebody orders an export of everything: the spike.
//!
//! ```text
//! gateway (1) --requests--> query (8, each with a queue and a cache of its own) --answers--> responder (3)
//!             --order-----> exporter (1)
//! ```

use crate::audit::AuditLog;
use crate::cache::Cache;
use crate::corpus::Corpus;
use crate::export::build_export;
use crate::query::{Answer, Request, answer_query};
use crate::queue::{Sender, bounded};
use crate::{Scale, Service, spawn_pool};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, thread};

const QUERY_WORKERS: u32 = 8;
const ANSWERS_PER_CACHE: usize = 250;

/// What was served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// Requests that were answered.
    pub requests: usize,
    /// Those of them that a cache had the answer to.
    pub cached: usize,
    /// Bytes of JSON that went out.
    pub answered_bytes: usize,
    /// Bytes of the export.
    pub exported_bytes: usize,
}

#[derive(Default)]
struct Counters {
    requests: AtomicUsize,
    cached: AtomicUsize,
    answered_bytes: AtomicUsize,
    exported_bytes: AtomicUsize,
}

/// Answers the requests of `scale`.
pub(crate) fn serve(service: &Service, corpus: &Corpus, scale: Scale) -> io::Result<Served> {
    let counters = Counters::default();
    thread::scope(|scope| {
        let (order, orders) = bounded::<()>(1);
        let (answers, answered) = bounded::<Answer>(64);
        let mut workers = Vec::new();
        spawn_pool(scope, "query", QUERY_WORKERS, |_| {
            let ((requests, questions), answers) = (bounded::<Request>(16), answers.clone());
            workers.push(requests);
            move || {
                let mut cache = Cache::new(ANSWERS_PER_CACHE);
                questions.for_each(|request| answers.send(answer_query(service, &mut cache, request)));
            }
        })?;
        spawn_pool(scope, "responder", 3, |_| {
            let (answered, counters) = (answered.clone(), &counters);
            move || answered.for_each(|answer| respond(answer, &service.audit, counters))
        })?;
        spawn_pool(scope, "exporter", 1, |_| {
            let (orders, bytes) = (orders.clone(), &counters.exported_bytes);
            move || orders.for_each(|()| bytes.store(build_export(&service.store), Ordering::Relaxed))
        })?;
        let mut gateway = Some((workers, order));
        spawn_pool(scope, "gateway", 1, |_| {
            let ends = gateway.take();
            move || ends.into_iter().for_each(|(workers, order)| accept(corpus, scale, &workers, &order))
        })
    })?;
    Ok(Served {
        requests: counters.requests.into_inner(),
        cached: counters.cached.into_inner(),
        answered_bytes: counters.answered_bytes.into_inner(),
        exported_bytes: counters.exported_bytes.into_inner(),
    })
}

/// Reads the requests and gives each to the worker that has the answer in its cache, if anyone has.
fn accept(corpus: &Corpus, scale: Scale, workers: &[Sender<Request>], order: &Sender<()>) {
    for number in 0..scale.requests {
        if number == scale.requests / 10 * 6 {
            order.send(());
        }
        let Ok(request) = serde_json::from_str::<Request>(&corpus.request(number)) else { continue };
        let mut hasher = DefaultHasher::new();
        request.question.hash(&mut hasher);
        workers[hasher.finish() as usize % workers.len()].send(request);
    }
}

/// Sends an answer out, which here means to count it, and writes it down.
fn respond(answer: Answer, audit: &AuditLog, counters: &Counters) {
    counters.requests.fetch_add(1, Ordering::Relaxed);
    counters.cached.fetch_add(usize::from(answer.cached), Ordering::Relaxed);
    counters.answered_bytes.fetch_add(answer.body.len(), Ordering::Relaxed);
    audit.record(answer.request, &answer.body);
}
