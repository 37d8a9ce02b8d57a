//! Framing: the file header and the block header, byte for byte.
//!
//! ```text
//! file header, 32 bytes                       block header, 24 bytes
//!  0  8  magic "MEMSCOPE"                      0  4  magic A7 4D 53 42 ("\xA7MSB")
//!  8  2  format version, major                 4  1  kind
//! 10  2  format version, minor                 5  1  flags (bit 0: a reader may ignore an unknown kind)
//! 12  4  endianness mark 0x0A0B0C0D            6  2  zero
//! 16  4  flags (zero)                          8  4  sequence number of the block, from 0
//! 20  8  zero                                 12  4  payload length in bytes, at most 65,536
//! 28  4  CRC-32 of bytes 0..28                16  4  CRC-32 of the payload
//!                                             20  4  CRC-32 of bytes 0..20
//! ```
//!
//! Everything is little endian. The header has a checksum of its own so that a damaged length is never believed. The
//! file header keeps this layout in every version, so that every reader can tell a version from damage.

use crate::TraceError;

/// The version that this crate writes: a reader of another major version refuses, a newer minor version is read.
pub const FORMAT_VERSION: (u16, u16) = (1, 4);
/// The largest payload of one block, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

pub(crate) const FILE_MAGIC: [u8; 8] = *b"MEMSCOPE";
pub(crate) const FILE_HEADER_BYTES: usize = 32;
pub(crate) const BLOCK_MAGIC: [u8; 4] = [0xA7, b'M', b'S', b'B'];
pub(crate) const BLOCK_HEADER_BYTES: usize = 24;
const ENDIANNESS_MARK: u32 = 0x0A0B_0C0D;
/// Set on every kind that a reader may pass over without harm when it does not know it.
pub(crate) const FLAG_IGNORABLE: u8 = 1;

/// The header of one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) sequence: u32,
    pub(crate) payload_bytes: u32,
    pub(crate) payload_crc: u32,
}

impl BlockHeader {
    /// Length of the whole block, bytes.
    pub(crate) fn block_bytes(&self) -> usize {
        BLOCK_HEADER_BYTES + self.payload_bytes as usize
    }

    /// The payload of the block that `bytes` begin with, if all of it is there and its checksum holds.
    pub(crate) fn intact_payload<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let payload = bytes.get(BLOCK_HEADER_BYTES..self.block_bytes())?;
        (crc32fast::hash(payload) == self.payload_crc).then_some(payload)
    }
}

/// The 32 bytes that a trace begins with.
pub(crate) fn encode_file_header() -> [u8; FILE_HEADER_BYTES] {
    let mut bytes = [0; FILE_HEADER_BYTES];
    bytes[..8].copy_from_slice(&FILE_MAGIC);
    bytes[8..10].copy_from_slice(&FORMAT_VERSION.0.to_le_bytes());
    bytes[10..12].copy_from_slice(&FORMAT_VERSION.1.to_le_bytes());
    bytes[12..16].copy_from_slice(&ENDIANNESS_MARK.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..28]);
    bytes[28..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Checks the first bytes of a file and returns its format version.
pub(crate) fn decode_file_header(bytes: &[u8]) -> Result<(u16, u16), TraceError> {
    if bytes.is_empty() {
        return Err(TraceError::Empty);
    }
    let shared = bytes.len().min(FILE_MAGIC.len());
    if bytes[..shared] != FILE_MAGIC[..shared] {
        return Err(TraceError::NotATrace { found: bytes[..bytes.len().min(16)].to_vec() });
    }
    if bytes.len() < FILE_HEADER_BYTES {
        return Err(TraceError::HeaderCut { found_bytes: bytes.len() });
    }
    // The checksum first: a version is believed only if it is what was written.
    if crc32fast::hash(&bytes[..28]) != le_u32(bytes, 28) || le_u32(bytes, 12) != ENDIANNESS_MARK {
        return Err(TraceError::HeaderDamaged);
    }
    let version = (u16::from_le_bytes([bytes[8], bytes[9]]), u16::from_le_bytes([bytes[10], bytes[11]]));
    if version.0 != FORMAT_VERSION.0 {
        return Err(TraceError::Version { found: version });
    }
    Ok(version)
}

/// The header of the block that holds `payload`.
pub(crate) fn encode_block_header(
    kind: u8,
    flags: u8,
    sequence: u32,
    payload: &[u8],
) -> [u8; BLOCK_HEADER_BYTES] {
    debug_assert!(payload.len() <= MAX_PAYLOAD_BYTES);
    let mut bytes = [0; BLOCK_HEADER_BYTES];
    bytes[..4].copy_from_slice(&BLOCK_MAGIC);
    bytes[4] = kind;
    bytes[5] = flags;
    bytes[8..12].copy_from_slice(&sequence.to_le_bytes());
    bytes[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes[16..20].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let crc = crc32fast::hash(&bytes[..20]);
    bytes[20..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The header in the first 24 of `bytes`, or `None` where they are not the header of a block.
pub(crate) fn decode_block_header(bytes: &[u8]) -> Option<BlockHeader> {
    if bytes.len() < BLOCK_HEADER_BYTES || bytes[..4] != BLOCK_MAGIC {
        return None;
    }
    let header = BlockHeader {
        kind: bytes[4],
        flags: bytes[5],
        sequence: le_u32(bytes, 8),
        payload_bytes: le_u32(bytes, 12),
        payload_crc: le_u32(bytes, 16),
    };
    let intact = crc32fast::hash(&bytes[..20]) == le_u32(bytes, 20);
    (intact && header.payload_bytes as usize <= MAX_PAYLOAD_BYTES).then_some(header)
}

fn le_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
