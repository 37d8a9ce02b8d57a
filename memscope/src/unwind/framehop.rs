//! Rules from `.eh_frame`, through the framehop crate.
//!
//! A walk needs an unwinder (the modules' rules, shared) and a cache (its own while it walks). Both stand ready in a few
//! *seats*, made when the session starts; a hook takes a free one and gives it back. Seats are shared by all threads, so a
//! thread's first sample finds the rules that others have cached, and 500 threads need no more memory than eight. When all are
//! taken, the sample goes without its stack and that is counted.
//!
//! One framehop cache has 509 places, one address each: a service has more call sites than that, and a rule that is not in the cache costs
//! a hundred times as much. So a seat has several caches, and a hash of the address says which.
//!
//! New modules reach a seat when the drain thread finds it free.

use super::frame_pointer::strip;
use super::modules::{LoadedModule, Section, SectionBytes};
use super::registers::Registers;
use super::{Frames, Walk};
use crate::sync::{AtomicBool, AtomicUsize, Ordering};
use core::cell::UnsafeCell;
use framehop::{ExplicitModuleSectionInfo, FrameAddress, Module, MustNotAllocateDuringUnwind, Unwinder as _};
use std::sync::Arc;

#[cfg(target_arch = "aarch64")]
use framehop::aarch64::{CacheAarch64 as Cache, UnwindRegsAarch64, UnwinderAarch64 as Rules};
#[cfg(target_arch = "x86_64")]
use framehop::x86_64::{CacheX86_64 as Cache, UnwindRegsX86_64, UnwinderX86_64 as Rules};

type SharedRules = Arc<Rules<SectionBytes, MustNotAllocateDuringUnwind>>;

/// Caches of a seat: 4,072 places in all.
const BANKS: usize = 8;

/// A cache of a seat.
pub(crate) type PoolCache = Cache<MustNotAllocateDuringUnwind>;

struct Content {
    rules: SharedRules,
    caches: [PoolCache; BANKS],
}

struct Seat {
    taken: AtomicBool,
    content: UnsafeCell<Content>,
}

// SAFETY: the content is touched only by whoever has set `taken` from false to true.
unsafe impl Sync for Seat {}

impl Seat {
    /// Calls `body` with the content, if the seat is free.
    fn with<R>(&self, body: impl FnOnce(&mut Content) -> R) -> Option<R> {
        // Acquire: pairs with the Release below.
        if self.taken.load(Ordering::Relaxed) || self.taken.swap(true, Ordering::Acquire) {
            return None;
        }
        // SAFETY: this thread has just set `taken`, so nobody else has the content.
        let result = body(unsafe { &mut *self.content.get() });
        self.taken.store(false, Ordering::Release);
        Some(result)
    }
}

/// Seats, and where the next walk starts to look for a free one.
pub(crate) struct Pool {
    seats: Vec<Seat>,
    last: AtomicUsize,
    /// Of rules that were copied.
    rule_bytes: AtomicUsize,
}

impl Pool {
    pub(crate) fn new(modules: &[LoadedModule]) -> Self {
        let rules = rules_of(modules);
        let cpus = std::thread::available_parallelism().map_or(4, usize::from);
        let seats = (0..(2 * cpus).clamp(16, 64))
            .map(|_| Seat {
                taken: AtomicBool::new(false),
                content: UnsafeCell::new(Content {
                    rules: Arc::clone(&rules),
                    caches: core::array::from_fn(|_| Cache::new_in()),
                }),
            })
            .collect();
        Self { seats, last: AtomicUsize::new(0), rule_bytes: AtomicUsize::new(copied_bytes(modules)) }
    }

    /// Walks from `registers`; the stack ends below `stack_end`.
    pub(crate) fn walk(&self, registers: &Registers, stack_end: usize, into: &mut Frames) -> Walk {
        // The seat that was free last is warm; neighbours are tried in turn.
        let first = self.last.load(Ordering::Relaxed);
        let seats = self.seats.iter().enumerate();
        for (index, seat) in seats.clone().skip(first).chain(seats.take(first)) {
            let walked = seat.with(|content| content.walk(registers, stack_end, into));
            if let Some(walk) = walked {
                if index != first {
                    self.last.store(index, Ordering::Relaxed);
                }
                return walk;
            }
        }
        Walk { missed: true, ..Walk::default() }
    }

