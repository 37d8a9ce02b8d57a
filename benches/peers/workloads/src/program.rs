//! What all the programs have in common: their command line, and a second thread that sleeps.
//!
//! The second thread is there because a session has one (its drain thread), and with a second thread glibc's `malloc` takes its locked
//! paths: a program that had been alone would be charged for that, though it is no work of the profiler. `IDLE_THREAD=0` in the
//! environment leaves it out.

use crate::{WORKLOADS, Workload, find};
use std::sync::mpsc;
use std::thread;

/// A workload and its size, from the command line `PROGRAM WORKLOAD SIZE`.
#[derive(Debug)]
pub struct Program {
    workload: Workload,
    size: usize,
    /// The second thread ends when this is dropped.
    _idle: Option<mpsc::Sender<()>>,
}

impl Program {
    /// Reads the command line; where it is not as expected, says so and ends the program with exit code 2.
    #[must_use]
    pub fn from_arguments() -> Self {
        let mut words = std::env::args().skip(1);
        let workload = words.next().and_then(|name| find(&name));
        let size = words.next().and_then(|size| size.parse().ok());
        let (Some(workload), Some(size), None) = (workload, size, words.next()) else {
            let names: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
            eprintln!("expected a workload ({}) and a size, a number", names.join(", "));
            std::process::exit(2);
        };
        let wanted = std::env::var_os("IDLE_THREAD").is_none_or(|value| value != "0");
        Self { workload: *workload, size, _idle: wanted.then(idle_thread) }
    }

    /// The workload's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.workload.name
    }

    /// The workload's size.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Does it.
    pub fn run(&self) {
        (self.workload.run)(self.size);
    }
}

/// A thread that waits until the sender is dropped.
fn idle_thread() -> mpsc::Sender<()> {
    let (sender, receiver) = mpsc::channel::<()>();
    // An error says that the sender was dropped, which is what the thread waits for.
    thread::spawn(move || receiver.recv().is_err());
    sender
}
