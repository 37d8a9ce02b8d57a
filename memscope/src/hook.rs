//! What happens to an allocation and to a free while a session is active.
//!
//! The fast path: add to the thread's counters, take the credit off its countdown, look at one byte of the filter. The
//! slow path, out of line: publish live bytes, draw, walk the stack, enter the live table, push onto the ring.
//!
//! Nothing here panics, blocks or allocates from the global allocator (exact mode waits for room in a full ring: see
//! [`push_patiently`]). While the slow path runs, the thread is
//! [`Busy`](crate::thread::Busy): what the slow path itself might allocate passes by.

use crate::bell::BELL;
use crate::control;
use crate::live::{LiveTable, filter};
use crate::ring::{MAX_FRAMES, Ring, Sample};
use crate::sampler;
use crate::sync::{AtomicBool, AtomicI64, AtomicPtr, AtomicU64, Ordering};
use crate::sys;
use crate::thread::{InHook, ThreadRecord, local};
use crate::unwind::Unwinder;
use memscope_trace::AllocationKind;

/// What hooks use of the active session.
pub(crate) struct SessionData {
    pub(crate) live: LiveTable,
    pub(crate) unwinder: Unwinder,
    /// Records whose ring holds something, as a stack.
    pub(crate) dirty: AtomicPtr<ThreadRecord>,
    pub(crate) lost_table: AtomicU64,
    pub(crate) lost_table_bytes: AtomicU64,
    pub(crate) missed_stacks: AtomicU64,
    /// Exact mode: a full ring stayed full for too long.
    waited_in_vain: AtomicBool,
    /// Sum of the published live bytes, and the highest that it was.
    live_bytes: AtomicI64,
    peak_bytes: AtomicI64,
}

impl SessionData {
    pub(crate) fn new(live: LiveTable, unwinder: Unwinder) -> Self {
        Self {
            live,
            unwinder,
            dirty: AtomicPtr::new(core::ptr::null_mut()),
            lost_table: AtomicU64::new(0),
            lost_table_bytes: AtomicU64::new(0),
            missed_stacks: AtomicU64::new(0),
            waited_in_vain: AtomicBool::new(false),
            live_bytes: AtomicI64::new(0),
            peak_bytes: AtomicI64::new(0),
        }
    }

    fn publish(&self, delta: i64) {
        let live = self.live_bytes.fetch_add(delta, Ordering::Relaxed).wrapping_add(delta);
        if live > self.peak_bytes.load(Ordering::Relaxed) {
            self.peak_bytes.fetch_max(live, Ordering::Relaxed);
        }
    }

    /// The highest sum of published live bytes so far.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes.load(Ordering::Relaxed).max(0) as u64
    }

    /// Takes a sum that was computed from the exact counters into account.
    pub(crate) fn observe_live(&self, live_bytes: i64) {
        self.peak_bytes.fetch_max(live_bytes, Ordering::Relaxed);
    }
}

static SESSION: AtomicPtr<SessionData> = AtomicPtr::new(core::ptr::null_mut());

/// Sets what hooks use, before they are switched on; returns what was there.
pub(crate) fn set_session_data(data: *mut SessionData) -> *mut SessionData {
    SESSION.swap(data, Ordering::SeqCst)
}

/// The session's data, for as long as `_in_hook` lives.
fn session_data(_in_hook: &InHook) -> Option<&SessionData> {
    // SAFETY: non-null only while the data lives; a session frees it only after the hooks are off and no `InHook` that
    // saw them on is left (`registry::wait_until_quiet`).
    unsafe { SESSION.load(Ordering::Acquire).as_ref() }
}

/// Tells of an allocation that the inner allocator has made.
#[inline(always)]
pub(crate) fn allocated(address: *mut u8, size: usize, kind: AllocationKind, old_size: usize) {
    // SAFETY: a non-null pointer is to this thread's record, in memory that is never unmapped.
    match unsafe { local::record().as_ref() } {
        Some(record) => allocated_in(record, address, size, kind, old_size),
        None => allocated_without_record(address, size, kind, old_size),
    }
}