    /// Heap of seats, caches and copied rules, bytes; each cache takes `cache_bytes` beside its seat.
    pub(crate) fn heap_bytes(&self, cache_bytes: u64) -> u64 {
        let seats = self.seats.len() as u64;
        seats * (size_of::<Seat>() as u64 + BANKS as u64 * cache_bytes)
            + self.rule_bytes.load(Ordering::Relaxed) as u64
    }

    /// Gives every seat the rules of `modules`.
    pub(crate) fn update(&self, modules: &[LoadedModule]) {
        let rules = rules_of(modules);
        self.rule_bytes.store(copied_bytes(modules), Ordering::Relaxed);
        for seat in &self.seats {
            // A hook holds a seat for a microsecond; one that is stopped in there keeps the old rules for now.
            for _ in 0..1000 {
                if seat.with(|content| content.rules = Arc::clone(&rules)).is_some() {
                    break;
                }
                std::thread::yield_now();
            }
        }
    }
}

impl Content {
    fn walk(&mut self, registers: &Registers, stack_end: usize, into: &mut Frames) -> Walk {
        let lowest = registers.stack_pointer as u64;
        let last = (stack_end - size_of::<u64>()) as u64;
        let mut read_stack = |address: u64| {
            if address < lowest || address > last || !address.is_multiple_of(8) {
                return Err(());
            }
            // SAFETY: an aligned word between the stack pointer and the end of the calling thread's own stack.
            Ok(unsafe { (address as *const u64).read_volatile() })
        };
        let mut unwinding = unwind_registers(registers);
        let mut frame = FrameAddress::from_instruction_pointer(registers.instruction_pointer as u64);
        loop {
            let address = match frame {
                FrameAddress::InstructionPointer(address) => address,
                FrameAddress::ReturnAddress(address) => strip(address.get() as usize) as u64 - 1,
            };
            if !into.push(address) {
                return Walk { truncated: true, missed: false };
            }
            let cache = &mut self.caches[bank_of(address)];
            let caller = self.rules.unwind_frame(frame, &mut unwinding, cache, &mut read_stack);
            // A frame without rules ends the walk with an error: what was found so far stands.
            let Ok(Some(caller)) = caller else { return Walk::default() };
            let Some(caller) = FrameAddress::from_return_address(caller) else { return Walk::default() };
            frame = caller;
        }
    }
}

/// Which of a seat's caches has the address's rule.
fn bank_of(address: u64) -> usize {
    // Fibonacci hashing; the caches themselves take the address modulo 509.
    (address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - BANKS.ilog2())) as usize
}

#[cfg(target_arch = "x86_64")]
fn unwind_registers(registers: &Registers) -> UnwindRegsX86_64 {
    UnwindRegsX86_64::new(
        registers.instruction_pointer as u64,
        registers.stack_pointer as u64,
        registers.frame_pointer as u64,
    )
}

#[cfg(target_arch = "aarch64")]
fn unwind_registers(registers: &Registers) -> UnwindRegsAarch64 {
    UnwindRegsAarch64::new(
        registers.link_register as u64,
        registers.stack_pointer as u64,
        registers.frame_pointer as u64,
    )
}

fn rules_of(modules: &[LoadedModule]) -> SharedRules {
    let mut rules = Rules::new();
    for module in modules {
        if let Some(module) = to_framehop(module) {
            rules.add_module(module);
        }
    }
    Arc::new(rules)
}

/// Heap that the rules of modules take that may be unloaded.
fn copied_bytes(modules: &[LoadedModule]) -> usize {
    let copied = |section: &Section| match &section.bytes {
        SectionBytes::Mapped(_) => 0,
        SectionBytes::Copied(bytes) => bytes.len(),
    };
    let sections = modules.iter().filter_map(|module| module.unwind.as_ref());
    sections.map(|(header, frames)| copied(header) + copied(frames)).sum()
}

fn to_framehop(module: &LoadedModule) -> Option<Module<SectionBytes>> {
    let (header, frames) = module.unwind.as_ref()?;
    let svma = |section: &Section| {
        section.range.start.wrapping_sub(module.bias)..section.range.end.wrapping_sub(module.bias)
    };
    Some(Module::new(
        module.path.clone(),
        module.start..module.end,
        module.bias,
        ExplicitModuleSectionInfo {
            base_svma: 0,
            eh_frame_svma: Some(svma(frames)),
            eh_frame: Some(frames.bytes.clone()),
            eh_frame_hdr_svma: Some(svma(header)),
            eh_frame_hdr: Some(header.bytes.clone()),
            ..Default::default()
        },
    ))
}
