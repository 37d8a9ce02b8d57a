//! The little of Protocol Buffers that a `profile.proto` message takes: fields of numbers, bytes and packed numbers.

/// A message in the making.
#[derive(Debug, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;

impl Message {
    /// What was put in.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Empties it.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// A number; 0 is left out, as it is the default.
    pub(super) fn number(&mut self, field: u64, value: u64) -> &mut Self {
        if value != 0 {
            self.varint(field << 3 | VARINT);
            self.varint(value);
        }
        self
    }

    /// A string or message.
    pub(super) fn bytes(&mut self, field: u64, value: &[u8]) -> &mut Self {
        self.varint(field << 3 | LENGTH_DELIMITED);
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
        self
    }

    /// A message.
    pub(super) fn message(&mut self, field: u64, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::default();
        fill(&mut inner);
        self.bytes(field, &inner.bytes)
    }

    /// Numbers in one piece.
    pub(super) fn packed(&mut self, field: u64, values: impl IntoIterator<Item = u64>) -> &mut Self {
        let mut inner = Self::default();
        values.into_iter().for_each(|value| inner.varint(value));
        self.bytes(field, &inner.bytes)
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_specification_shows() {
        // "08 96 01" and "12 07 testing" are the encoding guide's own examples.
        let mut message = Message::default();
        message.number(1, 150).bytes(2, b"testing").number(3, 0);
        assert_eq!(message.as_bytes(), b"\x08\x96\x01\x12\x07testing");
        message.clear();
        message.packed(6, [3, 270, 86_942]);
        assert_eq!(message.as_bytes(), b"\x32\x06\x03\x8e\x02\x9e\xa7\x05");
        message.clear();
        message.message(3, |inner| _ = inner.number(1, 150));
        assert_eq!(message.as_bytes(), b"\x1a\x03\x08\x96\x01");
    }
}
