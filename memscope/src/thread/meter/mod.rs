//! A thread's meter: the one cache line that an unsampled allocation or free touches.
//!
//! It counts *down*. Each allocation takes its size off one countdown and 1 off another, each free its size off a third; the slow path
//! is due where one of them runs out. The same words are the exact counters: what has been taken off since they were set
//! ([`super::account`]). So the fast path has no counters beside its countdowns.
//!
//! The meter stands in thread-local memory, not behind a pointer: that saves a load on each event. It starts *at rest*, where every event
//! finds the slow path due; there the thread gets its record, and its meter is set.
//!
//! While no session is active, an event reads one word of [`crate::control`] and goes on.
//!
//! On x86-64 Linux the fast path is written in assembly ([`x86_64`]): one instruction takes off and says whether the countdown ran
//! out, which no compiler makes of the relaxed load and store that other threads' reading asks for, and thread-local access needs no
//! call in any build. [`portable`] is the same in Rust: for every other target, for Miri, and with `--cfg memscope_portable`.

cfg_select! {
    all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri), not(memscope_portable)) => {
        mod x86_64;
        use x86_64 as arch;
        // Its tests compare the two.
        #[cfg(test)]
        #[allow(dead_code)]
        mod portable;
    }
    _ => {
        mod portable;
        use portable as arch;
    }
}

pub(crate) use arch::{
    charge_allocation, charge_free, offset, own, raise, switch_for_allocations, switch_for_frees,
};

use crate::scope::{NEVER, Position};
use crate::sync::{AtomicU64, Ordering};

/// The countdowns. Only the owning thread writes, but for a session that starts while all hooks are off.
///
/// `repr(C)`: the assembly knows the offsets.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Meter {
    /// Bytes that may be allocated until the slow path is due: when an allocation takes more than is left.
    pub(super) bytes_left: AtomicU64,
    /// The same in allocations: when it gets to zero.
    allocations_left: AtomicU64,
    /// Frees, counted up.
    frees: AtomicU64,
    /// Bytes that may be freed.
    pub(super) freed_bytes_left: AtomicU64,
    /// Where the thread is among its scopes.
    pub(crate) position: Position,
}

/// What a meter shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) bytes_left: i64,
    pub(crate) allocations_left: i64,
    pub(crate) frees: u64,
    pub(crate) freed_bytes_left: i64,
}

/// Every event finds the slow path due.
pub(crate) const AT_REST: Reading =
    Reading { bytes_left: 0, allocations_left: 1, frees: 0, freed_bytes_left: 0 };

impl Meter {
    #[allow(dead_code)] // Not where the assembly lays the meters out.
    const fn new() -> Self {
        Self {
            bytes_left: AtomicU64::new(AT_REST.bytes_left as u64),
            allocations_left: AtomicU64::new(AT_REST.allocations_left as u64),
            frees: AtomicU64::new(AT_REST.frees),
            freed_bytes_left: AtomicU64::new(AT_REST.freed_bytes_left as u64),
            position: Position::new(),
        }
    }

    /// A number that becomes less with each allocation and each free, until the meter is set.
    #[inline(always)]
    pub(crate) fn events(&self) -> u64 {
        self.allocations_left.load(Ordering::Relaxed).wrapping_sub(self.frees())
    }

    #[inline(always)]
    pub(crate) fn bytes_left(&self) -> i64 {
        self.bytes_left.load(Ordering::Relaxed) as i64
    }

    #[inline(always)]
    pub(crate) fn allocations_left(&self) -> i64 {
        self.allocations_left.load(Ordering::Relaxed) as i64
    }

