//! Every shape of `async fn`, and of function that returns a future, that the attribute takes.

use memscope_ui_tests::{Droppable, double, entered, events};
use std::fmt::Display;
use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

/// Polls until the future is done.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Nothing));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
    }
}

/// Pending once.
async fn pause() {
    let mut is_first = true;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[double::profile(crate = double)]
async fn nothing() {}

const LINE_OF_TWICE: u32 = line!() + 2;
#[double::profile(crate = double)]
async fn twice() -> u32 {
    pause().await;
    2
}

#[test]
fn a_scope_is_entered_at_each_poll() {
    block_on(nothing());
    assert_eq!(events(), ["poll", "end"]);
    assert_eq!(block_on(is_send(twice())), 2);
    assert_eq!(events(), ["poll", "end", "poll", "end"]);
    let functions = entered();
    assert_eq!(functions[0].name, "futures::nothing");
    assert_eq!((functions[1].file, functions[1].line), (file!(), LINE_OF_TWICE));
}

#[double::profile(crate = double)]
async fn generic<T, const N: usize>(item: &T, _label: impl Display) -> [T; N]
where
    T: Clone,
{
    pause().await;
    std::array::from_fn(|_| item.clone())
}

#[double::profile(crate = double)]
async fn elided(text: &str) -> &str {
    pause().await;
    text.trim()
}

#[double::profile(crate = double)]
async fn named<'a>(first: &'a str, _second: &str) -> Option<&'a str> {
    #![allow(clippy::needless_question_mark, reason = "an inner attribute of the body")]
    Some(first.get(..1)?)
}

#[double::profile(crate = double)]
async fn coerced(long: bool) -> Box<dyn Fn(&str) -> usize + Send> {
    if long { Box::new(str::len) } else { Box::new(|text| text.chars().count()) }
}

#[double::profile(crate = double)]
async fn opaque(words: &[String]) -> Result<impl Iterator<Item = &str>, std::fmt::Error> {
    if words.is_empty() {
        return Err(std::fmt::Error);
    }
    Ok(words.iter().map(String::as_str))
}

#[double::profile(crate = double)]
async fn wholly_opaque() -> impl Display {
    1
}

#[double::profile(crate = double)]
async fn parsed<T>(text: &str) -> Result<T, T::Err>
where
    T: std::str::FromStr,
{
    let value = text.parse()?;
    Ok(value)
}

#[double::profile(crate = double)]
async fn question_mark_first(text: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    text.parse::<u32>()?;
    Ok(())
}

#[double::profile(crate = double)]
async fn changed(
    mut words: Vec<u32>,
    factor: &mut u32,
    (low, mut high): (u32, u32),
    [first, ..]: [u32; 3],
    _: String,
) -> Vec<u32> {
    *factor += 1;
    high += low;
    pause().await;
    words.push(first * high);
    words
}

#[double::profile(crate = double)]
async fn never(message: &str) -> ! {
    panic!("{message}")
}

#[double::profile(crate = double)]
async fn does_not_return() {
    panic!("as told")
}

/// # Safety
/// `pointer` can be read from.
#[double::profile(crate = double)]
async unsafe fn reads(pointer: *const u8) -> u8 {
    // SAFETY: the caller's promise.
    unsafe { *pointer }
}

