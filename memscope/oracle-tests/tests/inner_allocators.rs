//! Layouts and pointers pass through unchanged, over every inner allocator; null is not recorded.

use memscope::{SamplingAllocator, SamplingConfig, Session};
use memscope_oracle_tests::Random;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;

/// The program's allocator; the allocators under test are called directly.
#[global_allocator]
static PROGRAM: SamplingAllocator<System> = SamplingAllocator::new(System);

/// Checks that what comes back is what was given out, and refuses what is larger than a limit.
struct Checking<A> {
    inner: A,
    given_out: Mutex<Vec<(usize, Layout)>>,
}

const LIMIT: usize = 1 << 24;

impl<A> Checking<A> {
    const fn new(inner: A) -> Self {
        Self { inner, given_out: Mutex::new(Vec::new()) }
    }

    fn note(&self, address: *mut u8, layout: Layout) -> *mut u8 {
        assert_eq!(address as usize % layout.align(), 0);
        self.given_out.lock().expect("no panic").push((address as usize, layout));
        address
    }

    fn forget(&self, address: *mut u8, layout: Layout) {
        let mut given_out = self.given_out.lock().expect("no panic");
        let at = given_out.iter().position(|&entry| entry == (address as usize, layout));
        given_out.swap_remove(at.expect("an address that was given out, with its layout"));
    }
}

// SAFETY: forwards to the inner allocator.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Checking<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LIMIT {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract.
        self.note(unsafe { self.inner.alloc(layout) }, layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LIMIT {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract.
        self.note(unsafe { self.inner.alloc_zeroed(layout) }, layout)
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        self.forget(address, layout);
        // SAFETY: the caller's contract.
        unsafe { self.inner.dealloc(address, layout) }
    }

    unsafe fn realloc(&self, address: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if new_size > LIMIT {
            return std::ptr::null_mut();
        }
        self.forget(address, layout);
        // SAFETY: the caller's contract.
        let new = unsafe { self.inner.realloc(address, layout, new_size) };
        self.note(new, Layout::from_size_align(new_size, layout.align()).expect("a layout"))
    }
}

fn exercise<A: GlobalAlloc>(name: &str, inner: A) {
    let allocator = SamplingAllocator::new(Checking::new(inner));
    let mut random = Random(5);
    let mut live: Vec<(*mut u8, Layout)> = Vec::new();
    for round in 0..20_000_u64 {
        let align = 1 << (random.next() % 13);
        let layout = Layout::from_size_align(random.size(), align).expect("a layout");
        // SAFETY: no layout is of zero size; each block is reallocated and freed with the layout that it has.
        unsafe {
            match random.next() % 4 {
                0 => live.push((allocator.alloc(layout), layout)),
                1 => {
                    let address = allocator.alloc_zeroed(layout);
                    let bytes = std::slice::from_raw_parts(address, layout.size());
                    assert!(bytes.iter().all(|&byte| byte == 0), "{name}");
                    live.push((address, layout));
                }
                2 if !live.is_empty() => {
                    let index = random.next() as usize % live.len();
                    let (address, layout) = live[index];
                    address.write(round as u8);
                    let size = random.size();
                    let new = allocator.realloc(address, layout, size);
                    assert_eq!(new.read(), round as u8, "{name}");
                    live[index] = (new, Layout::from_size_align(size, layout.align()).expect("a layout"));
                    assert!(allocator.realloc(new, live[index].1, LIMIT + 1).is_null(), "{name}");
                }
                _ if !live.is_empty() => {
                    let (address, layout) = live.swap_remove(random.next() as usize % live.len());
                    allocator.dealloc(address, layout);
                }
                _ => {}
            }
        }
    }
    for (address, layout) in live {
        // SAFETY: as above.
        unsafe { allocator.dealloc(address, layout) };
    }
    let huge = Layout::from_size_align(LIMIT + 1, 1).expect("a layout");
    // SAFETY: the layout is not of zero size; the answer is null.
    unsafe { assert!(allocator.alloc(huge).is_null() && allocator.alloc_zeroed(huge).is_null()) };
    assert!(allocator.inner().given_out.lock().expect("no panic").is_empty(), "{name}");
}

#[test]
fn everything_passes_through_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    for rate in [0.05, 1.0] {
        let config = SamplingConfig { sample_rate: rate, min_allocation_size: 0, buffer_size: 1 << 20 };
        let output = folder.path().join(rate.to_string());
        let mut session = Session::builder().output(output).config(config).start().expect("a session");
        exercise("system", System);
        exercise("mimalloc", mimalloc::MiMalloc);
        exercise("jemalloc", tikv_jemallocator::Jemalloc);
        let result = session.finalize().expect("a result");
        assert!(result.sampled_allocations > 1000, "{result}");
    }
}
