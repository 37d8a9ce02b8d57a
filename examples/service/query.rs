//! One request, from its question to the JSON of its answer.

use crate::Service;
use crate::cache::Cache;
use crate::document::{Document, terms};
use crate::index::Hit;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const HITS_PER_PAGE: usize = 10;

/// How much of a document an answer shows, in bytes before and after the word that was found.
const SNIPPET: (usize, usize) = (60, 120);

/// What a client sends.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// Who asks.
    pub session: String,
    /// The words that are looked for.
    pub question: String,
}

/// An answer on its way to the client.
pub struct Answer {
    /// What was asked.
    pub request: Request,
    /// The JSON that goes out.
    pub body: Arc<str>,
    /// Whether the cache had it.
    pub cached: bool,
}

#[derive(Serialize)]
struct Page<'a> {
    question: &'a str,
    hits: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    id: u32,
    score: f32,
    title: &'a str,
    author: &'a str,
    snippet: String,
}

/// Answers `request`, from `cache` if it can.
#[memscope::profile]
pub(crate) fn answer_query(service: &Service, cache: &mut Cache, request: Request) -> Answer {
    if let Some(body) = cache.get(&request.question) {
        return Answer { request, body, cached: true };
    }
    let body: Arc<str> = render(service, &request.question).into();
    cache.put(request.question.clone(), Arc::clone(&body));
    Answer { request, body, cached: false }
}

/// Searches, and writes what was found as JSON.
fn render(service: &Service, question: &str) -> String {
    let terms: Vec<String> = terms(question).collect();
    let documents = service.store.read();
    let hits = service.index.search(&terms, documents.len(), HITS_PER_PAGE);
    let found = hits.iter().filter_map(|hit| Some(found(documents.get(&hit.document)?, *hit, &terms)));
    let page = Page { question, hits: found.collect() };
    serde_json::to_string(&page).expect("strings and numbers are always JSON")
}

fn found<'a>(document: &'a Document, hit: Hit, terms: &[String]) -> Found<'a> {
    let snippet = snippet(&document.body, terms);
    Found {
        id: hit.document,
        score: hit.score,
        title: &document.title,
        author: &document.author.name,
        snippet,
    }
}

/// The text around the first of `terms` that stands in `body`, whole words only.
fn snippet(body: &str, terms: &[String]) -> String {
    let lower = body.to_lowercase();
    let at = terms.iter().filter_map(|term| lower.find(term.as_str())).min().unwrap_or(0);
    let start = body.floor_char_boundary(at.saturating_sub(SNIPPET.0));
    let end = body.floor_char_boundary(at + SNIPPET.1);
    let words = body[start..end].split_whitespace();
    let whole = words.skip(usize::from(start > 0)).collect::<Vec<_>>();
    whole.join(" ")
}

#[cfg(test)]
mod tests {
    use super::snippet;

    #[test]
    fn a_snippet_shows_the_first_term_with_some_text_around_it() {
        let body = format!("{} the lantern was found {}", "before ".repeat(50), "after ".repeat(50));
        let snippet = snippet(&body, &["nothing".to_owned(), "lantern".to_owned()]);
        assert!(snippet.starts_with("before before") && snippet.contains("the lantern was found after"));
        assert!(snippet.len() <= 180, "{}", snippet.len());
    }
}
