//! The first phase: documents come in as JSON, are parsed and cut into terms, and go into the store and the
//! index.
//!
//! ```text
//! intake (3) --batches of JSON--> parser (10) --batches of postings--> indexer (4)
//! ```
//! Both arrows hand memory from one thread to another: what a parser frees was allocated by intake, and what
//! an indexer frees by a parser. The matrix of cross-thread frees in the report shows these two squares.

use crate::corpus::Corpus;
use crate::document::{Document, term_positions};
use crate::index::{Index, Posting, SHARDS, ShardBatch, shard_of};
use crate::queue::{Sender, bounded};
use crate::{Scale, Service, spawn_pool};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{io, thread};

const BATCH: usize = 32;

/// Takes in the documents of `scale`. Returns how many were rejected because they could not be read.
pub(crate) fn ingest(service: &Service, corpus: &Corpus, scale: Scale) -> io::Result<u32> {
    let rejected = AtomicU32::new(0);
    thread::scope(|scope| {
        let (incoming, batches) = bounded::<Vec<String>>(16);
        let (postings, shard_batches) = bounded::<ShardBatch>(64);
        spawn_pool(scope, "intake", 3, |number| {
            let incoming = incoming.clone();
            move || generate(corpus, scale, number, &incoming)
        })?;
        spawn_pool(scope, "parser", 10, |_| {
            let (batches, postings, rejected) = (batches.clone(), postings.clone(), &rejected);
            move || {
                for batch in batches {
                    let refused = take_in(service, &batch, &postings);
                    rejected.fetch_add(refused, Ordering::Relaxed);
                }
            }
        })?;
        spawn_pool(scope, "indexer", 4, |_| {
            let shard_batches = shard_batches.clone();
            move || shard_batches.for_each(|batch| index_batch(&service.index, batch))
        })
    })?;
    Ok(rejected.into_inner())
}

/// Every third document, in batches.
fn generate(corpus: &Corpus, scale: Scale, number: u32, incoming: &Sender<Vec<String>>) {
    let mut ids = (number..scale.documents).step_by(3);
    loop {
        let mut batch = Vec::with_capacity(BATCH);
        batch.extend(ids.by_ref().take(BATCH).map(|id| corpus.document(id)));
        if batch.is_empty() {
            break;
        }
        incoming.send(batch);
    }
}

/// Parses a batch, stores its documents and sends their postings on. Returns how many it could not read.
fn take_in(service: &Service, batch: &[String], postings: &Sender<ShardBatch>) -> u32 {
    let mut shards: [Vec<(String, Posting)>; SHARDS] = Default::default();
    let mut documents = Vec::with_capacity(batch.len());
    for json in batch {
        let Ok(document) = parse_document(json) else { continue };
        tokenize(&document, &mut shards);
        documents.push(document);
    }
    let refused = batch.len() - documents.len();
    service.store.extend(documents);
    for (shard, terms) in shards.into_iter().enumerate().filter(|(_, terms)| !terms.is_empty()) {
        postings.send(ShardBatch { shard, postings: terms });
    }
    refused as u32
}

#[memscope::profile]
fn parse_document(json: &str) -> serde_json::Result<Document> {
    serde_json::from_str(json)
}

/// Adds the terms of `document` to those of its batch.
#[memscope::profile]
fn tokenize(document: &Document, shards: &mut [Vec<(String, Posting)>; SHARDS]) {
    let terms = term_positions(document);
    let words = terms.values().map(Vec::len).sum::<usize>().try_into().unwrap_or(u16::MAX);
    for (term, positions) in terms {
        let posting = Posting { document: document.id, words, positions };
        shards[shard_of(&term)].push((term, posting));
    }
}

#[memscope::profile]
fn index_batch(index: &Index, batch: ShardBatch) {
    index.add(batch);
}
