//! What the attribute stands on: a function with a body, or an error that says what was found instead.
//!
//! The signature is parsed; the body is not. It goes through as the tokens that the user wrote, so that what syn does
//! not know yet, and what an editor has half written, reaches the compiler untouched.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::{AttrStyle, Attribute, Error, Result, Signature, Visibility, braced};

const EXPECTED: &str = "`#[memscope::profile]` expects a function with a body";

const CONST: &str = "`#[memscope::profile]` cannot measure a `const fn`: it may run when the program is compiled, where \
                     there is no allocator. Remove `const`, or move the attribute to a function that calls it";

/// The words by which items that are no functions are known.
const OTHER_ITEMS: &[(&str, &str)] = &[
    ("struct", "a struct"),
    ("enum", "an enum"),
    ("union", "a union"),
    ("trait", "a trait"),
    ("impl", "an impl block"),
    ("mod", "a module"),
    ("static", "a static"),
    ("const", "a constant"),
    ("type", "a type alias"),
    ("use", "an import"),
    ("extern", "an `extern` declaration"),
    ("macro_rules", "a macro definition"),
    ("let", "a `let` statement"),
];

/// The words that may stand in front of `fn`.
const QUALIFIERS: &[&str] = &["const", "async", "unsafe", "safe", "extern", "default"];

/// A function with a body.
pub(crate) struct Function {
    /// Those inside the body (`#![...]`) too: they mean the same in front of the function.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The body and its braces, without inner attributes.
    pub(crate) body: Group,
}

/// Reads the item under the attribute.
///
/// # Errors
/// It is not a function, has no body, or cannot be measured.
pub(crate) fn parse(tokens: TokenStream) -> Result<Function> {
    let function = parse_function.parse2(tokens)?;
    if let Some(token) = &function.sig.constness {
        return Err(Error::new(token.span, CONST));
    }
    Ok(function)
}

impl Function {
    /// Whether an attribute that is still to be expanded wraps this `async fn` into an ordinary one: `#[tokio::main]`,
    /// `#[tokio::test]` and their like in other runtimes.
    pub(crate) fn is_made_sync(&self) -> bool {
        self.attrs.iter().map(|attr| &attr.path().segments).any(|path| {
            path.len() >= 2 && path.last().is_some_and(|name| name.ident == "main" || name.ident == "test")
        })
    }
}

fn parse_function(input: ParseStream) -> Result<Function> {
    let mut attrs = input.call(Attribute::parse_outer)?;
    let vis = input.parse()?;
    let item = input.fork().parse::<TokenStream>()?;
    if !starts_with_fn(item.clone()) {
        return Err(not_a_function(item));
    }
    if matches!(item.clone().into_iter().last(), Some(TokenTree::Punct(end)) if end.as_char() == ';') {
        let message =
            format!("{EXPECTED}, found one without: move the attribute to the function that implements it");
        return Err(Error::new_spanned(item, message));
    }
    let sig = input.parse()?;
    let content;
    let braces = braced!(content in input);
    let inner = content.call(Attribute::parse_inner)?;
    attrs.extend(inner.into_iter().map(|attr| Attribute { style: AttrStyle::Outer, ..attr }));
    let mut body = Group::new(Delimiter::Brace, content.parse()?);
    body.set_span(braces.span.join());
    Ok(Function { attrs, vis, sig, body })
}

fn starts_with_fn(item: TokenStream) -> bool {
    let first = item.into_iter().find(|token| match token {
        TokenTree::Ident(word) => !QUALIFIERS.iter().any(|qualifier| word == qualifier),
        // The ABI of `extern "C"`.
        token => !matches!(token, TokenTree::Literal(_)),
    });
    matches!(first, Some(TokenTree::Ident(word)) if word == "fn")
}

fn not_a_function(item: TokenStream) -> Error {
    let found = item.clone().into_iter().find_map(|token| match token {
        TokenTree::Ident(word) => {
            OTHER_ITEMS.iter().find(|(known, _)| word == known).map(|(_, name)| (*name, word.span()))
        }
        TokenTree::Punct(mark) if mark.as_char() == '!' => Some(("a macro call", mark.span())),
        _ => None,
    });
    let message = |name: &str| {
        format!("{EXPECTED}, found {name}: move the attribute to the function that does the work")
    };
    match found {
        Some((name, span)) => Error::new(span, message(name)),
        None => Error::new_spanned(item, message("an expression")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn error(item: TokenStream) -> String {
        parse(item).err().map(|error| error.to_string()).unwrap_or_default()
    }

    /// Rust 1.95 refuses any attribute macro there, so that no UI test gets so far.
    #[test]
    fn what_is_not_an_item() {
        assert!(error(quote! { let x = 1; }).contains("found a `let` statement"));
        assert!(error(quote! { |x: u32| x + 1 }).contains("found an expression"));
        assert!(error(quote! {}).contains("found an expression"));
    }

    #[test]
    fn functions_with_every_qualifier() {
        for item in [
            quote! { pub(crate) fn f() {} },
            quote! { #[a] unsafe extern "C" fn f() -> ! {} },
            quote! { extern fn f<'a>(self: &'a Self) where Self: Sized {} },
            quote! { #[tokio::main] async fn main() {} },
            quote! { async unsafe fn f() {} },
        ] {
            assert_eq!(error(item), "");
        }
        assert_eq!(error(quote! { const unsafe extern "C" fn f() {} }), CONST);
        assert!(error(quote! { unsafe extern "C" { fn f(); } }).contains("found an `extern` declaration"));
    }

    #[test]
    fn attributes_inside_the_body_move_out() {
        let function = parse(quote! { #[a] fn f() { #![b] #[c] let x = 1; } }).unwrap();
        let names: Vec<_> =
            function.attrs.iter().map(|attr| attr.path().get_ident().unwrap().to_string()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(function.body.to_string(), quote! { { #[c] let x = 1; } }.to_string());
    }
}
