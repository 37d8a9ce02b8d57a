//! What entering and leaving a scope costs.
//!
//! ```sh
//! scopes                 # instructions, under valgrind: by kind of scope, with and without a session
//! scopes times           # nanoseconds: least and median of many short runs
//! ```
//!
//! Instructions are those of a run with many rounds less those of one with few, and less those of the same rounds without a scope. Reading the
//! processor's counter is one instruction to valgrind; what it takes stands in `times` by itself.

use memscope::{FutureExt, scope};
use memscope_benches::{Spread, session};
use std::error::Error;
use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::process::{Command, Stdio};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

const FEW: usize = 1_000;
const MANY: usize = 101_000;

/// What is done in each round, with a scope and without.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    with: fn(usize),
    without: fn(usize),
}

const KINDS: &[Kind] = &[
    Kind { name: "attribute", with: attribute, without: plain },
    Kind { name: "scope!(\"...\")", with: literal, without: plain },
    Kind { name: "scope(name)", with: named, without: plain },
    Kind { name: "two, one in the other", with: nested, without: plain },
    Kind { name: "around an allocation", with: allocating, without: allocation },
    Kind { name: "poll of a future", with: poll_scoped, without: poll_plain },
    Kind { name: "poll that allocates", with: poll_scoped_allocating, without: poll_allocating },
    Kind { name: "poll of a task", with: poll_task, without: poll_plain },
];

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] => print_instructions(),
        ["times"] => print_times(),
        ["one", kind, scoped, session, rounds] => {
            one(KINDS[kind.parse::<usize>()?], scoped == "with", session, rounds.parse()?)
        }
        _ => Err("expected no argument, or `times`".into()),
    }
}

fn print_instructions() -> Result<(), Box<dyn Error>> {
    println!("| scope | no session | in a session |");
    println!("| --- | --- | --- |");
    for (index, kind) in KINDS.iter().enumerate() {
        let off = instructions(index, "with", "off")? - instructions(index, "without", "off")?;
        let on = instructions(index, "with", "unsampled")? - instructions(index, "without", "unsampled")?;
        println!("| {} | {off:.1} | {on:.1} |", kind.name);
    }
    Ok(())
}

/// Instructions of a round.
fn instructions(kind: usize, scoped: &str, session: &str) -> Result<f64, Box<dyn Error>> {
    let (less, more) = (count(kind, scoped, session, FEW)?, count(kind, scoped, session, MANY)?);
    Ok((more as f64 - less as f64) / (MANY - FEW) as f64)
}

/// Instructions of the program's first thread.
fn count(kind: usize, scoped: &str, session: &str, rounds: usize) -> Result<u64, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let counts = folder.path().join("counts");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--separate-threads=yes"]);
    command.arg(format!("--callgrind-out-file={}", counts.display())).arg(std::env::current_exe()?);
    command.args(["one", &kind.to_string(), scoped, session, &rounds.to_string()]);
    // Without a session the annotated function would open one.
    command.env("MEMSCOPE", if session == "off" { "off" } else { "on" });
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot run valgrind: {error}; is it installed?"))?;
    let text = std::fs::read_to_string(folder.path().join("counts-01"));
    let text = text.map_err(|error| {
        format!("expected callgrind's counts, found {error}\n{}", String::from_utf8_lossy(&output.stderr))
    })?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("expected `totals: ...` in callgrind's counts")?.trim().parse()?)
}

/// One run in a process of its own.
fn one(kind: Kind, scoped: bool, session_name: &str, rounds: usize) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut active = match session(session_name)? {
        Some(builder) => Some(builder.output(folder.path().join("out")).start()?),
        None => None,
    };
    (if scoped { kind.with } else { kind.without })(rounds);
    if let Some(active) = &mut active {
        active.finalize()?;
    }
    Ok(())
}

/// Rounds of a run that is timed, and runs.
const ROUNDS: usize = 20_000;
const RUNS: usize = 300;

fn print_times() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let Some(builder) = session("unsampled")? else { return Err("expected a session".into()) };
    let mut active = builder.output(folder.path().join("out")).start()?;
    println!("nanoseconds of a round in a session       least   median     most");
    println!("{:38} {}", "two looks at the processor's counter", times(counter));
    for kind in KINDS {
        println!("{:38} {}", kind.name, times(kind.with));
        println!("{:38} {}", "  without a scope", times(kind.without));
    }
    active.finalize()?;
    Ok(())
}

fn times(work: fn(usize)) -> Spread {
    let run = || {
        let start = Instant::now();
        work(ROUNDS);
        start.elapsed().as_nanos() as f64 / ROUNDS as f64
    };
    Spread::of((0..RUNS).map(|_| run()).collect())
}

/// What a scope reads at its two edges, where there is such a counter; else the system's clock.
fn counter(rounds: usize) {
    for _ in 0..rounds {
        black_box(memscope::__private::ticks());
        black_box(memscope::__private::ticks());
    }
}

#[inline(never)]
fn bare(round: usize) -> usize {
    black_box(round)
}

#[inline(never)]
#[memscope::profile]
fn annotated(round: usize) -> usize {
    black_box(round)
}

fn plain(rounds: usize) {
    (0..rounds).for_each(|round| _ = black_box(bare(round)));
}

fn attribute(rounds: usize) {
    (0..rounds).for_each(|round| _ = black_box(annotated(round)));
}

#[inline(never)]
fn in_literal(round: usize) -> usize {
    let _scope = scope!("literal");
    black_box(round)
}

fn literal(rounds: usize) {
    (0..rounds).for_each(|round| _ = black_box(in_literal(round)));
}

#[inline(never)]
fn in_named(round: usize) -> usize {
    let _scope = scope("made at run time");
    black_box(round)
}

fn named(rounds: usize) {
    (0..rounds).for_each(|round| _ = black_box(in_named(round)));
}

#[inline(never)]
fn in_both(round: usize) -> usize {
    let _outer = scope!("outer");
    let _inner = scope!("inner");
    black_box(round)
}

fn nested(rounds: usize) {
    (0..rounds).for_each(|round| _ = black_box(in_both(round)));
}

#[inline(never)]
fn allocate() -> Vec<u8> {
    black_box(Vec::with_capacity(black_box(64)))
}

#[inline(never)]
fn allocate_in_scope() -> Vec<u8> {
    let _scope = scope!("allocating");
    black_box(Vec::with_capacity(black_box(64)))
}

fn allocation(rounds: usize) {
    (0..rounds).for_each(|_| drop(allocate()));
}

fn allocating(rounds: usize) {
    (0..rounds).for_each(|_| drop(allocate_in_scope()));
}

/// Never done.
struct Busy {
    allocates: bool,
}

impl Future for Busy {
    type Output = ();

    #[inline(never)]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.allocates {
            drop(allocate());
        }
        black_box(Poll::Pending)
    }
}

fn poll(rounds: usize, future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..rounds {
        _ = black_box(future.as_mut().poll(&mut context));
    }
}

fn poll_plain(rounds: usize) {
    poll(rounds, Busy { allocates: false });
}

fn poll_scoped(rounds: usize) {
    poll(rounds, Busy { allocates: false }.in_scope("polled"));
}

fn poll_allocating(rounds: usize) {
    poll(rounds, Busy { allocates: true });
}

fn poll_scoped_allocating(rounds: usize) {
    poll(rounds, Busy { allocates: true }.in_scope("polled, allocating"));
}

fn poll_task(rounds: usize) {
    poll(rounds, Busy { allocates: false }.in_task("a task"));
}
