//! Bytes that each thread allocated and freed: exact, and so sure for 500 threads as for one.
//!
//! A thread that frees much less than it allocates hands its memory to others or keeps it; a thread that
//! frees more cleans up after others.

use super::canvas::Head;
use super::rows::{self, Bar, Columns, Row};
use super::text::shorten_middle;
use super::theme::Role;
use super::{Chart, DrawError, canvas};
use crate::analysis::{Analysis, ThreadFigures};
use crate::units;
use std::collections::HashMap;

/// See the module's head.
pub(super) const CHART: Chart = Chart { name: "threads", title: "Bytes by thread", draw };

/// Most threads with a row of their own.
const MOST_THREADS: usize = 30;
/// Columns that a name may take: a Linux name has at most 15, one set by Rust may have more.
const NAME_COLUMNS: usize = 30;

fn draw(analysis: &Analysis, title: &str) -> Result<String, DrawError> {
    let threads = &analysis.threads;
    if threads.is_empty() {
        return canvas::draw_empty(
            title,
            "No thread allocated or freed while the session was active.",
            "Start the session before the work begins, or put #[memscope::profile] on main.",
        );
    }
    let (shown, rest) = threads.split_at(threads.len().min(MOST_THREADS));
    let mut rows: Vec<Row> =
        names(shown).into_iter().zip(shown).map(|(name, thread)| row(name, thread)).collect();
    if !rest.is_empty() {
        rows.push(rest_row(rest));
    }
    let rest_note = if rest.is_empty() { "" } else { " The others' figures are sums, their bars means." };
    let head = Head {
        title,
        subtitle: format!("Exact: {}, most bytes first.{rest_note}", plural(threads.len(), "thread")),
        legend: &[(Role::Allocated, "allocated"), (Role::Freed, "freed")],
    };
    rows::draw(&head, &Columns { names: 220, figures: 190, monospaced: false }, &rows)
}

fn plural(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// What to call each thread: its name, with the id where others have the same name; `thread 17` where it has
/// none.
pub(super) fn names(threads: &[ThreadFigures]) -> Vec<String> {
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for thread in threads {
        *uses.entry(&thread.name).or_default() += 1;
    }
    let name = |thread: &ThreadFigures| match uses.get(thread.name.as_str()) {
        _ if thread.name.trim().is_empty() => format!("thread {}", thread.id),
        Some(0 | 1) | None => shorten_middle(&thread.name, NAME_COLUMNS),
        Some(_) => {
            let id = format!(" #{}", thread.id);
            shorten_middle(&thread.name, NAME_COLUMNS - id.len()) + &id
        }
    };
    threads.iter().map(name).collect()
}

fn row(name: String, thread: &ThreadFigures) -> Row {
    let (allocated, freed) = (thread.allocated_bytes as f64, thread.freed_bytes as f64);
    Row {
        name,
        figure: figure(allocated, freed),
        bars: bars(Role::Allocated, allocated, freed),
        interval: None,
        tip: match thread.name.trim() {
            "" => format!("thread {}, of the system's id {}", thread.id, thread.os_id),
            name => format!("{name}, of the system's id {}", thread.os_id),
        },
    }
}

/// Everything that has no row of its own: the figure is the sum, the bars are the mean, for those of the sum would
/// leave no room for the others.
fn rest_row(rest: &[ThreadFigures]) -> Row {
    let sum = |bytes: fn(&ThreadFigures) -> u64| rest.iter().map(|thread| bytes(thread) as f64).sum::<f64>();
    let (allocated, freed) = (sum(|t| t.allocated_bytes), sum(|t| t.freed_bytes));
    let count = rest.len() as f64;
    Row {
        name: plural(rest.len(), "other"),
        figure: figure(allocated, freed),
        bars: bars(Role::Rest, allocated / count, freed / count),
        interval: None,
        tip: plural(rest.len(), "other"),
    }
}

fn figure(allocated: f64, freed: f64) -> String {
    format!("{}, freed {}", units::bytes(allocated), units::bytes(freed))
}

fn bars(role: Role, allocated: f64, freed: f64) -> Vec<Bar> {
    vec![
        Bar { role, value: allocated, top: 0.14, bottom: 0.5 },
        Bar { role: Role::Freed, value: freed, top: 0.5, bottom: 0.86 },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(id: u32, name: &str) -> ThreadFigures {
        ThreadFigures { id, name: name.to_owned(), ..ThreadFigures::default() }
    }

    #[test]
    fn threads_of_one_name_are_told_apart_and_the_nameless_have_a_number() {
        let threads =
            [thread(1, "main"), thread(2, "worker"), thread(3, "worker"), thread(17, ""), thread(18, "")];
        assert_eq!(names(&threads), ["main", "worker #2", "worker #3", "thread 17", "thread 18"]);
    }

    #[test]
    fn a_long_name_fits() {
        let long = "a".repeat(300);
        for name in names(&[thread(1, &long), thread(4_000_000_000, &long)]) {
            assert!(name.chars().count() <= NAME_COLUMNS, "{name}");
        }
    }
}
