//! In which crate and module a function is, by its name.
//!
//! Of `<service::cache::Cache<u64> as core::ops::Drop>::drop` the type says where it was written: crate `service`, module
//! `cache`. Modules are what stands behind the crate before a type (which begins with a capital letter) or the function.

/// The crate and the module (empty for the crate's root) of a function; `None` where its name has no path.
pub(super) fn module_of(function: &str) -> Option<(&str, &str)> {
    let path = function.trim_start_matches(['<', '&', '*', '[', '(']);
    let path =
        ["mut ", "const ", "dyn "].iter().fold(path, |path, word| path.strip_prefix(word).unwrap_or(path));
    let end = path.find(['<', '>', '(', '[', '{', ' ', ',', ';']).unwrap_or(path.len());
    // `service::cache::<impl Cache>::insert`: what stands before the brackets are modules and nothing else.
    let is_impl = path[end..].starts_with("<impl ");
    let path = path[..end].trim_end_matches(':');
    let (krate, rest) = path.split_once("::")?;
    if krate.is_empty() {
        return None;
    }
    let modules_end = match rest.rfind("::") {
        _ if is_impl => rest.len(),
        Some(last) => last,
        None => 0,
    };
    Some((krate, before_types(&rest[..modules_end])))
}

/// The parts of a path before the first that begins with a capital letter.
fn before_types(path: &str) -> &str {
    let mut end = 0;
    for part in path.split("::") {
        if part.starts_with(char::is_uppercase) {
            break;
        }
        end += part.len() + "::".len();
    }
    path.get(..end.saturating_sub("::".len())).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_stand_between_the_crate_and_the_type_or_function() {
        for (function, place) in [
            ("service::cache::Cache::insert", Some(("service", "cache"))),
            ("service::cache::deep::insert", Some(("service", "cache::deep"))),
            ("service::main", Some(("service", ""))),
            ("service::main::{{closure}}", Some(("service", ""))),
            ("service::cache::warm::{closure#0}", Some(("service", "cache"))),
            ("<service::cache::Cache<u64> as core::ops::Drop>::drop", Some(("service", "cache"))),
            ("<service::cache::Cache>::insert", Some(("service", "cache"))),
            ("service::cache::<impl service::cache::Cache>::insert", Some(("service", "cache"))),
            ("service::cache::collect::<alloc::vec::Vec<u8>>", Some(("service", "cache"))),
            ("alloc::vec::Vec<[u8; 8],A>::push", Some(("alloc", "vec"))),
            ("<&mut serde_json::ser::Serializer<W> as serde::Serializer>::f", Some(("serde_json", "ser"))),
            ("main", None),
            ("0x7f12 in libc.so.6", None),
            ("::", None),
            ("", None),
            ("<<<<", None),
        ] {
            assert_eq!(module_of(function), place, "{function}");
        }
    }
}
