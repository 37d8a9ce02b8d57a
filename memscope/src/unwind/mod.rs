//! Call stacks from inside the hook: without allocating, locking or calling into the loader.
//!
//! * [`frame_pointer`]: follow the chain of saved frame pointers. Fast; needs a program that was built with them.
//! * [`framehop`]: rules from `.eh_frame`, cached. Works with what rustc builds by default.
//!
//! Which one is decided when a session starts: [`Unwinder::prepare`] walks its own stack both ways, and takes the
//! frame pointers when they find the same frames.

pub(crate) mod frame_pointer;
#[cfg(feature = "framehop")]
pub(crate) mod framehop;
mod frames;
pub(crate) mod modules;
mod registers;

use crate::thread::ThreadRecord;
pub(crate) use frames::Frames;
pub(crate) use registers::Registers;

/// How to walk stacks; what the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum UnwinderChoice {
    /// Frame pointers where the program has them, else [`UnwinderChoice::Framehop`].
    #[default]
    Auto,
    /// Frame pointers, whatever the self-test says.
    FramePointers,
    /// `.eh_frame` rules. Falls back to frame pointers in a build without the feature `framehop`.
    Framehop,
    /// No stacks: counts, threads, sizes and scopes only.
    None,
}

/// What came of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Walk {
    /// There were more frames than room.
    pub(crate) truncated: bool,
    /// No unwinder was free: the stack is missing.
    pub(crate) missed: bool,
}

/// The stack walker of one session.
pub(crate) enum Unwinder {
    None,
    FramePointers,
    #[cfg(feature = "framehop")]
    Framehop(Box<framehop::Pool>),
}

impl Unwinder {
    /// Makes the walker ready. Called by the session's thread under the guard.
    pub(crate) fn prepare(choice: UnwinderChoice, modules: &[modules::LoadedModule]) -> Self {
        match choice {
            UnwinderChoice::None => Self::None,
            UnwinderChoice::FramePointers => Self::FramePointers,
            #[cfg(feature = "framehop")]
            UnwinderChoice::Framehop => Self::Framehop(Box::new(framehop::Pool::new(modules))),
            #[cfg(feature = "framehop")]
            UnwinderChoice::Auto => {
                let pool = framehop::Pool::new(modules);
                if frame_pointers_work(&pool) { Self::FramePointers } else { Self::Framehop(Box::new(pool)) }
            }
            #[cfg(not(feature = "framehop"))]
            UnwinderChoice::Framehop | UnwinderChoice::Auto => {
                let _ = modules;
                Self::FramePointers
            }
        }
    }

    /// The word that the trace has for it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::FramePointers => "frame pointers",
            #[cfg(feature = "framehop")]
            Self::Framehop(_) => "framehop",
        }
    }

    /// Walks the calling thread's stack from `registers`, which a function further out has captured: code addresses into `into`, innermost
    /// first, callers as the call's return address minus one.
    pub(crate) fn walk(&self, record: &ThreadRecord, registers: &Registers, into: &mut Frames) -> Walk {
        if matches!(self, Self::None) {
            return Walk::default();
        }
        let Some(stack_end) = stack_end(record.stack_bounds(), registers) else {
            return Walk { missed: true, ..Walk::default() };
        };
        match self {
            Self::None => Walk::default(),
            Self::FramePointers => frame_pointer::walk(registers, stack_end, into),
            #[cfg(feature = "framehop")]
            Self::Framehop(pool) => pool.walk(registers, stack_end, into),
        }
    }

    /// Heap that it has taken, bytes, if each of its caches takes so many.
    pub(crate) fn heap_bytes(&self, _cache_bytes: u64) -> u64 {
        match self {
            #[cfg(feature = "framehop")]
            Self::Framehop(pool) => pool.heap_bytes(_cache_bytes),
            _ => 0,
        }
    }

    /// Tells the walker of modules that were loaded or unloaded. Called by the drain thread.
    pub(crate) fn update_modules(&self, modules: &[modules::LoadedModule]) {
        match self {
            #[cfg(feature = "framehop")]
            Self::Framehop(pool) => pool.update(modules),
            _ => _ = modules,
        }
    }
}

