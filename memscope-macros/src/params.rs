//! Arguments taken by value, dropped inside the measured part.
//!
//! The language drops a function's arguments after its locals, hence after the guard: what `fn f(mut v: Vec<u8>)` adds
//! to `v` would be freed behind the guard's back, and look leaked. So they move into locals that are declared after the
//! guard, which is what the compiler itself does to an `async fn`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::{Attribute, FnArg, Pat, PatType, Receiver, ReceiverKind, Signature, Type};

/// Types without a destructor.
const PRIMITIVES: &[&str] = &[
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64",
    "u128", "usize",
];

/// The attributes that speak of lints: they go where the name is bound.
const LINT_LEVELS: &[&str] = &["allow", "expect", "warn", "deny", "forbid"];

/// Takes `mut` from the signature's arguments as far as needed, and returns the statements that move them into locals.
///
/// Going from the last argument to the first, it stops where one cannot be moved by its name (`self`, `_`, `(a, b)`):
/// to move those in front of it would change the order in which the arguments are dropped.
///
/// ```text
/// fn f(a: A, (b, c): (B, C), mut d: D, e: &E)     // before
///
/// fn f(a: A, (b, c): (B, C), d: D, e: &E)         // after
///     let mut d = d;                              // returned
/// ```
pub(crate) fn move_into_locals(sig: &mut Signature) -> TokenStream {
    let mut locals = Vec::new();
    for param in sig.inputs.iter_mut().rev() {
        let FnArg::Typed(param) = param else { break };
        if has_no_destructor(&param.ty) {
            continue;
        }
        let Some(local) = move_into_local(param) else { break };
        locals.push(local);
    }
    locals.into_iter().rev().collect()
}

/// Renames the signature's arguments that have no name of their own, and returns the statements that move all of them into locals of the
/// future that they stand in, in the order in which the compiler does that for an `async fn`. So they are dropped in its order.
///
/// ```text
/// async fn f(self, mut a: A, (b, _): (B, C), _: D)               // before
///
/// async fn f(self, a: A, __memscope_1: (B, C), __memscope_2: D)  // after
///     let _ = &self;                                             // returned: the future owns all of it, not the fields it uses
///     let mut a = a;
///     let __memscope_1 = __memscope_1;
///     let (b, _) = __memscope_1;
///     let __memscope_2 = __memscope_2;
///     let _ = __memscope_2;
/// ```
pub(crate) fn move_into_future(sig: &mut Signature) -> TokenStream {
    let mut statements = TokenStream::new();
    for (number, param) in sig.inputs.iter_mut().enumerate() {
        statements.extend(match param {
            FnArg::Receiver(receiver) if is_reference(receiver) => TokenStream::new(),
            FnArg::Receiver(receiver) => {
                let this = receiver.self_token;
                quote_spanned! {Span::mixed_site()=> let _ = &#this; }
            }
            FnArg::Typed(param) => match move_into_local(param) {
                Some(local) => local,
                None => take_apart(param, number),
            },
        });
    }
    statements
}

/// Whether it is `&self` or `&mut self`: what the future has of it is the reference.
fn is_reference(receiver: &Receiver) -> bool {
    match &receiver.kind {
        ReceiverKind::Reference(..) => true,
        ReceiverKind::Typed(_, ty) => matches!(**ty, Type::Reference(_)),
        _ => false,
    }
}

/// Gives `param` a name, and returns the statements that move it into a local and take that apart.
fn take_apart(param: &mut PatType, number: usize) -> TokenStream {
    let name = Ident::new(&format!("__memscope_{number}"), Span::mixed_site());
    let pattern = std::mem::replace(&mut *param.pat, syn::parse_quote! { #name });
    let cfgs =
        param.attrs.iter().filter(|attr| is_any_of(attr, &["cfg", "cfg_attr"])).cloned().collect::<Vec<_>>();
    let lints = param.attrs.extract_if(.., |attr| is_any_of(attr, LINT_LEVELS));
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        let #name = #name;
        #(#cfgs)* #(#lints)*
        let #pattern = #name;
    }
}

/// The statement that moves `param` into a local of the same name; `None` if it has no name, or only parts of it have.
fn move_into_local(param: &mut PatType) -> Option<TokenStream> {
    let Pat::Ident(pat) = &mut *param.pat else { return None };
    if pat.by_ref.is_some() || pat.subpat.is_some() {
        return None;
    }
    let (mutability, name) = (pat.mutability.take(), &pat.ident);
    let cfgs =
        param.attrs.iter().filter(|attr| is_any_of(attr, &["cfg", "cfg_attr"])).cloned().collect::<Vec<_>>();
    let lints = param.attrs.extract_if(.., |attr| is_any_of(attr, LINT_LEVELS));
    // No more than what the statement sets off: to allow a lint that the crate forbids is an error.
    let underscored = pat.ident.to_string().starts_with('_').then(
        || quote_spanned! {Span::mixed_site()=> clippy::used_underscore_binding, clippy::no_effect_underscore_binding },
    );
    Some(quote_spanned! {Span::mixed_site()=>
        #(#cfgs)* #(#lints)*
        #[allow(clippy::shadow_same, #underscored)]
        let #mutability #name = #name;
    })
}

fn is_any_of(attr: &Attribute, names: &[&str]) -> bool {
    names.iter().any(|name| attr.path().is_ident(name))
}

fn has_no_destructor(ty: &Type) -> bool {
    match ty {
        Type::Reference(_) | Type::Ptr(_) | Type::FnPtr(_) | Type::Never(_) => true,
        Type::Paren(inner) => has_no_destructor(&inner.elem),
        Type::Group(inner) => has_no_destructor(&inner.elem),
        Type::Array(array) => has_no_destructor(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().all(has_no_destructor),
        Type::Path(path) => {
            path.path.get_ident().is_some_and(|name| PRIMITIVES.iter().any(|known| name == known))
        }
        _ => false,
    }
}