#[test]
fn free_functions() {
    assert_eq!(block_on(generic::<u8, 2>(&3, "label")), [3, 3]);
    assert_eq!(block_on(elided(" a ")), "a");
    assert_eq!(block_on(named("first", "second")), Some("f"));
    assert_eq!(block_on(is_send(coerced(false)))("four") + block_on(coerced(true))("four"), 8);
    assert_eq!(block_on(opaque(&["a".to_owned()])).expect("one").next(), Some("a"));
    assert!(block_on(opaque(&[])).is_err());
    assert_eq!(block_on(wholly_opaque()).to_string(), "1");
    assert!(block_on(parsed::<u32>("1")).is_ok() && block_on(parsed::<u32>("x")).is_err());
    assert!(block_on(is_send(question_mark_first("x"))).is_err());
    let mut factor = 1;
    let words = block_on(is_send(changed(vec![1], &mut factor, (2, 3), [4, 5, 6], String::new())));
    assert_eq!((words, factor), (vec![1, 20], 2));
    // SAFETY: the byte is there.
    assert_eq!(block_on(unsafe { reads(&7) }), 7);
    drop(events());
    assert!(std::panic::catch_unwind(|| block_on(never("the end"))).is_err());
    assert!(std::panic::catch_unwind(|| block_on(does_not_return())).is_err());
    assert_eq!(events(), ["poll", "end", "cancel", "end"].repeat(2));
}

#[derive(Default)]
struct Cache {
    rows: Vec<u32>,
    _other: Vec<u32>,
}

impl Cache {
    #[double::profile(crate = double)]
    async fn first(&self) -> Option<&u32> {
        pause().await;
        self.rows.first()
    }

    #[double::profile(crate = double)]
    async fn clear(&mut self) -> &mut Self {
        self.rows.clear();
        self
    }

    #[double::profile(crate = double)]
    async fn into_rows(mut self) -> Vec<u32> {
        self.rows.push(0);
        pause().await;
        self.rows
    }

    #[double::profile(crate = double)]
    async fn boxed(self: Box<Self>) -> usize {
        self.rows.len()
    }
}

trait Store {
    fn get(&self, key: usize) -> impl Future<Output = Option<u32>> + Send;

    #[double::profile(crate = double)]
    async fn first_of(&self) -> Option<u32> {
        self.get(0).await
    }
}

impl Store for Cache {
    #[double::profile(crate = double)]
    async fn get(&self, key: usize) -> Option<u32> {
        self.rows.get(key).copied()
    }
}

#[test]
fn methods() {
    let mut cache = Cache { rows: vec![5], ..Cache::default() };
    assert_eq!(block_on(cache.first()), Some(&5));
    assert_eq!(block_on(cache.first_of()), Some(5));
    assert!(block_on(is_send(cache.clear())).rows.is_empty());
    assert_eq!(block_on(is_send(cache.into_rows())), [0]);
    assert_eq!(block_on(Box::new(Cache::default()).boxed()), 0);
}

#[double::profile(crate = double)]
async fn countdown(number: u32) -> u32 {
    if number == 0 { 0 } else { 1 + Box::pin(countdown(number - 1)).await }
}

#[test]
fn recursion() {
    assert_eq!(block_on(countdown(2)), 2);
    assert_eq!(events(), ["poll", "poll", "poll", "end", "end", "end"]);
}

/// What is `!Send` stays so, and runs where that does not matter.
#[test]
fn a_future_that_is_not_send() {
    #[double::profile(crate = double)]
    async fn counted(text: std::rc::Rc<str>) -> usize {
        pause().await;
        text.len()
    }
    assert_eq!(block_on(counted("four".into())), 4);
}