    #[inline(always)]
    pub(crate) fn frees(&self) -> u64 {
        self.frees.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn freed_bytes_left(&self) -> i64 {
        self.freed_bytes_left.load(Ordering::Relaxed) as i64
    }

    pub(crate) fn read(&self) -> Reading {
        Reading {
            bytes_left: self.bytes_left(),
            allocations_left: self.allocations_left(),
            frees: self.frees(),
            freed_bytes_left: self.freed_bytes_left(),
        }
    }

    pub(crate) fn set(&self, to: Reading) {
        self.position.seen.store(NEVER, Ordering::Relaxed);
        self.bytes_left.store(to.bytes_left as u64, Ordering::Relaxed);
        self.allocations_left.store(to.allocations_left as u64, Ordering::Relaxed);
        self.frees.store(to.frees, Ordering::Relaxed);
        self.freed_bytes_left.store(to.freed_bytes_left as u64, Ordering::Relaxed);
    }

    /// Charges an allocation, off the fast path. From the owning thread.
    pub(crate) fn charge_allocation(&self, size: usize) {
        raise(&self.bytes_left, (size as u64).wrapping_neg());
        raise(&self.allocations_left, 1_u64.wrapping_neg());
    }

    /// Charges a free, off the fast path. From the owning thread.
    pub(crate) fn charge_free(&self, size: usize) {
        raise(&self.frees, 1);
        raise(&self.freed_bytes_left, (size as u64).wrapping_neg());
    }

    /// Takes back what an allocation was charged that the inner allocator refused. From the owning thread.
    pub(crate) fn refund_allocation(&self, size: usize) {
        raise(&self.bytes_left, size as u64);
        raise(&self.allocations_left, 1);
    }

    /// Takes back what a free was charged. From the owning thread.
    pub(crate) fn refund_free(&self, size: usize) {
        raise(&self.frees, 1_u64.wrapping_neg());
        raise(&self.freed_bytes_left, size as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control;
    use crate::sync::AtomicU8;
    use core::mem::{offset_of, size_of};

    #[test]
    fn the_assembly_knows_the_layout() {
        assert_eq!((size_of::<Meter>(), align_of::<Meter>()), (64, 64));
        assert_eq!(offset_of!(Meter, bytes_left), 0);
        assert_eq!(offset_of!(Meter, allocations_left), 8);
        assert_eq!(offset_of!(Meter, frees), 16);
        assert_eq!(offset_of!(Meter, freed_bytes_left), 24);
        assert_eq!((offset_of!(Meter, position), size_of::<Position>()), (32, 32));
    }

    /// The assembly against the same in Rust: over odd sequences both show the same and are due at the same events.
    #[test]
    fn fast_path_does_what_the_portable_one_does() {
        let filter = vec![0_u8; 1 << (32 - control::GRANULE_BITS)];
        let filter = filter.as_ptr().cast::<AtomicU8>();
        let (mine, portable) = (own(), Meter::new());
        let mut random = crate::sampler::Random::new(11, 3);
        let mut dues = 0;
        for round in 0..20_000_u32 {
            if round % 64 == 0 {
                let set =
                    Reading { bytes_left: 9000, allocations_left: 40, frees: 7, freed_bytes_left: 5000 };
                mine.set(set);
                portable.set(set);
            }
            let size = (random.unit() * 500.0) as usize;
            let due = if random.unit() < 0.6 {
                (charge_allocation(offset(), size), portable::allocation_in(&portable, size))
            } else {
                let address = (random.unit() * 1e15) as usize as *mut u8;
                (charge_free(filter, address, size), portable::free_in(&portable, size))
            };
            assert_eq!(due.0, due.1, "round {round}");
            assert_eq!(mine.read(), portable.read(), "round {round}");
            dues += u32::from(due.0);
        }
        assert!(dues > 300 && dues < 10_000, "{dues}");
        mine.set(AT_REST);
    }

    #[test]
    fn a_free_asks_the_filter_and_off_means_off() {
        let mut filter = vec![0_u8; 1 << (32 - control::GRANULE_BITS)];
        let address = 0x7f12_3456_7890_usize;
        filter[control::granule(address)] = 1;
        let filter = filter.as_ptr().cast::<AtomicU8>();
        let at = |address: usize| address as *mut u8;
        own().set(Reading { freed_bytes_left: 1 << 20, ..AT_REST });
        assert!(charge_free(filter, at(address), 8) && charge_free(filter, at(address ^ 0xff), 8));
        assert!(!charge_free(filter, at(address + 256), 8) && !charge_free(filter, at(address - 256), 8));
        let before = own().read();
        assert_eq!(before.frees, 4);
        assert!(!charge_free(core::ptr::null(), at(address), 8) && !charge_allocation(0, 1 << 40));
        assert_eq!(own().read(), before);
        own().set(AT_REST);
    }

    #[test]
    fn each_thread_has_a_line_of_its_own() {
        let address = || core::ptr::from_ref(own()) as usize;
        let here = address();
        let there = std::thread::spawn(address).join().expect("a thread");
        assert_eq!((here % 64, there % 64), (0, 0));
        assert_ne!(here, there);
    }
}
