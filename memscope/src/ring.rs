//! One thread's samples on their way to the drain thread: a ring of words with one producer and one consumer.
//!
//! Invariants: `tail <= head`, `head - tail <= capacity` (both count words and only grow); words in `tail..head` belong to
//! the consumer, the others to the producer. A sample is a header of [`HEADER_WORDS`] words and then its frames; it
//! becomes visible as a whole, when `head` moves behind it. A sample that does not fit is refused: the host thread
//! never waits.
//!
//! Where the producer finds the ring empty, it moves the `origin`: what comes next stands at the front again. So a ring touches as much of its
//! memory as it ever held, not all of it: of 64 KiB mostly a page or two.
//!
//! Header and words stand in one mapping of the operating system's, made at the thread's first sample.

use crate::sync::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use crate::sys;
use core::ptr::NonNull;
use memscope_trace::AllocationKind;

/// Words of a sample before its frames.
const HEADER_WORDS: usize = 6;
const WORDS_PER_LINE: usize = 8;
/// A sample of some thirty frames.
const PREFETCHED_LINES: usize = 5;
/// The most frames that a sample holds; what is called from further out is cut off.
pub(crate) const MAX_FRAMES: usize = if cfg!(loom) { 2 } else { 128 };

/// What a hook saw of a sampled allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample<'a> {
    pub(crate) time_ns: u64,
    pub(crate) size: u64,
    /// Size before a `realloc`, else 0.
    pub(crate) old_size: u64,
    pub(crate) kind: AllocationKind,
    /// The sampling interval in force.
    pub(crate) interval: u32,
    /// Its entry in the live table.
    pub(crate) entry: u32,
    pub(crate) scope: u32,
    /// The task, 0 outside any.
    pub(crate) task: u32,
    /// The frames do not reach the outermost one.
    pub(crate) truncated: bool,
    /// Code addresses, innermost first.
    pub(crate) frames: &'a [u64],
}

#[repr(C, align(128))]
struct Side(AtomicUsize);

/// The ring's header; `capacity` words (a power of two) follow it in memory.
#[repr(C)]
pub(crate) struct Ring {
    /// Words written, by the producer.
    head: Side,
    /// Words taken, by the consumer.
    tail: Side,
    /// The position that stands at the front. The producer moves it while nothing is in the ring, so the consumer never sees it move under a
    /// sample that it reads.
    origin: AtomicUsize,
    capacity: usize,
    mapped_bytes: usize,
    words: *const AtomicU64,
}

// SAFETY: the words are atomics in the ring's own mapping, which lives as long as the ring.
unsafe impl Send for Ring {}
// SAFETY: as above.
unsafe impl Sync for Ring {}

impl Ring {
    /// Maps a ring of at most `bytes` in all.
    pub(crate) fn create(bytes: usize) -> Option<NonNull<Self>> {
        let words = bytes.saturating_sub(size_of::<Self>()) / size_of::<AtomicU64>();
        let capacity = (words + 1).next_power_of_two() / 2;
        if capacity < HEADER_WORDS + MAX_FRAMES {
            return None;
        }
        let mapped_bytes = size_of::<Self>() + capacity * size_of::<AtomicU64>();
        let ring = sys::map(mapped_bytes)?.cast::<Self>();
        // SAFETY: the mapping is large enough, page-aligned, zeroed and nobody else's yet.
        unsafe {
            crate::sync::begin(&raw mut (*ring.as_ptr()).head.0, 1);
            crate::sync::begin(&raw mut (*ring.as_ptr()).tail.0, 1);
            crate::sync::begin(&raw mut (*ring.as_ptr()).origin, 1);
            crate::sync::begin(ring.as_ptr().add(1).cast::<AtomicU64>(), capacity);
            (*ring.as_ptr()).capacity = capacity;
            (*ring.as_ptr()).mapped_bytes = mapped_bytes;
            (*ring.as_ptr()).words = ring.as_ptr().add(1).cast();
        }
        Some(ring)
    }

    /// Unmaps the ring in `slot`, if there is one.
    ///
    /// # Safety
    /// Its producer has ended or is kept out of the hook, and the caller is its consumer.
    pub(crate) unsafe fn release_of(slot: &AtomicPtr<Self>) {
        if let Some(ring) = NonNull::new(slot.swap(core::ptr::null_mut(), Ordering::AcqRel)) {
            // SAFETY: the caller's contract: nobody else refers to the ring.
            unsafe { sys::unmap(ring.cast(), ring.as_ref().mapped_bytes) };
        }
    }