#[inline(always)]
fn allocated_in(
    record: &'static ThreadRecord,
    address: *mut u8,
    size: usize,
    kind: AllocationKind,
    old_size: usize,
) {
    record.allocations.add(1);
    record.allocated_bytes.add(size as u64);
    let credit = (size as i64).wrapping_add(control::credit_bytes());
    let left = record.countdown.load(Ordering::Relaxed).wrapping_sub(credit);
    record.countdown.store(left, Ordering::Relaxed);
    if left < 0 {
        countdown_ran_out(record, address, size, kind, old_size);
    }
}

#[cold]
#[inline(never)]
fn allocated_without_record(address: *mut u8, size: usize, kind: AllocationKind, old_size: usize) {
    match local::record_or_register() {
        Some(record) => allocated_in(record, address, size, kind, old_size),
        None if local::is_late() => {
            local::LATE.allocated(size);
            publish_late(size as i64);
        }
        None => PROBED.store(true, Ordering::Relaxed),
    }
}

/// Set when an allocation of a busy thread has come by.
static PROBED: AtomicBool = AtomicBool::new(false);

/// Whether what `allocate` allocates comes by here. Called while no session is active and the thread is busy.
pub(crate) fn probe(allocate: impl FnOnce()) -> bool {
    if !PROBED.load(Ordering::Relaxed) {
        control::switch_on();
        allocate();
        control::switch_off();
    }
    PROBED.load(Ordering::Relaxed)
}

/// Tells of a free that the inner allocator is about to make.
#[inline(always)]
pub(crate) fn freeing(address: *mut u8, size: usize) {
    count_free(size);
    if size as u64 >= control::min_size_bytes() && filter::may_contain(address as usize) {
        free_sample(address);
    }
}

/// Counts a free.
#[inline(always)]
fn count_free(size: usize) {
    // SAFETY: as in `allocated`.
    match unsafe { local::record().as_ref() } {
        Some(record) => count_free_in(record, size),
        None => count_free_without_record(size),
    }
}

#[inline(always)]
fn count_free_in(record: &'static ThreadRecord, size: usize) {
    record.frees.add(1);
    record.freed_bytes.add(size as u64);
    if record.freed_bytes.get() >= record.freed_mark.get() {
        freed_mark_reached(record);
    }
}

#[cold]
#[inline(never)]
fn count_free_without_record(size: usize) {
    match local::record_or_register() {
        Some(record) => count_free_in(record, size),
        None if local::is_late() => {
            local::LATE.freed(size);
            publish_late(-(size as i64));
        }
        None => {}
    }
}

/// A `realloc` of a sample: taken out of the live table before the inner call, so that the old address may be given out again.
pub(crate) struct Detached {
    entry: Option<u32>,
    time_ns: u64,
    /// The session whose entry it is: another may have begun by the time the inner call returns.
    generation: u32,
}

/// Takes the allocation at `address` out of the live table, if it is a sample.
#[inline(always)]
pub(crate) fn detach(address: *mut u8, size: usize) -> Detached {
    if size as u64 >= control::min_size_bytes() && filter::may_contain(address as usize) {
        return detach_sample(address);
    }
    NOT_SAMPLED
}

const NOT_SAMPLED: Detached = Detached { entry: None, time_ns: 0, generation: 0 };

#[cold]
#[inline(never)]
fn detach_sample(address: *mut u8) -> Detached {
    let Some(in_hook) = InHook::enter(local::record_or_register()) else { return NOT_SAMPLED };
    let Some(session) = session_data(&in_hook) else { return NOT_SAMPLED };
    let entry = session.live.take(address as usize);
    Detached { entry, time_ns: sys::monotonic_ns(), generation: control::generation() }
}

/// The inner `realloc` returned null: the old allocation lives on.
#[cold]
#[inline(never)]
pub(crate) fn reattach(address: *mut u8, detached: &Detached) {
    if let Some(entry) = detached.entry
        && let Some(in_hook) = InHook::enter(current_record())
        && let Some(session) = session_data(&in_hook)
        && detached.generation == control::generation()
        && !session.live.put_back(address as usize, entry)
    {
        session.live.freed(entry, detached.time_ns, in_hook.thread_id());
    }
}

