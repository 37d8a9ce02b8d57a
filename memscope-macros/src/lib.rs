//! The attribute macro of memscope, re-exported as `memscope::profile`.
//!
//! An annotated function keeps its signature and its body. The macro puts two things in front of the body: a `static`
//! that says who the function is and what the attribute's arguments are, and a guard that is dropped when everything
//! the function owns is gone. All that happens at run time is in `memscope::__private`.
//!
//! ```text
//! tokens -> args.rs (what the attribute says) -> item.rs (what it stands on), returns.rs (what comes out of it)
//!        -> expand.rs (what a function becomes), future.rs (what an async one becomes), params.rs (what its arguments become)
//! ```
#![forbid(unsafe_code)]

mod args;
mod expand;
mod future;
mod item;
mod params;
mod returns;

use args::Args;
use item::Function;
use proc_macro2::TokenStream;

/// Measures a function: where the memory that it and its callees allocate goes, and who holds it.
///
/// The outermost annotated function that runs opens a session and finalizes it when it is left: on return, on `?` and
/// on unwind. The session writes `trace.bin`. An annotated function that runs while a session is active opens a *scope*
/// in it instead, with exact counts and bytes of its own.
///
/// ```no_run
/// #[memscope::profile(output = "./MemoryAnalysis", sample_rate = 0.01)]
/// fn main() -> Result<(), std::num::ParseIntError> {
///     let rows = load("1 2 3")?;
///     println!("{} rows", rows.len());
///     Ok(())
/// }
///
/// #[memscope::profile]
/// fn load(text: &str) -> Result<Vec<u64>, std::num::ParseIntError> {
///     text.split(' ').map(str::parse).collect()
/// }
/// ```
///
/// # Arguments
///
/// Every argument is a literal, is checked when the program is compiled, and may be left out. What stands in the
/// environment (`MEMSCOPE_OUTPUT`, `MEMSCOPE_SAMPLE_RATE`, ...) goes before what stands here, and `MEMSCOPE=off` makes
/// the program a plain one. Those of the session matter only where the function is the one that opens it.
///
/// | argument | unit | range | meaning |
/// | --- | --- | --- | --- |
/// | `output = "dir"` | path | not empty | the folder of `trace.bin` |
/// | `sample_rate = 0.01` | probability | 0 < rate <= 1 | the least chance of an eligible allocation to be sampled |
/// | `min_allocation_size = 1024` | bytes | >= 0 | smaller allocations are counted, but never sampled |
/// | `buffer_size = 1048576` | bytes | 4096 to 1073741824 | the most that one thread's buffer may take |
/// | `overhead_budget = 0.005` | share | 0 < share <= 1 | the most of the process's CPU time that the session may take, kept by sampling less; half a percent where nothing is said of how much is sampled |
/// | `name = "load rows"` | | not empty | what the report calls the function; else its module path and name |
/// | `crate = memscope_rs` | path | | where memscope is, if `Cargo.toml` gives it another name |
///
/// # Where it may stand
///
/// On any function with a body: free functions, methods, functions of a trait and of its impls; generic, `async`, `unsafe`,
/// `extern`, returning `impl Trait` or `!`; above or below other attributes, `#[test]`, `#[tokio::main]` and
/// `#[tokio::test]` among them, and below `#[async_trait]`. It needs no `unsafe` and causes no warning in the crate that uses it.
///
/// `const fn` is refused: it may run where there is no allocator.
///
/// # Futures
///
/// An `async fn` is a scope while it is polled, on whatever threads; what runs on a thread between two of its polls is not in its
/// figures. It counts as one call when it is done, when a poll panics, or when it is dropped after its first poll. The future
/// is `Send` where it would be without the attribute, and borrows what it would.
///
/// A function that returns `impl Future`, `Pin<Box<dyn Future>>`, `BoxFuture` or `LocalBoxFuture` (told by the last name of the path) is a scope while
/// it makes the future, and the future is one whenever it is polled. Where the body ends in `Box::pin(async { ... })` nothing more is
/// allocated; where the box comes from elsewhere, it is put into another one. A future from an earlier `return` of such a body is
/// not measured.
///
/// A function that returns `impl Stream`, `Pin<Box<dyn Stream>>`, `BoxStream` or `LocalBoxStream` is the same with memscope's feature `stream`: the stream is a scope whenever it
/// is asked for an item, and one call until it ends or is dropped; one in a box is put into another box. Without the feature, the function is measured until it returns.
///
/// # What is counted
///
/// Everything from the first line of the body until its locals, its temporaries and its arguments are dropped. Two
/// kinds of arguments are dropped later, by the language's own order, so that their frees count for the caller: a
/// `self` taken by value, and an argument that the signature takes apart (`(a, b): (A, B)`) with those in front of it.
#[proc_macro_attribute]
pub fn profile(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    transform(args.into(), item.into()).into()
}

/// The macro over `proc_macro2`, so that unit tests can call it.
fn transform(args: TokenStream, item: TokenStream) -> TokenStream {
    match parse(args, item.clone()) {
        Ok((args, function)) => expand::expand(&args, function),
        // The function stays: its callers must not fail to resolve on top of what is really wrong.
        Err(errors) => {
            let mut output = errors.to_compile_error();
            output.extend(item);
            output
        }
    }
}

/// Both inputs, or everything that is wrong with either.
fn parse(args: TokenStream, item: TokenStream) -> syn::Result<(Args, Function)> {
    match (args::parse(args), item::parse(item)) {
        (Ok(args), Ok(function)) => Ok((args, function)),
        (Err(mut errors), Err(error)) => {
            errors.combine(error);
            Err(errors)
        }
        (Err(errors), Ok(_)) | (Ok(_), Err(errors)) => Err(errors),
    }
}
