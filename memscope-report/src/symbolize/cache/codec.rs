//! An entry of the cache as bytes.
//!
//! | part | bytes |
//! | --- | --- |
//! | magic | `MSFRAMES` |
//! | version | 1 |
//! | build id, stamp | a text each |
//! | strings | their number, and each as a text |
//! | frames | their number, and for each: function (a string), file (a string plus 1, or 0), line (plus 1, or 0), 1 if inlined |
//! | addresses | their number, and for each: difference to the one before, number of frames, and these |
//! | checksum | CRC-32 of everything before, 4 bytes, little-endian |
//!
//! Numbers are LEB128; a text is its length and its bytes.

use super::super::table::FrameTable;
use crate::analysis::Frame;
use std::collections::HashMap;

const MAGIC: &[u8] = b"MSFRAMES";
const VERSION: u8 = 1;
/// Bytes that the texts of all frames may take once they are read: few strings may stand for many.
const TEXT_BYTES_MAX: usize = 512 << 20;

/// The entry for what is known of the binary with that build id, found in the file with that stamp.
pub(super) fn encode(build_id: &[u8], stamp: &str, table: &FrameTable) -> Vec<u8> {
    let mut out = Vec::from(MAGIC);
    out.push(VERSION);
    put_text(&mut out, build_id);
    put_text(&mut out, stamp.as_bytes());

    let mut strings: Vec<&str> = Vec::new();
    let mut indexes: HashMap<&str, u64> = HashMap::new();
    let mut index = |text| {
        *indexes.entry(text).or_insert_with(|| {
            strings.push(text);
            strings.len() as u64 - 1
        })
    };
    let mut frames = Vec::new();
    for frame in table.frames() {
        put(&mut frames, index(&frame.function));
        put(&mut frames, frame.file.as_deref().map_or(0, |file| index(file) + 1));
        put(&mut frames, frame.line.map_or(0, |line| u64::from(line) + 1));
        frames.push(u8::from(frame.inlined));
    }
    put(&mut out, strings.len() as u64);
    for text in strings {
        put_text(&mut out, text.as_bytes());
    }
    put(&mut out, table.frames().len() as u64);
    out.extend(frames);

    let addresses = table.addresses();
    put(&mut out, addresses.len() as u64);
    let mut before = 0;
    for address in addresses {
        put(&mut out, address - before);
        before = address;
        let frames = table.get(address).unwrap_or_default();
        put(&mut out, frames.len() as u64);
        for &frame in frames {
            put(&mut out, u64::from(frame));
        }
    }
    let checksum = crc32fast::hash(&out);
    out.extend(checksum.to_le_bytes());
    out
}

/// What the entry says; `None` if it is damaged, of another version or build id, or found in a file with another
/// stamp than the one that is asked for.
pub(super) fn decode(bytes: &[u8], build_id: &[u8], stamp: Option<&str>) -> Option<FrameTable> {
    let (content, checksum) = bytes.split_last_chunk()?;
    if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let mut input = Input(content.strip_prefix(MAGIC)?.strip_prefix(&[VERSION])?);
    if input.text()? != build_id {
        return None;
    }
    let found_in = input.text()?;
    if stamp.is_some_and(|stamp| stamp.as_bytes() != found_in) {
        return None;
    }
    let strings: Vec<&str> = input.list(|input| std::str::from_utf8(input.text()?).ok())?;
    let mut text_bytes = 0_usize;
    let frames: Vec<Frame> = input.list(|input| {
        let frame = input.frame(&strings)?;
        text_bytes += frame.function.len() + frame.file.as_ref().map_or(0, String::len);
        (text_bytes <= TEXT_BYTES_MAX).then_some(frame)
    })?;
    let mut table = FrameTable::with_frames(frames);
    let mut address = 0_u64;
    for _ in 0..input.number()? {
        address = address.checked_add(input.number()?)?;
        let ids = input.list(|input| u32::try_from(input.number()?).ok())?;
        table.insert_ids(address, &ids)?;
    }
    input.0.is_empty().then_some(table)
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put(out, text.len() as u64);
    out.extend(text);
}

/// What is still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }

    /// A number, and as many items. Each takes a byte at least, so a number that is made up ends with the input.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.number()?;
        (0..length).map(|_| item(self)).collect()
    }

    fn frame(&mut self, strings: &[&str]) -> Option<Frame> {
        let string = |index: u64| Some((*strings.get(usize::try_from(index).ok()?)?).to_owned());
        let function = string(self.number()?)?;
        let file = match self.number()?.checked_sub(1) {
            Some(index) => Some(string(index)?),
            None => None,
        };
        let line = match self.number()?.checked_sub(1) {
            Some(line) => Some(u32::try_from(line).ok()?),
            None => None,
        };
        let inlined = self.number()? == 1;
        Some(Frame { function, file, line, inlined })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> FrameTable {
        let frame = |function: &str, line: u32, inlined| Frame {
            function: function.to_owned(),
            file: (line > 0).then(|| "src/main.rs".to_owned()),
            line: (line > 0).then_some(line),
            inlined,
        };
        let mut table = FrameTable::default();
        table.insert(0x4000, [frame("app::inner", 300, true), frame("app::main", 7, false)]);
        table.insert(0x10, []);
        table.insert(u64::MAX, [frame("app::main", 7, false), frame("no file", 0, false)]);
        table
    }

    #[test]
    fn what_was_written_is_read() {
        let table = table();
        let bytes = encode(&[1, 2], "stamp", &table);
        let read = decode(&bytes, &[1, 2], Some("stamp")).unwrap();
        assert_eq!(read.addresses(), table.addresses());
        for address in table.addresses() {
            let frames = |table: &FrameTable| -> Vec<Frame> {
                let ids = table.get(address).unwrap();
                ids.iter().map(|&id| table.frames()[id as usize].clone()).collect()
            };
            assert_eq!(frames(&read), frames(&table));
        }
        assert!(decode(&bytes, &[1, 3], Some("stamp")).is_none());
        assert!(decode(&bytes, &[1, 2], Some("other")).is_none());
        assert!(decode(&bytes, &[1, 2], None).is_some());
    }

    /// The entry with another content and a checksum that is right.
    fn resealed(mut content: Vec<u8>) -> Vec<u8> {
        let checksum = crc32fast::hash(&content);
        content.extend(checksum.to_le_bytes());
        content
    }

    #[test]
    fn damage_is_found_and_nothing_panics() {
        let bytes = encode(&[1, 2], "stamp", &table());
        for at in 0..bytes.len() {
            assert!(decode(&bytes[..at], &[1, 2], None).is_none());
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(decode(&damaged, &[1, 2], None).is_none(), "{at}");
        }
        let content = &bytes[..bytes.len() - 4];
        for at in 0..content.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut forged = content.to_vec();
                forged[at] = value;
                // Whatever it says: no panic, and no memory beyond what there is to read.
                let _ = decode(&resealed(forged), &[1, 2], None);
            }
            assert!(decode(&resealed(content[..at].to_vec()), &[1, 2], None).is_none());
        }
        let mut newer = content.to_vec();
        newer[MAGIC.len()] = VERSION + 1;
        assert!(decode(&resealed(newer), &[1, 2], None).is_none());
    }
}