struct Owner(Droppable, #[allow(dead_code, reason = "it is dropped")] Droppable);

impl Owner {
    #[double::profile(crate = double)]
    async fn consume(self, _: Droppable, (_, _b): (Droppable, Droppable), _c: Droppable) -> u32 {
        let _local = Droppable("local");
        self.0.value()
    }

    async fn plain(self, _: Droppable, (_, _b): (Droppable, Droppable), _c: Droppable) -> u32 {
        let _local = Droppable("local");
        self.0.value()
    }
}

/// Everything that the function owns is dropped inside the poll that ends it, in the order of the plain function.
#[test]
fn what_the_function_owns_is_dropped_inside() {
    let arguments = || (Droppable("a"), (Droppable("rest"), Droppable("b")), Droppable("c"));
    let owner = || Owner(Droppable("self.0"), Droppable("self.1"));
    let (a, b, c) = arguments();
    block_on(owner().plain(a, b, c));
    let plain = events();
    assert_eq!(plain.len(), 7);
    let (a, b, c) = arguments();
    block_on(owner().consume(a, b, c));
    assert_eq!(events(), [&["poll"], plain.as_slice(), &["end"]].concat());
    // Never polled: the same, by its own rules.
    let (a, b, c) = arguments();
    drop(owner().plain(a, b, c));
    let plain = events();
    let (a, b, c) = arguments();
    drop(owner().consume(a, b, c));
    let mut measured = events();
    measured.sort_unstable();
    let mut sorted = plain;
    sorted.sort_unstable();
    assert_eq!(measured, sorted);
}

/// A future that is dropped before it is done frees inside the scope.
#[test]
fn a_cancelled_future_frees_inside() {
    #[double::profile(crate = double)]
    async fn waits(_argument: Droppable) {
        let _local = Droppable("local");
        std::future::pending::<()>().await;
    }
    let mut future = Box::pin(waits(Droppable("argument")));
    let waker = Waker::from(Arc::new(Nothing));
    assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(future);
    assert_eq!(events(), ["poll", "end", "cancel", "local", "argument", "end"]);
}

#[double::profile(crate = double)]
fn returns_a_future(text: &str, times: usize) -> impl Future<Output = String> + Send + '_ {
    memscope_ui_tests::record("before");
    async move {
        pause().await;
        text.repeat(times)
    }
}

#[double::profile(crate = double)]
fn returns_early(is_early: bool) -> impl Future<Output = u32> {
    if is_early {
        return ready(1);
    }
    ready(2)
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[double::profile(crate = double)]
fn pins(text: &str, mut words: Vec<String>) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
    words.push(text.to_owned());
    Box::pin(async move {
        pause().await;
        words.len() + text.len()
    })
}

#[double::profile(crate = double)]
fn passes_on(text: &str) -> BoxFuture<'_, usize> {
    let words = vec![text.to_owned()];
    pins(text, words)
}

#[test]
fn functions_that_return_futures() {
    assert_eq!(block_on(is_send(returns_a_future("ab", 2))), "abab");
    assert_eq!(events(), ["making", "before", "made", "poll", "end", "poll", "end"]);
    assert_eq!(block_on(returns_early(true)) + block_on(returns_early(false)), 3);
    assert_eq!(events(), ["making", "made", "poll", "end"].repeat(2));
    assert_eq!(block_on(pins("ab", Vec::new())), 3);
    assert_eq!(events(), ["making", "made", "poll", "end", "poll", "end"]);
    assert_eq!(block_on(passes_on("ab")), 4);
    assert_eq!(
        events(),
        ["making", "making", "made", "made", "poll", "poll", "end", "end", "poll", "poll", "end", "end"]
    );
}

/// What `#[async_trait]` makes of a method: the attribute below it sees this.
struct AsTheMacroMakesIt;

impl AsTheMacroMakesIt {
    #[double::profile(crate = double)]
    #[allow(clippy::type_complexity, clippy::type_repetition_in_bounds)]
    fn get<'life0, 'life1, 'async_trait>(
        &'life0 self,
        key: &'life1 str,
    ) -> ::core::pin::Pin<
        Box<dyn ::core::future::Future<Output = Option<usize>> + ::core::marker::Send + 'async_trait>,
    >
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            if let ::core::option::Option::Some(__ret) = ::core::option::Option::None::<Option<usize>> {
                #[allow(unreachable_code)]
                return __ret;
            }
            let __self = self;
            let __ret: Option<usize> = {
                let _ = __self;
                pause().await;
                Some(key.len())
            };
            #[allow(unreachable_code)]
            __ret
        })
    }
}

#[test]
fn below_async_trait() {
    assert_eq!(block_on(AsTheMacroMakesIt.get("four")), Some(4));
    assert_eq!(events(), ["making", "made", "poll", "end", "poll", "end"]);
}
