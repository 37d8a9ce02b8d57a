//! A thread's exact figures, from its [`Meter`].
//!
//! While the account is *running*, a total is its mark minus what the meter still shows. While it is *stopped* (the thread is at memscope's own
//! work, which counts as nobody's, or has ended) the meter is at rest and the totals stand here. The thread starts and stops its account;
//! the parity of a change count says which it is.
//!
//! A reader takes the account's lock: the meter is thread-local memory, which a thread must not give back while it is read. The lock is no
//! hook's concern: on the slow path the thread stops and starts its account without it, and the change count tells the reader, who then
//! reads again.
//!
//! Where only a piece of the way to the next sample has run out, the thread *tops up* a countdown and goes on: the countdown and its mark rise by
//! as much. A reader that comes in between tells by the countdown's sign which mark belongs to it.

use super::meter::{self, AT_REST, Meter, Reading};
use super::record::Figures;
use crate::control::PUBLISH_BYTES;
use crate::sync::{AtomicBool, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Counter, Ordering, fence};
use crate::sys;

/// Two cache lines, written by their thread, and a third with the lock.
#[repr(C, align(64))]
pub(crate) struct Account {
    /// Changes; odd while running.
    changes: AtomicU32,
    /// Bytes until the next sample, while stopped; below zero the sample is due.
    gap_bytes: AtomicI64,
    /// Allocations until the next sample, while stopped; at zero it is due.
    gap_allocations: AtomicI64,
    /// While running: bytes until the next sample beyond what the meter has.
    reserve_bytes: AtomicI64,
    meter: AtomicPtr<Meter>,

    lines: Lines,
    lock: Lock,
}

#[repr(C, align(64))]
struct Lines {
    /// Totals as of the last stop.
    totals: [Counter; 4],
    /// While running: what the totals are measured from.
    allocations_mark: Counter,
    allocated_mark: Mark,
    frees_mark: Counter,
    freed_mark: Mark,
}

/// What a countdown that is topped up counts from: written before the countdown, and again after it.
struct Mark {
    before: Counter,
    after: Counter,
}

impl Mark {
    fn set(&self, value: u64) {
        self.before.set(value);
        self.after.set(value);
    }

    /// Brings `countdown` to `left`, which is more than it shows, and the mark with it so that the total stays. While busy.
    fn top_up(&self, countdown: &AtomicU64, left: i64) {
        let more = (left as u64).wrapping_sub(countdown.load(Ordering::Relaxed));
        let mark = self.before.get().wrapping_add(more);
        self.before.set_release(mark);
        // Release, all: a reader that finds the new countdown finds the mark before it; one that finds the mark after it finds the countdown.
        // Added, not set: what a signal handler has taken off since is kept.
        meter::raise(countdown, more);
        self.after.set_release(mark);
    }

    /// The total, for any thread.
    fn total(&self, countdown: &AtomicU64) -> u64 {
        loop {
            let marks = (self.after.get_acquire(), self.before.get_acquire());
            let left = countdown.load(Ordering::Acquire);
            let (before, after) = (self.before.get_acquire(), self.after.get_acquire());
            // Else the thread has got on, and the countdown may belong to either.
            if marks == (after, before) {
                // Where they differ the thread is held up between the two. It tops up a countdown only where it has run out.
                return if (left as i64) < 0 { after } else { before }.wrapping_sub(left);
            }
        }
    }
}

#[repr(C, align(64))]
struct Lock(AtomicBool);

