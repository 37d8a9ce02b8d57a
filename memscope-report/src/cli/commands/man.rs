//! `man`: manual pages.

use crate::cli::{output, screen};
use crate::error::ReportError;
use crate::render::{make_folder, write_file};
use std::path::PathBuf;

/// Prints the manual page, or writes those of all subcommands into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report man | man -l -
  memscope-report man -o ~/.local/share/man/man1    one page for each subcommand")]
pub(in crate::cli) struct Args {
    /// Folder for memscope-report.1 and a page for each subcommand
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    let mut command = crate::cli::command().disable_help_subcommand(true);
    command.build();
    let Some(dir) = args.output else {
        screen::print(|out| clap_mangen::Man::new(command).render(&mut &mut *out))?;
        return Ok(crate::cli::exit::OK);
    };
    output::is_folder(&dir)?;
    make_folder(&dir)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let name = format!("memscope-report-{}", sub.get_name());
        let page = clap_mangen::Man::new(sub.clone().display_name(&name));
        write_file(&dir.join(format!("{name}.1")), |out| page.render(&mut &mut *out))?;
    }
    let page = clap_mangen::Man::new(command);
    write_file(&dir.join("memscope-report.1"), |out| page.render(&mut &mut *out))?;
    Ok(crate::cli::exit::OK)
}
