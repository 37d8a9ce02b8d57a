//! Scopes by their ids, and ids by their names.
//!
//! An annotated function is a `static`, which gets its id at its first call. A name that is made at run time (`memscope::scope(name)`, a
//! label, a span) is looked up in a table that only grows: a thread that finds its name there takes no lock. Both are bounded: each thread
//! has a table with a row for each scope. What comes when all ids are given out counts in one scope, [`OTHER`].

use super::table::Row;
use crate::attribute::Function;
use crate::control;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::thread::{Busy, meter};

/// Ids are below this. 0 is no scope.
pub(super) const MOST_SCOPES: usize = 2048;

/// The scope that stands for all that have no id of their own.
pub(crate) const OTHER: u32 = MOST_SCOPES as u32 - 1;

/// Names that are made at run time, at the most: the rest of the ids is for functions.
const MOST_NAMES: u32 = 1024;

/// Places for them: twice as many, so that a look-up is short.
const PLACES: usize = 2 * MOST_NAMES as usize;

const ROW_BYTES: u32 = size_of::<Row>() as u32;

/// What a scope keeps for itself; part of the `static` that the attribute makes.
#[derive(Debug)]
pub(crate) struct ScopeState {
    /// Where its row stands among each thread's rows: its id in the trace, times the size of a row; 0 until it is entered the first time.
    offset: AtomicU32,
}

impl ScopeState {
    pub(crate) const fn new() -> Self {
        Self { offset: AtomicU32::new(0) }
    }

    /// Where its row stands among each thread's rows, bytes.
    #[inline(always)]
    pub(super) fn row_offset(&self) -> usize {
        // Relaxed: it guards no data; whoever reads the scope behind it looks into `SCOPES`.
        self.offset.load(Ordering::Relaxed) as usize
    }
}

static SCOPES: [AtomicPtr<Function>; MOST_SCOPES] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; MOST_SCOPES];
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

static OTHERS: Function = Function::named("(other scopes)");

static NAMES: [AtomicPtr<Function>; PLACES] = [const { AtomicPtr::new(core::ptr::null_mut()) }; PLACES];
static NAMED: AtomicU32 = AtomicU32::new(0);
/// Look-ups of a name that found no place any more.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Times that a name found no place any more, and counted in [`OTHER`].
pub(crate) fn refused() -> u64 {
    REFUSED.load(Ordering::Relaxed)
}

/// The function's id as a scope, given at its first call.
pub(super) fn id_of(function: &'static Function) -> u32 {
    match function.scope().row_offset() as u32 / ROW_BYTES {
        0 => give_id(function),
        id => id,
    }
}

#[cold]
fn give_id(function: &'static Function) -> u32 {
    let next = |id: u32| (id < OTHER).then_some(id + 1);
    let fresh = NEXT_ID.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or(OTHER);
    let offset = fresh * ROW_BYTES;
    match function.scope().offset.compare_exchange(0, offset, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {
            let scope = if fresh == OTHER { &OTHERS } else { function };
            // Release: pairs with `of_id`.
            SCOPES[fresh as usize].store(core::ptr::from_ref(scope).cast_mut(), Ordering::Release);
            fresh
        }
        // Another thread was quicker; the id that was drawn stays unused.
        Err(theirs) => theirs / ROW_BYTES,
    }
}

fn of_id(id: u32) -> Option<&'static Function> {
    let at = SCOPES.get(id as usize)?.load(Ordering::Acquire);
    // SAFETY: only addresses of `&'static Function` are in the table.
    unsafe { at.as_ref::<'static>() }
}

/// Calls `visit` for each scope that was ever entered.
pub(crate) fn for_each(mut visit: impl FnMut(u32, &'static Function)) {
    for id in 1..=NEXT_ID.load(Ordering::Relaxed).min(OTHER) {
        if let Some(function) = of_id(id) {
            visit(id, function);
        }
    }
}

/// The innermost scope that the calling thread is in.
pub(crate) fn current() -> Option<&'static Function> {
    if control::is_active() { of_id(current_id()) } else { None }
}

/// Its id; 0 outside any.
pub(crate) fn current_id() -> u32 {
    meter::own().position.scope_id()
}

/// The scope of that name: the same for each call, or the one for all others where there are too many.
pub(crate) fn named(name: &str) -> &'static Function {
    match find(name) {
        Ok(function) => function,
        Err(_) => add(name),
    }
}

/// The scope of that name, or the place where it would stand.
fn find(name: &str) -> Result<&'static Function, Option<usize>> {
    let start = hash(name);
    for step in 0..PLACES {
        let place = (start + step) % PLACES;
        // Acquire: pairs with the exchange in `add`.
        let at = NAMES[place].load(Ordering::Acquire);
        // SAFETY: only addresses of leaked `Function`s are in the table.
        match unsafe { at.as_ref::<'static>() } {
            None => return Err(Some(place)),
            Some(function) if function.name() == name => return Ok(function),
            Some(_) => {}
        }
    }
    Err(None)
}

#[cold]
fn add(name: &str) -> &'static Function {
    let room = |count: u32| (count < MOST_NAMES).then_some(count + 1);
    if NAMED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
        REFUSED.fetch_add(1, Ordering::Relaxed);
        return &OTHERS;
    }
    // What the name takes is not the program's memory.
    let _busy = Busy::enter();
    let name: &'static str = Box::leak(Box::from(name));
    let new = Box::into_raw(Box::new(Function::named(name)));
    loop {
        let place = match find(name) {
            Err(Some(place)) => place,
            // Another thread was quicker: the place that was set aside is given back, the few bytes are not.
            Ok(theirs) => {
                NAMED.fetch_sub(1, Ordering::Relaxed);
                return theirs;
            }
            Err(None) => return &OTHERS,
        };
        let empty = core::ptr::null_mut();
        // Release: whoever finds the address finds the name.
        if NAMES[place].compare_exchange(empty, new, Ordering::Release, Ordering::Relaxed).is_ok() {
            // SAFETY: leaked just now, and never freed.
            return unsafe { &*new };
        }
    }
}

/// FNV-1a (Fowler, Noll, Vo, 1991), 64 bits.
fn hash(name: &str) -> usize {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325, step);
    (hash ^ hash >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_scope_and_names_have_a_bound() {
        let first = named("a name");
        assert!(core::ptr::eq(first, named(&String::from("a name"))));
        assert_eq!(first.name(), "a name");
        assert!(!core::ptr::eq(first, named("another")));
        let before = refused();
        let names: Vec<String> = (0..MOST_NAMES + 10).map(|number| format!("name {number}")).collect();
        for name in &names {
            named(name);
        }
        assert!(core::ptr::eq(named("one too many"), &OTHERS));
        assert!(refused() > before);
        assert!(core::ptr::eq(first, named("a name")), "what has a place keeps it");
    }
}