impl Account {
    /// For a thread that begins: nothing yet, and stopped.
    pub(crate) fn begin(&self, meter: &'static Meter) {
        let changes = self.changes.load(Ordering::Relaxed);
        self.changes.store(changes.next_multiple_of(2), Ordering::Relaxed);
        self.lines.totals.iter().for_each(|total| total.set(0));
        self.set_gap(0, 1);
        self.meter.store(core::ptr::from_ref(meter).cast_mut(), Ordering::Relaxed);
        self.lock.0.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_running(&self) -> bool {
        self.changes.load(Ordering::Relaxed) % 2 == 1
    }

    /// The meter; only its own thread, or whoever has the lock and found the account running, may ask.
    fn meter(&self) -> &Meter {
        // SAFETY: set by `begin` to the meter of the thread that owns the account, which lives as long as the account is running.
        unsafe { &*self.meter.load(Ordering::Relaxed) }
    }

    /// Starts the account, with a meter that is due after [`PUBLISH_BYTES`] at the latest. From the owning thread.
    pub(crate) fn start(&self) {
        if self.is_running() {
            return;
        }
        let gap = self.gap_bytes.load(Ordering::Relaxed);
        let bytes_left = gap.clamp(0, PUBLISH_BYTES);
        self.reserve_bytes.store(gap.wrapping_sub(bytes_left), Ordering::Relaxed);
        let reading = Reading {
            bytes_left,
            allocations_left: self.gap_allocations.load(Ordering::Relaxed).max(1),
            frees: 0,
            freed_bytes_left: PUBLISH_BYTES,
        };
        let Figures { allocations, allocated_bytes, frees, freed_bytes } = self.totals();
        let lines = &self.lines;
        lines.allocations_mark.set(allocations.wrapping_add(reading.allocations_left as u64));
        lines.allocated_mark.set(allocated_bytes.wrapping_add(reading.bytes_left as u64));
        lines.frees_mark.set(frees);
        lines.freed_mark.set(freed_bytes.wrapping_add(reading.freed_bytes_left as u64));
        self.meter().set(reading);
        // Release: a reader that finds the account running finds the marks and the meter.
        self.changes.store(self.changes.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    /// Stops the account and puts the meter to rest. From the owning thread, or under the lock while the hooks are off.
    pub(crate) fn stop(&self) {
        if !self.is_running() {
            return;
        }
        let reading = self.meter().read();
        let Figures { allocations, allocated_bytes, frees, freed_bytes } = self.measure();
        for (total, value) in self.lines.totals.iter().zip([allocations, allocated_bytes, frees, freed_bytes])
        {
            total.set(value);
        }
        let gap = self.reserve_bytes.load(Ordering::Relaxed).wrapping_add(reading.bytes_left);
        self.set_gap(gap, reading.allocations_left);
        // Release: a reader that finds the account stopped finds the totals; the fence: one that finds the meter at rest finds it stopped.
        self.changes.store(self.changes.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
        fence(Ordering::Release);
        self.meter().set(AT_REST);
    }

    /// The totals while running.
    fn measure(&self) -> Figures {
        let (meter, lines) = (self.meter(), &self.lines);
        Figures {
            allocations: lines.allocations_mark.get().wrapping_sub(meter.allocations_left() as u64),
            allocated_bytes: lines.allocated_mark.total(&meter.bytes_left),
            frees: lines.frees_mark.get().wrapping_add(meter.frees()),
            freed_bytes: lines.freed_mark.total(&meter.freed_bytes_left),
        }
    }

    /// Live bytes while running, for the owning thread: they are below zero where the thread freed what others allocated.
    #[inline(always)]
    pub(crate) fn live_bytes(&self) -> i64 {
        let (meter, lines) = (self.meter(), &self.lines);
        let allocated = lines.allocated_mark.after.get().wrapping_sub(meter.bytes_left() as u64);
        let freed = lines.freed_mark.after.get().wrapping_sub(meter.freed_bytes_left() as u64);
        allocated.wrapping_sub(freed) as i64
    }

    /// Goes on with the next piece where bytes have run out but no sample is due; `false` where one is. From the owning thread, while
    /// running, and busy.
    #[inline(always)]
    pub(crate) fn top_up_allocations(&self) -> bool {
        let meter = self.meter();
        let gap = self.reserve_bytes.load(Ordering::Relaxed).wrapping_add(meter.bytes_left());
        if gap < 0 || meter.allocations_left() <= 0 {
            return false;
        }
        let left = gap.min(PUBLISH_BYTES);
        self.reserve_bytes.store(gap - left, Ordering::Relaxed);
        self.lines.allocated_mark.top_up(&meter.bytes_left, left);
        self.rest_if_stopped();
        true
    }

    /// Goes on with the next piece where freed bytes have run out. From the owning thread, while running, and busy.
    #[inline(always)]
    pub(crate) fn top_up_frees(&self) {
        self.lines.freed_mark.top_up(&self.meter().freed_bytes_left, PUBLISH_BYTES);
        self.rest_if_stopped();
    }

    /// A thread that was held up while it topped up, from one session into the next, finds its account stopped: then the meter is to be at
    /// rest, so that the next event is due.
    #[inline(always)]
    fn rest_if_stopped(&self) {
        if !self.is_running() {
            self.meter().set(AT_REST);
        }
    }

    fn totals(&self) -> Figures {
        let [allocations, allocated_bytes, frees, freed_bytes] = &self.lines.totals;
        Figures {
            allocations: allocations.get(),
            allocated_bytes: allocated_bytes.get(),
            frees: frees.get(),
            freed_bytes: freed_bytes.get(),
        }
    }

    /// The totals, for the owning thread.
    pub(crate) fn own_figures(&self) -> Figures {
        if self.is_running() { self.measure() } else { self.totals() }
    }

    /// The same at a scope's edges: allocations, bytes, frees, bytes freed. A signal handler's scope that comes in the middle of a top-up
    /// finds the old marks at both its edges, or the new ones.
    #[inline(always)]
    pub(crate) fn own_totals(&self) -> [u64; 4] {
        if !self.is_running() {
            return self.lines.totals.each_ref().map(Counter::get);
        }
        let (meter, lines) = (self.meter(), &self.lines);
        [
            lines.allocations_mark.get().wrapping_sub(meter.allocations_left() as u64),
            lines.allocated_mark.after.get().wrapping_sub(meter.bytes_left() as u64),
            lines.frees_mark.get().wrapping_add(meter.frees()),
            lines.freed_mark.after.get().wrapping_sub(meter.freed_bytes_left() as u64),
        ]
    }

    /// The totals, for any other thread.
    pub(crate) fn figures(&self) -> Figures {
        let _locked = self.lock();
        loop {
            // Acquire: pairs with `start` and `stop`.
            let changes = self.changes.load(Ordering::Acquire);
            let figures = if changes % 2 == 1 { self.measure() } else { self.totals() };
            fence(Ordering::Acquire);
            if self.changes.load(Ordering::Relaxed) == changes {
                return figures;
            }
        }
    }

    /// The gap to the next sample: bytes and allocations. While stopped.
    pub(crate) fn gap(&self) -> (i64, i64) {
        (self.gap_bytes.load(Ordering::Relaxed), self.gap_allocations.load(Ordering::Relaxed))
    }

    /// Sets the gap, while stopped.
    pub(crate) fn set_gap(&self, bytes: i64, allocations: i64) {
        self.gap_bytes.store(bytes, Ordering::Relaxed);
        self.gap_allocations.store(allocations, Ordering::Relaxed);
    }

    /// Charges an allocation to the meter. From the owning thread, while running.
    pub(crate) fn charge_allocation(&self, size: usize) {
        self.meter().charge_allocation(size);
    }

    /// Charges a free to the meter. From the owning thread, while running.
    pub(crate) fn charge_free(&self, size: usize) {
        self.meter().charge_free(size);
    }

    /// Takes back the charge of an allocation that was not made. From the owning thread, while running.
    pub(crate) fn refund_allocation(&self, size: usize) {
        self.meter().refund_allocation(size);
    }

    /// Takes back the charge of a free that was not made. From the owning thread, while running.
    pub(crate) fn refund_free(&self, size: usize) {
        self.meter().refund_free(size);
    }

    /// Whether a countdown of allocations has run out. From the owning thread, while running.
    pub(crate) fn allocation_is_due(&self) -> bool {
        self.meter().bytes_left() < 0 || self.meter().allocations_left() <= 0
    }

    /// Whether any countdown has run out. From the owning thread.
    #[inline(always)]
    pub(crate) fn has_run_out(&self) -> bool {
        self.is_running() && (self.allocation_is_due() || self.free_is_due())
    }

    /// Goes on so that the next allocation is due, whatever the countdowns show. From the owning thread, busy.
    #[cold]
    pub(crate) fn make_due(&self) {
        let _locked = self.lock();
        self.stop();
        self.set_gap(0, 1);
        self.start();
    }

    /// Whether the countdown of freed bytes has run out. From the owning thread, while running.
    #[inline(always)]
    pub(crate) fn free_is_due(&self) -> bool {
        self.meter().freed_bytes_left() < 0
    }

    /// Keeps everyone but the thread's own hooks from the account. Waits while another has it: a reader, for an instant.
    pub(crate) fn lock(&self) -> Locked<'_> {
        // Acquire: pairs with the Release of `Locked::drop`.
        while self.lock.0.swap(true, Ordering::Acquire) {
            sys::pause();
        }
        Locked(&self.lock)
    }

    /// In the child of a fork: the thread is not in this process, nor is its meter to be touched.
    pub(crate) fn abandon(&self) {
        let changes = self.changes.load(Ordering::Relaxed);
        self.changes.store(changes.next_multiple_of(2), Ordering::Relaxed);
        self.break_lock();
    }

    /// In the child of a fork: whoever had the lock is not in this process.
    pub(crate) fn break_lock(&self) {
        self.lock.0.store(false, Ordering::Relaxed);
    }
}

/// The account's lock, held.
pub(crate) struct Locked<'a>(&'a Lock);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One thread counts and tops up, another reads: never less than before, never more than was counted.
    #[test]
    fn a_reader_never_sees_half_of_a_top_up() {
        let (mark, countdown, counted) =
            (Mark { before: Counter::new(), after: Counter::new() }, AtomicU64::new(0), AtomicU64::new(0));
        let (mark, countdown, counted) = (&mark, &countdown, &counted);
        let rounds = if cfg!(miri) { 200 } else { 300_000_u64 };
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for round in 1..=rounds {
                    let left = countdown.load(Ordering::Relaxed).wrapping_sub(round % 100);
                    // What is counted is told first: the reader may be behind, never ahead.
                    counted.fetch_add(round % 100, Ordering::SeqCst);
                    countdown.store(left, Ordering::SeqCst);
                    if (left as i64) < 0 {
                        mark.top_up(countdown, 150);
                    }
                }
            });
            let mut last = 0;
            for _ in 0..if cfg!(miri) { 200 } else { 200_000 } {
                let total = mark.total(countdown);
                assert!(total >= last && total <= counted.load(Ordering::SeqCst), "{total} after {last}");
                last = total;
            }
        });
        assert_eq!(mark.total(countdown), counted.load(Ordering::SeqCst));
    }

    /// A signal handler takes something off at any time, in the middle of a top-up too: nothing is lost.
    #[cfg(not(miri))]
    #[test]
    fn a_signal_handler_in_a_top_up_loses_nothing() {
        static COUNTDOWN: AtomicU64 = AtomicU64::new(0);
        static HANDLED: AtomicU64 = AtomicU64::new(0);
        extern "C" fn handler(_: libc::c_int) {
            meter::raise(&COUNTDOWN, 3_u64.wrapping_neg());
            HANDLED.fetch_add(3, Ordering::Relaxed);
        }
        let mark = Mark { before: Counter::new(), after: Counter::new() };
        // SAFETY: the handler touches only atomics; nobody else in the tests uses this signal.
        let (thread, before) = unsafe {
            let mut action: libc::sigaction = core::mem::zeroed();
            let mut before: libc::sigaction = core::mem::zeroed();
            action.sa_sigaction = handler as extern "C" fn(libc::c_int) as usize;
            action.sa_flags = libc::SA_RESTART;
            assert_eq!(libc::sigaction(libc::SIGUSR2, &action, &mut before), 0);
            (libc::pthread_self(), before)
        };
        let done = AtomicBool::new(false);
        let mut counted = 0_u64;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    // SAFETY: the thread waits for this one at the end of the scope.
                    unsafe { libc::pthread_kill(thread, libc::SIGUSR2) };
                }
                done.store(true, Ordering::Release);
            });
            while !done.load(Ordering::Acquire) {
                meter::raise(&COUNTDOWN, 100_u64.wrapping_neg());
                counted += 100;
                mark.top_up(&COUNTDOWN, 50);
            }
        });
        assert!(HANDLED.load(Ordering::Relaxed) > 0);
        assert_eq!(mark.total(&COUNTDOWN), counted + HANDLED.load(Ordering::Relaxed));
        // SAFETY: what was there before.
        unsafe { libc::sigaction(libc::SIGUSR2, &before, core::ptr::null_mut()) };
    }
}