    /// All words.
    fn words(&self) -> &[AtomicU64] {
        // SAFETY: `create` mapped `capacity` words from there, for as long as the ring lives.
        unsafe { core::slice::from_raw_parts(self.words, self.capacity) }
    }

    /// Where the word at `position` stands.
    fn index(&self, position: usize) -> usize {
        debug_assert!(self.capacity.is_power_of_two());
        position.wrapping_sub(self.origin.load(Ordering::Relaxed)) & (self.capacity - 1)
    }

    /// The `count` words from `position` on: up to the ring's end, and from its front.
    fn range(&self, position: usize, count: usize) -> (&[AtomicU64], &[AtomicU64]) {
        let (front, back) = self.words().split_at(self.index(position));
        let before_end = count.min(back.len());
        (&back[..before_end], &front[..(count - before_end).min(front.len())])
    }

    /// Asks for the memory that the next sample will most likely be written to. Only the producer calls this.
    pub(crate) fn prefetch(&self) {
        let (head, tail) = (self.head.0.load(Ordering::Relaxed), self.tail.0.load(Ordering::Relaxed));
        let first = if head == tail { 0 } else { self.index(head) };
        let words = self.words();
        for line in 0..PREFETCHED_LINES {
            sys::prefetch(&raw const words[(first + line * WORDS_PER_LINE).min(words.len() - 1)]);
        }
    }

    /// Adds a sample; `false` when there is no room. Only the producer calls this.
    pub(crate) fn push(&self, sample: &Sample<'_>) -> bool {
        let frames = &sample.frames[..sample.frames.len().min(MAX_FRAMES)];
        let words = HEADER_WORDS + frames.len();
        let head = self.head.0.load(Ordering::Relaxed);
        // Acquire: pairs with the consumer's Release; the words before `tail` are read and may be written again.
        let tail = self.tail.0.load(Ordering::Acquire);
        debug_assert!(head.wrapping_sub(tail) <= self.capacity);
        if self.capacity - head.wrapping_sub(tail) < words {
            return false;
        }
        if head == tail {
            // Published with the sample, by the Release below.
            self.origin.store(head, Ordering::Relaxed);
        }
        let meta = (frames.len() as u64)
            | (sample.kind as u64) << 16
            | u64::from(sample.truncated) << 24
            | u64::from(sample.interval) << 32;
        let place = u64::from(sample.entry) | u64::from(sample.scope) << 32;
        let header = [meta, sample.time_ns, place, sample.size, sample.old_size, u64::from(sample.task)];
        let (before_end, from_front) = self.range(head, words);
        if let Some((first, rest)) = before_end.split_at_checked(HEADER_WORDS) {
            store(first, &header);
            let (fitting, wrapped) = frames.split_at(rest.len());
            store(rest, fitting);
            store(from_front, wrapped);
        } else {
            let (fitting, wrapped) = header.split_at(before_end.len());
            store(before_end, fitting);
            let (first, rest) = from_front.split_at(wrapped.len());
            store(first, wrapped);
            store(rest, frames);
        }
        // Release: publishes the words.
        self.head.0.store(head.wrapping_add(words), Ordering::Release);
        true
    }

    /// Takes the oldest sample, if any, its frames copied to `frames`. Only the consumer calls this.
    pub(crate) fn pop<'a>(&self, frames: &'a mut [u64; MAX_FRAMES]) -> Option<Sample<'a>> {
        let tail = self.tail.0.load(Ordering::Relaxed);
        // Acquire: pairs with the producer's Release.
        if self.head.0.load(Ordering::Acquire) == tail {
            return None;
        }
        let read =
            |offset: usize| self.words()[self.index(tail.wrapping_add(offset))].load(Ordering::Relaxed);
        let (meta, place) = (read(0), read(2));
        let count = (meta as u16 as usize).min(MAX_FRAMES);
        for (index, frame) in frames[..count].iter_mut().enumerate() {
            *frame = read(HEADER_WORDS + index);
        }
        let sample = Sample {
            time_ns: read(1),
            size: read(3),
            old_size: read(4),
            kind: AllocationKind::from_u8((meta >> 16) as u8),
            interval: (meta >> 32) as u32,
            entry: place as u32,
            scope: (place >> 32) as u32,
            task: read(5) as u32,
            truncated: meta >> 24 & 1 == 1,
            frames: &frames[..count],
        };
        // Release: the words are read; the producer may write them again.
        self.tail.0.store(tail.wrapping_add(HEADER_WORDS + count), Ordering::Release);
        Some(sample)
    }

    /// Whether more than half of the ring is taken. Only the producer asks.
    pub(crate) fn is_half_full(&self) -> bool {
        let (head, tail) = (self.head.0.load(Ordering::Relaxed), self.tail.0.load(Ordering::Relaxed));
        head.wrapping_sub(tail) > self.capacity / 2
    }

    /// Whether nothing is in the ring.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.0.load(Ordering::Acquire) == self.tail.0.load(Ordering::Acquire)
    }
}

