//! What an `async fn` becomes, and a function that returns a future.
//!
//! A guard must not live over an `.await`: the future is wrapped, and enters and leaves its scope at each poll.

use crate::args::Args;
use crate::expand::{delimited, function, in_block, krate};
use crate::item::Function;
use crate::params;
use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{GenericArgument, Path, PathArguments, ReturnType, Type};

/// The `async fn`, measured.
///
/// ```text
/// async fn load(&self, mut rows: Vec<Row>) -> Result<impl Iterator<Item = Row>> { body }    // before
///
/// async fn load(&self, rows: Vec<Row>) -> Result<impl Iterator<Item = Row>> {               // after
///     Scoped::new({ static FUNCTION: Function = ...; &FUNCTION }, async move {
///         if false {
///             return never::<Result<_>>();
///         }
///         let mut rows = rows;
///         { ({ body }) }
///     }).await
/// }
/// ```
///
/// An `async` block has no place for its return type. The statement that is never reached tells it to the compiler before the body
/// begins, so that `?`, coercions and closures in the body find the type that they would in the function.
pub(crate) fn of_async_fn(args: &Args, item: Function) -> TokenStream {
    let Function { attrs, vis, mut sig, body } = item;
    let (krate, function) = (krate(args), function(args, &sig));
    let locals = params::move_into_future(&mut sig);
    let hint = return_type(&krate, &sig.output);
    let inner = in_block(&body);
    let place = body.span();
    let block = delimited(Delimiter::Brace, quote! { #hint #locals #inner }, place);
    let future = quote_spanned! {Span::mixed_site()=>
        #krate::__private::Scoped::new(#function, async move #block).await
    };
    let outer = delimited(Delimiter::Brace, future, place);
    quote! { #(#attrs)* #vis #sig #outer }
}

/// The function that returns `impl Future`: what it does before it returns is a visit to the scope, the future is a call.
///
/// ```text
/// fn load(&self, mut rows: Vec<Row>) -> impl Future<Output = Rows> { body }    // before
///
/// fn load(&self, rows: Vec<Row>) -> impl Future<Output = Rows> {               // after
///     let function = { static FUNCTION: Function = ...; &FUNCTION };
///     Scoped::made(function, move || {
///         let mut rows = rows;
///         { ({ body }) }
///     })
/// }
/// ```
pub(crate) fn returned(args: &Args, item: Function) -> TokenStream {
    let made = made(args, item, |_, made| made);
    made.into_tokens()
}

/// The function that returns a future in a box. If its body ends in `Box::pin(async { ... })`, as `async_trait` makes it, the future is wrapped inside
/// that box; else the box is wrapped, and put into another one.
///
/// ```text
/// fn load(&self) -> Pin<Box<dyn Future<Output = Rows> + '_>> {                 // after
///     let function = { static FUNCTION: Function = ...; &FUNCTION };
///     let _entered = making(function);
///     Box::pin(Scoped::new(function, async move { ... }))
/// }
/// ```
pub(crate) fn returned_boxed(args: &Args, item: Function) -> TokenStream {
    match split_at_box(&item.body) {
        Some((before, path, boxed)) => inside_box(args, item, before, path, &boxed),
        None => {
            let made = made(args, item, |_, made| {
                quote_spanned! {Span::mixed_site()=> ::std::boxed::Box::pin(#made) }
            });
            made.into_tokens()
        }
    }
}

/// The function that returns a stream, or one in a box. What becomes of it depends on a feature of memscope that only memscope knows: hence one of its macros.
///
/// ```text
/// fn rows(&self) -> impl Stream<Item = Row> {                                  // after
///     memscope::__private::stream!(plain, { static FUNCTION: Function = ...; &FUNCTION }, move || { ({ body }) })
/// }
/// ```
pub(crate) fn returned_stream(args: &Args, mut item: Function, kind: &str) -> TokenStream {
    let (krate, function) = (krate(args), function(args, &item.sig));
    let locals = params::move_into_future(&mut item.sig);
    let inner = in_block(&item.body);
    let block = delimited(Delimiter::Brace, quote! { #locals #inner }, item.body.span());
    let kind = proc_macro2::Ident::new(kind, Span::mixed_site());
    let body = quote_spanned! {Span::mixed_site()=>
        #krate::__private::stream!(#kind, #function, move || #block)
    };
    Made { item, body }.into_tokens()
}

/// A function whose body is to be an expression.
struct Made {
    item: Function,
    body: TokenStream,
}

impl Made {
    fn into_tokens(self) -> TokenStream {
        let Function { attrs, vis, sig, body } = self.item;
        let outer = delimited(Delimiter::Brace, self.body, body.span());
        quote! { #(#attrs)* #vis #sig #outer }
    }
}

/// The function with its body in a closure, so that `return` goes on working.
fn made(args: &Args, mut item: Function, wrap: impl FnOnce(&Path, TokenStream) -> TokenStream) -> Made {
    let (krate, function) = (krate(args), function(args, &item.sig));
    let locals = params::move_into_future(&mut item.sig);
    let inner = in_block(&item.body);
    let block = delimited(Delimiter::Brace, quote! { #locals #inner }, item.body.span());
    let made = quote_spanned! {Span::mixed_site()=>
        #krate::__private::Scoped::made(#function, move || #block)
    };
    let body = wrap(&krate, made);
    Made { item, body }
}

/// The function with the future inside its box wrapped.
fn inside_box(
    args: &Args,
    item: Function,
    before: TokenStream,
    path: TokenStream,
    boxed: &Group,
) -> TokenStream {
    let Function { attrs, vis, mut sig, body } = item;
    let (krate, function) = (krate(args), function(args, &sig));
    let locals = params::move_into_locals(&mut sig);
    let content = boxed.stream();
    let scoped = quote_spanned! {Span::mixed_site()=>
        #krate::__private::Scoped::new(__memscope_function, #content)
    };
    let boxed = delimited(Delimiter::Parenthesis, scoped, boxed.span());
    let body_of_user = delimited(Delimiter::Brace, quote! { #before #path #boxed }, body.span());
    let statements = quote_spanned! {Span::mixed_site()=>
        let __memscope_function = #function;
        let __memscope_entered = #krate::__private::making(__memscope_function);
        #locals
    };
    let TokenTree::Group(body_of_user) = body_of_user else { return TokenStream::new() };
    let inner = in_block(&body_of_user);
    let outer = delimited(Delimiter::Brace, quote! { #statements #inner }, body.span());
    quote! { #(#attrs)* #vis #sig #outer }
}

/// Cuts a body that ends in `Box::pin(async ...)`: what stands before, the path, and what is in the parentheses.
fn split_at_box(body: &Group) -> Option<(TokenStream, TokenStream, Group)> {
    let mut tokens: Vec<TokenTree> = body.stream().into_iter().collect();
    let Some(TokenTree::Group(arguments)) = tokens.pop() else { return None };
    if arguments.delimiter() != Delimiter::Parenthesis || !is_async_block(arguments.stream()) {
        return None;
    }
    let is_path = |token: &TokenTree| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(mark) => mark.as_char() == ':',
        _ => false,
    };
    // `return Box::pin(...)` begins with a word too, and is as good an end.
    let start = tokens.iter().rposition(|token| !is_path(token)).map_or(0, |at| at + 1);
    let path = tokens.split_off(start);
    let written: String = path.iter().map(ToString::to_string).collect();
    let is_box = written == "Box::pin" || written.ends_with("::Box::pin") || written == "returnBox::pin";
    is_box.then(|| (tokens.into_iter().collect(), path.into_iter().collect(), arguments))
}

/// Whether it is `async { ... }` or `async move { ... }`, and nothing else.
fn is_async_block(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    let mut next_word = |word: &str| {
        tokens.next_if(|token| matches!(token, TokenTree::Ident(found) if found == word)).is_some()
    };
    if !next_word("async") {
        return false;
    }
    next_word("move");
    let is_block =
        matches!(tokens.next(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
    // A comma may follow.
    is_block && tokens.all(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ','))
}

/// The statement that tells the compiler what the block returns; none where that cannot be written.
fn return_type(krate: &Path, output: &ReturnType) -> TokenStream {
    let ty = match output {
        ReturnType::Default => quote_spanned! {Span::mixed_site()=> () },
        ReturnType::Type(_, ty) => match &**ty {
            // As types of a variable they are unstable, or say nothing.
            Type::Never(_) | Type::ImplTrait(_) => return TokenStream::new(),
            ty => {
                let mut ty = ty.clone();
                leave_open(&mut ty);
                ty.into_token_stream()
            }
        },
    };
    quote_spanned! {Span::mixed_site()=>
        if false {
            return #krate::__private::never::<#ty>();
        }
    }
}

/// Puts `_` in the place of each `impl Trait`, which has no name, and which the compiler finds out.
fn leave_open(ty: &mut Type) {
    match ty {
        Type::ImplTrait(_) => *ty = syn::parse_quote! { _ },
        Type::Array(ty) => leave_open(&mut ty.elem),
        Type::Group(ty) => leave_open(&mut ty.elem),
        Type::Paren(ty) => leave_open(&mut ty.elem),
        Type::Ptr(ty) => leave_open(&mut ty.elem),
        Type::Reference(ty) => leave_open(&mut ty.elem),
        Type::Slice(ty) => leave_open(&mut ty.elem),
        Type::Tuple(ty) => ty.elems.iter_mut().for_each(leave_open),
        Type::Path(path) => path.path.segments.iter_mut().for_each(|segment| {
            if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
                arguments.args.iter_mut().for_each(|argument| match argument {
                    GenericArgument::Type(ty) => leave_open(ty),
                    GenericArgument::AssocType(assoc) => leave_open(&mut assoc.ty),
                    _ => {}
                });
            }
        }),
        _ => {}
    }
}
