//! Estimates for groups of call sites: by function, crate, thread, scope.
//!
//! A group's samples are those of its members; their sums merge, and the interval comes from the merged sums. (Intervals themselves
//! do not add up: that of a group is narrower than the sum of its members'.)

use super::stack_trie::StackTrie;
use super::sums::Sums;
use super::types::{Frame, GroupFigures};
use crate::load::{Amount, Fate, Profile};
use crate::statistics::Losses;
use crate::symbolize::Symbols;
use std::collections::{BTreeMap, HashMap};

/// What the members of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupBy {
    /// The call site's name: the innermost frame of the program's own code, with file and line where they are known.
    Site,
    /// The function that names the call site: each sample counts for one function.
    Function,
    /// A function anywhere on the stack: each sample counts for every function that it was made in, directly or not. Such groups
    /// overlap.
    FunctionInclusive,
    /// The crate of the function that names the call site, see [`crate_of`].
    Module,
    /// The allocating thread.
    Thread,
    /// The innermost scope.
    Scope,
}

/// The groups of `by`, most estimated allocated bytes first, those without samples left out. Samples whose call site is lost to
/// damage are in none.
///
/// ```
/// use memscope_report::analysis::{GroupBy, group};
/// use memscope_report::{Profile, SymbolizeOptions, symbolize};
/// let profile = Profile::default();
/// let symbols = symbolize(&profile, &SymbolizeOptions::default());
/// assert!(group(&profile, &symbols, GroupBy::Module).is_empty());
/// ```
#[must_use]
pub fn group(profile: &Profile, symbols: &Symbols, by: GroupBy) -> Vec<GroupFigures> {
    let losses = profile.losses();
    let blamed = |name: fn(&Frame) -> String| {
        let trie = StackTrie::new(&profile.stacks, symbols);
        let stack_of = trie.of_sites(profile);
        by_blamed(profile, &trie, &stack_of, name)
    };
    let named =
        |groups: Vec<(String, Sums)>| groups.into_iter().map(|group| figures(group, losses)).collect();
    ranked(match by {
        GroupBy::Thread => thread_groups(profile, losses),
        GroupBy::Scope => scope_groups(profile, losses),
        GroupBy::FunctionInclusive => named(inclusive(profile, symbols).into_iter().collect()),
        GroupBy::Site => named(blamed(super::sites::label)),
        GroupBy::Function => named(blamed(|frame| frame.function.clone())),
        GroupBy::Module => named(blamed(|frame| crate_of(&frame.function).to_owned())),
    })
}

/// The sums of all sites whose trimmed stacks are equal, by that stack.
fn by_stack(profile: &Profile, trie: &StackTrie<'_>) -> BTreeMap<u32, Sums> {
    let mut stacks: BTreeMap<u32, Sums> = BTreeMap::new();
    for site in profile.sites.iter().filter(|site| site.samples.samples() > 0) {
        stacks.entry(trie.of_site(&profile.stacks, site)).or_default().add(site);
    }
    stacks
}

/// The sums of all sites whose stacks `name` calls the same by the frame to blame, by that name. `stack_of` has the trimmed stack
/// of each site.
fn by_blamed(
    profile: &Profile,
    trie: &StackTrie<'_>,
    stack_of: &[Option<u32>],
    name: impl Fn(&Frame) -> String,
) -> Vec<(String, Sums)> {
    let mut group_of_stack: Vec<Option<u32>> = vec![None; trie.len()];
    let mut group_of_name: BTreeMap<String, u32> = BTreeMap::new();
    let mut sums: Vec<Sums> = Vec::new();
    for (site, stack) in profile.sites.iter().zip(stack_of) {
        let Some(stack) = *stack else { continue };
        let group = *group_of_stack[stack as usize].get_or_insert_with(|| {
            let name = trie.blamed(stack).map_or_else(|| "(stack not recorded)".to_owned(), &name);
            *group_of_name.entry(name).or_insert_with(|| {
                sums.push(Sums::default());
                (sums.len() - 1) as u32
            })
        });
        sums[group as usize].add(site);
    }
    group_of_name.into_iter().map(|(name, group)| (name, std::mem::take(&mut sums[group as usize]))).collect()
}