/// One of the caches that [`Unwinder`] has, to see what it takes.
#[cfg(feature = "framehop")]
pub(crate) fn new_cache() -> framehop::PoolCache {
    framehop::PoolCache::new_in()
}

/// Without rules there are no caches.
#[cfg(not(feature = "framehop"))]
pub(crate) fn new_cache() -> impl Sized {}

/// Stack that a walk may take itself, bytes: framehop keeps its registers' rules there.
const WALK_BYTES: usize = if cfg!(debug_assertions) { 96 * 1024 } else { 24 * 1024 };

/// One past the stack's highest address, if the thread runs on it and has room to walk: a coroutine or a signal handler may run
/// elsewhere, where nothing says how far memory can be read.
fn stack_end(bounds: Option<(usize, usize)>, registers: &Registers) -> Option<usize> {
    let (low, end) = bounds?;
    (low.saturating_add(WALK_BYTES)..end).contains(&registers.stack_pointer).then_some(end)
}

/// Whether frame pointers find the same frames as the rules do, from here outwards.
#[cfg(feature = "framehop")]
#[inline(never)]
fn frame_pointers_work(pool: &framehop::Pool) -> bool {
    let registers = Registers::capture();
    let Some(stack_end) = stack_end(crate::sys::stack_bounds(), &registers) else { return false };
    let (mut by_pointer, mut by_rule) = (Frames::new(), Frames::new());
    frame_pointer::walk(&registers, stack_end, &mut by_pointer);
    pool.walk(&registers, stack_end, &mut by_rule);
    let (by_pointer, by_rule) = (by_pointer.as_slice(), by_rule.as_slice());
    // The outermost frames are the C library's start code, often built without frame pointers.
    let compared = by_rule.len().saturating_sub(4).clamp(3, 28);
    by_pointer.len() >= compared && by_rule.len() >= compared && by_pointer[..compared] == by_rule[..compared]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks from `depth` calls further down.
    #[inline(never)]
    fn descend(depth: u32, walk: &mut dyn FnMut() -> (Walk, usize)) -> ((Walk, usize), u32) {
        if depth == 0 {
            return (walk(), 0);
        }
        let (found, below) = descend(depth - 1, walk);
        (std::hint::black_box(found), below + 1)
    }

    #[cfg(feature = "framehop")]
    #[test]
    fn framehop_sees_every_call() {
        let pool = framehop::Pool::new(&modules::loaded());
        let (_, end) = crate::sys::stack_bounds().expect("a stack");
        let frames_at = |depth| {
            let walk = &mut || {
                let mut frames = Frames::new();
                (pool.walk(&Registers::capture(), end, &mut frames), frames.as_slice().len())
            };
            descend(depth, walk).0
        };
        let (shallow, deep) = (frames_at(3), frames_at(23));
        assert!(shallow.1 >= 6, "{shallow:?}");
        assert_eq!(deep.1, shallow.1 + 20);
        assert!(!deep.0.truncated);
        assert_eq!(frames_at(500), (Walk { truncated: true, missed: false }, 128));
    }

    #[test]
    fn frame_pointers_never_leave_the_stack() {
        let (_, end) = crate::sys::stack_bounds().expect("a stack");
        let here = Registers::capture();
        for frame_pointer in
            [0, 1, 8, end - 8, end, end + 4096, usize::MAX - 7, here.stack_pointer + 3, 0xdead_beef]
        {
            let mut frames = Frames::new();
            frame_pointer::walk(&Registers { frame_pointer, ..here }, end, &mut frames);
            assert!(!frames.as_slice().is_empty(), "the innermost frame is known at least");
        }
        // Any word of the real stack as a frame pointer, as code without frame pointers has it.
        for offset in (0..4096).step_by(8) {
            let frame_pointer = here.stack_pointer + offset;
            let mut frames = Frames::new();
            frame_pointer::walk(&Registers { frame_pointer, ..here }, end, &mut frames);
            assert!(frames.as_slice().len() <= 128);
        }
    }
}
