//! What the service stores, and how the text of a document becomes terms.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// One document, as it comes in and as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub struct Document {
    /// Unique, from 0.
    pub id: u32,
    /// One line.
    pub title: String,
    /// Who wrote it.
    pub author: Author,
    /// ISO 8601 date.
    pub published: String,
    /// Subjects, most important first.
    pub tags: Vec<String>,
    /// Whatever else the sender knew.
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// The text.
    pub body: String,
}

/// Who wrote a document.
#[derive(Debug, Serialize, Deserialize)]
pub struct Author {
    /// Given name and surname.
    pub name: String,
    /// Where the author lives.
    pub place: String,
}

/// The terms of a document: for each, the positions of the words that it stands for.
#[must_use]
pub fn term_positions(document: &Document) -> HashMap<String, Vec<u16>> {
    let mut positions: HashMap<String, Vec<u16>> = HashMap::new();
    for (at, term) in terms(&document.title).chain(terms(&document.body)).enumerate() {
        positions.entry(term).or_default().push(at.try_into().unwrap_or(u16::MAX));
    }
    positions
}

/// The terms of a text, in its order: words of two letters and more, in lower case, plurals as singulars. One
/// string each: simple, and the reason why a tokenizer is so often at the top of a list of call sites.
pub fn terms(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() >= 2);
    words.map(|word| {
        let plural = word.len() > 3 && word.ends_with('s') && !word.ends_with("ss");
        word[..word.len() - usize::from(plural)].to_lowercase()
    })
}

#[cfg(test)]
mod tests {
    use super::terms;

    #[test]
    fn words_become_terms() {
        let text = "The harbour-master's lamps; Glass, 1893 & a fog.";
        let expected = ["the", "harbour", "master", "lamp", "glass", "1893", "fog"];
        assert_eq!(terms(text).collect::<Vec<_>>(), expected);
    }
}