/// The groups by crate. `stack_of` has the trimmed stack of each site.
pub(super) fn modules(
    profile: &Profile,
    trie: &StackTrie<'_>,
    stack_of: &[Option<u32>],
    losses: Losses,
) -> Vec<GroupFigures> {
    let module = |frame: &Frame| crate_of(&frame.function).to_owned();
    ranked(
        by_blamed(profile, trie, stack_of, module).into_iter().map(|named| figures(named, losses)).collect(),
    )
}

fn figures((name, sums): (String, Sums), losses: Losses) -> GroupFigures {
    GroupFigures { name, id: None, sampled: sums.figures(losses) }
}

/// The groups, most allocated bytes first. The sort is stable, and groups come in the order of their names or ids.
fn ranked(mut groups: Vec<GroupFigures>) -> Vec<GroupFigures> {
    groups.sort_by(|one, other| {
        other.sampled.allocated_bytes.value.total_cmp(&one.sampled.allocated_bytes.value)
    });
    groups
}

fn inclusive(profile: &Profile, symbols: &Symbols) -> BTreeMap<String, Sums> {
    let trie = StackTrie::new(&profile.stacks, symbols);
    let mut ids: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<(&str, Sums)> = Vec::new();
    // The stack that a function was last seen on, so that recursion counts once.
    let mut seen_on: Vec<u32> = Vec::new();
    for (stack, sums) in by_stack(profile, &trie) {
        for frame in trie.known_frames(stack) {
            let id = *ids.entry(frame.function.as_str()).or_insert_with(|| {
                groups.push((&frame.function, Sums::default()));
                seen_on.push(u32::MAX);
                groups.len() - 1
            });
            if std::mem::replace(&mut seen_on[id], stack) != stack {
                groups[id].1.merge(&sums);
            }
        }
    }
    groups.into_iter().map(|(name, sums)| (name.to_owned(), sums)).collect()
}

/// The sums of each thread. Where very many pairs of threads handed memory to each other, the rarest are those of thread 0.
pub(super) fn thread_sums(profile: &Profile) -> BTreeMap<u32, Sums> {
    let mut threads: BTreeMap<u32, Sums> = BTreeMap::new();
    let ownership = &profile.ownership;
    for flow in &ownership.flows {
        let sums = threads.entry(flow.allocated_by).or_default();
        let Amount { allocations, bytes } = &flow.amount;
        sums.allocations.merge(allocations);
        sums.allocated_bytes.merge(bytes);
        sums.temporary_bytes.merge(&flow.temporary.bytes);
        match flow.fate {
            Fate::Live => sums.live_bytes.merge(bytes),
            Fate::FreedBy(thread) if flow.allocated_by != 0 && thread != flow.allocated_by => {
                sums.cross_thread_bytes.merge(bytes);
            }
            Fate::FreedBy(_) | Fate::FreedByUnknown => {}
        }
    }
    for (thread, amount) in &ownership.at_peak {
        threads.entry(*thread).or_default().peak_bytes.merge(&amount.bytes);
    }
    threads
}

/// The sums of each scope.
pub(super) fn scope_sums(profile: &Profile) -> BTreeMap<u32, Sums> {
    let mut scopes: BTreeMap<u32, Sums> = BTreeMap::new();
    for site in profile.sites.iter().filter(|site| site.samples.samples() > 0) {
        scopes.entry(site.scope).or_default().add(site);
    }
    scopes
}

fn thread_groups(profile: &Profile, losses: Losses) -> Vec<GroupFigures> {
    let names: HashMap<u32, &str> =
        profile.threads.iter().map(|thread| (thread.id, thread.name.as_str())).collect();
    let name = |id: u32| match names.get(&id) {
        Some(name) if !name.is_empty() => (*name).to_owned(),
        _ if id == 0 => "(threads that are not known)".to_owned(),
        _ => format!("(thread {id})"),
    };
    let groups = thread_sums(profile).into_iter();
    groups
        .map(|(id, sums)| GroupFigures { name: name(id), id: Some(id), sampled: sums.figures(losses) })
        .collect()
}

