//! What the annotated function becomes.

use crate::args::Args;
use crate::future;
use crate::item::Function;
use crate::params;
use crate::returns::{self, Returns};
use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::Path;
use syn::ext::IdentExt;

/// The function, measured.
pub(crate) fn expand(args: &Args, function: Function) -> TokenStream {
    if function.is_made_sync() {
        return below_runtime(args, function);
    }
    if function.sig.asyncness.is_some() {
        return future::of_async_fn(args, function);
    }
    match returns::what(&function.sig.output) {
        Returns::Value => measured(args, function),
        Returns::Future => future::returned(args, function),
        Returns::BoxedFuture => future::returned_boxed(args, function),
        Returns::Stream => future::returned_stream(args, function, "plain"),
        Returns::BoxedStream => future::returned_stream(args, function, "boxed"),
    }
}

/// The function, with the attribute moved below the one that makes it sync, so that this one is expanded first.
///
/// ```text
/// #[memscope::profile(sample_rate = 0.1)]     // before (the first line is not in the input)
/// #[tokio::main]
/// async fn main() { body }
///
/// #[tokio::main]                              // after
/// #[::memscope::profile(sample_rate = 0.1)]
/// async fn main() { body }
/// ```
fn below_runtime(args: &Args, function: Function) -> TokenStream {
    let Function { attrs, vis, sig, body } = function;
    let (krate, arguments) = (krate(args), &args.tokens);
    quote_spanned! {Span::mixed_site()=>
        #(#attrs)*
        #[#krate::profile(#arguments)]
        #vis #sig #body
    }
}

/// The function, with a guard that outlives all that the function owns.
///
/// ```text
/// fn load(&self, mut rows: Vec<Row>) -> impl Iterator<Item = Row> { body }     // before
///
/// fn load(&self, rows: Vec<Row>) -> impl Iterator<Item = Row> {                // after
///     let __memscope_entered = enter({
///         static FUNCTION: Function = Function::new(...);
///         &FUNCTION
///     });
///     let mut rows = rows;
///     { ({ body }) }
/// }
/// ```
///
/// The body stands in a block, not in a closure, so that `return`, `?` and inference of the return type go on working.
/// The block around that block drops the temporaries of the body's last expression: before edition 2024 they would
/// outlive the guard, and a block follows the edition of the crate that its braces come from, which is this one. The
/// body's own braces come from the user, so the order among its locals and temporaries stays as it was. The parentheses
/// are for `unused_braces`, which would take those braces for needless.
fn measured(args: &Args, function: Function) -> TokenStream {
    let Function { attrs, vis, mut sig, body } = function;
    let guard = guard(args, &sig);
    let locals = params::move_into_locals(&mut sig);
    let place = body.span();
    let inner = in_block(&body);
    let outer = delimited(Delimiter::Brace, quote! { #guard #locals #inner }, place);
    quote! { #(#attrs)* #vis #sig #outer }
}

/// The body in a block of this crate's edition: `{ ({ body }) }`.
pub(crate) fn in_block(body: &Group) -> TokenTree {
    let here = Span::mixed_site().located_at(body.span());
    let parens = delimited(Delimiter::Parenthesis, body.to_token_stream(), here);
    delimited(Delimiter::Brace, parens.into(), here)
}

/// The statement that enters the function and makes the guard.
fn guard(args: &Args, sig: &syn::Signature) -> TokenStream {
    let (krate, function) = (krate(args), function(args, sig));
    quote_spanned! {Span::mixed_site()=>
        let __memscope_entered = #krate::__private::enter(#function);
    }
}

/// The expression that says who the function is. The `static` stands in a block of its own, where the user's body does not see it.
pub(crate) fn function(args: &Args, sig: &syn::Signature) -> TokenStream {
    let krate = krate(args);
    let name = match &args.name {
        Some(name) => name.to_token_stream(),
        None => {
            let name = sig.ident.unraw().to_string();
            quote_spanned! {Span::mixed_site()=> ::core::concat!(::core::module_path!(), "::", #name) }
        }
    };
    // Both tell where their own tokens stand: at the function's name, not at the attribute. Under an alias they are one
    // token, which is found in every edition.
    let line = quote_spanned! {sig.ident.span()=> __memscope_line!() };
    let file = quote_spanned! {sig.ident.span()=> __memscope_file!() };
    let output = option(args.output.as_ref());
    let sample_rate = option(args.sample_rate);
    let min_allocation_size = option(args.min_allocation_size.map(proc_macro2::Literal::u64_unsuffixed));
    let buffer_size = option(args.buffer_size.map(proc_macro2::Literal::u64_unsuffixed));
    let overhead_budget = option(args.overhead_budget);
    quote_spanned! {Span::mixed_site()=>
        {
            use ::core::{file as __memscope_file, line as __memscope_line};
            static FUNCTION: #krate::__private::Function = #krate::__private::Function::new(
                #name,
                #file,
                #line,
                #krate::__private::Options {
                    output: #output,
                    sample_rate: #sample_rate,
                    min_allocation_size: #min_allocation_size,
                    buffer_size: #buffer_size,
                    overhead_budget: #overhead_budget,
                },
            );
            &FUNCTION
        }
    }
}

/// Where the crate memscope is.
pub(crate) fn krate(args: &Args) -> Path {
    let memscope = || syn::parse_quote_spanned! {Span::mixed_site()=> ::memscope };
    args.krate.clone().unwrap_or_else(memscope)
}

fn option(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote_spanned! {Span::mixed_site()=> ::core::option::Option::Some(#value) },
        None => quote_spanned! {Span::mixed_site()=> ::core::option::Option::None },
    }
}

/// `tokens` between delimiters that stand at `span`.
pub(crate) fn delimited(delimiter: Delimiter, tokens: TokenStream, span: Span) -> TokenTree {
    let mut group = Group::new(delimiter, tokens);
    group.set_span(span);
    group.into()
}
