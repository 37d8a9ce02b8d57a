//! Record <-> kind number and payload: the only place that knows bincode.
//!
//! bincode's authors have stopped maintaining it. Everything of it that memscope uses is in [`encode_payload`] and
//! [`decode_payload`]; `wincode` writes the same bytes, should it ever have to be replaced.

use crate::TraceError;
use crate::block::{FLAG_IGNORABLE, MAX_PAYLOAD_BYTES};
use crate::columns;
use crate::record::{MAX_ROWS, Record};
use serde::{Serialize, de::DeserializeOwned};

/// What decoding one block may take, bytes: a length that asks for more is damage. One byte of a payload is 8 bytes in
/// memory at most (a small number in a column of `u64`), so no block that was written asks for more.
const DECODE_LIMIT_BYTES: usize = 8 * MAX_PAYLOAD_BYTES;

fn encode_payload<T: Serialize>(value: &T, into: &mut [u8]) -> Option<usize> {
    bincode::serde::encode_into_slice(value, into, bincode::config::standard()).ok()
}

fn decode_payload<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let config = bincode::config::standard().with_limit::<DECODE_LIMIT_BYTES>();
    let (value, used) = bincode::serde::decode_from_slice(bytes, config).ok()?;
    (used == bytes.len()).then_some(value)
}

/// Declares for each record its kind number, its flags and how to check its columns.
macro_rules! kinds {
    ($($number:literal $name:ident $flags:expr, $($column:ident)*;)*) => {
        /// The kind's number and flags.
        pub(crate) fn kind(record: &Record) -> (u8, u8) {
            match record { $(Record::$name(_) => ($number, $flags),)* }
        }

        /// Writes the payload of `record` and returns its length.
        pub(crate) fn encode(record: &Record, into: &mut [u8; MAX_PAYLOAD_BYTES]) -> Result<usize, TraceError> {
            match record { $(Record::$name(value) => {
                let kind = stringify!($name);
                if !columns_agree(&[$(value.$column.len()),*]) {
                    return Err(TraceError::ColumnsDiffer { kind });
                }
                encode_payload(value, into).ok_or(TraceError::RecordTooLarge { kind })
            })* }
        }

        /// The record in the payload of a block of that kind, by the decoder that knows every kind.
        pub(crate) fn decode_in_general(kind: u8, payload: &[u8]) -> Decoded {
            match kind {
                $($number => match decode_payload::<crate::record::$name>(payload) {
                    Some(value) if columns_agree(&[$(value.$column.len()),*]) => {
                        Decoded::Record(Record::$name(value))
                    }
                    _ => Decoded::Damaged,
                },)*
                _ => Decoded::Unknown,
            }
        }
    };
}

/// The record in the payload of a block of that kind.
pub(crate) fn decode(kind: u8, payload: &[u8]) -> Decoded {
    let record = match kind {
        7 => columns::samples(payload)
            .filter(|of| columns_agree(&[of.delta_us.len(), of.threads.len(), of.sites.len()]))
            .map(Record::Samples),
        8 => columns::frees(payload)
            .filter(|of| columns_agree(&[of.delta_us.len(), of.threads.len(), of.sample_deltas.len()]))
            .map(Record::Frees),
        _ => return decode_in_general(kind, payload),
    };
    record.map_or(Decoded::Damaged, Decoded::Record)
}

/// What came of decoding a block whose checksums hold.
#[expect(clippy::large_enum_variant, reason = "lives for the moment of its decoding")]
pub(crate) enum Decoded {
    /// A record.
    Record(Record),
    /// The payload is not what its kind says.
    Damaged,
    /// A kind that this version does not know.
    Unknown,
}

fn columns_agree(lengths: &[usize]) -> bool {
    lengths.iter().all(|&length| length == lengths[0] && length <= MAX_ROWS)
}

// A number is never used again for another kind; new kinds go last.
kinds! {
    1 Session 0, ;
    2 Modules 0, ;
    3 Threads 0, ;
    4 Stacks 0, parent_deltas frames;
    5 Sites 0, stacks sizes old_sizes scopes kinds;
    6 Interval 0, ;
    7 Samples 0, delta_us threads sites;
    8 Frees 0, delta_us threads sample_deltas;
    9 Counters 0, ;
    10 ThreadCounters 0, threads allocations allocated_bytes frees freed_bytes ended;
    11 Scopes 0, ;
    12 ScopeCounters 0, scopes calls allocations allocated_bytes own_allocations own_allocated_bytes;
    13 Symbols FLAG_IGNORABLE, address_deltas name_indexes;
    14 Resources FLAG_IGNORABLE, ;
    15 Loss 0, ;
    16 End 0, ;
    17 ScopeDetails FLAG_IGNORABLE, scopes parents cancelled polls busy_us wall_us most_bytes;
    18 ScopeFrees FLAG_IGNORABLE, scopes frees freed_bytes own_frees own_freed_bytes;
    19 ScopeSizes FLAG_IGNORABLE, scopes from_bytes calls;
    20 Tasks FLAG_IGNORABLE, tasks names files lines scopes parents started_us;
    21 TaskCounters FLAG_IGNORABLE, tasks polls busy_us allocations allocated_bytes frees freed_bytes;
    22 SampleTasks FLAG_IGNORABLE, sample_deltas tasks;
    23 TaskTotals FLAG_IGNORABLE, ;
    24 TaskEnds FLAG_IGNORABLE, tasks ends ended_us;
    25 MemoryParts FLAG_IGNORABLE, ;
    26 ResourceDetails FLAG_IGNORABLE, ;
    27 ThreadTimes FLAG_IGNORABLE, os_ids cpu_us wait_us wait_known names;
    28 ScopePaths FLAG_IGNORABLE, paths above scopes calls cancelled polls busy_us wall_us allocations allocated_bytes
        own_allocations own_allocated_bytes frees freed_bytes;
    29 OwnMemory FLAG_IGNORABLE, ;
}
