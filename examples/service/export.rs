//! An export of all documents in one piece of JSON: a tree in memory first and then one long string. It
//! works, and it takes several times the memory of what it exports: the peak in the report's first chart.

use crate::store::Store;
use serde_json::{Value, json};

/// Exports `store`. Returns how many bytes of JSON there were.
#[memscope::profile]
pub(crate) fn build_export(store: &Store) -> usize {
    let documents = store.read();
    let mut ids: Vec<u32> = documents.keys().copied().collect();
    ids.sort_unstable();
    let tree: Vec<Value> =
        ids.iter().filter_map(|id| serde_json::to_value(documents.get(id)?).ok()).collect();
    let export = json!({ "format": 1, "documents": tree });
    serde_json::to_string_pretty(&export).map_or(0, |text| text.len())
}
