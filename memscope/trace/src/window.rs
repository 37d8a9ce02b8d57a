//! A window that slides over the source: what the reader looks at, and no more.
//!
//! The buffer is taken once and never grows. Bytes are moved to its front only when what is wanted does not fit
//! behind them any more, that is once in so many bytes that each byte of a trace is moved a constant number of times,
//! however small the pieces are in which the source gives them.

use std::io::{ErrorKind, Read};

/// Size of the buffer. The reader wants two blocks at a time at most, which is half of this: so a move of at most two
/// blocks comes after at least as many bytes were passed.
const BUFFER_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct Window<R> {
    source: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    source_ended: bool,
    read_bytes: u64,
}

impl<R: Read> Window<R> {
    pub(crate) fn new(source: R) -> Self {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self { source, buffer, start: 0, end: 0, source_ended: false, read_bytes: 0 }
    }

    /// What is there at the position.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Moves the position behind the first `count` of the bytes that are there.
    pub(crate) fn pass(&mut self, count: usize) {
        debug_assert!(count <= self.bytes().len());
        self.start += count;
    }

    /// Makes at least `wanted_bytes` available, or all that the source has. A source that fails loses nothing: what
    /// was read stays, and the next call asks again.
    pub(crate) fn fill(&mut self, wanted_bytes: usize) -> std::io::Result<()> {
        debug_assert!(wanted_bytes <= BUFFER_BYTES / 2);
        if self.start + wanted_bytes > BUFFER_BYTES {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end - self.start < wanted_bytes && !self.source_ended {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.source_ended = true,
                Ok(read) => {
                    self.end += read;
                    self.read_bytes += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Bytes taken from the source so far.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Bytes passed so far.
    pub(crate) fn passed_bytes(&self) -> u64 {
        self.read_bytes - self.bytes().len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source of `left` bytes that count upwards, in pieces of 1 to 7 bytes.
    struct Drops {
        next: u8,
        left: usize,
    }

    impl Read for Drops {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = (self.left % 7 + 1).min(self.left).min(into.len());
            for byte in &mut into[..count] {
                *byte = self.next;
                self.next = self.next.wrapping_add(1);
            }
            self.left -= count;
            Ok(count)
        }
    }

    #[test]
    fn slides_over_a_source_longer_than_the_buffer() {
        let length = 3 * BUFFER_BYTES + 11;
        let mut window = Window::new(Drops { next: 0, left: length });
        let mut passed = 0;
        for wanted in [1, 5_000, BUFFER_BYTES / 2, 24].into_iter().cycle() {
            window.fill(wanted).unwrap();
            let there = window.bytes().len().min(wanted);
            let expected = (passed..passed + there).map(|at| at as u8);
            assert!(window.bytes()[..there].iter().copied().eq(expected), "at {passed}");
            assert_eq!(window.passed_bytes(), passed as u64);
            if there < wanted {
                window.pass(there);
                passed += there;
                break;
            }
            window.pass(there / 2 + 1);
            passed += there / 2 + 1;
        }
        assert_eq!((passed, window.read_bytes()), (length, length as u64));
        assert_eq!(window.buffer.len(), BUFFER_BYTES);
    }
}
