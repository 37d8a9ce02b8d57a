//! The inverted index: for each term, which documents have it and where. Sharded by term, so that writers of
//! different shards do not wait for one another.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{PoisonError, RwLock};

/// How many shards an index has.
pub const SHARDS: usize = 16;

/// One document that has a term.
pub struct Posting {
    /// The document's id.
    pub document: u32,
    /// How many words it has.
    pub words: u16,
    /// At which of them the term stands.
    pub positions: Vec<u16>,
}

/// Postings of one shard, on their way into the index.
pub struct ShardBatch {
    /// The shard, below [`SHARDS`].
    pub shard: usize,
    /// Terms, each with a posting.
    pub postings: Vec<(String, Posting)>,
}

/// A document that a search has found.
#[derive(Clone, Copy)]
pub struct Hit {
    /// The document's id.
    pub document: u32,
    /// How well it fits; more is better.
    pub score: f32,
}

type Shard = HashMap<String, Vec<Posting>>;

/// The index.
pub struct Index {
    shards: [RwLock<Shard>; SHARDS],
}

impl Default for Index {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::default()) }
    }
}

/// The shard that `term` belongs to: the same in every run, as `RandomState` would not have it.
#[must_use]
pub fn shard_of(term: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    term.hash(&mut hasher);
    hasher.finish() as usize % SHARDS
}

impl Index {
    /// Takes a batch in. A term that the index has already is freed here, by another thread than the one that
    /// made it.
    pub fn add(&self, batch: ShardBatch) {
        let mut shard = self.shards[batch.shard].write().unwrap_or_else(PoisonError::into_inner);
        for (term, posting) in batch.postings {
            shard.entry(term).or_default().push(posting);
        }
    }

    /// The `limit` best documents for `terms` among `documents`, by BM25 (k1 = 1.2, b = 0.75), best first.
    #[must_use]
    pub fn search(&self, terms: &[String], documents: usize, limit: usize) -> Vec<Hit> {
        let mut scores: HashMap<u32, f32> = HashMap::new();
        for term in terms {
            let shard = self.shards[shard_of(term)].read().unwrap_or_else(PoisonError::into_inner);
            let Some(postings) = shard.get(term) else { continue };
            let rarity = rarity(documents, postings.len());
            for posting in postings {
                *scores.entry(posting.document).or_default() += rarity * saturation(posting);
            }
        }
        let mut hits: Vec<Hit> =
            scores.into_iter().map(|(document, score)| Hit { document, score }).collect();
        hits.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.document.cmp(&b.document)));
        hits.truncate(limit);
        hits
    }

    /// Forgets the documents below `oldest_kept` and gives back what vectors and tables hold in reserve.
    pub fn compact(&self, oldest_kept: u32) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, postings| {
                postings.retain_mut(|posting| {
                    posting.positions.shrink_to_fit();
                    posting.document >= oldest_kept
                });
                postings.shrink_to_fit();
                !postings.is_empty()
            });
            shard.shrink_to_fit();
        }
    }

    /// How many different terms there are.
    #[must_use]
    pub fn terms(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }
}

/// BM25's inverse document frequency.
fn rarity(documents: usize, having: usize) -> f32 {
    let (documents, having) = (documents as f32, having as f32);
    ((documents - having + 0.5) / (having + 0.5)).ln_1p().max(0.0)
}

/// BM25's term frequency, which grows ever more slowly and counts for less in a long document.
fn saturation(posting: &Posting) -> f32 {
    const USUAL_WORDS: f32 = 120.0;
    let frequency = posting.positions.len() as f32;
    let length = 0.25 + 0.75 * f32::from(posting.words) / USUAL_WORDS;
    frequency * 2.2 / (frequency + 1.2 * length)
}

#[cfg(test)]
mod tests {
    use super::{Index, Posting, ShardBatch, shard_of};

    /// Where a term stands in a document.
    type Positions<'a> = (&'a str, &'a [u16]);

    /// An index of documents of ten words.
    fn index(documents: &[(u32, &[Positions<'_>])]) -> Index {
        let index = Index::default();
        for (document, terms) in documents {
            for (term, positions) in *terms {
                let posting = Posting { document: *document, words: 10, positions: positions.to_vec() };
                index
                    .add(ShardBatch { shard: shard_of(term), postings: vec![((*term).to_owned(), posting)] });
            }
        }
        index
    }

    fn found(index: &Index, terms: &[&str]) -> Vec<u32> {
        let terms: Vec<String> = terms.iter().map(|term| (*term).to_owned()).collect();
        index.search(&terms, 4, 3).into_iter().map(|hit| hit.document).collect()
    }

    #[test]
    fn the_best_document_comes_first() {
        let index = index(&[
            (1, &[("fog", &[4])]),
            (2, &[("fog", &[1, 2, 7])]),
            (3, &[("fog", &[1]), ("bell", &[2])]),
        ]);
        assert_eq!(found(&index, &["fog"]), [2, 1, 3]);
        assert_eq!(found(&index, &["fog", "bell"]), [3, 2, 1]);
        assert!(found(&index, &["rain"]).is_empty());
    }

    #[test]
    fn compaction_forgets_old_documents_and_the_terms_that_only_they_had() {
        let index = index(&[(1, &[("fog", &[4]), ("rain", &[5])]), (2, &[("fog", &[1])])]);
        assert_eq!(index.terms(), 2);
        index.compact(2);
        assert_eq!(index.terms(), 1);
        assert_eq!(found(&index, &["fog", "rain"]), [2]);
    }
}
