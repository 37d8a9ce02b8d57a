//! A trace whose first 32 bytes were damaged is still a trace.
//!
//! The file header holds nothing that the blocks need. So where it differs from the one that this version writes by
//! a few bytes only, it is taken for a damaged copy of it and the blocks are read. A header of another version differs
//! by its version and by most of its checksum, and text or another format by nearly everything: those are refused.

use memscope_trace::{TraceError, TraceReader, TraceWriter};
use std::io::{Chain, Cursor, Read};

/// Bytes that may differ in a header that is still believed.
const DAMAGED_BYTES_MAX: usize = 2;

/// A source whose first bytes have been looked at.
pub(crate) type Source<R> = Chain<Cursor<Vec<u8>>, R>;

/// Opens the trace in `source`. The flag says whether its header was damaged.
pub(crate) fn open<R: Read>(mut source: R) -> Result<(TraceReader<Source<R>>, bool), TraceError> {
    let good = TraceWriter::new(Vec::new())?.into_inner();
    let mut header = Vec::with_capacity(good.len());
    source.by_ref().take(good.len() as u64).read_to_end(&mut header)?;
    let damaged =
        header.len() == good.len() && header != good && TraceReader::new(header.as_slice()).is_err();
    let differing = header.iter().zip(&good).filter(|(one, other)| one != other).count();
    let repaired = damaged && differing <= DAMAGED_BYTES_MAX;
    let first_bytes = if repaired { good } else { header };
    Ok((TraceReader::new(Cursor::new(first_bytes).chain(source))?, repaired))
}

#[cfg(test)]
mod tests {
    use super::*;
    use memscope_trace::{Record, Scopes};

    fn trace() -> Vec<u8> {
        let mut writer = TraceWriter::new(Vec::new()).unwrap();
        writer.push(&Record::Scopes(Scopes::default())).unwrap();
        writer.flush().unwrap();
        writer.into_inner()
    }

    #[test]
    fn one_flipped_byte_is_repaired_wherever_it_is() {
        for at in 0..32 {
            let mut bytes = trace();
            bytes[at] ^= 0xFF;
            let (mut reader, damaged) = open(bytes.as_slice()).unwrap();
            assert!(damaged, "byte {at}");
            assert!(reader.next_record().unwrap().is_some(), "byte {at}");
        }
    }

    #[test]
    fn an_intact_header_is_not_called_damaged() {
        let bytes = trace();
        let (mut reader, damaged) = open(bytes.as_slice()).unwrap();
        assert!(!damaged && reader.next_record().unwrap().is_some());
    }

    #[test]
    fn what_is_no_trace_is_refused() {
        assert!(matches!(open(&b""[..]), Err(TraceError::Empty)));
        assert!(matches!(open(&b"MEMSC"[..]), Err(TraceError::HeaderCut { .. })));
        let text = b"a text that is longer than the header of a trace";
        assert!(matches!(open(&text[..]), Err(TraceError::NotATrace { .. })));
        let mut zeroed = trace();
        zeroed[8..20].fill(0);
        assert!(open(zeroed.as_slice()).is_err());
    }
}
