//! A progress bar, for work that takes longer than a second and a person who watches.

use crate::progress::{Progress, Stage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Work shorter than this has no bar.
const DELAY: Duration = Duration::from_secs(1);

/// The bar, if there is one.
pub(super) struct Bar {
    bar: Option<ProgressBar>,
}

impl Bar {
    /// A bar on standard error, if that is a terminal and `quiet` is not asked for. It shows after a second.
    pub(super) fn on_stderr(quiet: bool) -> Self {
        let wanted = !quiet && std::io::stderr().is_terminal();
        Self { bar: wanted.then(|| ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden())) }
    }

    /// What moves it.
    pub(super) fn progress(&self) -> Progress {
        let Some(bar) = self.bar.clone() else { return Progress::default() };
        let started = Instant::now();
        Progress::new(move |stage, done, total| {
            if bar.is_hidden() && started.elapsed() >= DELAY {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            let (message, template) = match stage {
                Stage::Load => ("reading the trace", "{msg} [{bar:30}] {bytes}/{total_bytes}"),
                Stage::Symbolize => ("finding names", "{msg} [{bar:30}] {pos}/{len}"),
            };
            if bar.message() != message {
                bar.set_message(message);
                bar.set_style(
                    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
                );
            }
            bar.set_length(total);
            bar.set_position(done);
        })
    }

    /// Takes the bar off the screen.
    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
