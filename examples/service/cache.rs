//! A cache of answers: of bounded size, the least recently used goes first. Each query worker has its own,
//! and the gateway sends the same question always to the same worker.

use std::collections::HashMap;
use std::sync::Arc;

struct Entry {
    answer: Arc<str>,
    last_used: u64,
}

/// Answers by question.
pub struct Cache {
    entries: HashMap<String, Entry>,
    capacity: usize,
    clock: u64,
}

impl Cache {
    /// A cache of at most `capacity` answers. Its table has twice the room: removals leave gaps, and a table
    /// that is at most half full sweeps them up in place instead of growing.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { entries: HashMap::with_capacity(2 * capacity + 2), capacity, clock: 0 }
    }

    /// The answer to `question`, if it is here.
    pub fn get(&mut self, question: &str) -> Option<Arc<str>> {
        self.clock += 1;
        let entry = self.entries.get_mut(question)?;
        entry.last_used = self.clock;
        Some(Arc::clone(&entry.answer))
    }

    /// Keeps an answer, in the place of the one that was used longest ago if there is no room. To look at
    /// them all is quicker than to keep a list in order, as long as they are some hundreds.
    pub fn put(&mut self, question: String, answer: Arc<str>) {
        if self.entries.len() >= self.capacity
            && let Some((oldest, _)) = self.entries.iter().min_by_key(|(_, entry)| entry.last_used)
        {
            let oldest = oldest.clone();
            self.entries.remove(&oldest);
        }
        self.clock += 1;
        self.entries.insert(question, Entry { answer, last_used: self.clock });
    }
}

#[cfg(test)]
mod tests {
    use super::Cache;

    #[test]
    fn the_least_recently_used_answer_goes() {
        let mut cache = Cache::new(2);
        cache.put("a".to_owned(), "1".into());
        cache.put("b".to_owned(), "2".into());
        assert_eq!(cache.get("a").as_deref(), Some("1"));
        cache.put("c".to_owned(), "3".into());
        assert_eq!(cache.get("b"), None);
        assert_eq!(cache.get("a").as_deref(), Some("1"));
        assert_eq!(cache.get("c").as_deref(), Some("3"));
    }
}
