//! The command `memscope-report`.
//!
//! Each subcommand is one file in `commands/` and one line in its `mod.rs`: its options and a function that runs it. What a
//! subcommand does is in the library; here is what has to do with a terminal and a shell.

mod args;
mod bar;
mod commands;
mod exit;
mod output;
mod screen;
mod trace;

use clap::{CommandFactory, FromArgMatches};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// Reads the command line and runs the subcommand; `report` where the first argument is none. Returns the exit code that
/// `--help` documents.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = with_default_command(std::env::args_os().collect());
    let parsed =
        command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match cli.command.run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("memscope-report: {error}");
            ExitCode::from(exit::FAILED)
        }
    }
}

/// Shows where the memory of a Rust program goes, from the trace that memscope wrote
#[derive(Debug, clap::Parser)]
#[command(
    name = "memscope-report",
    version,
    after_help = "`memscope-report TRACE` is `memscope-report report TRACE`. A trace that is called like a subcommand is passed as ./NAME.",
    after_long_help = exit::HELP,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

/// The whole command line, for completions and man pages.
fn command() -> clap::Command {
    Cli::command()
}

/// Puts `report` before the first argument unless that names a subcommand, or asks the command itself for something, or is a word that
/// stands for no file: a subcommand that is misspelt, for which there is a better answer than that the trace is not there.
fn with_default_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let own = ["help", "-h", "--help", "-V", "--version"];
    let Some(first) = arguments.get(1) else { return arguments };
    let named = |name: &str| first.to_str() == Some(name);
    let known = command().get_subcommands().any(|sub| named(sub.get_name()));
    if !known && !own.into_iter().any(named) && !is_misspelt(first) {
        arguments.insert(1, "report".into());
    }
    arguments
}

/// Whether it looks like a subcommand's name, and no file has it.
fn is_misspelt(argument: &OsStr) -> bool {
    let is_word =
        |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase()) && !text.contains(['.', '/']);
    argument.to_str().is_some_and(is_word) && !Path::new(argument).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn report_is_the_default() {
        let filled = |arguments: &[&str]| -> Vec<String> {
            let all = ["memscope-report"].iter().chain(arguments).map(OsString::from).collect();
            with_default_command(all)
                .into_iter()
                .skip(1)
                .map(|argument| argument.into_string().unwrap())
                .collect()
        };
        assert_eq!(filled(&["trace.bin", "-o", "x"]), ["report", "trace.bin", "-o", "x"]);
        assert_eq!(filled(&["-o", "x", "trace.bin"]), ["report", "-o", "x", "trace.bin"]);
        assert_eq!(filled(&["./summary"]), ["report", "./summary"]);
        assert_eq!(filled(&["sumary", "trace.bin"]), ["sumary", "trace.bin"]);
        // There is a file of that name: the tests run in the crate's folder.
        assert_eq!(filled(&["src"]), ["report", "src"]);
        for own in ["summary", "check", "help", "--help", "-h", "--version", "-V"] {
            assert_eq!(filled(&[own]), [own]);
        }
        assert!(filled(&[]).is_empty());
    }

    /// Everybody who looks for help finds an example.
    #[test]
    fn every_subcommand_teaches() {
        for sub in command().get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
            let name = sub.get_name().to_owned();
            assert!(sub.get_about().is_some(), "{name} has no description");
            let help = sub.render_long_help().to_string();
            assert!(
                help.contains("Examples:") && help.contains(&format!("memscope-report {name}")),
                "{help}"
            );
            for argument in sub.get_arguments() {
                assert!(argument.get_help().is_some(), "{name}: {argument} is not explained");
            }
        }
    }
}
