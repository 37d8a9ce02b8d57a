//! How far the work is, told to whoever asked.

use std::fmt;
use std::sync::Arc;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Reading the trace; counted in bytes.
    Load,
    /// Finding names; counted in code addresses.
    Symbolize,
}

/// Calls a function now and then with the stage, how much of it is done, and how much there is. The default tells
/// nobody.
///
/// ```
/// use memscope_report::{Progress, Stage};
/// let progress = Progress::new(|stage, done, of| eprintln!("{stage:?}: {done} of {of}"));
/// progress.tell(Stage::Load, 10, 100);
/// ```
#[derive(Clone, Default)]
pub struct Progress {
    listener: Option<Listener>,
}

type Listener = Arc<dyn Fn(Stage, u64, u64) + Send + Sync>;

impl Progress {
    /// Tells `listener`, on the thread that does the work.
    pub fn new(listener: impl Fn(Stage, u64, u64) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Arc::new(listener)) }
    }

    /// Tells the listener that `done` of `total` of the stage is done.
    pub fn tell(&self, stage: Stage, done: u64, total: u64) {
        if let Some(listener) = &self.listener {
            listener(stage, done, total);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Progress({})", if self.listener.is_some() { "a listener" } else { "nobody" })
    }
}