fn store(words: &[AtomicU64], values: &[u64]) {
    for (word, &value) in words.iter().zip(values) {
        word.store(value, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn with_ring(bytes: usize, test: impl FnOnce(&Ring)) {
        let slot = AtomicPtr::new(Ring::create(bytes).expect("a mapping").as_ptr());
        // SAFETY: the ring was just made and is released below.
        test(unsafe { &*slot.load(Ordering::Relaxed) });
        // SAFETY: no other thread has it.
        unsafe { Ring::release_of(&slot) };
    }

    fn sample(number: u64, frames: &[u64]) -> Sample<'_> {
        Sample {
            time_ns: number,
            size: number * 3,
            old_size: number / 2,
            kind: AllocationKind::ReallocMoved,
            interval: 7,
            entry: number as u32,
            scope: 9,
            task: number as u32 + 1,
            truncated: number % 2 == 1,
            frames,
        }
    }

    #[test]
    fn takes_no_more_than_it_may() {
        for bytes in [4096, 5000, 65_536, 1 << 20] {
            with_ring(bytes, |ring| assert!(ring.mapped_bytes <= bytes && ring.mapped_bytes * 2 > bytes / 2));
        }
        assert!(Ring::create(512).is_none());
    }

    #[test]
    fn gives_back_what_was_put_in_and_refuses_what_does_not_fit() {
        with_ring(4096, |ring| {
            let frames: Vec<u64> = (0..40).collect();
            let mut taken = [0; MAX_FRAMES];
            let mut next = 0;
            for round in 0..1000_u64 {
                let mut put = 0;
                while ring.push(&sample(round * 100 + put, &frames[..(put as usize * 7) % 40])) {
                    put += 1;
                }
                assert!(put >= 3, "a full ring holds several samples");
                for number in 0..put {
                    let expected = sample(round * 100 + number, &frames[..(number as usize * 7) % 40]);
                    assert_eq!(ring.pop(&mut taken), Some(expected));
                    next += 1;
                }
                assert!(ring.is_empty() && ring.pop(&mut taken).is_none());
            }
            assert!(next > 3000);
        });
    }

    #[test]
    fn an_emptied_ring_begins_at_the_front_again_and_holds_as_much() {
        with_ring(65_536, |ring| {
            let frames: Vec<u64> = (0..28).collect();
            let mut taken = [0; MAX_FRAMES];
            let touched = |ring: &Ring| {
                (0..ring.capacity)
                    .filter(|&at| ring.words()[ring.index(at)].load(Ordering::Relaxed) != 0)
                    .count()
            };
            for number in 1..=10_000 {
                assert!(ring.push(&sample(number, &frames)) && ring.push(&sample(number, &frames)));
                assert_eq!(ring.pop(&mut taken), Some(sample(number, &frames)));
                assert_eq!(ring.pop(&mut taken), Some(sample(number, &frames)));
                assert_eq!(ring.pop(&mut taken), None);
            }
            assert!(touched(ring) <= 2 * (HEADER_WORDS + 28), "{} words", touched(ring));
            let held = (1..).take_while(|&number| ring.push(&sample(number, &frames))).count();
            assert_eq!(held, ring.capacity / (HEADER_WORDS + 28));
        });
    }

    #[test]
    fn two_threads_lose_nothing() {
        const SAMPLES: u64 = if cfg!(miri) { 200 } else { 100_000 };
        with_ring(8192, |ring| {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let frames = [1, 2, 3];
                    for number in 0..SAMPLES {
                        while !ring.push(&sample(number, &frames[..number as usize % 4])) {
                            std::thread::yield_now();
                        }
                    }
                });
                let mut taken = [0; MAX_FRAMES];
                for number in 0..SAMPLES {
                    let sample = loop {
                        match ring.pop(&mut taken) {
                            Some(sample) => break sample,
                            None => std::thread::yield_now(),
                        }
                    };
                    assert_eq!((sample.time_ns, sample.frames.len() as u64), (number, number % 4));
                }
            });
        });
    }
}
