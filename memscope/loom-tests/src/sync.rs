//! The model checker's atomics, in place of memscope's `sync.rs`.
//!
//! Loom takes a sequentially consistent access for an acquiring or releasing one, but knows sequentially consistent fences. So such
//! an access is made of a relaxed one and fences here, as C++ compilers do for processors that have no other way: a store is
//! followed by a fence, a load comes after one.

pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

macro_rules! wrapped {
    ($name:ident, $inner:ty, $value:ty) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name($inner);

        #[allow(dead_code, reason = "each model uses some of it")]
        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(<$inner>::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                if order == Ordering::SeqCst {
                    fence(Ordering::SeqCst);
                    return self.0.load(Ordering::Acquire);
                }
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                if order == Ordering::SeqCst {
                    self.0.store(value, Ordering::Release);
                    return fence(Ordering::SeqCst);
                }
                self.0.store(value, order);
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.0.swap(value, order)
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.0.compare_exchange(current, new, success, failure)
            }
        }
    };
}

wrapped!(AtomicUsize, loom::sync::atomic::AtomicUsize, usize);
wrapped!(AtomicBool, loom::sync::atomic::AtomicBool, bool);

/// As above, for pointers.
#[derive(Debug)]
pub(crate) struct AtomicPtr<T>(loom::sync::atomic::AtomicPtr<T>);

#[allow(dead_code, reason = "each model uses some of it")]
impl<T> AtomicPtr<T> {
    pub(crate) fn new(value: *mut T) -> Self {
        Self(loom::sync::atomic::AtomicPtr::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        if order == Ordering::SeqCst {
            fence(Ordering::SeqCst);
            return self.0.load(Ordering::Acquire);
        }
        self.0.load(order)
    }

    pub(crate) fn store(&self, value: *mut T, order: Ordering) {
        if order == Ordering::SeqCst {
            self.0.store(value, Ordering::Release);
            return fence(Ordering::SeqCst);
        }
        self.0.store(value, order);
    }

    pub(crate) fn swap(&self, value: *mut T, order: Ordering) -> *mut T {
        self.0.swap(value, order)
    }
}

/// Makes the values at `at`: loom's atomics are not zeroes.
///
/// # Safety
/// As memscope's `sync::begin`.
pub(crate) unsafe fn begin<T: Default>(at: *mut T, count: usize) {
    for index in 0..count {
        // SAFETY: the caller's contract.
        unsafe { at.add(index).write(T::default()) };
    }
}
