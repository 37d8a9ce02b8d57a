//! The records of exact figures of one trace, kept from the first reading of it.
//!
//! They have to be merged by time over all traces, before the samples of any. In a trace they are few beside the samples, so they are kept
//! encoded, as in the trace, up to a limit for all traces together. A trace beyond it is read once more.

use memscope_trace::{Record, TraceError, TraceReader, TraceWriter};
use std::io::Cursor;

/// Bytes that the figures of all traces may take.
const MOST_BYTES: usize = 64 << 20;

/// What a trace's figures may take, and what they are.
pub(super) struct Kept {
    writer: Option<TraceWriter<Vec<u8>>>,
    most_bytes: usize,
}

impl Kept {
    /// For one of `traces`.
    pub(super) fn new(traces: usize) -> Result<Self, TraceError> {
        Ok(Self { writer: Some(TraceWriter::new(Vec::new())?), most_bytes: MOST_BYTES / traces.max(1) })
    }

    /// Keeps `record` if it has figures.
    pub(super) fn keep(&mut self, record: &Record) -> Result<(), TraceError> {
        if super::figures::time_us(record).is_none() {
            return Ok(());
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.push(record)?;
        writer.flush()?;
        if writer.written_bytes() as usize > self.most_bytes {
            self.writer = None;
        }
        Ok(())
    }

    /// The records; `None` where there were too many.
    pub(super) fn records(self) -> Option<Result<TraceReader<Cursor<Vec<u8>>>, TraceError>> {
        Some(TraceReader::new(Cursor::new(self.writer?.into_inner())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memscope_trace::{Counters, Symbols};

    fn figures(time_us: u64) -> Record {
        Record::Counters(Counters { time_us, ..Counters::default() })
    }

    #[test]
    fn figures_are_kept_and_nothing_else() {
        let mut kept = Kept::new(2).unwrap();
        for record in [figures(1), Record::Symbols(Symbols::default()), figures(2)] {
            kept.keep(&record).unwrap();
        }
        let mut reader = kept.records().unwrap().unwrap();
        assert_eq!(reader.next_record().unwrap(), Some(figures(1)));
        assert_eq!(reader.next_record().unwrap(), Some(figures(2)));
        assert_eq!(reader.next_record().unwrap(), None);
    }

    #[test]
    fn more_than_may_be_kept_is_given_up() {
        let mut kept = Kept::new(1).unwrap();
        kept.most_bytes = 200;
        (0..100).for_each(|time_us| kept.keep(&figures(time_us)).unwrap());
        assert!(kept.records().is_none());
    }
}
