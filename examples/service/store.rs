//! The documents themselves, by id.

use crate::document::Document;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// The documents that the service has.
#[derive(Default)]
pub struct Store {
    documents: RwLock<HashMap<u32, Document>>,
}

impl Store {
    /// Takes documents in.
    pub fn extend(&self, documents: Vec<Document>) {
        let mut stored = self.documents.write().unwrap_or_else(PoisonError::into_inner);
        for document in documents {
            stored.insert(document.id, document);
        }
    }

    /// All documents, for reading.
    pub fn read(&self) -> RwLockReadGuard<'_, HashMap<u32, Document>> {
        self.documents.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the documents below `oldest_kept`.
    pub fn compact(&self, oldest_kept: u32) {
        let mut stored = self.documents.write().unwrap_or_else(PoisonError::into_inner);
        stored.retain(|id, _| *id >= oldest_kept);
        stored.shrink_to_fit();
    }
}
