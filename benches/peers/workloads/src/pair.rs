//! The cheapest pair there is: what stands around it is next to nothing, so that a profiler's fast path shows.

use std::hint::black_box;

/// One thread allocates and frees 64 bytes, `count` times.
pub fn pair(count: usize) {
    for _ in 0..count {
        drop(black_box(Vec::<u8>::with_capacity(black_box(64))));
    }
}

/// The same with memory that must be zero (`alloc_zeroed`, in C `calloc`), for which allocators have another path.
pub(crate) fn zeroed(count: usize) {
    for _ in 0..count {
        drop(black_box(vec![0_u8; black_box(64)]));
    }
}
