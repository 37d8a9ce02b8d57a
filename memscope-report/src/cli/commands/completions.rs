//! `completions`: for the shell.

use crate::cli::screen;
use crate::error::ReportError;
use clap_complete::Shell;

/// Prints completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report completions bash > ~/.local/share/bash-completion/completions/memscope-report
  memscope-report completions zsh > ~/.zfunc/_memscope-report
  memscope-report completions fish > ~/.config/fish/completions/memscope-report.fish")]
pub(in crate::cli) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    // clap_complete panics where its sink fails: it gets one that does not.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::command(), "memscope-report", &mut script);
    screen::print(|out| out.write_all(&script))?;
    Ok(crate::cli::exit::OK)
}