fn scope_groups(profile: &Profile, losses: Losses) -> Vec<GroupFigures> {
    let names: HashMap<u32, &str> =
        profile.scopes.iter().map(|totals| (totals.scope.id, totals.scope.name.as_str())).collect();
    let name = |id: u32| match names.get(&id) {
        Some(name) if !name.is_empty() => (*name).to_owned(),
        _ if id == 0 => "(outside any scope)".to_owned(),
        _ => format!("(scope {id})"),
    };
    let groups = scope_sums(profile).into_iter();
    groups
        .map(|(id, sums)| GroupFigures { name: name(id), id: Some(id), sampled: sums.figures(losses) })
        .collect()
}

/// The crate that a function belongs to, from its demangled name: the first part of its path. Of a method of a type that is the
/// type's (`<a::b::C as d::E>::f` is of `a`); where the type has no path of its own, the trait's (`<[T] as a::B>::f` is of `a`),
/// and that of the standard library's built-in types is `core`. What has no path at all is C's: its own name, and for a name that
/// is not known (`libc.so.6+0x1234`) the module's.
///
/// ```
/// use memscope_report::analysis::crate_of;
/// assert_eq!(crate_of("<app::Row as core::clone::Clone>::clone"), "app");
/// assert_eq!(crate_of("<&mut [app::Row] as serde::Serialize>::serialize"), "app");
/// assert_eq!(crate_of("<[T] as rayon::Slice>::sort"), "rayon");
/// assert_eq!(crate_of("libc.so.6+0x1234"), "libc.so.6");
/// ```
#[must_use]
pub fn crate_of(function: &str) -> &str {
    let subject = function.trim_start_matches(is_sigil);
    if !function.starts_with('<') {
        return first_of_path(subject).unwrap_or_else(|| unpathed(function));
    }
    let self_type = without_words(subject);
    if let Some(own) = first_of_path(self_type) {
        return own;
    }
    let of_trait = function.split_once(" as ").map(|(_, path)| without_words(path));
    of_trait.and_then(first_of_path).unwrap_or("core")
}

fn is_sigil(character: char) -> bool {
    matches!(character, '<' | '&' | '*' | '[' | '(' | ' ')
}

/// The type without references and keywords before its path.
fn without_words(mut path: &str) -> &str {
    loop {
        let shorter = path.trim_start_matches(is_sigil);
        let words = ["mut ", "const ", "dyn "];
        let shorter = words.iter().fold(shorter, |text, word| text.strip_prefix(word).unwrap_or(text));
        if shorter.len() == path.len() {
            return path;
        }
        path = shorter;
    }
}

/// `a` of `a::b<c>::d`; `None` where the path has one part.
fn first_of_path(path: &str) -> Option<&str> {
    let end = path.find(|character: char| !(character.is_alphanumeric() || character == '_'))?;
    // `a[0123]::b`, where the disambiguator is shown.
    let rest = &path[end..];
    let rest = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(rest, |(_, rest)| rest);
    (end > 0 && rest.starts_with("::")).then_some(&path[..end])
}

/// The module of `module+0x12`, or the name itself.
fn unpathed(function: &str) -> &str {
    match function.rsplit_once("+0x") {
        Some((module, _)) if !module.is_empty() => module,
        _ => function,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_functions() {
        for (function, expected) in [
            ("app::parse", "app"),
            ("app::parse::<alloc::vec::Vec<u8>>", "app"),
            ("<app::Row>::new", "app"),
            ("<alloc::vec::Vec<app::Row>>::push", "alloc"),
            ("<T as app::Sort>::sort", "app"),
            ("<&mut app::Row as d::E>::f", "app"),
            ("<dyn app::Row as d::E>::f", "app"),
            ("<str>::to_lowercase", "core"),
            ("<[T]>::concat", "core"),
            ("app[12ab]::parse", "app"),
            ("sqlite3_step", "sqlite3_step"),
            ("main", "main"),
            ("server+0x12", "server"),
            ("0x1234", "0x1234"),
            ("{closure#0}", "{closure#0}"),
            ("", ""),
            ("<", "core"),
            ("<ü::é>::f", "ü"),
        ] {
            assert_eq!(crate_of(function), expected, "{function}");
        }
    }
}
