//! `view`: the page in a browser, served to this machine only.

use crate::chart::draw_all;
use crate::cli::args::TraceArgs;
use crate::cli::trace::Trace;
use crate::cli::{exit, screen};
use crate::error::ReportError;
use crate::page;
use crate::render::read_site_lifetimes;
use crate::serve::PageServer;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Serves the page to this machine and opens the browser
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  memscope-report view trace.bin
  memscope-report view --no-open trace.bin          print the address only
  memscope-report view --no-open --for 600 trace.bin

The address holds a secret: whoever has it and works on this machine can read the page
until Ctrl-C. Nothing is written to disk. Over SSH, forward the port that is printed:
  ssh -L PORT:127.0.0.1:PORT HOST")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    trace: TraceArgs,
    /// Do not open the browser
    #[arg(long)]
    no_open: bool,
    /// End after so many seconds [default: with Ctrl-C]
    #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: Option<u32>,
}

pub(in crate::cli) fn run(args: Args) -> Result<u8, ReportError> {
    let trace = Trace::load_quietly(&args.trace.trace, &args.trace.names)?;
    let mut analysis = trace.analysis();
    read_site_lifetimes(&mut analysis, &trace.profile, &args.trace.trace)?;
    let mut html = Vec::new();
    page::write(&mut html, &analysis, &draw_all(&analysis).map_err(ReportError::Draw)?)
        .map_err(ReportError::Serve)?;
    let server = PageServer::bind(html).map_err(ReportError::Serve)?;
    let url = server.url();
    screen::print(|out| writeln!(out, "{url}"))?;
    if args.seconds.is_none() {
        eprintln!("Ctrl-C ends it.");
    }
    if !args.no_open {
        open_browser(&url);
    }
    let end = args.seconds.map(|seconds| Instant::now() + Duration::from_secs(u64::from(seconds)));
    server.serve(|| end.is_some_and(|end| Instant::now() >= end)).map_err(ReportError::Serve)?;
    Ok(exit::done([&trace.profile]))
}

/// Asks the desktop to open the address. Where there is none the address stands on the screen all the same.
fn open_browser(url: &str) {
    let (program, arguments): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("rundll32", &["url.dll,FileProtocolHandler"]),
        _ => ("xdg-open", &[]),
    };
    let mut command = Command::new(program);
    command.args(arguments).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(mut opener) => {
            // Some openers live as long as the browser does; whether one fails is told when it ends.
            thread::spawn(move || {
                if !opener.wait().is_ok_and(|status| status.success()) {
                    eprintln!("No browser could be opened: open the address yourself.");
                }
            });
        }
        Err(error) => eprintln!("{program}: {error}: open the address yourself."),
    }
}
