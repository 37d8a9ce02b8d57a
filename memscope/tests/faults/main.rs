//! Faults: what may go wrong around a profiled program, made to happen. The program must not notice, and the trace must be
//! usable up to there.
//!
//! Each scenario is a process of its own: this program called again as `--child NAME`. Without the test harness, for a
//! scenario may end its process in any way. `--full` asks for the long forms; other words choose scenarios by name:
//! `cargo test -p memscope --test faults -- --full kill9`.

mod crash;
mod disk;
mod endings;
mod events;
mod filters;
mod harness;
mod memory;
mod progress;
mod shim;
mod threads;
mod traces;

use harness::{ChildProgram, Effort, Outcome, Scenario};
use std::time::Instant;

const SCENARIOS: &[&[Scenario]] = &[
    crash::SCENARIOS,
    endings::SCENARIOS,
    disk::SCENARIOS,
    events::SCENARIOS,
    filters::SCENARIOS,
    threads::SCENARIOS,
    memory::SCENARIOS,
];

const CHILDREN: &[&[ChildProgram]] = &[
    crash::CHILDREN,
    endings::CHILDREN,
    disk::CHILDREN,
    events::CHILDREN,
    filters::CHILDREN,
    threads::CHILDREN,
    memory::CHILDREN,
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, ..] = arguments.as_slice()
        && flag == "--child"
    {
        let child = CHILDREN.iter().copied().flatten().find(|(known, _)| known == name);
        child.unwrap_or_else(|| panic!("no child is called {name}")).1();
        return;
    }
    let effort = Effort { full: arguments.iter().any(|argument| argument == "--full") };
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for scenario in SCENARIOS.iter().copied().flatten().filter(|scenario| is_wanted(scenario.name)) {
        let start = Instant::now();
        let outcome = std::panic::catch_unwind(|| (scenario.run)(effort));
        let word = match outcome {
            Ok(Outcome::Passed(figures)) => {
                passed += 1;
                format!("ok: {figures}")
            }
            Ok(Outcome::Skipped(reason)) => {
                skipped += 1;
                format!("SKIPPED: {reason}")
            }
            Err(_) => {
                failed += 1;
                "FAILED".to_owned()
            }
        };
        println!(
            "test {} ({}) ... {word} [{:.1} s]",
            scenario.name,
            scenario.rows,
            start.elapsed().as_secs_f64()
        );
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    std::process::exit(i32::from(failed > 0));
}
