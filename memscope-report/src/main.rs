//! The command `memscope-report`: see `memscope_report::cli`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    memscope_report::cli::main()
}
