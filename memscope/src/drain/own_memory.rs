//! Memscope's own part of resident memory, so that nobody takes it for the program's.
//!
//! | part | how it is measured |
//! | --- | --- |
//! | mappings: records of threads, rings, tables | pages in memory, of each mapping (`sys::for_each_mapping`, `/proc/self/pagemap`) |
//! | heap: the drain thread's, the unwinder's caches and rules | bytes asked of the allocator (`hook::own_heap`), and what was there before the hooks were on |
//! | the drain thread's stack | pages in memory |
//!
//! Binaries' variables are measured along: pages of writable segments that are in memory and no file's any more (`/proc/self/pagemap`).
//!
//! Each asking costs a call for each mapping, so its own cost says when the next is due.

use crate::hook::{SessionData, own_heap};
use crate::resources::Sampler;
use crate::sys;
use crate::unwind::modules::{LoadedModule, Range};
use memscope_trace::OwnMemory;

/// It may take this part of a core, and is not done more often than that.
const SHARE: u64 = 20_000;
const SHORTEST_NS: u64 = 1_000_000_000;
/// Of a mapping, what the kernel is asked of at once. It takes the lock of the mappings for each 2 MiB.
const PIECE_BYTES: usize = 4 << 20;

/// What the drain thread lends for it.
#[derive(Clone, Copy)]
pub(super) struct Owned<'a> {
    pub(super) data: &'a SessionData,
    pub(super) modules: &'a [LoadedModule],
}

pub(super) struct OwnMemoryBook {
    stack: Option<(usize, usize)>,
    /// Heap of one of the unwinder's caches; measured once the hooks count.
    cache_bytes: Option<u64>,
    next_ns: u64,
}

impl OwnMemoryBook {
    /// Called by the drain thread, before the hooks are on.
    pub(super) fn open() -> Self {
        own_heap::reset();
        Self { stack: sys::stack_bounds(), cache_bytes: None, next_ns: 0 }
    }

    /// The figures, if it is time.
    pub(super) fn measure(
        &mut self,
        (time_us, is_last): (u64, bool),
        sampler: &mut Sampler,
        owned: Owned<'_>,
        between: &mut dyn FnMut(),
    ) -> Option<OwnMemory> {
        let began_ns = sys::monotonic_ns();
        if began_ns < self.next_ns && !is_last {
            return None;
        }
        let (mapped_bytes, shared_bytes) = own_mappings(sampler, between).unzip();
        let measured = OwnMemory {
            time_us,
            mapped_bytes,
            shared_bytes,
            heap_bytes: Some(self.heap_bytes(owned.data)),
            stack_bytes: self.stack.and_then(|(low, end)| sampler.stack_bytes(Range::of(low, end)).ok()),
            module_bytes: sampler
                .anonymous_bytes(
                    owned
                        .modules
                        .iter()
                        .flat_map(|module| module.writable.iter().copied())
                        .inspect(|_| between()),
                )
                .ok(),
        };
        let cost_ns = sys::monotonic_ns().saturating_sub(began_ns);
        self.next_ns = began_ns.saturating_add(cost_ns.saturating_mul(SHARE).max(SHORTEST_NS));
        Some(measured)
    }

    fn heap_bytes(&mut self, data: &SessionData) -> u64 {
        let cache_bytes = *self.cache_bytes.get_or_insert_with(|| {
            let before = own_heap::bytes();
            let _cache = crate::unwind::new_cache();
            u64::try_from(own_heap::bytes() - before).unwrap_or(0)
        });
        u64::try_from(own_heap::bytes()).unwrap_or(0) + data.unwinder.heap_bytes(cache_bytes)
    }
}

/// Resident bytes of memscope's own mappings, private ones and shared ones; `None` where not all of them can be looked at.
fn own_mappings(sampler: &mut Sampler, between: &mut dyn FnMut()) -> Option<(u64, u64)> {
    let (mut private, mut shared) = (Some(0_u64), Some(0_u64));
    let unknown_bytes = sys::for_each_mapping(|mapping| {
        let end = mapping.start.saturating_add(mapping.bytes);
        let sum = if mapping.is_shared { &mut shared } else { &mut private };
        for start in (mapping.start..end).step_by(PIECE_BYTES) {
            between();
            let range = Range::of(start, end.min(start.saturating_add(PIECE_BYTES)));
            *sum = sum.and_then(|sum| Some(sum + sampler.resident_bytes(range).ok()?));
        }
    });
    (unknown_bytes == 0).then_some(())?;
    private.zip(shared)
}
