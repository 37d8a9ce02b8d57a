//! The module that a function is in, as far as its name tells.

/// `app::index` of `app::index::Index::search`, of `<app::index::Index as T>::f` and of `app::index::f::{{closure}}`;
/// empty where the name has no path. A type's own name is no module: modules begin with a small letter.
pub(super) fn module_of(function: &str) -> &str {
    let path = function.trim_start_matches(['<', '&', '*', '[', '(', ' ']);
    let path = path.strip_prefix("mut ").or_else(|| path.strip_prefix("dyn ")).unwrap_or(path);
    let end =
        path.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '-'))).unwrap_or(path.len());
    // The last part is the type's or the function's own name: also before `::{{closure}}` and `::<T>`.
    let Some((parents, _)) = path[..end].trim_end_matches("::").rsplit_once("::") else { return "" };
    let is_type = |part: &str| !part.starts_with(|c: char| c.is_lowercase() || c == '_');
    let mut module_end = 0;
    for part in parents.split("::").take_while(|part| !is_type(part)) {
        module_end += part.len() + "::".len();
    }
    &parents[..module_end.saturating_sub("::".len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_what_stands_before_types_and_functions() {
        for (function, module) in [
            ("app::index::Index::search (src/index.rs:78)", "app::index"),
            ("app::main", "app"),
            ("main", ""),
            ("<app::index::Index as core::fmt::Display>::fmt", "app::index"),
            ("<&mut app::io::Reader<T> as std::io::Read>::read", "app::io"),
            ("<app::List<T>>::push", "app"),
            ("hashbrown::raw::RawTable<T,A>::reserve_rehash", "hashbrown::raw"),
            ("app::run::{{closure}}", "app"),
            ("app::run::<u8>", "app"),
            ("0x7f12 in libc.so.6", ""),
            ("(stack not recorded)", ""),
            ("malloc", ""),
            ("<script>alert(1)</script>", ""),
            ("é::ü::f", "é::ü"),
            ("::", ""),
            ("", ""),
        ] {
            assert_eq!(module_of(function), module, "{function}");
        }
    }
}
