//! The audit log: who asked what, and what the answer was.
//!
//! **This is the defect that the demo is made to have.** The log is kept in memory and nothing ever takes a
//! record out, so that it grows for as long as the service answers. The report shows it twice: live memory
//! does not fall when the requests are over, and among the call sites of what is live at the end stands
//! `AuditLog::record`.

use crate::query::Request;
use std::sync::{Mutex, PoisonError};

/// All requests that were ever answered.
#[derive(Default)]
pub struct AuditLog {
    records: Mutex<Vec<Record>>,
}

struct Record {
    request: Request,
    /// A copy of the whole answer, "until the service is stable".
    answer: String,
}

impl AuditLog {
    /// Writes a request and its answer down.
    pub fn record(&self, request: Request, answer: &str) {
        let record = Record { request, answer: answer.to_owned() };
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    /// What the log holds, in bytes of text.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |record: &Record| {
            record.request.session.len() + record.request.question.len() + record.answer.len()
        };
        records.iter().map(held).sum()
    }
}