/// The inner `realloc` succeeded: the old allocation is freed, the new one made.
#[inline(always)]
pub(crate) fn reallocated(detached: &Detached, old: (*mut u8, usize), new: (*mut u8, usize)) {
    if let Some(entry) = detached.entry {
        end_detached(detached, entry);
    }
    count_free(old.1);
    let kind = if old.0 == new.0 { AllocationKind::ReallocInPlace } else { AllocationKind::ReallocMoved };
    allocated(new.0, new.1, kind, old.1);
}

#[cold]
#[inline(never)]
fn end_detached(detached: &Detached, entry: u32) {
    if let Some(in_hook) = InHook::enter(current_record())
        && let Some(session) = session_data(&in_hook)
        && detached.generation == control::generation()
    {
        session.live.freed(entry, detached.time_ns, in_hook.thread_id());
    }
}

#[cold]
#[inline(never)]
fn free_sample(address: *mut u8) {
    let Some(in_hook) = InHook::enter(current_record()) else { return };
    let Some(session) = session_data(&in_hook) else { return };
    if let Some(entry) = session.live.take(address as usize) {
        session.live.freed(entry, sys::monotonic_ns(), in_hook.thread_id());
    }
}

/// The calling thread's record, if it has one and is not busy.
fn current_record() -> Option<&'static ThreadRecord> {
    // SAFETY: as in `allocated`.
    unsafe { local::record().as_ref() }
}

/// Publishes the thread's live bytes.
pub(crate) fn publish(record: &'static ThreadRecord, always: bool) {
    let delta = record.take_unpublished(always);
    if delta != 0 {
        // SAFETY: every caller is inside an `InHook`.
        if let Some(session) = unsafe { SESSION.load(Ordering::Acquire).as_ref() } {
            session.publish(delta);
        }
    }
}

#[cold]
#[inline(never)]
fn publish_late(delta: i64) {
    if let Some(in_hook) = InHook::enter(None)
        && let Some(session) = session_data(&in_hook)
    {
        session.publish(delta);
    }
}

#[cold]
#[inline(never)]
fn freed_mark_reached(record: &'static ThreadRecord) {
    let Some(_in_hook) = InHook::enter(Some(record)) else { return };
    begin_session_if_new(record);
    publish(record, false);
}

/// Brings the thread's sampling state into this session; the first gap is drawn.
fn begin_session_if_new(record: &'static ThreadRecord) -> bool {
    let generation = control::generation();
    if record.generation.load(Ordering::Relaxed) == generation {
        return false;
    }
    record.begin_session(generation);
    record.arm(draw(record));
    true
}

fn draw(record: &ThreadRecord) -> i64 {
    let mut random = record.random();
    let gap = sampler::draw_gap(&mut random, control::interval_bytes());
    record.set_random(random);
    gap
}

#[cold]
#[inline(never)]
fn countdown_ran_out(
    record: &'static ThreadRecord,
    address: *mut u8,
    size: usize,
    kind: AllocationKind,
    old_size: usize,
) {
    let Some(in_hook) = InHook::enter(Some(record)) else { return };
    let mut left = record.credit_left();
    if begin_session_if_new(record) {
        // The first gap counts from this allocation on.
        left = record.credit_left().wrapping_sub((size as i64).wrapping_add(control::credit_bytes()));
    }
    publish(record, false);
    if left >= 0 {
        record.arm(left);
        return;
    }
    record.arm(draw(record));
    if size as u64 >= control::min_size_bytes()
        && let Some(session) = session_data(&in_hook)
    {
        sample(session, record, address, size, kind, old_size);
    }
}

/// How long exact mode waits for room.
const PATIENCE_NS: u64 = 100_000_000;

