//! What the program's allocator says of itself.
//!
//! | allocator | how it is found | asked |
//! | --- | --- | --- |
//! | jemalloc | `_rjem_mallctl` or `mallctl` linked into the program, or exported by a library | `epoch`, then `stats.*` |
//! | mimalloc | `mi_process_info`, likewise | that |
//! | glibc | `mallinfo2`, exported by glibc 2.33 and later | that |
//!
//! The first that is there is taken: a program that links jemalloc or mimalloc mostly does so to use it. What an allocator does not tell is a
//! gap with its reason.
//!
//! `mallinfo2` takes each arena's lock and walks its lists of free memory: on a heap in millions of pieces the program's threads would wait for
//! it. Whoever asks therefore keeps the time between two askings far above what one takes, and asks no more once one took
//! [`LONGEST_NS`].

#[cfg_attr(miri, allow(dead_code))]
mod answer;
#[cfg(not(miri))]
mod foreign;
#[cfg(miri)]
#[path = "allocator/absent.rs"]
mod foreign;

use super::snapshot::{Figure, Gap};
use answer::Answer;
use foreign::Found;
use memscope_trace::AllocatorKind;

/// An asking that took longer is the last: threads of the program may have waited that long, and the rings.
pub(super) const LONGEST_NS: u64 = 10_000_000;

/// What the allocator says at one instant; all in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AllocatorFigures {
    pub kind: AllocatorKind,
    /// Handed out, with rounding; glibc counts its headers and thread caches too.
    pub allocated_bytes: Figure<u64>,
    /// Pages in which something is handed out.
    pub active_bytes: Figure<u64>,
    pub metadata_bytes: Figure<u64>,
    /// Free, and held for later.
    pub free_bytes: Figure<u64>,
    /// Held from the operating system.
    pub mapped_bytes: Figure<u64>,
    pub resident_bytes: Figure<u64>,
    /// Addresses without memory.
    pub retained_bytes: Figure<u64>,
}

/// The allocator that answers.
#[derive(Debug)]
pub(super) struct Allocator {
    found: Figure<Found>,
}

impl Allocator {
    pub(super) fn find() -> Self {
        Self { found: foreign::find().ok_or(NONE_FOUND) }
    }

    pub(super) fn ask(&self) -> Figure<AllocatorFigures> {
        let found = self.found.as_ref().map_err(|gap| *gap)?;
        Ok(figures(&foreign::ask(found)))
    }
}

const NONE_FOUND: Gap = Gap::because(
    "allocator",
    "found none that tells: neither jemalloc's mallctl, nor mimalloc's mi_process_info, nor glibc's mallinfo2",
);

fn figures(answer: &Answer) -> AllocatorFigures {
    match *answer {
        Answer::Glibc { arena, mapped_apart, in_use, free } => AllocatorFigures {
            allocated_bytes: Ok(in_use.saturating_add(mapped_apart)),
            free_bytes: Ok(free),
            mapped_bytes: Ok(arena.saturating_add(mapped_apart)),
            ..missing(AllocatorKind::Glibc, Gap::because("mallinfo2", "glibc does not tell this"))
        },
        Answer::Jemalloc { allocated, active, metadata, mapped, resident, retained } => {
            let said = |value: Option<u64>| {
                value.ok_or(Gap::because("mallctl", "this jemalloc was built without statistics (`stats.*`)"))
            };
            AllocatorFigures {
                allocated_bytes: said(allocated),
                active_bytes: said(active),
                metadata_bytes: said(metadata),
                mapped_bytes: said(mapped),
                resident_bytes: said(resident),
                retained_bytes: said(retained),
                ..missing(AllocatorKind::Jemalloc, Gap::because("mallctl", "jemalloc does not tell this"))
            }
        }
        Answer::Mimalloc { committed } => AllocatorFigures {
            mapped_bytes: Ok(committed),
            ..missing(
                AllocatorKind::Mimalloc,
                Gap::because("mi_process_info", "mimalloc tells only what it has committed"),
            )
        },
    }
}

fn missing(kind: AllocatorKind, gap: Gap) -> AllocatorFigures {
    AllocatorFigures {
        kind,
        allocated_bytes: Err(gap),
        active_bytes: Err(gap),
        metadata_bytes: Err(gap),
        free_bytes: Err(gap),
        mapped_bytes: Err(gap),
        resident_bytes: Err(gap),
        retained_bytes: Err(gap),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glibc_counts_what_it_mapped_apart_as_handed_out() {
        let told = figures(&Answer::Glibc { arena: 1000, mapped_apart: 500, in_use: 700, free: 300 });
        assert_eq!(told.allocated_bytes, Ok(1200));
        assert_eq!(told.mapped_bytes, Ok(1500));
        assert_eq!(told.free_bytes, Ok(300));
        assert_eq!(told.resident_bytes.unwrap_err().to_string(), "mallinfo2: glibc does not tell this");
    }

    #[test]
    fn a_jemalloc_without_statistics_says_so_and_mimalloc_has_its_commit() {
        let none = None;
        let told = figures(&Answer::Jemalloc {
            allocated: none,
            active: Some(8192),
            metadata: none,
            mapped: none,
            resident: none,
            retained: none,
        });
        assert_eq!(told.active_bytes, Ok(8192));
        assert!(told.allocated_bytes.unwrap_err().to_string().contains("built without statistics"));
        let told = figures(&Answer::Mimalloc { committed: 77 });
        assert_eq!(told.mapped_bytes, Ok(77));
        assert!(told.allocated_bytes.unwrap_err().to_string().contains("only what it has committed"));
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    fn glibc_sees_an_allocation_as_it_comes_and_goes() {
        let allocator = Allocator::find();
        let ask = || allocator.ask().unwrap();
        assert_eq!(ask().kind, AllocatorKind::Glibc);
        let before = ask().allocated_bytes.unwrap();
        let large = vec![1_u8; 64 << 20];
        let during = ask().allocated_bytes.unwrap();
        assert!(during >= before + (60 << 20), "{before} {during}");
        drop(std::hint::black_box(large));
        assert!(ask().allocated_bytes.unwrap() < during - (60 << 20));
    }
}
