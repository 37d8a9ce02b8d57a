//! What a function returns: a value, or a future or stream that does the work later.
//!
//! Told by names, as a macro sees no types: the last name of a path. What has another name counts as a value.

use syn::{GenericArgument, Path, PathArguments, ReturnType, Type, TypeParamBound};

/// What comes out of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returns {
    /// Something that is done when the function returns.
    Value,
    /// `impl Future`
    Future,
    /// `Pin<Box<dyn Future>>`, or an alias of it.
    BoxedFuture,
    /// `impl Stream`
    Stream,
    /// `Pin<Box<dyn Stream>>`, or an alias of it.
    BoxedStream,
}

/// Looks at the signature.
pub(crate) fn what(output: &ReturnType) -> Returns {
    let ReturnType::Type(_, ty) = output else { return Returns::Value };
    match bare(ty) {
        Type::ImplTrait(ty) if is_a(&ty.bounds, "Future") => Returns::Future,
        Type::ImplTrait(ty) if is_a(&ty.bounds, "Stream") => Returns::Stream,
        Type::Path(path) if is_boxed(&path.path, "Future") => Returns::BoxedFuture,
        Type::Path(path) if is_boxed(&path.path, "Stream") => Returns::BoxedStream,
        _ => Returns::Value,
    }
}

/// The type without parentheses, and without the groups that `macro_rules!` puts around it.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => bare(&inner.elem),
        Type::Group(inner) => bare(&inner.elem),
        ty => ty,
    }
}

fn is_a<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>, name: &str) -> bool {
    bounds.into_iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => last_name_is(&bound.path, name),
        _ => false,
    })
}

/// Whether it is a pinned box with that trait's object inside, or one of the aliases that `futures` has for it.
fn is_boxed(path: &Path, name: &str) -> bool {
    if last_name_is(path, &format!("Box{name}")) || last_name_is(path, &format!("LocalBox{name}")) {
        return true;
    }
    let inside = || match argument(path, "Pin")? {
        Type::Path(pinned) => argument(&pinned.path, "Box"),
        _ => None,
    };
    matches!(inside(), Some(Type::TraitObject(object)) if is_a(&object.bounds, name))
}

fn last_name_is(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == name)
}

/// `T` in `some::name<T>`.
fn argument<'a>(path: &'a Path, name: &str) -> Option<&'a Type> {
    let segment = path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(bare(ty)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn futures_and_streams_are_told_by_their_names() {
        let what = |tokens| what(&syn::parse2(tokens).unwrap());
        for tokens in [
            quote! {},
            quote! { -> impl Iterator<Item = u8> },
            quote! { -> Box<dyn Future<Output = u8>> },
            quote! { -> Pin<&'a mut dyn Future<Output = u8>> },
            quote! { -> Vec<Pin<Box<dyn Future<Output = u8>>>> },
            quote! { -> Futures },
        ] {
            assert_eq!(what(tokens.clone()), Returns::Value, "{tokens}");
        }
        for tokens in [
            quote! { -> impl Future<Output = u8> },
            quote! { -> impl Send + core::future::Future<Output = u8> + 'a },
        ] {
            assert_eq!(what(tokens.clone()), Returns::Future, "{tokens}");
        }
        for tokens in [
            quote! { -> Pin<Box<dyn Future<Output = u8> + Send + 'async_trait>> },
            quote! { -> ::core::pin::Pin<Box<(dyn ::core::future::Future<Output = u8>)>> },
            quote! { -> futures::future::BoxFuture<'static, u8> },
            quote! { -> LocalBoxFuture<'_, u8> },
        ] {
            assert_eq!(what(tokens.clone()), Returns::BoxedFuture, "{tokens}");
        }
        assert_eq!(what(quote! { -> impl Stream<Item = u8> + '_ }), Returns::Stream);
        for tokens in [
            quote! { -> Pin<Box<dyn Stream<Item = u8>>> },
            quote! { -> BoxStream<'static, u8> },
            quote! { -> LocalBoxStream<'_, u8> },
        ] {
            assert_eq!(what(tokens.clone()), Returns::BoxedStream, "{tokens}");
        }
    }
}
