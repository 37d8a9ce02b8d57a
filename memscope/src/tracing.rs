//! Spans of `tracing` as scopes (feature `tracing`): an instrumented program gets its spans' memory without an annotation.
//!
//! ```text
//! span entered -> scope entered       span left -> scope left       span closed -> a call has ended
//! ```
//!
//! A span is a scope by its name, or by its name and one of its fields. What `tracing` itself allocates for a span counts for the scope
//! around it.

use crate::attribute::Function;
use crate::control;
use crate::scope::{self, Open, Text, Visit};
use crate::sync::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use core::cell::RefCell;
use core::fmt::{Debug, Write};
use tracing_core::field::{Field, Visit as VisitFields};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// A layer for `tracing_subscriber` that makes each span a scope while it is entered.
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let subscriber = tracing_subscriber::registry().with(memscope::ScopeLayer::new().with_field("route"));
/// # drop(subscriber);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ScopeLayer {
    field: Option<&'static str>,
}

impl ScopeLayer {
    /// A layer for which spans of one name are one scope.
    #[must_use]
    pub const fn new() -> Self {
        Self { field: None }
    }

    /// Tells spans of one name apart by the value of that field, where they have it: the route of a request, the kind of a query. A field
    /// with more than some hundred values is a bad choice: 1,024 names have room in all.
    #[must_use]
    pub const fn with_field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    /// The scope for a span whose fields `visit` shows.
    fn scope_of(
        &self,
        metadata: &'static Metadata<'static>,
        visit: impl FnOnce(&mut Finder),
    ) -> Option<&'static Function> {
        let mut finder = Finder { field: self.field?, value: Text::new() };
        visit(&mut finder);
        let value = finder.value.as_str();
        if value.is_empty() {
            return None;
        }
        let mut name = Text::new();
        // What does not fit is cut off.
        let _ = write!(name, "{} {}={value}", metadata.name(), finder.field);
        Some(scope::named(name.as_str()))
    }
}

/// The value of one field.
struct Finder {
    field: &'static str,
    value: Text,
}

impl VisitFields for Finder {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == self.field {
            self.value = Text::new();
            let _ = write!(self.value, "{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.field {
            self.value = Text::new();
            let _ = self.value.write_str(value);
        }
    }
}

/// What a span keeps: its scope, and the figures of its one call.
struct SpanScope {
    function: AtomicPtr<Function>,
    generation: AtomicU32,
    started_ticks: AtomicU64,
    allocated_bytes: AtomicU64,
    busy_ticks: AtomicU64,
    is_outermost: AtomicBool,
}

impl SpanScope {
    fn new(function: &'static Function) -> Self {
        Self {
            function: AtomicPtr::new(core::ptr::from_ref(function).cast_mut()),
            generation: AtomicU32::new(0),
            started_ticks: AtomicU64::new(0),
            allocated_bytes: AtomicU64::new(0),
            busy_ticks: AtomicU64::new(0),
            is_outermost: AtomicBool::new(false),
        }
    }

    fn set(&self, function: &'static Function) {
        self.function.store(core::ptr::from_ref(function).cast_mut(), Ordering::Release);
    }

    fn function(&self) -> &'static Function {
        // SAFETY: only addresses of `&'static Function` are put in.
        unsafe { &*self.function.load(Ordering::Acquire) }
    }
}

/// Spans that a thread may be in at once; what is deeper counts for the span around it.
const DEEPEST: usize = 32;

/// The spans that a thread is in, outermost first.
struct Entered {
    spans: [Option<(u64, Open)>; DEEPEST],
    count: usize,
}

thread_local! {
    // Without a destructor: it can be used for as long as the thread lives.
    static ENTERED: RefCell<Entered> =
        const { RefCell::new(Entered { spans: [const { None }; DEEPEST], count: 0 }) };
}

impl Entered {
    fn push(&mut self, id: u64, open: impl FnOnce() -> Option<Open>) {
        if let Some(place) = self.spans.get_mut(self.count)
            && let Some(open) = open()
        {
            *place = Some((id, open));
            self.count += 1;
        }
    }

    /// Takes the innermost entry of that span.
    fn take(&mut self, id: u64) -> Option<Open> {
        let at = self.spans[..self.count]
            .iter()
            .rposition(|span| span.as_ref().is_some_and(|span| span.0 == id))?;
        self.spans[at..self.count].rotate_left(1);
        self.count -= 1;
        self.spans[self.count].take().map(|(_, open)| open)
    }
}

impl<S> Layer<S> for ScopeLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !control::is_active() {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let metadata = attributes.metadata();
        let labelled = self.scope_of(metadata, |finder| attributes.record(finder));
        let function = labelled.unwrap_or_else(|| scope::named(metadata.name()));
        span.extensions_mut().replace(SpanScope::new(function));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(found) = span.extensions().get::<SpanScope>()
            && let Some(function) = self.scope_of(span.metadata(), |finder| values.record(finder))
        {
            found.set(function);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if !control::is_active() {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let extensions = span.extensions();
        let Some(found) = extensions.get::<SpanScope>() else { return };
        let open = || scope::enter(found.function());
        // Where it cannot be borrowed, a signal handler has come in between: it measures nothing.
        let _ = ENTERED.try_with(|entered| {
            if let Ok(mut entered) = entered.try_borrow_mut() {
                entered.push(id.into_u64(), open);
            }
        });
        if found.generation.load(Ordering::Relaxed) == 0 {
            found.generation.store(control::generation(), Ordering::Relaxed);
            found.started_ticks.store(scope::ticks(), Ordering::Relaxed);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let open = ENTERED.try_with(|entered| entered.try_borrow_mut().ok()?.take(id.into_u64()));
        let Ok(Some(open)) = open else { return };
        let Visit { allocated_bytes, ticks, is_outermost } = open.leave();
        let Some(span) = context.span(id) else { return };
        if let Some(found) = span.extensions().get::<SpanScope>()
            && is_outermost
        {
            found.allocated_bytes.fetch_add(allocated_bytes, Ordering::Relaxed);
            found.busy_ticks.fetch_add(ticks, Ordering::Relaxed);
            found.is_outermost.store(true, Ordering::Relaxed);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let extensions = span.extensions();
        let Some(found) = extensions.get::<SpanScope>() else { return };
        let generation = found.generation.load(Ordering::Relaxed);
        if generation != 0 && generation == control::generation() {
            let bytes = found.allocated_bytes.load(Ordering::Relaxed);
            let bytes = found.is_outermost.load(Ordering::Relaxed).then_some(bytes);
            let ticks = scope::ticks().saturating_sub(found.started_ticks.load(Ordering::Relaxed));
            let waited_ticks = ticks.saturating_sub(found.busy_ticks.load(Ordering::Relaxed));
            scope::count_call(found.function(), generation, bytes, waited_ticks);
        }
    }
}