/// Exact mode promises every allocation, so there, and only there, a thread waits until the drain thread has made room: not for ever,
/// for the drain thread may be waiting for a lock that this thread holds (the loader's). Once that was in vain, nobody waits again.
#[cold]
fn push_patiently(session: &SessionData, record: &ThreadRecord, ring: &Ring, sample: &Sample<'_>) -> bool {
    if control::interval_bytes() > 0.0 || session.waited_in_vain.load(Ordering::Relaxed) {
        return false;
    }
    mark_dirty(session, record);
    while sys::monotonic_ns().saturating_sub(sample.time_ns) < PATIENCE_NS {
        sys::pause();
        if ring.push(sample) {
            return true;
        }
    }
    session.waited_in_vain.store(true, Ordering::Relaxed);
    false
}

/// What takes longer than this was interrupted: the rest is other threads' time, not the sample's.
const LONGEST_SAMPLE_NS: u64 = 20_000;

/// Records a sample.
#[inline(never)]
fn sample(
    session: &SessionData,
    record: &'static ThreadRecord,
    address: *mut u8,
    size: usize,
    kind: AllocationKind,
    old_size: usize,
) {
    let time_ns = sys::monotonic_ns();
    let Some(ring) = ring_of(record) else { return lose_in_buffer(record, size) };
    let mut frames = [0; MAX_FRAMES];
    let walk = session.unwinder.walk(record, &mut frames);
    if walk.missed {
        session.missed_stacks.fetch_add(1, Ordering::Relaxed);
    }
    forget_stale(session, address, time_ns);
    let Some(entry) = session.live.insert(address as usize) else {
        session.lost_table.fetch_add(1, Ordering::Relaxed);
        session.lost_table_bytes.fetch_add(size as u64, Ordering::Relaxed);
        return;
    };
    let sample = Sample {
        time_ns,
        size: size as u64,
        old_size: old_size as u64,
        kind,
        interval: control::interval_id(),
        entry,
        scope: record.scope.load(Ordering::Relaxed),
        truncated: walk.truncated,
        frames: &frames[..walk.frames],
    };
    if ring.push(&sample) || push_patiently(session, record, ring, &sample) {
        mark_dirty(session, record);
    } else {
        // The caller has not got the address yet: nobody else can have taken it out.
        if session.live.take(address as usize).is_some() {
            session.live.entries.release(entry);
        }
        lose_in_buffer(record, size);
    }
    let took_ns = sys::monotonic_ns().saturating_sub(time_ns);
    record.add_sampling_ns(took_ns.min(LONGEST_SAMPLE_NS));
}

/// Ends what the live table still has at an address that has just been given out: its free came by while the thread was busy
/// (a signal handler's, say), and was passed over.
fn forget_stale(session: &SessionData, address: *mut u8, time_ns: u64) {
    if filter::may_contain(address as usize)
        && let Some(stale) = session.live.take(address as usize)
    {
        session.live.freed(stale, time_ns, 0);
    }
}

fn lose_in_buffer(record: &ThreadRecord, size: usize) {
    record.identity.lost_buffer.add(1);
    record.identity.lost_buffer_bytes.add(size as u64);
}

/// The thread's ring, made at its first sample.
fn ring_of(record: &'static ThreadRecord) -> Option<&'static Ring> {
    if record.ring().is_none() {
        let ring = Ring::create(control::ring_bytes())?;
        // Release: the drain thread sees the ring's header.
        record.ring_slot().store(ring.as_ptr(), Ordering::Release);
    }
    record.ring()
}

/// Puts the record onto the list of rings that hold something, unless it is on it.
pub(crate) fn mark_dirty(session: &SessionData, record: &ThreadRecord) {
    // AcqRel: pairs with the drain thread, which clears the mark before it empties the ring.
    if record.shared.dirty.swap(true, Ordering::AcqRel) {
        return;
    }
    let new = core::ptr::from_ref(record).cast_mut();
    let mut head = session.dirty.load(Ordering::Relaxed);
    loop {
        record.shared.next_dirty.store(head, Ordering::Relaxed);
        match session.dirty.compare_exchange_weak(head, new, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => break,
            Err(found) => head = found,
        }
    }
    BELL.ring();
}
